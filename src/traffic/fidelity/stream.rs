//! What an observer in every channel sees: rows per channel in order of time, with what is known of who is there.

use std::collections::HashMap;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::fidelity::span::Span;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::trace::event::DETAIL_GONE;
use crate::traffic::trace::event::DETAIL_NAMES;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// A user was seen lately if it was within a day.
const SEEN_SECS: f64 = 86_400.0;

/// A speaker is new who was not heard for a week.
const HEARD_SECS: f64 = 7.0 * 86_400.0;

/// Who comes back within ten minutes rejoins.
const REJOIN_SECS: f64 = 600.0;

/// Joins of different users this close are of a cohort.
const COHORT_SECS: f64 = 30.0;

/// What is usual is what was so for about half a day. A longer memory would tell the days of a fold by those around them.
const USUAL_SECS: f64 = 43_200.0;

/// One event in one channel.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about an event that do not exclude each other"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// When, in seconds from the span's start.
    pub(crate) secs: f64,
    /// What.
    pub(crate) kind: EventKind,
    /// Who, as a number of the network's users.
    pub(crate) user: u32,
    /// Bytes of the text.
    pub(crate) bytes: u32,
    /// Users known to be in the channel, after the event.
    pub(crate) present_count: u32,
    /// Logarithm of that over what is usual: a channel's level tells one month from another, not traffic from its model.
    pub(crate) ln_presence: f64,
    /// Whether somebody speaks who was seen to leave and not to come back.
    pub(crate) is_absent: bool,
    /// Whether the user did something here within the day before.
    pub(crate) is_seen: bool,
    /// Whether a speaker said nothing here within the week before.
    pub(crate) is_new_speaker: bool,
    /// Whether a join follows or precedes another's within half a minute.
    pub(crate) is_co_join: bool,
    /// Whether a join follows the user's leaving within ten minutes.
    pub(crate) is_rejoin: bool,
    /// Seconds from the join to the first words after it.
    pub(crate) spoke_after_secs: Option<f64>,
    /// Seconds from the join to the leaving.
    pub(crate) stay_secs: Option<f64>,
}

/// One event of a network: a quit counts once, however many channels see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beat {
    /// When, in seconds from the span's start.
    pub(crate) secs: f64,
    /// What.
    pub(crate) kind: EventKind,
}

/// What an observer saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recording {
    /// The rows of each channel, in order of time.
    pub(crate) channels: Vec<Vec<Row>>,
    /// The events of each network, in order of time.
    pub(crate) networks: Vec<Vec<Beat>>,
}

impl Recording {
    /// Returns what an observer sees of events, which are in order of time.
    ///
    /// The log's clock is the span's: stamps are cut to its tick, and events of one tick are spread inside it at random,
    /// in order. What happened while the logger was away is not seen.
    pub(crate) fn of(span: &Span, events: &[Event], seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let tick_us = i64::from(span.tick_us.max(1));
        let ticked = |event: &Event| event.at_us.div_euclid(tick_us) * tick_us;
        let mut observer = Observer::default();
        let mut places = Vec::new();
        for tick in events.chunk_by(|one, other| ticked(one) == ticked(other)) {
            places.clear();
            places.extend(tick.iter().map(|_| uniform(rng.next_u64())));
            places.sort_by(f64::total_cmp);
            for (event, place) in tick.iter().zip(&places) {
                let at_us = ticked(event);
                let secs = span.secs(at_us) + place * span.tick_secs();
                if !span.is_away(secs) {
                    observer.handle(event, Moment { at_us, secs });
                }
            }
        }
        for rows in &mut observer.recording.channels {
            mark_co_joins(rows);
        }
        observer.recording
    }
}

/// When something happens: by the log's clock, and spread inside its tick.
#[derive(Clone, Copy)]
struct Moment {
    at_us: i64,
    secs: f64,
}

/// What is known of a user in a channel.
#[derive(Clone, Copy, Default)]
struct Member {
    /// Whether the user is there, as far as anybody has seen.
    is_present: bool,
    joined_secs: Option<f64>,
    has_spoken: bool,
    left_secs: Option<f64>,
    seen_secs: Option<f64>,
    heard_secs: Option<f64>,
}

/// What is known of a user on its network.
#[derive(Default)]
struct User {
    /// Where the user was ever seen, present or not.
    channels: Vec<(usize, Member)>,
    /// The last thing told of the user without regard to channels: logs of several channels tell it several times.
    told: Option<(EventKind, i64)>,
}

/// How many are known to be in a channel, now and usually.
#[derive(Clone, Copy, Default)]
struct Presence {
    count: u32,
    /// A mean that forgets by e in half a day, and when it was brought up to date.
    usual: Option<(f64, f64)>,
}

