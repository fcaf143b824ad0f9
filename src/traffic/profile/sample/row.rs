//! The events of a sample as numbers, which are small to sort, and the names that they get at last.

use std::sync::Arc;

use crate::traffic::profile::Profile;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::DETAIL_GONE;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::DETAIL_REPLY;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::EventView;

/// The channel of what belongs to none, and the peer of what has none.
pub(super) const NO_CHANNEL: u32 = u32::MAX;
const NOBODY: u32 = u32::MAX;

/// An event without names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// When, in microseconds since 1970 UTC.
    pub(super) at_us: i64,
    /// What.
    pub(super) kind: EventKind,
    /// The number of the channel, or [`NO_CHANNEL`].
    pub(super) channel: u32,
    /// The resident who acts.
    pub(super) user: u32,
    /// What it says.
    pub(super) said: Said,
}

/// What an event says beside who and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// The resident to or about whom it is, or [`NOBODY`].
    pub(super) peer: u32,
    /// Bytes of the text: of a line, which is far below 2^16.
    pub(super) bytes: u16,
    /// The detail.
    pub(super) detail: Detail,
}

impl Said {
    /// Nothing.
    pub(super) const NOTHING: Self = Self::to(NOBODY);

    /// Returns what is about a resident.
    pub(super) const fn to(peer: u32) -> Self {
        Self {
            peer,
            bytes: 0,
            detail: Detail::Nothing,
        }
    }

    /// Returns what has only a detail.
    pub(super) const fn detail(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::NOTHING
        }
    }

    /// Returns a reply to a resident, of no bytes yet.
    pub(super) const fn reply(user: u32) -> Self {
        Self {
            detail: Detail::Reply,
            ..Self::to(user)
        }
    }
}

/// The detail of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detail {
    /// None.
    Nothing,
    /// A message is to somebody.
    Reply,
    /// Somebody is seen to be a member.
    Names,
    /// Somebody is seen to be a member no more.
    Gone,
    /// The mode of a channel's operator.
    Op,
    /// Why somebody quits.
    Cause(LeaveCause),
}

impl Detail {
    fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Reply => DETAIL_REPLY,
            Self::Names => DETAIL_NAMES,
            Self::Gone => DETAIL_GONE,
            Self::Op => "+o",
            Self::Cause(cause) => cause.as_str(),
        }
    }
}

/// The names of a profile's sample, each kept once.
#[derive(Clone, Debug)]
pub(super) struct Names {
    network: Arc<str>,
    channels: Vec<Arc<str>>,
    users: Vec<Arc<str>>,
    /// The nicks that users take.
    nicks: Vec<Arc<str>>,
    nothing: Arc<str>,
}

impl Names {
    /// Returns the names of a profile's channels and residents.
    pub(super) fn of(profile: &Profile) -> Self {
        let numbered = |prefix: &str, suffix: &str, count: usize| -> Vec<Arc<str>> {
            let names = (0..count).map(|number| Arc::from(format!("{prefix}{number}{suffix}")));
            names.collect()
        };
        Self {
            network: Arc::from("sample"),
            channels: numbered("#s", "", profile.channels().len()),
            users: numbered("s", "", profile.residents().len()),
            nicks: numbered("s", "_", profile.residents().len()),
            nothing: Arc::from(""),
        }
    }

    /// Returns the names of a row's channel, of whoever acts, and of its peer.
    fn of_row(&self, row: &Row) -> [&Arc<str>; 3] {
        let peer = match row.kind {
            EventKind::Nick => self.nicks.get(row.user as usize),
            _ => self.users.get(row.said.peer as usize),
        };
        let channel = self.channels.get(row.channel as usize);
        [channel, self.users.get(row.user as usize), peer].map(|name| name.unwrap_or(&self.nothing))
    }

    /// Returns a row as an event that borrows its names.
    pub(super) fn view(&self, row: &Row) -> EventView<'_> {
        let [channel, user, peer] = self.of_row(row);
        EventView {
            at_us: row.at_us,
            kind: row.kind,
            network: &self.network,
            channel,
            user,
            peer,
            bytes: u32::from(row.said.bytes),
            detail: row.said.detail.as_str(),
            text: "",
        }
    }

    /// Returns the rows as events that keep their names.
    pub(super) fn events(&self, rows: &[Row]) -> Vec<Event> {
        let mut details = Details(Vec::new());
        let named = rows.iter().map(|row| {
            let [channel, user, peer] = self.of_row(row).map(Arc::clone);
            Event {
                at_us: row.at_us,
                kind: row.kind,
                network: Arc::clone(&self.network),
                channel,
                user,
                peer,
                bytes: u32::from(row.said.bytes),
                detail: match row.said.detail {
                    Detail::Nothing => Arc::clone(&self.nothing),
                    detail => details.share(detail.as_str()),
                },
                text: Box::default(),
            }
        });
        named.collect()
    }
}

/// The few words that details are, each kept once.
struct Details(Vec<Arc<str>>);

impl Details {
    fn share(&mut self, word: &'static str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *word) {
            return Arc::clone(known);
        }
        let word: Arc<str> = Arc::from(word);
        self.0.push(Arc::clone(&word));
        word
    }
}
