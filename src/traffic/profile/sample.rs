//! A sample of a profile: a trace of its network, as somebody in all its channels would have seen it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::blocks::NoRows;
use crate::traffic::profile::churn::Commons;
use crate::traffic::profile::churn::Copied;
use crate::traffic::profile::churn::Identity;
use crate::traffic::profile::churn::Life;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::lengths::UserLengths;
use crate::traffic::profile::number;
use crate::traffic::profile::order;
use crate::traffic::profile::resample;
use crate::traffic::profile::resample::BlockStream;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::room::Turn;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::sample::row::Detail;
use crate::traffic::profile::sample::row::NO_CHANNEL;
use crate::traffic::profile::sample::row::Names;
use crate::traffic::profile::sample::row::Row;
use crate::traffic::profile::sample::row::Said;
use crate::traffic::profile::speech::Speech;
use crate::traffic::profile::stream::TalkStream;
use crate::traffic::profile::stream::WARM_UP_BEGINS;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::EventView;
use crate::units::id::Seed;
use crate::units::offset::Offset;

/// Events of a sample: 24 bytes each, some hundred once they keep their names.
const EVENTS_MAX: usize = 20_000_000;

/// Two moments this close are the same: rows are written in milliseconds.
const SAME_SECS: f64 = 0.001;

/// Second of the week at which 1970 began, a Thursday.
const EPOCH_WEEK_SECS: i64 = 3 * DAY_SECS as i64;

/// A sample of a profile.
#[derive(Clone, Debug)]
pub struct Sample {
    rows: Vec<Row>,
    names: Names,
    unspoken_count: u64,
}

impl Sample {
    /// Returns how many events it has.
    pub fn event_count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Returns how many messages nobody present could have said.
    pub fn unspoken_count(&self) -> u64 {
        self.unspoken_count
    }

    /// Returns the events, in order of time.
    pub fn views(&self) -> impl Iterator<Item = EventView<'_>> {
        self.rows.iter().map(|row| self.names.view(row))
    }

    /// Returns the events, in order of time, each with names of its own to keep, which takes four times the room.
    pub fn events(&self) -> Vec<Event> {
        self.names.events(&self.rows)
    }
}

impl Profile {
    /// Returns a trace of the profile's network from `start_us`, microseconds since 1970 UTC, for `secs` seconds.
    ///
    /// Each cohort is shifted by a random number of steps in each cycle, so that hours of the week stay what they are. Only
    /// users who are present speak. At most twenty million events are made; a sample that would need more ends early.
    pub fn sample(&self, seed: Seed, start_us: i64, secs: u32) -> Sample {
        self.make(Talking::Model, seed, start_us, secs)
    }

    /// Returns a trace as [`Profile::sample`] does whose talk is the capture's own, block by block: the same people come and go.
    ///
    /// # Errors
    ///
    /// When the profile does not keep its capture's talk.
    pub fn resample(&self, seed: Seed, start_us: i64, secs: u32) -> Result<Sample, NoRows> {
        if self.blocks().is_none() {
            let profile = self.name().to_owned();
            return Err(NoRows { profile });
        }
        Ok(self.make(Talking::Resample, seed, start_us, secs))
    }

    fn make(&self, talking: Talking, seed: Seed, start_us: i64, secs: u32) -> Sample {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.0);
        let until_secs = f64::from(secs);
        let week_secs = week_secs(start_us);
        let common = self.rotation(0, &mut rng, week_secs, until_secs);
        let mut commons = Commons::from([(Copied::FIRST, common)]);
        let mut rotations: BTreeMap<u32, Rotation> = BTreeMap::new();
        for resident in self.residents() {
            // Each copy moves together by itself, or all copies of a person would come at once.
            let copy = Copied {
                by_run: 0,
                by_profile: resident.copy,
            };
            let common = commons
                .entry(copy)
                .or_insert_with(|| self.rotation(0, &mut rng, week_secs, until_secs));
            rotations.entry(resident.cohort).or_insert_with(|| {
                self.cohort_rotation(0, common, &mut rng, week_secs, until_secs)
            });
        }
        let who: Vec<Identity> = (0..)
            .zip(self.residents())
            .map(|(user, _)| Identity { copy: 0, user })
            .collect();
        let mut lives: Vec<Life> = (0..)
            .zip(self.residents())
            .filter_map(|(index, resident)| {
                Some(self.life(index, rotations.get(&resident.cohort)?, until_secs))
            })
            .collect();
        self.strike(&who, &mut lives, &commons, &mut rng, until_secs);
        let mut making = Making::new(self, start_us, until_secs);
        for (user, life) in (0..).zip(&lives) {
            making.live(user, life);
        }
        let has_churn = self.has_churn();
        let moved = Arc::new(resample::cohort_rotations(&rotations));
        let mut unspoken_count = 0;
        for (number, channel) in (0..).zip(self.channels()) {
            let mut room = room(number, channel, &lives);
            let Some(talk) = self.talk_of(number) else {
                continue;
            };
            let draws = Xoshiro256PlusPlus::seed_from_u64(rng.next_u64());
            let ends = Offset::from_secs(i64::from(secs));
            let mut speech = match talking {
                Talking::Model => Speech::Model(Box::new(TalkStream::new(
                    talk,
                    &mut room,
                    draws,
                    week_secs,
                    channel.heat,
                    ends,
                ))),
                Talking::Resample => {
                    let mut draws = draws;
                    let moved = if has_churn {
                        Arc::clone(&moved)
                    } else {
                        Arc::new(self.slot_rotations(&mut draws, week_secs, until_secs))
                    };
                    let members = (0..).zip(&channel.speakers);
                    let members = members.map(|(member, speaker)| (speaker.user, member));
                    let stream = BlockStream::new(self, number, moved, members, draws, ends);
                    Speech::Resample(Box::new(stream))
                }
            };
            unspoken_count += making.talk(number, channel, &mut speech, &mut room, &mut rng);
        }
        let at_us = |row: &Row| row.at_us;
        Sample {
            rows: order::by_time(&making.rows, at_us, |rows| rows.sort_by_key(at_us)),
            names: Names::of(self),
            unspoken_count,
        }
    }
}

