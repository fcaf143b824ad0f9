//! The judge of a run against a bouncer, between the shards, the networks and the run: who told what, and what has to end the run.

use std::time::Duration;

use crate::drive::run::bouncer::Bouncer;
use crate::gate::abort::Abort;
use crate::irc::network::rules::RULES;
use crate::irc::network::sightings::Saw;
use crate::irc::network::sightings::Sighting;
use crate::irc::network::sightings::Within;
use crate::measure::bouncer::BouncerOutcome;
use crate::measure::bouncer::Held;
use crate::measure::bouncer::LoginsSaw;
use crate::measure::bouncer::NetworkSaw;
use crate::measure::bouncer::SourceSaw;
use crate::measure::continuity::Continuity;
use crate::measure::continuity::told::Deed;
use crate::measure::continuity::told::Told;
use crate::measure::interval::Interval;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::outcome::Outcome;
use crate::measure::progress::Progress;
use crate::measure::said::SaidLog;
use crate::plan::Plan;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Addresses told of each network; more than one is a bouncer with egress addresses of its users.
const SOURCES_TOLD_MAX: usize = 32;

/// The judge of a run against a bouncer.
pub(crate) struct Judging<'a> {
    bouncer: &'a Bouncer,
    plan: &'a Plan,
    continuity: Continuity,
    /// What members of the networks were to say, and said.
    members: LedgerCounts,
    said: SaidLog,
    /// When the plan was over; `NEVER` for a run that was held, whose plan is not that of its clock.
    over_at: Offset,
    was_held: bool,
}

impl<'a> Judging<'a> {
    pub(crate) fn new(plan: &'a Plan, bouncer: &'a Bouncer) -> Self {
        let settle = plan.scenario.settle;
        Self {
            continuity: Continuity::new(plan.client_seats(), bouncer.family.policy, settle),
            members: LedgerCounts::default(),
            said: SaidLog::default(),
            over_at: Offset::NEVER,
            was_held: false,
            bouncer,
            plan,
        }
    }

    /// Takes what clients told.
    pub(crate) fn tell(&mut self, told: Vec<Told>) {
        self.continuity.tell(told);
    }

    /// Notes that the bouncer was taken down: what it kept in memory is gone with leave.
    pub(crate) fn note_down(&mut self, at: Offset) {
        let deed = Deed::BouncerDown;
        self.continuity.tell([Told { at, deed }]);
    }

    /// Takes what the networks did and saw.
    fn gather(&mut self, interval: &mut Interval) {
        for network in &self.bouncer.networks {
            let Some(edge) = network.ask(|upstream, _| upstream.take_edge()) else {
                continue;
            };
            self.continuity.tell(edge.told);
            self.members.merge(&edge.counts);
            self.said.merge(&edge.said);
            interval.merge(&edge.interval);
        }
    }

    /// Enters an interval that all shards have closed; `progress` is told what the ledgers of shards don't know. What is judged lies an
    /// interval back: a line may have been stamped just before an edge and read just behind it.
    pub(crate) fn enter(&mut self, begins: Offset, interval: &mut Interval) {
        self.gather(interval);
        self.continuity.judge(begins, interval);
    }

    /// Adds what was counted here to what the shards count.
    pub(crate) fn add_to(&self, progress: &mut Progress) {
        progress.ledger.merge(self.continuity.counts());
        progress.ledger.merge(&self.members);
    }

    /// Returns why the run has to end at once, if it does.
    pub(crate) fn look(&self) -> Option<Abort> {
        let text = if let Some(leak) = self.continuity.leak() {
            let receiver = self.plan.names.nick_text(leak.receiver);
            format!(
                "a line of another user came to a client of `{receiver}` at {:.3} s: the bouncer leaks",
                leak.at.as_secs_f64()
            )
        } else if let Some(foreign) = self.bouncer.foreign() {
            // Before it says anything there.
            self.bouncer.stop();
            format!("the bouncer dialled {foreign}, which is none of our networks; it was stopped")
        } else {
            return None;
        };
        Some(Abort {
            text,
            is_hard: true,
            then: None,
        })
    }

    /// Holds what members of the networks do from `at` on.
    pub(crate) fn hold(&mut self, at: Offset) {
        self.was_held = true;
        for network in &self.bouncer.networks {
            network.ask(move |upstream, _| upstream.hold(at));
        }
    }

    /// Lets them go on at `at`.
    pub(crate) fn resume(&self, at: Offset) {
        for network in &self.bouncer.networks {
            network.ask(move |upstream, _| upstream.resume(at));
        }
    }

