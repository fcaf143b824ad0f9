//! What a trace holds, counted as its events go by: rates, mix, hours, netsplits, channels.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::silence::Silences;

/// Users and channels that are told apart; further ones share one count.
const NAMES_MAX: usize = 2_000_000;

/// Hours that are counted each on its own, some eleven years; further ones are left out of the busiest.
const HOURS_MAX: usize = 100_000;

/// QUITs by a netsplit that follow each other within this time are of one split.
const SPLIT_GAP_US: i64 = 10_000_000;

/// Users from which on a split is told as one.
const SPLIT_USERS_MIN: u32 = 3;

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// What a trace holds.
#[derive(Debug, Default)]
pub struct Survey {
    by_kind: [u64; EventKind::ALL.len()],
    by_cause: [u64; LeaveCause::ALL.len()],
    span_us: Option<(i64, i64)>,
    by_hour_of_day: [u64; 24],
    by_hour: HashMap<i64, u64>,
    channels: HashMap<Arc<str>, ChannelCount>,
    users: HashSet<Arc<str>>,
    speakers: HashSet<Arc<str>>,
    text_bytes: u64,
    silences: Silences,
    splits: Vec<Split>,
}

/// What happened in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCount {
    /// Messages, actions and notices.
    pub talk: u64,
    /// All events.
    pub events: u64,
}

/// A netsplit, as QUITs tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// When the first user went, in microseconds since 1970 UTC.
    pub first_us: i64,
    /// When the last one went.
    pub last_us: i64,
    /// How many went.
    pub users: u32,
}

impl Survey {
    /// Notes an event; events come in order of time.
    pub fn note(&mut self, event: &Event) {
        let at_us = event.at_us;
        self.span_us = Some((self.span_us.map_or(at_us, |(first_us, _)| first_us), at_us));
        bump(
            &mut self.by_kind,
            |kind| *kind == event.kind,
            &EventKind::ALL,
        );
        self.silences.note(at_us);
        let hour = at_us.div_euclid(HOUR_US);
        if event.kind.is_talk() {
            let of_day = usize::try_from(hour.rem_euclid(24)).unwrap_or(0);
            if let Some(count) = self.by_hour_of_day.get_mut(of_day) {
                *count += 1;
            }
            if self.by_hour.len() < HOURS_MAX || self.by_hour.contains_key(&hour) {
                *self.by_hour.entry(hour).or_default() += 1;
            }
            self.text_bytes += u64::from(event.bytes);
            add(&mut self.speakers, &event.user);
        }
        add(&mut self.users, &event.user);
        if !event.channel.is_empty()
            && (self.channels.len() < NAMES_MAX || self.channels.contains_key(&event.channel))
        {
            let count = self.channels.entry(Arc::clone(&event.channel)).or_default();
            count.talk += u64::from(event.kind.is_talk());
            count.events += 1;
        }
        if event.kind == EventKind::Quit
            && let Some(cause) = LeaveCause::from_word(&event.detail)
        {
            bump(
                &mut self.by_cause,
                |known| *known == cause,
                &LeaveCause::ALL,
            );
            if cause == LeaveCause::Split {
                self.note_split(at_us);
            }
        }
    }

    fn note_split(&mut self, at_us: i64) {
        match self.splits.last_mut() {
            Some(split) if at_us - split.last_us <= SPLIT_GAP_US => {
                split.last_us = at_us;
                split.users += 1;
            }
            last => {
                // What was too small to be a split makes room for the next.
                if last.is_some_and(|split| split.users < SPLIT_USERS_MIN) {
                    self.splits.pop();
                }
                self.splits.push(Split {
                    first_us: at_us,
                    last_us: at_us,
                    users: 1,
                });
            }
        }
    }

    /// Returns the events of a kind.
    pub fn count(&self, kind: EventKind) -> u64 {
        let index = EventKind::ALL.iter().position(|known| *known == kind);
        index
            .and_then(|index| self.by_kind.get(index).copied())
            .unwrap_or(0)
    }

    /// Returns all events.
    pub fn total(&self) -> u64 {
        self.by_kind.iter().sum()
    }

    /// Returns messages, actions and notices.
    pub fn talk(&self) -> u64 {
        let is_talk = |kind: &EventKind| kind.is_talk();
        EventKind::ALL
            .into_iter()
            .filter(is_talk)
            .map(|kind| self.count(kind))
            .sum()
    }

