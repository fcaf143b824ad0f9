//! One shard's view of the plan: actions in slabs of one second, the same bytes for any number of shards.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::measure::ledger::MessageKey;
use crate::measure::ledger::PlannedMessage;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::action::Action;
use crate::plan::action::Planned;
use crate::plan::moves;
use crate::plan::population;
use crate::plan::script::Script;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::below;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::room::Turn;
use crate::traffic::profile::stream::TalkSlot;
use crate::traffic::profile::stream::TalkStream;
use crate::traffic::profile::stream::WARM_UP_BEGINS;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::units::id::ChannelId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Length of a slab.
pub const SLAB: Duration = Duration::from_secs(1);
/// How long after its arrival nobody is asked to speak: connecting, registering and joining take their time.
pub const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Longest planned text. What a relayed PRIVMSG leaves of 512 bytes with a nine-byte nick, a ten-byte user, the longest
/// host (63) and a nine-byte channel; longer ones were cut on the wire of the capture too.
pub const TEXT_BYTES_MAX: u16 = 512 - (1 + 9 + 2 + 10 + 1 + 63) - (1 + 7 + 1 + 9 + 2) - 2;

/// Share of the mean weight that everybody has as a speaker beside their own, since anybody may speak.
const WEIGHT_FLOOR: f64 = 0.05;

/// One channel's talk under way.
#[derive(Debug)]
struct Talker {
    channel: ChannelId,
    room: Room,
    stream: TalkStream,
    private_rng: Xoshiro256PlusPlus,
    next: TalkSlot,
    /// Index of the next message.
    index: u32,
    /// Number of the next slot, spoken or not.
    sequence: u32,
}

/// One shard's view of the plan.
#[derive(Debug)]
pub struct Planner {
    plan: Arc<Plan>,
    sharding: Sharding,
    /// Channels with at least one of the shard's users, in order.
    channels: Vec<ChannelId>,
    talkers: Vec<Talker>,
    /// Talkers by the slab of their next message.
    due: BinaryHeap<Reverse<(i64, u32)>>,
    /// Comings, goings and changes of own users, and splits, in order.
    moves: Vec<Planned>,
    /// The next of the moves, or of the script's actions.
    next_move: usize,
    slab: i64,
}

impl Planner {
    /// Returns the view of a shard, before the first second.
    pub fn new(plan: Arc<Plan>, sharding: Sharding) -> Self {
        let Source::Model(profile) = &plan.source else {
            return Self::of_script(plan, sharding);
        };
        let mut talkers = Vec::new();
        let mut due = BinaryHeap::new();
        let start_secs = f64::from(population::start_week_sec(&plan.scenario, profile));
        for channel in plan.population.talking_channels() {
            if !is_known(&plan, sharding, channel) {
                continue;
            }
            let rng = plan
                .streams
                .rng(StreamId::of_channel(Purpose::Talk, channel));
            let copied = plan.population.copied(channel);
            let (Some(talk), Some(row)) = (profile.talk_of(copied), profile.channel(copied)) else {
                continue;
            };
            let mut room = room(&plan, row, channel);
            let heat = plan.scenario.heat * row.heat;
            let mut stream =
                TalkStream::new(talk, &mut room, rng, start_secs, heat, plan.timeline.ends);
            let next = stream.next(talk, &mut room);
            if next.at < plan.timeline.ends {
                due.push(Reverse((
                    slab_of(next.at),
                    u32::try_from(talkers.len()).unwrap_or(u32::MAX),
                )));
            }
            let private_rng = plan
                .streams
                .rng(StreamId::of_channel(Purpose::Private, channel));
            talkers.push(Talker {
                channel,
                room,
                stream,
                private_rng,
                next,
                index: 0,
                sequence: 0,
            });
        }
        let moves = moves::moves(&plan, sharding);
        let talked = talkers.iter().map(|talker: &Talker| talker.channel);
        let storms = plan.population.storm_channels();
        let storms = storms.filter(|&channel| is_known(&plan, sharding, channel));
        Self {
            channels: talked.chain(storms).collect(),
            talkers,
            due,
            moves,
            ..Self::empty(plan, sharding)
        }
    }

    /// Returns the view of a replay: the script itself, of which every shard knows the whole.
    fn of_script(plan: Arc<Plan>, sharding: Sharding) -> Self {
        let channels = (0..plan.population.channel_count()).map(ChannelId);
        let known = channels.filter(|&channel| is_known(&plan, sharding, channel));
        Self {
            channels: known.collect(),
            ..Self::empty(plan, sharding)
        }
    }

