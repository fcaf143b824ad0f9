//! The presence ledger: whether fellow members saw each JOIN, PART, QUIT, NICK and KICK.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::measure::exemplar::Exemplar;
use crate::measure::ledger::Ledger;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::judge::Due;
use crate::measure::ledger::judge::Settling;
use crate::measure::ledger::judge::due;
use crate::measure::ledger::partition::Between;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Most sightings remembered that no change explains yet. A target that invents presence must not fill the memory.
const SIGHTINGS_MAX: usize = 4_000_000;

/// Changes of presence judged before the shard looks at its sends again: a tenth of a millisecond's work.
const PRESENCE_AT_ONCE_MAX: usize = 64;
/// How many times `settle` a sighting waits for the change that explains it.
const SIGHTING_SETTLES: u32 = 4;

/// A change of presence that fellow members see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// JOIN of one channel.
    Join,
    /// PART of one channel.
    Part,
    /// QUIT, seen once however many channels are shared.
    Quit,
    /// NICK, seen once however many channels are shared.
    Nick,
    /// KICK out of one channel; the user is the one kicked.
    Kick,
}

/// A change of presence that happened to one of a shard's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceFact {
    /// What changed.
    pub presence: Presence,
    /// Whose.
    pub user: UserId,
    /// The channels whose members see it.
    pub channels: Vec<ChannelId>,
    /// When it was sent or ordered.
    pub attempt: Offset,
    /// When the server is proved to have processed it; `NEVER` if it is not.
    pub processed: Offset,
    /// When the user's shard knew of it: fellow members have `settle` from then on.
    pub known: Offset,
    /// The split that caused it: only users across it see it.
    pub across: Option<Across>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sighting {
    observer: UserId,
    user: UserId,
    presence: Presence,
    /// The channel, for what concerns one.
    channel: Option<ChannelId>,
}

#[derive(Debug, Default)]
pub(crate) struct PresenceBook {
    open: VecDeque<PresenceFact>,
    /// What was seen and when, and no change has explained yet.
    sightings: BTreeSet<(Sighting, Offset, u64)>,
    /// Sightings so far: two of one read bear one moment.
    sighting_count: u64,
    next_prune: Offset,
    /// How far each phase's heal has been seen.
    heals: Vec<(PhaseId, HealSeen)>,
}

/// How far a heal has been seen by those who were apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealSeen {
    /// JOINs that members across the link had to see.
    pub required: u64,
    /// Those that were seen.
    pub seen: u64,
}

/// A split that changed the presence of everybody across it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Across {
    /// The phase.
    pub phase: PhaseId,
    /// The server behind the link.
    pub far: ServerId,
}

impl PresenceFact {
    /// Returns the fact that a user's own change was attempted at `attempt` and its echo read at `now`.
    pub(crate) fn of(
        presence: Presence,
        user: UserId,
        channels: Vec<ChannelId>,
        attempt: Offset,
        now: Offset,
    ) -> Self {
        Self {
            presence,
            user,
            channels,
            attempt,
            processed: now,
            known: now,
            across: None,
        }
    }
}

impl PresenceBook {
    pub(crate) fn enter(&mut self, fact: PresenceFact) {
        self.open.push_back(fact);
    }

    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }
}

impl Ledger {
    /// Notes that one of this shard's users saw a change of another's presence.
    pub fn handle_presence(
        &mut self,
        observer: UserId,
        user: UserId,
        presence: Presence,
        channel: Option<ChannelId>,
        now: Offset,
    ) {
        if observer == user {
            return;
        }
        let sighting = Sighting {
            observer,
            user,
            presence,
            channel,
        };
        if self.presence.sightings.len() < SIGHTINGS_MAX {
            self.presence.sighting_count += 1;
            self.presence
                .sightings
                .insert((sighting, now, self.presence.sighting_count));
        }
    }

    /// Returns how far the heal of a phase's split has been seen.
    pub fn heal_seen(&self, phase: PhaseId) -> HealSeen {
        self.presence
            .heals
            .iter()
            .find(|(healed, _)| *healed == phase)
            .map(|(_, seen)| *seen)
            .unwrap_or_default()
    }

    /// Returns when the oldest open change of presence is to be judged; `NEVER` if none is open.
    pub fn presence_due(&self) -> Offset {
        self.presence
            .open
            .front()
            .map_or(Offset::NEVER, |fact| fact.known + self.config.settle)
    }

    /// Judges a few changes of presence that are due. A storm leaves tens of thousands at once; sends do not wait for them.
    pub fn settle_some_presence(&mut self, now: Offset) {
        for _ in 0..PRESENCE_AT_ONCE_MAX {
            if self.presence_due() > now {
                return;
            }
            if let Some(fact) = self.presence.open.pop_front() {
                self.judge_presence(&fact);
            }
        }
    }

    /// Judges changes of presence at the end of a run, and forgets sightings that nothing explained.
    pub(crate) fn settle_presence(&mut self, now: Offset, settling: Settling) {
        if settling != Settling::WhenDue {
            let mut open = std::mem::take(&mut self.presence.open);
            open.retain(|fact| {
                let is_due = settling == Settling::Now
                    || now >= fact.known + self.config.settle
                    || self.is_presence_seen(fact);
                if is_due {
                    self.judge_presence(fact);
                }
                !is_due
            });
            self.presence.open = open;
        }
        if now >= self.presence.next_prune {
            // What explains a sighting is told within an interval of the user's own echo, and judged `settle` later.
            let horizon = now - self.config.settle * SIGHTING_SETTLES;
            self.presence.sightings.retain(|&(_, at, _)| at > horizon);
            self.presence.next_prune = now + self.config.settle;
        }
    }

