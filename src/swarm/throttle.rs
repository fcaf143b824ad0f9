//! Senders whom the target holds back on purpose (fake lag), told from a slow target by others' lines beside theirs.
//!
//! A line that took long is either a slow target's or that of a sender who sent more than a line a second. If the same server
//! let other lines through at once meanwhile, it held this sender back, and what its line took is no latency of the target's. Where
//! there were no other lines the sender is asked for an answer in the queue of its own lines, and somebody rested beside it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::time::Duration;

use crate::irc::session::Session;
use crate::measure::operation::Operation;
use crate::measure::reason::Refused;
use crate::swarm::Shard;
use crate::swarm::beside::Beside;
use crate::swarm::io::PaceFact;
use crate::swarm::io::Suspect;
use crate::swarm::user::Link;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// What a line took from which on its sender may have been held back. Servers that do so let a line a second through.
const HELD_MIN: Duration = Duration::from_millis(500);
/// What a line takes at most if the server is not slow: a quarter of what is suspected.
const PROMPT_MAX: Duration = Duration::from_millis(125);
/// For how long a finding holds before the sender is asked again.
const FOUND_KEPT: Duration = Duration::from_secs(10);
/// For how long a line waits for a finding: asking and telling another shard take no longer, else it counts as latency.
const WAIT_MAX: Duration = Duration::from_secs(4);
/// Most lines that wait for a finding; beyond it late lines count as latency at once.
const WAITING_COUNT_MAX: usize = 65_536;
/// Most senders asked at once.
const ASKED_COUNT_MAX: usize = 4_096;
/// Time between two questions to rested users, while senders are asked.
const WITNESS_EVERY: Duration = Duration::from_millis(500);
/// Users looked at for one who is rested.
const LOOKED_AT_MAX: usize = 256;

/// What a line took, of which it is not known yet whose time that was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// Who sent it.
    pub(crate) sender: UserId,
    /// Who saw it.
    pub(crate) receiver: UserId,
    /// What it was.
    pub(crate) operation: Operation,
    /// From its intended time.
    pub(crate) response: Duration,
    /// From its attempt, where that is known.
    pub(crate) service: Option<Duration>,
    /// When it was first seen, by whomever.
    pub(crate) first_seen: Offset,
    /// When it was seen by this receiver.
    pub(crate) at: Offset,
}

impl Took {
    fn since_attempt(&self) -> Duration {
        self.service.unwrap_or(self.response)
    }
}

/// What was found of a sender.
#[derive(Clone, Copy, Debug)]
struct Finding {
    is_held: bool,
    until: Offset,
}

/// What one shard knows of senders who may be held back.
#[derive(Debug)]
pub(crate) struct Throttles {
    /// Late lines whose senders nothing was found of yet, by sender; none is empty.
    waiting: BTreeMap<UserId, Vec<Took>>,
    waiting_count: usize,
    /// Own users who were asked, and when.
    asked: BTreeMap<UserId, Offset>,
    /// What is known of others' lines, by server.
    beside: Vec<Beside>,
    /// Where to look next for a rested user.
    next_look: usize,
    findings: BTreeMap<UserId, Finding>,
    /// Own users whom others suspect.
    suspected: Vec<Suspect>,
    /// Others' users whom this shard suspects.
    outgoing_suspects: BTreeSet<Suspect>,
    outgoing_paces: Vec<PaceFact>,
    due: Offset,
}