    fn empty(plan: Arc<Plan>, sharding: Sharding) -> Self {
        Self {
            plan,
            sharding,
            channels: Vec::new(),
            talkers: Vec::new(),
            due: BinaryHeap::new(),
            moves: Vec::new(),
            next_move: 0,
            slab: 0,
        }
    }

    /// Returns the plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns which users the shard drives.
    pub fn sharding(&self) -> Sharding {
        self.sharding
    }

    /// Returns the channels with at least one of the shard's users.
    pub fn channels(&self) -> &[ChannelId] {
        &self.channels
    }

    /// Returns until when slabs have been taken.
    pub fn planned_until(&self) -> Offset {
        Offset::from_secs(self.slab)
    }

    /// Returns whether everything has been taken.
    pub fn is_done(&self) -> bool {
        self.planned_until() >= self.plan.timeline.ends
    }

    /// Appends the actions of the next second, in order: those of the shard's users, and what others say in their channels.
    pub fn next_slab(&mut self, out: &mut Vec<Planned>) {
        let start = out.len();
        let end = Offset::from_secs(self.slab + 1).min(self.plan.timeline.ends);
        if self.plan.script().is_some() {
            self.slab += 1;
            self.read_script(end, out);
            return;
        }
        while let Some(&Reverse((slab, index))) = self.due.peek() {
            if slab > self.slab {
                break;
            }
            self.due.pop();
            self.talk(index, end, out);
        }
        while let Some(planned) = self
            .moves
            .get(self.next_move)
            .filter(|planned| planned.at < end)
        {
            out.push(*planned);
            self.next_move += 1;
        }
        out[start..].sort_unstable_by_key(Planned::order);
        self.slab += 1;
    }

    /// Appends what the script has until `end` for the shard's users, and what others say in their channels.
    fn read_script(&mut self, end: Offset, out: &mut Vec<Planned>) {
        let actions = self.plan.script().map_or(&[][..], Script::actions);
        let due = actions.get(self.next_move..).unwrap_or_default();
        let due = &due[..due.partition_point(|planned| planned.at < end)];
        self.next_move += due.len();
        out.extend(due.iter().copied().filter(|planned| match planned.action {
            Action::Say { key, .. } => self.channels.binary_search(&key.channel).is_ok(),
            action => action.user().is_some_and(|user| self.sharding.drives(user)),
        }));
    }

    /// Lets one channel talk until `end`.
    fn talk(&mut self, index: u32, end: Offset, out: &mut Vec<Planned>) {
        let Self {
            plan,
            talkers,
            due,
            sharding,
            ..
        } = self;
        let Source::Model(profile) = &plan.source else {
            return;
        };
        let talker = &mut talkers[index as usize];
        let Some(talk) = profile.talk_of(plan.population.copied(talker.channel)) else {
            return;
        };
        while talker.next.at < end {
            let slot = talker.next;
            talker.speak(plan, talk, *sharding, &slot, out);
            talker.next = talker.stream.next(talk, &mut talker.room);
        }
        if talker.next.at < plan.timeline.ends {
            due.push(Reverse((slab_of(talker.next.at), index)));
        }
    }
}

impl Talker {
    /// Turns a slot into messages, or into the record that nobody was there.
    fn speak(
        &mut self,
        plan: &Plan,
        talk: &Talk,
        sharding: Sharding,
        slot: &TalkSlot,
        out: &mut Vec<Planned>,
    ) {
        if plan.timeline.is_quiet(slot.at) {
            self.sequence += 1;
            return;
        }
        let members = plan.population.members(self.channel);
        let wants_private = uniform(self.private_rng.next_u64())
            < private_odds(plan.scenario.population.private_share);
        let (from_draw, to_draw, length_draw) = (
            self.private_rng.next_u64(),
            self.private_rng.next_u64(),
            self.private_rng.next_u64(),
        );
        let speaker = slot
            .member
            .and_then(|member| members.get(member as usize))
            .copied();
        let Some(speaker) = speaker else {
            // Told by the shard of the channel's first member alone, so that it counts once.
            let tells = members
                .first()
                .is_some_and(|&member| sharding.drives(member));
            if tells && slot.at >= plan.timeline.gathered + SETTLED_AFTER {
                self.push(
                    slot.at,
                    Action::Unspoken {
                        channel: self.channel,
                    },
                    out,
                );
            } else {
                self.sequence += 1;
            }
            return;
        };
        let said = Said {
            at: slot.at,
            sender: speaker,
            to: None,
            kind: slot.kind,
            length_draw: slot.length_draw,
        };
        self.say(plan, talk, said, out);
        let count = self.room.present_count();
        if wants_private && count > 1 {
            let present: Vec<UserId> = (0..)
                .zip(members)
                .filter(|&(member, _)| self.room.is_present(member))
                .map(|(_, &user)| user)
                .collect();
            let from = below(from_draw, count);
            let to = (from + 1 + below(to_draw, count - 1)) % count;
            if let (Some(&sender), Some(&to)) =
                (present.get(from as usize), present.get(to as usize))
            {
                let said = Said {
                    at: slot.at,
                    sender,
                    to: Some(to),
                    kind: TalkKind::Message,
                    length_draw,
                };
                self.say(plan, talk, said, out);
            }
        }
    }