/// Who makes the talk of a sample.
#[derive(Clone, Copy)]
enum Talking {
    Model,
    Resample,
}

/// Returns the room of a channel: its speakers, who come and go as they live.
pub(crate) fn room(number: u32, channel: &ChannelRow, lives: &[Life]) -> Room {
    let mut turns = Vec::new();
    for (member, speaker) in (0..).zip(&channel.speakers) {
        let stays = lives
            .get(speaker.user as usize)
            .map_or(&[][..], |life| &life.stays);
        for stay in stays.iter().filter(|stay| stay.channel == number) {
            turns.extend(turns_of(member, stay));
        }
    }
    let turns = order::by_time(&turns, |turn| turn.at.as_nanos(), <[Turn]>::sort_unstable);
    Room::new(channel.speakers.iter().copied(), turns)
}

/// Returns the two turns of a stay; whoever was there at the start had come long before.
fn turns_of(member: u32, stay: &StayRow) -> [Turn; 2] {
    let at = |secs: f64| Offset::from_nanos(number::nanos_of_secs(secs));
    let turn = |at: Offset, is_coming: bool, is_seen: bool| Turn {
        at,
        is_coming,
        member,
        is_seen,
    };
    let begins = if stay.start_secs <= 0.0 {
        WARM_UP_BEGINS
    } else {
        at(stay.start_secs)
    };
    [
        turn(begins, true, stay.has_join),
        turn(at(stay.end_secs), false, stay.has_leave),
    ]
}

/// Returns the second of the week at a moment in microseconds since 1970 UTC.
fn week_secs(start_us: i64) -> f64 {
    let week_us = i64::from(WEEK_SECS) * 1_000_000;
    let us = start_us
        .saturating_add(EPOCH_WEEK_SECS * 1_000_000)
        .rem_euclid(week_us);
    number::secs_of_nanos(us) * 1e3
}

/// A sample under way.
struct Making<'a> {
    profile: &'a Profile,
    start_us: i64,
    until_secs: f64,
    /// Who kicked whom in the capture.
    kickers: BTreeMap<u32, u32>,
    rows: Vec<Row>,
}

impl<'a> Making<'a> {
    fn new(profile: &'a Profile, start_us: i64, until_secs: f64) -> Self {
        let places: BTreeMap<(u32, u32), u32> = (0..)
            .zip(profile.residents())
            .map(|(place, resident)| ((resident.copy, resident.user), place))
            .collect();
        let kicks = (0..)
            .zip(profile.residents())
            .filter(|(_, resident)| !resident.is_listener)
            .flat_map(|(kicker, resident)| {
                let timeline = profile.users().get(resident.user as usize);
                let changes = timeline.map_or(&[][..], |timeline| &timeline.changes);
                changes.iter().filter_map(move |change| match change.kind {
                    ChangeKind::Kick { victim, .. } => Some((resident.copy, victim, kicker)),
                    _ => None,
                })
            })
            .filter_map(|(copy, victim, kicker)| Some((*places.get(&(copy, victim))?, kicker)));
        Self {
            profile,
            start_us,
            until_secs,
            kickers: kicks.collect(),
            rows: Vec::new(),
        }
    }

    /// Adds an event of a user.
    fn put(&mut self, secs: f64, kind: EventKind, channel: u32, user: u32, said: Said) {
        if self.rows.len() < EVENTS_MAX {
            self.rows.push(Row {
                at_us: self.start_us + number::nanos_of_secs(secs) / 1_000,
                kind,
                channel,
                user,
                said,
            });
        }
    }