    /// Returns the shard's users that share a channel with the change, with what each is owed of it.
    fn observers(&self, fact: &PresenceFact) -> Vec<(UserId, Due)> {
        let mut observers: Vec<(UserId, Due)> = Vec::new();
        for &channel in &fact.channels {
            let Some(book) = self.book(channel) else {
                continue;
            };
            for &id in &self.books[book].rows {
                let row = &self.members.rows[id as usize];
                if row.user == fact.user {
                    continue;
                }
                // Judged as of its due time, however much later a busy shard gets to it.
                let stay = row.stay.as_of(fact.known + self.config.settle);
                let owed = due(&stay, fact.attempt, fact.processed);
                observers.push((row.user, self.presence_across(fact, row.user, owed)));
            }
        }
        // One sighting serves all shared channels, and the strongest claim decides.
        observers.sort_by_key(|&(user, due)| (user, due != Due::Required, due != Due::Optional));
        observers.dedup_by_key(|&mut (user, _)| user);
        observers
    }

    fn presence_across(&self, fact: &PresenceFact, observer: UserId, owed: Due) -> Due {
        let (mine, theirs) = (
            self.config.sides[fact.user.index()],
            self.config.sides[observer.index()],
        );
        match fact.across {
            Some(Across { far, .. }) if (mine == far) == (theirs == far) => Due::Forbidden,
            // Whom another split parts at that time sees nothing of this one.
            Some(Across { phase, .. }) => owed.across(self.partition.between_beside(
                Some(phase),
                mine,
                theirs,
                fact.attempt,
                fact.processed,
                fact.known + self.config.settle,
            )),
            None => {
                let between = self.partition.between(
                    mine,
                    theirs,
                    fact.attempt,
                    fact.processed,
                    fact.known + self.config.settle,
                );
                if fact.processed == Offset::NEVER && between == Between::Unproved {
                    Due::Optional
                } else {
                    owed.across(between)
                }
            }
        }
    }

    fn is_presence_seen(&self, fact: &PresenceFact) -> bool {
        let observers = self.observers(fact);
        observers.iter().all(|&(observer, due)| {
            due != Due::Required || self.sighting_of(fact, observer).is_some()
        })
    }

    /// Returns the first sighting that shows the change to the observer: none from before it was attempted can.
    fn sighting_of(
        &self,
        fact: &PresenceFact,
        observer: UserId,
    ) -> Option<(Sighting, Offset, u64)> {
        let first = |sighting: Sighting| {
            let later = self
                .presence
                .sightings
                .range((sighting, fact.attempt, 0)..)
                .next();
            let is_in_time = |at: Offset| at <= fact.known + self.config.settle;
            later
                .filter(|(found, at, _)| *found == sighting && is_in_time(*at))
                .copied()
        };
        let sighting = Self::sighting(fact, observer);
        if sighting.channel.is_some() {
            return first(sighting);
        }
        // A KICK that crossed a QUIT or NICK shows the change where the two shared that channel alone.
        let kick = |&channel: &ChannelId| {
            first(Sighting {
                presence: Presence::Kick,
                channel: Some(channel),
                ..sighting
            })
        };
        first(sighting).or_else(|| fact.channels.iter().find_map(kick))
    }

    fn sighting(fact: &PresenceFact, observer: UserId) -> Sighting {
        let channel = match fact.presence {
            Presence::Quit | Presence::Nick => None,
            Presence::Join | Presence::Part | Presence::Kick => fact.channels.first().copied(),
        };
        Sighting {
            observer,
            user: fact.user,
            presence: fact.presence,
            channel,
        }
    }

    fn judge_presence(&mut self, fact: &PresenceFact) {
        let mut healed = HealSeen::default();
        for (observer, due) in self.observers(fact) {
            if due != Due::Required {
                continue;
            }
            let sighting = self.sighting_of(fact, observer);
            if let Some(sighting) = sighting {
                // Used up, so that a user who came and went twice has to be seen twice.
                self.presence.sightings.remove(&sighting);
            }
            self.counts.presence_required += 1;
            healed.required += 1;
            if sighting.is_some() {
                self.counts.presence_seen += 1;
                healed.seen += 1;
            } else {
                self.presence_missed(fact, observer);
            }
        }
        if let (Some(Across { phase, .. }), Presence::Join) = (fact.across, fact.presence) {
            self.note_heal(phase, healed);
        }
    }

    fn note_heal(&mut self, phase: PhaseId, healed: HealSeen) {
        if !self.presence.heals.iter().any(|(known, _)| *known == phase) {
            self.presence.heals.push((phase, HealSeen::default()));
        }
        for (known, seen) in &mut self.presence.heals {
            if *known == phase {
                seen.required += healed.required;
                seen.seen += healed.seen;
            }
        }
    }

    fn presence_missed(&mut self, fact: &PresenceFact, observer: UserId) {
        self.counts.add(Breach::PresenceMissed);
        let channel = fact
            .channels
            .first()
            .copied()
            .unwrap_or(ChannelId(u32::MAX));
        self.exemplars
            .offer(Breach::PresenceMissed, fact.attempt, || Exemplar {
                key: MessageKey {
                    channel,
                    index: u32::MAX,
                },
                sender: fact.user,
                to: None,
                receiver: observer,
                bytes: 0,
                intended: fact.attempt,
                attempt: fact.attempt,
                accepted: fact.attempt,
                first_seen: fact.processed,
                why: format!(
                    "{:?} of a fellow member, {}",
                    fact.presence,
                    if fact.across.is_some() {
                        "by the split"
                    } else {
                        "of its own"
                    }
                ),
                text: Vec::new(),
                wire: Vec::new(),
            });
    }
}