    fn say(&mut self, plan: &Plan, talk: &Talk, said: Said, out: &mut Vec<Planned>) {
        let resident = plan.population.people[said.sender.index()].identity.user;
        let profile_user = match &plan.source {
            Source::Model(profile) => profile.user_of(resident),
            Source::Script(_) => None,
        };
        let bytes = talk
            .length(said.kind, profile_user, said.length_draw)
            .min(TEXT_BYTES_MAX);
        let key = MessageKey {
            channel: self.channel,
            index: self.index,
        };
        self.index += 1;
        let message = PlannedMessage {
            sender: said.sender,
            to: said.to,
            bytes,
            intended: said.at,
        };
        let kind = said.kind;
        self.push(said.at, Action::Say { key, message, kind }, out);
    }

    fn push(&mut self, at: Offset, action: Action, out: &mut Vec<Planned>) {
        out.push(Planned {
            at,
            stream: StreamId::of_channel(Purpose::Talk, self.channel),
            sequence: self.sequence,
            action,
        });
        self.sequence += 1;
    }
}

/// Returns the odds of a private message beside each of a channel's, so that private ones are `share` of all.
fn private_odds(share: f64) -> f64 {
    if share >= 1.0 {
        1.0
    } else {
        share / (1.0 - share)
    }
}

/// One message's fields.
#[derive(Clone, Copy)]
struct Said {
    at: Offset,
    sender: UserId,
    to: Option<UserId>,
    kind: TalkKind,
    length_draw: u64,
}

/// Returns the room of a channel: its members, each of whom speaks as the captured user does whose life they lead.
///
/// Who has only just arrived is not asked to speak. Those who are there from the start have been so long before.
fn room(plan: &Plan, row: &ChannelRow, channel: ChannelId) -> Room {
    let members = plan.population.members(channel);
    let own = |&user: &UserId| {
        row.speaker(plan.population.people[user.index()].identity.user)
            .copied()
    };
    let weights = || members.iter().filter_map(own).map(|speaker| speaker.weight);
    let count = f64::from(u32::try_from(members.len()).unwrap_or(u32::MAX)).max(1.0);
    let floor = match weights().sum::<f64>() / count * WEIGHT_FLOOR {
        0.0 => 1.0,
        floor => floor,
    };
    let speakers = members.iter().map(|user| {
        let speaker = own(user).unwrap_or_default();
        Speaker {
            weight: speaker.weight + floor,
            insistence: if speaker.insistence > 0.0 {
                speaker.insistence
            } else {
                1.0
            },
            ..speaker
        }
    });
    let mut turns = Vec::new();
    for (member, &user) in (0..).zip(members) {
        let mut turn = |at: Offset, is_coming: bool, is_seen: bool| {
            turns.push(Turn {
                at,
                is_coming,
                member,
                is_seen,
            });
        };
        let mut is_first = plan.population.people[user.index()].is_online_at_start;
        for stay in plan.timeline.stays(user) {
            let from = stay.from + SETTLED_AFTER;
            if is_first && stay.from > Offset::ZERO {
                turn(WARM_UP_BEGINS, true, false);
                turn(Offset::ZERO, false, false);
            }
            if from < stay.to {
                turn(from, true, !is_first);
                turn(stay.to, false, true);
            }
            is_first = false;
        }
    }
    turns.sort_unstable();
    Room::new(speakers, turns)
}

/// Returns whether one of a shard's users is a member of a channel.
fn is_known(plan: &Plan, sharding: Sharding, channel: ChannelId) -> bool {
    let mut members = plan.population.members(channel).iter();
    members.any(|&member| sharding.drives(member))
}

fn slab_of(at: Offset) -> i64 {
    at.as_nanos().div_euclid(1_000_000_000)
}