    /// Adds what a user does beside talking.
    fn live(&mut self, user: u32, life: &Life) {
        for change in &life.changes {
            // Services act though they are never there; nobody else does.
            if life.is_present(change.at_secs) || life.stays.is_empty() {
                self.change(user, change.at_secs, change.kind);
            }
        }
        let mut quit_secs = f64::NEG_INFINITY;
        for stay in &life.stays {
            if !stay.has_join && stay.start_secs > 0.0 {
                self.put(
                    stay.start_secs,
                    EventKind::Other,
                    stay.channel,
                    user,
                    Said::detail(Detail::Names),
                );
            }
            if !stay.has_leave && stay.end_secs < self.until_secs {
                self.put(
                    stay.end_secs,
                    EventKind::Other,
                    stay.channel,
                    user,
                    Said::detail(Detail::Gone),
                );
            }
            if stay.has_join {
                self.put(
                    stay.start_secs,
                    EventKind::Join,
                    stay.channel,
                    user,
                    Said::NOTHING,
                );
            }
        }
        let mut leaves: Vec<&StayRow> = life.stays.iter().filter(|stay| stay.has_leave).collect();
        leaves.sort_by(|one, other| one.end_secs.total_cmp(&other.end_secs));
        for stay in leaves {
            let (secs, channel) = (stay.end_secs, stay.channel);
            match stay.cause {
                LeaveCause::Part => {
                    self.put(secs, EventKind::Part, channel, user, Said::NOTHING);
                }
                LeaveCause::Kicked => {
                    let kicker = self.kickers.get(&user).copied().unwrap_or(user);
                    let said = Said::to(user);
                    self.put(secs, EventKind::Kick, channel, kicker, said);
                }
                // One QUIT ends the stays in all channels.
                cause if secs > quit_secs + SAME_SECS => {
                    quit_secs = secs;
                    let said = Said::detail(Detail::Cause(cause));
                    self.put(secs, EventKind::Quit, NO_CHANNEL, user, said);
                }
                _ => {}
            }
        }
    }

    fn change(&mut self, user: u32, secs: f64, kind: ChangeKind) {
        match kind {
            ChangeKind::Nick => {
                self.put(secs, EventKind::Nick, NO_CHANNEL, user, Said::NOTHING);
            }
            ChangeKind::Mode { channel } => {
                let said = Said {
                    bytes: 2,
                    ..Said::detail(Detail::Op)
                };
                self.put(secs, EventKind::Mode, channel, user, said);
            }
            ChangeKind::Topic { channel } => {
                self.put(secs, EventKind::Topic, channel, user, Said::NOTHING);
            }
            // It is told where the victim's stay ends.
            ChangeKind::Kick { .. } => {}
        }
    }

    /// Adds the talk of a channel, and returns how many messages nobody could have said.
    fn talk(
        &mut self,
        number: u32,
        channel: &ChannelRow,
        speech: &mut Speech,
        room: &mut Room,
        rng: &mut Xoshiro256PlusPlus,
    ) -> u64 {
        let profile = self.profile;
        let Some(talk) = profile.talk_of(number) else {
            return 0;
        };
        let reply_share = profile.reply_share().value();
        let speakers = channel.speakers.iter();
        let lengths: Vec<UserLengths<'_>> = speakers
            .map(|speaker| talk.lengths.of(profile.user_of(speaker.user)))
            .collect();
        let mut unspoken_count = 0;
        let mut last: Option<u32> = None;
        loop {
            let slot = speech.next(profile, number, room);
            if slot.at == Offset::NEVER || self.rows.len() >= EVENTS_MAX {
                return unspoken_count;
            }
            let is_reply = uniform(rng.next_u64()) < reply_share;
            let Some(member) = slot.member else {
                unspoken_count += 1;
                continue;
            };
            let user_of = |member: u32| {
                channel
                    .speakers
                    .get(member as usize)
                    .map_or(0, |speaker: &Speaker| speaker.user)
            };
            let addressee = last.filter(|&last| {
                is_reply
                    && slot.kind == TalkKind::Message
                    && last != member
                    && room.is_present(last)
            });
            let kind = match slot.kind {
                TalkKind::Message => EventKind::Message,
                TalkKind::Action => EventKind::Action,
                TalkKind::Notice => EventKind::Notice,
            };
            let bytes = lengths
                .get(member as usize)
                .map_or(0, |lengths| slot.length(lengths));
            let said = Said {
                bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
                ..addressee.map_or(Said::NOTHING, |member| Said::reply(user_of(member)))
            };
            self.put(slot.at.as_secs_f64(), kind, number, user_of(member), said);
            last = Some(member);
        }
    }
}

mod row;
#[cfg(test)]
mod tests;