impl Presence {
    /// Returns the logarithm of the count over the usual one; both a little larger, so that one user is not all.
    fn ln_over_usual(&mut self, secs: f64) -> f64 {
        let count = f64::from(self.count);
        let (usual, since) = self.usual.unwrap_or((count, secs));
        let kept = libm::exp((since - secs) / USUAL_SECS);
        let usual = usual * kept + count * (1.0 - kept);
        self.usual = Some((usual, secs));
        libm::log((count + 1.0) / (usual + 1.0))
    }
}

#[derive(Default)]
struct Observer<'a> {
    recording: Recording,
    network_numbers: HashMap<&'a str, usize>,
    channel_numbers: HashMap<(usize, &'a str), usize>,
    user_numbers: HashMap<(usize, &'a str), usize>,
    users: Vec<User>,
    presences: Vec<Presence>,
    channels_by_network: Vec<Vec<usize>>,
}

impl<'a> Observer<'a> {
    fn handle(&mut self, event: &'a Event, now: Moment) {
        let network = self.network(&event.network);
        let channel = (!event.channel.is_empty()).then(|| self.channel(network, &event.channel));
        let user = self.user(network, &event.user);
        let beat = Beat {
            secs: now.secs,
            kind: event.kind,
        };
        if matches!(event.kind, EventKind::Quit | EventKind::Nick) {
            if self.everywhere(network, channel, user, event, now) {
                self.beat(network, beat);
            }
            return;
        }
        let Some(channel) = channel else { return };
        if event.kind == EventKind::Other && matches!(&*event.detail, DETAIL_NAMES | DETAIL_GONE) {
            self.correct(channel, user, &*event.detail == DETAIL_NAMES);
            return;
        }
        self.beat(network, beat);
        self.put(channel, user, event, now);
        if event.kind == EventKind::Kick {
            let victim = self.user(network, &event.peer);
            let stay_secs = self.leave(channel, victim, now.secs);
            let present_count = self.presences.get(channel).map(|presence| presence.count);
            if let Some(row) = self.last_row(channel) {
                row.stay_secs = stay_secs;
                row.present_count = present_count.unwrap_or(0);
            }
        }
    }

    fn beat(&mut self, network: usize, beat: Beat) {
        if let Some(beats) = self.recording.networks.get_mut(network) {
            beats.push(beat);
        }
    }

    /// Tells a QUIT or NICK to every channel in which the user is known to be, and returns whether it is news.
    fn everywhere(
        &mut self,
        network: usize,
        channel: Option<usize>,
        user: usize,
        event: &'a Event,
        now: Moment,
    ) -> bool {
        let told = (event.kind, now.at_us);
        let known = self.users.get_mut(user);
        let is_news = known.is_none_or(|user| user.told.replace(told) != Some(told));
        let mut to: Vec<usize> = Vec::new();
        if let Some(user) = self.users.get(user) {
            let present = user.channels.iter().filter(|(_, member)| member.is_present);
            to.extend(present.map(|&(channel, _)| channel));
        }
        if let Some(channel) = channel.filter(|channel| !to.contains(channel)) {
            // One that was told already has seen the user go.
            if is_news || !self.is_known(user, channel) {
                to.push(channel);
            }
        }
        if to.is_empty() && is_news {
            // A log would have it somewhere: where the user once was, or in the network's busiest channel.
            to.extend(self.haunt(network, user));
        }
        for channel in to {
            self.put(channel, user, event, now);
        }
        is_news
    }

    fn is_known(&self, user: usize, channel: usize) -> bool {
        self.users.get(user).is_some_and(|user| {
            let mut channels = user.channels.iter();
            channels.any(|&(known, _)| known == channel)
        })
    }

    fn haunt(&self, network: usize, user: usize) -> Option<usize> {
        let known = self.users.get(user).and_then(|user| user.channels.last());
        known.map(|&(channel, _)| channel).or_else(|| {
            let channels = self.channels_by_network.get(network)?;
            let row_count = |&channel: &usize| self.recording.channels.get(channel).map(Vec::len);
            channels.iter().copied().max_by_key(row_count)
        })
    }

    /// Adds a row, and learns from it who is there.
    fn put(&mut self, channel: usize, user: usize, event: &'a Event, now: Moment) {
        let secs = now.secs;
        let kind = event.kind;
        let mut member = self.member(channel, user);
        let within =
            |since: Option<f64>, most: f64| since.is_some_and(|since| secs - since <= most);
        let mut row = Row {
            secs,
            kind,
            user: u32::try_from(user).unwrap_or(u32::MAX),
            bytes: event.bytes,
            present_count: 0,
            ln_presence: 0.0,
            is_absent: false,
            is_seen: within(member.seen_secs, SEEN_SECS),
            is_new_speaker: kind.is_talk() && !within(member.heard_secs, HEARD_SECS),
            is_co_join: false,
            is_rejoin: kind == EventKind::Join && within(member.left_secs, REJOIN_SECS),
            spoke_after_secs: None,
            stay_secs: None,
        };
        let was_present = member.is_present;
        match kind {
            EventKind::Join => {
                member.is_present = true;
                member.joined_secs = Some(secs);
                member.has_spoken = false;
            }
            EventKind::Part | EventKind::Quit => row.stay_secs = member.leave(secs),
            kind if kind.is_talk() => {
                row.is_absent = !member.is_present && member.left_secs.is_some();
                member.is_present = true;
                member.heard_secs = Some(secs);
                if !member.has_spoken {
                    row.spoke_after_secs = member.joined_secs.map(|joined| secs - joined);
                    member.has_spoken = true;
                }
            }
            EventKind::Nick => member.is_present = true,
            // Services and servers do these without being there.
            _ => {}
        }
        member.seen_secs = Some(secs);
        let is_present = member.is_present;
        self.set_member(channel, user, member);
        self.count_present(channel, was_present, is_present);
        if let Some(presence) = self.presences.get_mut(channel) {
            row.present_count = presence.count;
            row.ln_presence = presence.ln_over_usual(secs);
        }
        if let Some(rows) = self.recording.channels.get_mut(channel) {
            rows.push(row);
        }
    }

    /// Makes somebody leave, and returns how long the stay was if its join was seen.
    fn leave(&mut self, channel: usize, user: usize, secs: f64) -> Option<f64> {
        let mut member = self.member(channel, user);
        let was_present = member.is_present;
        let stay_secs = member.leave(secs);
        self.set_member(channel, user, member);
        self.count_present(channel, was_present, false);
        stay_secs
    }

    /// Learns that somebody is there, or is not, which nobody saw come about: nothing happened.
    fn correct(&mut self, channel: usize, user: usize, is_present: bool) {
        let mut member = self.member(channel, user);
        let was_present = member.is_present;
        member.is_present = is_present;
        member.joined_secs = None;
        member.left_secs = None;
        self.set_member(channel, user, member);
        self.count_present(channel, was_present, is_present);
    }

    fn count_present(&mut self, channel: usize, was_present: bool, is_present: bool) {
        if let Some(Presence { count, .. }) = self.presences.get_mut(channel) {
            *count = (*count + u32::from(is_present)).saturating_sub(u32::from(was_present));
        }
    }

    fn last_row(&mut self, channel: usize) -> Option<&mut Row> {
        self.recording.channels.get_mut(channel)?.last_mut()
    }

    fn member(&self, channel: usize, user: usize) -> Member {
        let channels = self.users.get(user).map(|user| user.channels.as_slice());
        let mut channels = channels.unwrap_or_default().iter();
        channels
            .find(|&&(known, _)| known == channel)
            .map(|&(_, member)| member)
            .unwrap_or_default()
    }

    fn set_member(&mut self, channel: usize, user: usize, member: Member) {
        let Some(user) = self.users.get_mut(user) else {
            return;
        };
        match user
            .channels
            .iter_mut()
            .find(|(known, _)| *known == channel)
        {
            Some((_, known)) => *known = member,
            None => user.channels.push((channel, member)),
        }
    }

    fn network(&mut self, name: &'a str) -> usize {
        let count = self.network_numbers.len();
        let network = *self.network_numbers.entry(name).or_insert(count);
        if network == count {
            self.recording.networks.push(Vec::new());
            self.channels_by_network.push(Vec::new());
        }
        network
    }

    fn channel(&mut self, network: usize, name: &'a str) -> usize {
        let count = self.channel_numbers.len();
        let channel = *self.channel_numbers.entry((network, name)).or_insert(count);
        if channel == count {
            self.recording.channels.push(Vec::new());
            self.presences.push(Presence::default());
            if let Some(channels) = self.channels_by_network.get_mut(network) {
                channels.push(channel);
            }
        }
        channel
    }

    fn user(&mut self, network: usize, name: &'a str) -> usize {
        let count = self.user_numbers.len();
        let user = *self.user_numbers.entry((network, name)).or_insert(count);
        if user == count {
            self.users.push(User::default());
        }
        user
    }
}

impl Member {
    fn leave(&mut self, secs: f64) -> Option<f64> {
        self.is_present = false;
        self.left_secs = Some(secs);
        self.joined_secs.take().map(|joined| secs - joined)
    }
}

/// Marks the joins that are close to the join of somebody else.
fn mark_co_joins(rows: &mut [Row]) {
    let mut last: Option<usize> = None;
    for place in 0..rows.len() {
        let Some(row) = rows.get(place).copied() else {
            break;
        };
        if row.kind != EventKind::Join {
            continue;
        }
        let before = last.and_then(|last| rows.get_mut(last));
        if let Some(before) = before
            && before.user != row.user
            && row.secs - before.secs <= COHORT_SECS
        {
            before.is_co_join = true;
            if let Some(row) = rows.get_mut(place) {
                row.is_co_join = true;
            }
        }
        last = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::span::tests::event;

    /// Records events of (seconds, `kind user channel peer`) with a clock of microseconds.
    fn recording(rows: &[(f64, &str)]) -> Recording {
        let events: Vec<Event> = rows
            .iter()
            .map(|&(secs, words)| event(secs, words))
            .collect();
        let mut span = Span::of(&events, 1).unwrap();
        span.start_us = 0;
        Recording::of(&span, &events, 1)
    }

    /// Shows each row of each channel as `kind`, then how many are present, then what is marked.
    #[track_caller]
    fn check(rows: &[(f64, &str)], want: &[&str]) {
        let found: Vec<String> = recording(rows)
            .channels
            .iter()
            .map(|rows| {
                let shown = |row: &Row| {
                    let mut text = format!("{}:{}", row.kind.as_str(), row.present_count);
                    let marks = [
                        (row.is_absent, "absent"),
                        (row.is_co_join, "co"),
                        (row.is_rejoin, "re"),
                    ];
                    for (is_so, mark) in marks {
                        if is_so {
                            text = format!("{text}:{mark}");
                        }
                    }
                    for secs in [row.spoke_after_secs, row.stay_secs].into_iter().flatten() {
                        text = format!("{text}:{secs:.0}s");
                    }
                    text
                };
                rows.iter().map(shown).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn presence_is_what_was_seen() {
        check(
            &[
                (0.0, "join alder #oak"),
                (50.0, "message alder #oak"),
                (60.0, "message birch #oak"),
                (100.0, "part alder #oak"),
                (110.0, "message alder #oak"),
                (120.0, "kick birch #oak alder"),
            ],
            &["join:1 message:1:50s message:2 part:1:100s message:2:absent kick:1"],
        );
    }

    #[test]
    fn a_quit_reaches_every_channel_of_its_user_and_counts_once() {
        let rows = [
            (0.0, "join alder #oak"),
            (1.0, "join alder #elm"),
            (2.0, "join birch #oak"),
            (9.0, "quit alder"),
            (9.5, "quit birch #oak"),
            (9.5, "quit birch #elm"),
        ];
        check(
            &rows,
            &[
                "join:1:co join:2:co quit:1:9s quit:0:8s",
                "join:1 quit:0:8s quit:0",
            ],
        );
        let quits = |beats: &Vec<Beat>| {
            let quits = beats.iter().filter(|beat| beat.kind == EventKind::Quit);
            quits.count()
        };
        let counts: Vec<usize> = recording(&rows).networks.iter().map(quits).collect();
        assert_eq!(counts, [2]);
    }

    #[test]
    fn a_quit_of_somebody_unknown_goes_to_the_busiest_channel() {
        check(
            &[
                (0.0, "join alder #oak"),
                (1.0, "join birch #elm"),
                (2.0, "message birch #elm"),
                (3.0, "quit cedar"),
            ],
            &["join:1", "join:1 message:1:1s quit:1"],
        );
    }

    #[test]
    fn who_comes_back_soon_rejoins() {
        check(
            &[
                (0.0, "join alder #oak"),
                (100.0, "quit alder #oak"),
                (160.0, "join alder #oak"),
                (200.0, "quit alder"),
                (900.0, "join alder #oak"),
            ],
            &["join:1 quit:0:100s join:1:re quit:0:40s join:1"],
        );
    }

    #[test]
    fn ticks_spread_in_order_and_outages_are_not_seen() {
        let mut events: Vec<Event> = (0..40_u32)
            .map(|_| event(30.0, "message alder #oak"))
            .collect();
        events.push(event(7.0 * 86_400.0, "message alder #oak"));
        let span = Span::of(&events, 60_000_000).unwrap();
        let recording = Recording::of(&span, &events, 1);
        let rows = &recording.channels[0];
        assert!(rows.is_sorted_by(|one, other| one.secs <= other.secs));
        assert!(rows[39].secs - rows[0].secs > 40.0);
    }
}