impl Throttles {
    /// Returns what is known at first of a target of so many servers: nothing.
    pub(crate) fn new(server_count: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            waiting_count: 0,
            asked: BTreeMap::new(),
            beside: vec![Beside::new(); server_count],
            next_look: 0,
            findings: BTreeMap::new(),
            suspected: Vec::new(),
            outgoing_suspects: BTreeSet::new(),
            outgoing_paces: Vec::new(),
            due: Offset::NEVER,
        }
    }

    /// Returns when there is next something to find.
    pub(crate) fn due(&self) -> Offset {
        self.due
    }

    /// Takes whom other shards are to ask.
    pub(crate) fn take_suspects(&mut self) -> Vec<Suspect> {
        let suspects = std::mem::take(&mut self.outgoing_suspects);
        suspects.into_iter().collect()
    }

    /// Takes what was found.
    pub(crate) fn take_paces(&mut self) -> Vec<PaceFact> {
        std::mem::take(&mut self.outgoing_paces)
    }

    /// Notes whom another shard suspects.
    pub(crate) fn suspect(&mut self, suspect: Suspect) {
        self.suspected.push(suspect);
        self.due = Offset::ALWAYS;
    }

    fn finding(&self, user: UserId, now: Offset) -> Option<bool> {
        let finding = self.findings.get(&user)?;
        (finding.until > now).then_some(finding.is_held)
    }

    fn put_off(&mut self, took: Took) {
        self.due = self.due.min(took.at + WAIT_MAX);
        self.waiting_count += 1;
        self.waiting.entry(took.sender).or_default().push(took);
    }

    fn take_waiting(&mut self, sender: UserId) -> Vec<Took> {
        let waiting = self.waiting.remove(&sender).unwrap_or_default();
        self.waiting_count -= waiting.len();
        waiting
    }

    /// Returns the senders whose first line has waited for as long as any may.
    fn ripe(&self, now: Offset) -> Vec<UserId> {
        let is_ripe = |tooks: &[Took]| tooks.first().is_some_and(|took| took.at + WAIT_MAX <= now);
        let waiting = self.waiting.iter();
        let ripe = waiting.filter(|(_, tooks)| is_ripe(tooks));
        ripe.map(|(&sender, _)| sender).collect()
    }

    fn plan_next(&mut self, now: Offset) {
        let asked = self.asked.values().map(|&at| at + HELD_MIN);
        let firsts = self.waiting.values().filter_map(|tooks| tooks.first());
        let waiting = firsts.map(|took| took.at + WAIT_MAX);
        let is_asking = !self.asked.is_empty();
        let witnesses = self
            .beside
            .iter()
            .filter_map(|beside| match beside.witness {
                Some((_, asked)) => Some(asked + PROMPT_MAX),
                // Longer ago means that nobody of this server is asked.
                None => Some(beside.asked + WITNESS_EVERY).filter(|&at| is_asking && at > now),
            });
        let next = asked.chain(waiting).chain(witnesses).min();
        self.due = next.unwrap_or(Offset::NEVER);
    }
}

impl Shard {
    /// Notes what a line took; of a late one it may have to be found first whose time that was.
    pub(super) fn note_took(&mut self, took: Took) {
        let waited = took.since_attempt();
        let is_late = took.first_seen.since(took.at - waited) >= HELD_MIN;
        // While accounts move nobody knows whose lines are beside whose.
        if self.routes.has_answers() {
            self.record_took(&took);
            return;
        }
        // What another receiver read in time was not held back.
        if !is_late {
            if waited <= PROMPT_MAX && took.first_seen == took.at {
                self.note_prompt(took.sender, took.at - waited);
            }
            self.record_took(&took);
            return;
        }
        if self.throttles.finding(took.sender, took.at).is_none() {
            self.look_into(took);
        }
        match self.throttles.finding(took.sender, took.at) {
            Some(true) if !self.has_passed_since(&took) => self.record_held(&took),
            None if self.throttles.waiting_count < WAITING_COUNT_MAX => {
                self.throttles.put_off(took);
            }
            Some(_) | None => self.record_took(&took),
        }
    }

    /// Returns whether a later line of the sender's passed at once, as far as this shard knows.
    fn has_passed_since(&self, took: &Took) -> bool {
        let sender = self.sharding.local(took.sender);
        let pace = sender.map(|local| &self.users[local].pace);
        pace.is_some_and(|pace| pace.has_passed_since(took.at - took.since_attempt()))
    }

    fn note_prompt(&mut self, sender: UserId, sent: Offset) {
        let server = self.server_beside(sender);
        if let Some(beside) = self.throttles.beside.get_mut(server) {
            beside.note_prompt(sent);
        }
        if let Some(local) = self.sharding.local(sender) {
            self.users[local].pace.note_prompt(sent);
        }
    }

    fn server_beside(&self, user: UserId) -> usize {
        let sides = &self.plan.population.sides;
        sides.get(user.index()).map_or(0, |side| side.index())
    }

