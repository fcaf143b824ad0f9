//! What a bouncer does on a client's connection: talk played back, words of its own, an upstream that goes and comes.

use crate::irc::session::Context;
use crate::irc::session::Session;
use crate::irc::session::SessionConfig;
use crate::irc::session::State;
use crate::irc::session::event::Event;
use crate::irc::session::playback::Meaning;
use crate::irc::session::playback::Playback;
use crate::irc::session::playback::Replay;
use crate::irc::session::playback::Stamp;
use crate::irc::session::refusal::Refusal;
use crate::irc::wire::action;
use crate::irc::wire::message::Message;
use crate::irc::wire::message::Source;
use crate::irc::wire::server_time;

/// Longest name of a batch or channel kept. Servers make batches of a few letters and digits, and channels of 50 bytes or 64.
const NAME_BYTES_MAX: usize = 128;
/// Types of batches whose lines were said before, where nobody told of a bouncer.
const HISTORY: &[&str] = &["chathistory"];
/// What stands behind the target of a message that ZNC could not hand on.
const BEHIND_TARGET: &[u8] = b" got lost";

/// What is being played back.
#[derive(Debug)]
pub(super) enum Opened {
    Nothing,
    /// The lines of that batch, and what it is of.
    Batch(Vec<u8>, Vec<u8>),
    /// The talk of that channel.
    Channel(Vec<u8>),
}

/// What is known of the network behind a bouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    There,
    /// Gone, and the owner has not been told.
    Going,
    Gone,
}

impl Session {
    /// Returns whether the network is there, as far as a bouncer told. Without a bouncer it always is.
    pub fn has_upstream(&self) -> bool {
        self.upstream == Upstream::There
    }

    /// Returns the channel or nick of the batch of what was said before that ended last.
    pub fn replayed(&self) -> &[u8] {
        &self.replayed
    }

    /// Returns whether a line is part of a batch of what was said before.
    pub(super) fn is_in_batch(&self, message: &Message<'_>) -> bool {
        match &self.opened {
            Opened::Batch(name, _) => message.tags.get(b"batch") == Some(name.as_slice()),
            Opened::Nothing | Opened::Channel(_) => false,
        }
    }

    /// Notes where a batch of what was said before begins and ends, and returns whether it does the latter.
    pub(super) fn ends_batch(&mut self, message: &Message<'_>, config: &SessionConfig) -> bool {
        if message.is(b"BATCH") {
            let (mark, kind) = (message.params.get(0), message.params.get(1));
            let playback = config.playback.as_ref();
            let batches = playback.map_or(HISTORY, |playback| playback.batches);
            let is_known = |kind: &[u8]| batches.iter().any(|known| known.as_bytes() == kind);
            match (mark.and_then(<[u8]>::split_first), &self.opened) {
                (Some((b'+', name)), _) if kind.is_some_and(is_known) => {
                    let of = message.params.get(2).unwrap_or_default();
                    self.opened = Opened::Batch(cut(name).to_vec(), cut(of).to_vec());
                }
                (Some((b'-', name)), Opened::Batch(opened, of)) if cut(name) == opened => {
                    self.replayed.clone_from(of);
                    self.opened = Opened::Nothing;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Notes when the client attached and whether what follows at once is over: whatever is not older than the attach is live, and so
    /// is all behind it.
    pub(super) fn note_attach(&mut self, message: &Message<'_>, cx: &Context<'_>) {
        let is_told = cx
            .config
            .playback
            .as_ref()
            .is_some_and(|told| told.is_told_by_age);
        // ZNC's numerics bear the time of the upstream's registration.
        if !is_told || message.numeric().is_some() {
            return;
        }
        let time = message.tags.get(b"time").and_then(server_time::parse);
        let case_mapping = cx.isupport.case_mapping;
        let is_own = message
            .source
            .is_some_and(|source| self.is_own(source.nick, case_mapping));
        let is_granted = message.is(b"CAP") && self.state == State::Registering;
        if is_granted || is_own && message.is(b"JOIN") {
            self.attached_us = time.unwrap_or(i64::MIN);
        } else if !is_own && time.is_none_or(|time| time >= self.attached_us) {
            self.attached_us = i64::MIN;
        }
    }

    /// Takes a line of a batch of what was said before. All but talk is left out: it changed what no longer is.
    pub(super) fn hear_batched<'a>(
        &mut self,
        message: &Message<'a>,
        cx: &Context<'_>,
    ) -> Event<'a> {
        let is_talk = message.command == b"PRIVMSG" || message.command == b"NOTICE";
        match message.source {
            Some(source) if is_talk && cx.config.playback.is_some() => {
                self.hear_talk(&source, message, true, cx)
            }
            _ => Event::Nothing,
        }
    }

    /// Takes a PRIVMSG or NOTICE.
    pub(super) fn hear_talk<'a>(
        &mut self,
        source: &Source<'a>,
        message: &Message<'a>,
        is_batched: bool,
        cx: &Context<'_>,
    ) -> Event<'a> {
        let Some(target) = message.params.get(0) else {
            return Event::Nothing;
        };
        let said = message.params.get(1).unwrap_or_default();
        let case_mapping = cx.isupport.case_mapping;
        let is_own = self.is_own(source.nick, case_mapping);
        let text = action::unwrapped(said);
        let live = Event::Talk {
            from: *source,
            target,
            text,
            is_own,
            replay: None,
        };
        let Some(playback) = &cx.config.playback else {
            return live;
        };
        if playback.is_speaker(source) {
            return self.hear_bouncer(playback, target, said);
        }
        if playback.is_query_end(source, said) {
            return Event::Nothing;
        }
        let query = playback.own_query.map(str::as_bytes);
        let query = query.and_then(|mark| text.strip_prefix(mark));
        let clock = playback
            .prefix
            .and_then(|prefix| prefix.split(query.unwrap_or(text)));
        let time = message.tags.get(b"time").and_then(server_time::parse);
        let is_marked = match &self.opened {
            Opened::Channel(name) => case_mapping.eq(name, cut(target)),
            Opened::Nothing | Opened::Batch(..) => false,
        };
        let is_older = playback.is_told_by_age && time.is_some_and(|time| time < self.attached_us);
        let is_private_replay = playback.is_private_told_by_prefix
            && time.is_none()
            && clock.is_some()
            && (self.is_own(target, case_mapping) || is_own && !cx.isupport.is_channel(target));
        let is_from_mask = playback.replayed_from.is_some_and(|mask| mask.has(source));
        if !(is_batched || is_marked || is_older || is_private_replay || is_from_mask) {
            return live;
        }
        // Who has the tag is sent no prefix: what looks like one was said.
        let (stamp, text) = match (time, clock) {
            (Some(micros), _) => (Some(Stamp::UnixMicros(micros)), text),
            (None, Some((secs, rest))) => (Some(Stamp::ClockSecs(secs)), rest),
            (None, None) => (None, query.unwrap_or(text)),
        };
        let replay = Some(Replay { stamp });
        if query.is_none() {
            return Event::Talk {
                from: *source,
                target,
                text,
                is_own,
                replay,
            };
        }
        // The user said it to the other in whose name it is told.
        Event::Talk {
            from: Source::parse(target),
            target: source.nick,
            text,
            is_own: true,
            replay,
        }
    }