    /// Lets members of the networks do no more: the plan is over.
    pub(crate) fn cease(&mut self, at: Offset) {
        if !self.was_held {
            self.over_at = at;
        }
        for network in &self.bouncer.networks {
            network.ask(|upstream, _| upstream.cease());
        }
    }

    /// Judges during the drain, up to a moment that both sides have told of.
    pub(crate) fn drain(&mut self, until: Offset, interval: &mut Interval) {
        self.gather(interval);
        self.continuity.judge(until, interval);
    }

    /// Returns whether nothing is awaited any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.continuity.is_settled()
    }

    /// Returns how many clients whom the plan wanted there at its end were not attached; `None` where that can't be told.
    fn absent(&self) -> Option<u64> {
        let last = self.over_at - Duration::from_millis(1);
        let clients = self.plan.driven().map(UserId);
        let absent = clients.filter(|&client| {
            let is_wanted = self.plan.timeline.is_present(client, last, Duration::ZERO);
            is_wanted && !self.continuity.is_attached(client)
        });
        (self.over_at < Offset::NEVER).then(|| absent.count() as u64)
    }

    /// Judges the rest, and adds everything to an outcome.
    pub(crate) fn finish(mut self, now: Offset, outcome: &mut Outcome) {
        // Before they say goodbye.
        let absent = self.absent();
        let mut rest = Interval::new();
        self.gather(&mut rest);
        self.continuity.finish(now, &mut rest);
        outcome.total.merge(&rest);
        outcome.ledger.merge(self.continuity.counts());
        outcome.ledger.merge(&self.members);
        outcome.exemplars.merge(self.continuity.exemplars());
        outcome.said.merge(&self.said);
        let seats = self.plan.seats.as_ref();
        outcome.bouncer = Some(BouncerOutcome {
            kind: self.bouncer.kind.name(),
            version: self.bouncer.version.clone(),
            users: self.bouncer.user_count,
            seats: seats.map_or(0, |seats| seats.seats().len() as u64),
            clients: seats.map_or(0, |seats| u64::from(seats.client_count())),
            ready_in: self.bouncer.ready_in,
            playbacks: self.continuity.playbacks(),
            healed: self.continuity.healed().clone(),
            readings: self
                .plan
                .scenario
                .reads_back()
                .next()
                .is_some()
                .then(|| self.continuity.readings()),
            leak: self.continuity.leak(),
            absent,
            networks: self.networks(),
        });
    }

    fn networks(&self) -> Vec<NetworkSaw> {
        let names = self.plan.network_names().iter();
        let told = names.zip(&self.bouncer.networks).map(|(name, network)| {
            let name = name.clone();
            network.ask(move |upstream, now| {
                let readiness = upstream.readiness();
                NetworkSaw {
                    network: name,
                    members: upstream.member_count(),
                    seats: u64::from(readiness.seats),
                    registered: u64::from(readiness.registered),
                    half_open: upstream.half_open_count(),
                    logins: upstream.network().logins().map(|logins| LoginsSaw {
                        succeeded: logins.succeeded,
                        refused: logins.refused,
                        outages: logins.outages,
                    }),
                    sources: sources(upstream.network().saw(), now),
                    returns: upstream.returns(),
                }
            })
        });
        told.flatten().collect()
    }
}

/// Returns what was seen of each address, the busiest first.
fn sources(saw: &Saw, now: Offset) -> Vec<SourceSaw> {
    let held = |row: &Sighting| {
        let kinds = RULES.iter().flat_map(|rules| {
            let hits = saw.against(rules).into_iter();
            hits.filter(|hit| hit.source == row.source).map(|hit| Held {
                kind: rules.name,
                is_banned: hit.is_banned,
                why: format!("{} {}, {} allowed", hit.most, hit.limit.what(), hit.allowed),
            })
        });
        kinds.collect()
    };
    let rows = saw.busiest();
    let told = rows.into_iter().take(SOURCES_TOLD_MAX).map(|row| {
        let counts = row.counts;
        SourceSaw {
            address: row.source.to_string(),
            connections_max: u64::from(row.connections_max()),
            connects: counts.connects,
            connects_per_sec_max: u64::from(row.connects_max(Within::Second)),
            refused: counts.refused_throttle
                + counts.refused_clone_limit
                + counts.refused_ident_limit
                + counts.refused_ban,
            registered: counts.registrations,
            floods: counts.closed_by_flood,
            banned: row.first_ban.map(|ban| {
                let so_far = now.since(ban.at);
                ban.lasts.map_or(so_far, |lasts| lasts.min(so_far))
            }),
            held: held(row),
        }
    });
    told.collect()
}