    /// Looks into a sender of whom a line is late.
    fn look_into(&mut self, took: Took) {
        let beside = self.throttles.beside.get(self.server_beside(took.sender));
        let sent = took.at - took.since_attempt();
        let was_prompt = |beside: &Beside| beside.was_prompt(sent, took.at - PROMPT_MAX);
        let suspect = Suspect {
            user: took.sender,
            sent,
            is_beside_prompt: beside.is_some_and(was_prompt),
        };
        if self.sharding.drives(suspect.user) {
            self.judge(suspect, took.at);
        } else {
            self.throttles.outgoing_suspects.insert(suspect);
        }
    }

    fn record_held(&mut self, took: &Took) {
        let times = self.interval.times_mut(Operation::Held);
        times.response.record(took.response);
        if let Some(service) = took.service {
            times.service.record(service);
        }
    }

    /// Judges one of this shard's users, or asks.
    fn judge(&mut self, suspect: Suspect, now: Offset) {
        let Some(local) = self.sharding.local(suspect.user) else {
            return;
        };
        let user = suspect.user;
        let server = self.server_beside(user);
        if self.users[local].pace.was_calm(suspect.sent) {
            self.note_slow(server, now);
        }
        let beside = self.throttles.beside.get(server);
        let was_slow = beside.is_none_or(|beside| beside.slow_until > suspect.sent);
        if was_slow || !self.users[local].pace.may_be_held(suspect.sent) {
            self.find(user, false, now);
        } else if suspect.is_beside_prompt {
            self.find(user, true, now);
        } else if !self.is_up(local) || self.throttles.asked.len() >= ASKED_COUNT_MAX {
            self.find(user, false, now);
        } else if let Entry::Vacant(entry) = self.throttles.asked.entry(user) {
            entry.insert(now);
            self.throttles.due = self.throttles.due.min(now + HELD_MIN);
            self.ask_queue(local, now);
            self.ask_beside(server, now);
        }
    }

    fn is_up(&self, local: usize) -> bool {
        self.users[local].session.is_online() && self.users[local].link == Link::Up
    }

    /// Asks a rested user of a server beside those of it who were asked, if it is time to. Without any nothing can be told.
    fn ask_beside(&mut self, server: usize, now: Offset) {
        let is_time =
            |beside: &Beside| beside.witness.is_none() && beside.asked + WITNESS_EVERY <= now;
        if !self.throttles.beside.get(server).is_some_and(is_time) {
            return;
        }
        let Some(local) = self.find_rested(server, now) else {
            self.find_slow(server, now);
            return;
        };
        let user = self.users[local].id;
        if let Some(beside) = self.throttles.beside.get_mut(server) {
            (beside.witness, beside.asked) = (Some((user, now)), now);
        }
        self.throttles.due = self.throttles.due.min(now + PROMPT_MAX);
        self.ask_queue(local, now);
    }

    fn find_rested(&mut self, server: usize, now: Offset) -> Option<usize> {
        let count = self.users.len();
        let looked_at = (0..count.min(LOOKED_AT_MAX)).map(|step| self.throttles.next_look + step);
        let mut looked_at = looked_at.map(|local| local % count);
        let is_rested = |&local: &usize| {
            let state = &self.users[local];
            self.is_up(local)
                && state.pace.has_rested(now)
                && self.server_beside(state.id) == server
        };
        let rested = looked_at.find(is_rested)?;
        self.throttles.next_look = rested + 1;
        Some(rested)
    }

    fn ask_queue(&mut self, local: usize, now: Offset) {
        let number = now.as_nanos().unsigned_abs();
        self.with_session(local, |_, cx| Session::time_queue(number, cx));
        self.flush(local);
    }

    /// Handles a user's answer to a question that was asked at the moment that `number` tells.
    pub(super) fn hear_timed(&mut self, user: UserId, number: u64, now: Offset) {
        let asked = Offset::from_nanos(i64::try_from(number).unwrap_or(i64::MAX));
        let took = now.since(asked);
        let server = self.server_beside(user);
        let Some(beside) = self.throttles.beside.get_mut(server) else {
            return;
        };
        if beside.witness == Some((user, asked)) {
            beside.witness = None;
            if took <= PROMPT_MAX {
                beside.prompt = asked;
            } else {
                self.note_slow(server, now);
            }
        } else if self.throttles.asked.get(&user) == Some(&asked) {
            let is_held = took >= HELD_MIN && beside.prompt >= asked;
            self.find(user, is_held, now);
        }
    }