    /// Takes what a bouncer says by itself to a client that it does not let in. `None` if it is something else.
    pub(super) fn hear_turned_away(
        message: &Message<'_>,
        config: &SessionConfig,
    ) -> Option<Refusal> {
        let (playback, source) = (config.playback.as_ref()?, message.source?);
        if !playback.is_speaker(&source) {
            return None;
        }
        match playback.saying(message.params.last()?)?.meaning {
            Meaning::TurnedAway(refusal) => Some(refusal),
            _ => None,
        }
    }

    fn hear_bouncer<'a>(
        &mut self,
        playback: &Playback,
        target: &'a [u8],
        text: &'a [u8],
    ) -> Event<'a> {
        let Some(saying) = playback.saying(text) else {
            return Event::Bouncer { text };
        };
        match saying.meaning {
            Meaning::PlaybackBegins => {
                self.opened = Opened::Channel(cut(target).to_vec());
                Event::Nothing
            }
            Meaning::PlaybackEnds => {
                if matches!(self.opened, Opened::Channel(_)) {
                    self.opened = Opened::Nothing;
                }
                Event::Nothing
            }
            Meaning::UpstreamLost => self.lose_upstream(text),
            Meaning::UpstreamBack => self.regain_upstream().unwrap_or(Event::Bouncer { text }),
            Meaning::SentInVain => {
                let rest = text.get(saying.begins.len()..).unwrap_or_default();
                let end = memchr::memmem::find(rest, BEHIND_TARGET);
                Event::Refused {
                    refusal: Refusal::CannotSend,
                    target: end.and_then(|end| rest.get(..end)),
                }
            }
            Meaning::TurnedAway(_) => Event::Bouncer { text },
        }
    }

    /// Returns whether a bouncer welcomes its user without an upstream, and notes it.
    pub(super) fn is_welcomed_alone(
        &mut self,
        message: &Message<'_>,
        config: &SessionConfig,
    ) -> bool {
        let idle = config.playback.as_ref().and_then(|told| told.idle_server);
        let source = message.source.map(|source| source.nick);
        let is_alone = idle.is_some() && source == idle.map(str::as_bytes);
        if is_alone {
            self.upstream = Upstream::Gone;
        }
        is_alone
    }

    /// Takes an ERROR that a bouncer only hands on; `None` if it is the server's own.
    pub(super) fn hear_forwarded_error<'a>(
        &mut self,
        text: &'a [u8],
        config: &SessionConfig,
    ) -> Option<Event<'a>> {
        let forwards = config
            .playback
            .as_ref()
            .is_some_and(|told| told.forwards_errors);
        let is_let_in = matches!(self.state, State::Welcomed | State::Online);
        (forwards && is_let_in).then(|| self.lose_upstream(text))
    }

    /// Notes that a bouncer itself kicks its user: no upstream is left to be in a channel of.
    pub(super) fn note_kick(&mut self, source: &Source<'_>, config: &SessionConfig) {
        let is_bouncers = config
            .playback
            .as_ref()
            .is_some_and(|told| told.is_speaker(source));
        if is_bouncers && self.upstream == Upstream::There {
            self.upstream = Upstream::Going;
        }
    }

    fn lose_upstream<'a>(&mut self, text: &'a [u8]) -> Event<'a> {
        match std::mem::replace(&mut self.upstream, Upstream::Gone) {
            Upstream::Gone => Event::Bouncer { text },
            Upstream::There | Upstream::Going => Event::Upstream { is_up: false },
        }
    }

    /// Notes that the upstream is there; `None` if it was before.
    pub(super) fn regain_upstream(&mut self) -> Option<Event<'static>> {
        let before = std::mem::replace(&mut self.upstream, Upstream::There);
        (before != Upstream::There).then_some(Event::Upstream { is_up: true })
    }
}

fn cut(name: &[u8]) -> &[u8] {
    name.get(..NAME_BYTES_MAX).unwrap_or(name)
}