    /// Returns the bytes of all texts that were said.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Returns the first and the last moment, in microseconds since 1970 UTC; `None` for a trace without events.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        self.span_us
    }

    /// Returns the users, and those of them who spoke.
    pub fn users(&self) -> (usize, usize) {
        (self.users.len(), self.speakers.len())
    }

    /// Returns how often QUIT had each cause, the most frequent first.
    pub fn causes(&self) -> Vec<(LeaveCause, u64)> {
        let mut causes: Vec<(LeaveCause, u64)> = LeaveCause::ALL
            .into_iter()
            .zip(self.by_cause)
            .filter(|&(_, count)| count > 0)
            .collect();
        causes.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        causes
    }

    /// Returns what was said by hour of the day, UTC.
    pub fn by_hour_of_day(&self) -> &[u64; 24] {
        &self.by_hour_of_day
    }

    /// Returns the busiest hours, as hours since 1970 UTC, with what was said in them.
    pub fn busiest_hours(&self, count: usize) -> Vec<(i64, u64)> {
        let mut hours: Vec<(i64, u64)> = self
            .by_hour
            .iter()
            .map(|(&hour, &said)| (hour, said))
            .collect();
        hours.sort_by_key(|&(hour, said)| (std::cmp::Reverse(said), hour));
        hours.truncate(count);
        hours
    }

    /// Returns the channels by what was said in them, and how many there are.
    pub fn top_channels(&self, count: usize) -> (Vec<(Arc<str>, ChannelCount)>, usize) {
        let mut channels: Vec<(Arc<str>, ChannelCount)> = self
            .channels
            .iter()
            .map(|(name, count)| (Arc::clone(name), *count))
            .collect();
        channels.sort_by(|(name, one), (other_name, other)| {
            (other.talk, other.events, name).cmp(&(one.talk, one.events, other_name))
        });
        channels.truncate(count);
        (channels, self.channels.len())
    }

    /// Returns the netsplits that took at least three users.
    pub fn splits(&self) -> impl Iterator<Item = &Split> {
        self.splits
            .iter()
            .filter(|split| split.users >= SPLIT_USERS_MIN)
    }

    /// Returns the silences in which the logger was away, in microseconds since 1970 UTC.
    pub fn outages(&self) -> Vec<(i64, i64)> {
        self.silences.outages()
    }
}

/// Adds one to the count of what is looked for.
fn bump<T>(counts: &mut [u64], is: impl Fn(&T) -> bool, known: &[T]) {
    if let Some(count) = known.iter().position(is).and_then(|at| counts.get_mut(at)) {
        *count += 1;
    }
}

fn add(names: &mut HashSet<Arc<str>>, name: &Arc<str>) {
    if names.len() < NAMES_MAX && !names.contains(name) {
        names.insert(Arc::clone(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(secs: i64, kind: EventKind, channel: &str, user: &str, detail: &str) -> Event {
        Event {
            at_us: secs * 1_000_000,
            kind,
            network: Arc::from("net"),
            channel: Arc::from(channel),
            user: Arc::from(user),
            peer: Arc::from(""),
            bytes: 10,
            detail: Arc::from(detail),
            text: Box::from(""),
        }
    }

    fn survey(events: &[Event]) -> Survey {
        let mut survey = Survey::default();
        for event in events {
            survey.note(event);
        }
        survey
    }

    #[test]
    fn hours_channels_and_users_are_counted() {
        use EventKind::Join;
        use EventKind::Message;
        let survey = survey(&[
            event(0, Join, "#a", "u1", ""),
            event(10, Message, "#a", "u1", ""),
            event(3_600, Message, "#a", "u2", ""),
            event(3_700, Message, "#b", "u2", ""),
        ]);
        assert_eq!((survey.total(), survey.talk()), (4, 3));
        assert_eq!(survey.users(), (2, 2));
        assert_eq!(survey.busiest_hours(1), [(1, 2)]);
        let (channels, count) = survey.top_channels(1);
        assert_eq!(
            (channels[0].0.as_ref(), channels[0].1.talk, count),
            ("#a", 2, 2)
        );
        assert_eq!(survey.span_us(), Some((0, 3_700_000_000)));
    }

    #[test]
    fn three_users_who_split_together_are_a_netsplit() {
        let gone = |secs, user| event(secs, EventKind::Quit, "#a", user, "split");
        let survey = survey(&[
            gone(0, "u1"),
            gone(100, "u1"),
            gone(101, "u2"),
            gone(109, "u3"),
            gone(900, "u1"),
        ]);
        let splits: Vec<_> = survey.splits().collect();
        assert_eq!(splits.len(), 1);
        assert_eq!(
            (splits[0].first_us, splits[0].last_us, splits[0].users),
            (100_000_000, 109_000_000, 3)
        );
        assert_eq!(survey.causes(), [(LeaveCause::Split, 5)]);
    }
}