    /// Finds what is due: senders whose answer is late, rested users whose answer is, lines that waited for long.
    pub(super) fn handle_throttles(&mut self, now: Offset) {
        for suspect in std::mem::take(&mut self.throttles.suspected) {
            if self.throttles.finding(suspect.user, now).is_none() {
                self.judge(suspect, now);
            }
        }
        for server in 0..self.throttles.beside.len() {
            let beside = self.throttles.beside.get_mut(server);
            let late = beside.and_then(|beside| {
                beside
                    .witness
                    .take_if(|(_, asked)| *asked + PROMPT_MAX <= now)
            });
            if late.is_some() {
                self.note_slow(server, now);
            }
        }
        let asked = self.throttles.asked.iter();
        let late = asked.filter(|&(_, &at)| at + HELD_MIN <= now);
        let late: Vec<(UserId, Offset)> = late.map(|(&user, &at)| (user, at)).collect();
        for (user, at) in late {
            let beside = self.throttles.beside.get(self.server_beside(user));
            let is_held = beside.is_some_and(|beside| beside.prompt >= at);
            self.find(user, is_held, now);
        }
        let servers = self.throttles.asked.keys();
        let servers: BTreeSet<usize> = servers.map(|&user| self.server_beside(user)).collect();
        for server in servers {
            self.ask_beside(server, now);
        }
        for sender in self.throttles.ripe(now) {
            for took in self.throttles.take_waiting(sender) {
                self.record_took(&took);
            }
        }
        self.throttles.findings.retain(|_, found| found.until > now);
        self.throttles.plan_next(now);
    }

    /// Notes that a server is slow: nobody of it is found held back for what was sent until now.
    fn note_slow(&mut self, server: usize, now: Offset) {
        if let Some(beside) = self.throttles.beside.get_mut(server) {
            beside.slow_until = now;
        }
        let sides = &self.plan.population.sides;
        let is_of_it = |user: &UserId| {
            sides
                .get(user.index())
                .is_some_and(|side| side.index() == server)
        };
        let findings = &mut self.throttles.findings;
        findings.retain(|user, finding| !(finding.is_held && is_of_it(user)));
        self.find_slow(server, now);
    }

    /// Finds that nobody of a server who was asked is held back, or that it can't be told: whoever is rested waits as well.
    fn find_slow(&mut self, server: usize, now: Offset) {
        let asked = self.throttles.asked.keys().copied();
        let asked: Vec<UserId> = asked
            .filter(|&user| self.server_beside(user) == server)
            .collect();
        for user in asked {
            self.find(user, false, now);
        }
    }

    fn find(&mut self, user: UserId, is_held: bool, now: Offset) {
        self.throttles.asked.remove(&user);
        if is_held {
            self.interval.refused.add(Refused::FakeLag);
        }
        let fact = PaceFact {
            user,
            is_held,
            at: now,
        };
        if self.sharding.count() > 1 {
            self.throttles.outgoing_paces.push(fact);
        }
        self.enter_pace(fact);
    }

    /// Enters what was found of a sender, and counts what its late lines took.
    pub(super) fn enter_pace(&mut self, fact: PaceFact) {
        let finding = Finding {
            is_held: fact.is_held,
            until: fact.at + if fact.is_held { FOUND_KEPT } else { HELD_MIN },
        };
        self.throttles.findings.insert(fact.user, finding);
        for took in self.throttles.take_waiting(fact.user) {
            if fact.is_held {
                self.record_held(&took);
            } else {
                self.record_took(&took);
            }
        }
    }

    /// Counts what still waits as latency: the run is over, and nothing more will be found.
    pub(super) fn close_throttles(&mut self) {
        let waiting = std::mem::take(&mut self.throttles.waiting);
        self.throttles.due = Offset::NEVER;
        for took in waiting.into_values().flatten() {
            self.record_took(&took);
        }
    }
}
