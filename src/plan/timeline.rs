//! The timeline: when phases begin and end, and when each user is online, mass events included.

use std::time::Duration;

use crate::plan::action::LeaveHow;
use crate::plan::outages::Outages;
use crate::plan::population::People;
use crate::plan::script::Script;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::scenario::Scenario;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Cut;
use crate::scenario::phase::Heal;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::Returns;
use crate::scenario::phase::SplitBy;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::stream::WARM_UP_BEGINS;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::online;
use crate::traffic::trace::cause::LeaveCause;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// A phase with its span: never, if it is played on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// When it begins.
    pub begins: Offset,
    /// When it ends.
    pub ends: Offset,
}

/// One stay of a user as planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedStay {
    /// When it arrives.
    pub from: Offset,
    /// The mass event after which it returns.
    pub returns_from: Option<PhaseId>,
    /// When it leaves; `NEVER` for beyond the run.
    pub to: Offset,
    /// How.
    pub how: LeaveHow,
    /// The mass event that ends it.
    pub ended_by: Option<PhaseId>,
}

/// Phases and stays.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// By phase identifier.
    pub phases: Vec<PhaseSpan>,
    /// Until when the population is still coming online for the first time; silence before it is no lack of speakers.
    pub gathered: Offset,
    /// When the last phase ends.
    pub ends: Offset,
    /// Spans in which nobody speaks.
    quiet: Vec<PhaseSpan>,
    stays: Vec<PlannedStay>,
    bounds: Vec<u32>,
}

/// Returns whether the event that is phase number `phase` hits `user`: a draw of its own, so that every shard answers alone.
pub(crate) fn is_hit(streams: &Streams, phase: u32, user: UserId, fraction: f64) -> bool {
    uniform(streams.draw(StreamId::of_user(Purpose::Mass, 2 * phase, user))) < fraction
}

/// Returns whether `user` sits behind the link of a netsplit. All splits of one server part the same users: they are drawn with
/// the first of them.
pub(crate) fn is_behind(
    scenario: &Scenario,
    streams: &Streams,
    server: ServerId,
    fraction: f64,
    user: UserId,
) -> bool {
    let parts =
        |phase: &Phase| matches!(phase.kind, PhaseKind::Netsplit { far, .. } if far == server);
    let first = scenario.phases.iter().position(parts);
    let first = first.and_then(|first| u32::try_from(first).ok());
    first.is_some_and(|first| is_hit(streams, first, user, fraction))
}

/// Returns a bound on the length of the scenario.
pub(crate) fn horizon(scenario: &Scenario) -> Duration {
    last_end(&spans(scenario)).since(Offset::ZERO)
}

/// Returns when the last of the phases that have their time ends.
fn last_end(spans: &[PhaseSpan]) -> Offset {
    let ends = spans.iter().map(|span| span.ends);
    let ends = ends.filter(|&ends| ends < Offset::NEVER);
    ends.max().unwrap_or(Offset::ZERO)
}

fn spans(scenario: &Scenario) -> Vec<PhaseSpan> {
    let mut spans: Vec<PhaseSpan> = Vec::with_capacity(scenario.phases.len());
    for phase in &scenario.phases {
        let begins = match phase.begins {
            Begins::AtStart => Offset::ZERO,
            Begins::After(id, at) => spans[id.index()].ends + at,
            Begins::During(id, at) => spans[id.index()].begins + at,
            Begins::OnDemand => Offset::NEVER,
        };
        spans.push(PhaseSpan {
            begins,
            ends: begins + phase.kind.lasts(scenario.driven_count()),
        });
    }
    spans
}

fn quiet(scenario: &Scenario, spans: &[PhaseSpan]) -> Vec<PhaseSpan> {
    let phases = scenario.phases.iter().zip(spans);
    let quiet = phases.filter(|(phase, _)| matches!(phase.kind, PhaseKind::Quiet { .. }));
    quiet.map(|(_, &span)| span).collect()
}

impl Timeline {
    /// Lays phases over people's stays. The first `clients` of them are a bouncer's clients, if it is one: what is done to clients is
    /// done to them, and what is done to the network to the others.
    pub(crate) fn new(
        scenario: &Scenario,
        people: &People,
        clients: u32,
        outages: &Outages,
        streams: &Streams,
    ) -> Self {
        let phases = spans(scenario);
        let ends = last_end(&phases);
        let gathered = match (scenario.phases.first(), phases.first()) {
            (
                Some(Phase {
                    kind: PhaseKind::Ramp { .. },
                    ..
                }),
                Some(span),
            ) => span.ends,
            _ => Offset::ZERO,
        };
        let mut stays = Vec::new();
        let mut bounds = vec![0];
        let mut overlay = Overlay {
            scenario,
            outages,
            streams,
            ends,
            clients,
            arrivals: vec![0; phases.len()],
        };
        for (user, person) in (0u32..).map(UserId).zip(&people.people) {
            let mut own: Vec<PlannedStay> =
                online(&person.life.stays).iter().map(planned).collect();
            for (phase, &span) in (0u16..).map(PhaseId).zip(&phases) {
                overlay.lay(&mut own, phase, span, user);
            }
            stays.extend(own);
            bounds.push(u32::try_from(stays.len()).unwrap_or(u32::MAX));
        }
        let mut timeline = Self {
            quiet: quiet(scenario, &phases),
            phases,
            gathered,
            ends,
            stays,
            bounds,
        };
        timeline.close(scenario, clients);
        timeline
    }

    /// Returns the phases of a replay; who is online when, its script's actions tell.
    pub(crate) fn of_script(scenario: &Scenario, script: &Script) -> Self {
        Self {
            phases: spans(scenario),
            quiet: Vec::new(),
            gathered: script.begins(),
            ends: script.ends(),
            stays: Vec::new(),
            bounds: vec![0; script.online_at_start().len() + 1],
        }
    }

    /// Lets everybody leave in the quit phase, evenly, whoever is there by then.
    fn close(&mut self, scenario: &Scenario, clients: u32) {
        let driven = match clients {
            0 => self.stays.len(),
            clients => self.bounds[clients as usize] as usize,
        };
        for (phase, span) in scenario.phases.iter().zip(&self.phases) {
            let PhaseKind::Quit { rate } = phase.kind else {
                continue;
            };
            let mut leaving = 0;
            for stay in &mut self.stays[..driven] {
                if stay.from < span.begins && stay.to > span.begins {
                    let at = span.begins + rate.due(leaving);
                    leaving += 1;
                    if at < stay.to {
                        stay.to = at;
                        stay.how = LeaveHow::Quit;
                    }
                } else if stay.from >= span.begins {
                    // Nobody comes any more: the stay is over before it begins.
                    stay.to = stay.from;
                }
            }
        }
    }

    /// Returns the stays of a user, in order; none of them empty.
    pub fn stays(&self, user: UserId) -> impl Iterator<Item = &PlannedStay> {
        let (start, end) = (self.bounds[user.index()], self.bounds[user.index() + 1]);
        self.stays[start as usize..end as usize]
            .iter()
            .filter(|stay| stay.from < stay.to)
    }

    /// Returns whether the user has been online for `settled` at `now`, and stays.
    pub fn is_present(&self, user: UserId, now: Offset, settled: Duration) -> bool {
        self.stays(user)
            .any(|stay| stay.from + settled <= now && now < stay.to)
    }

    /// Returns whether nobody is to speak at `now`.
    pub fn is_quiet(&self, now: Offset) -> bool {
        let mut quiet = self.quiet.iter();
        quiet.any(|span| span.begins <= now && now < span.ends)
    }

    /// Returns the span of a phase.
    pub fn span(&self, phase: PhaseId) -> PhaseSpan {
        self.phases[phase.index()]
    }
}

fn planned(stay: &StayRow) -> PlannedStay {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds of a bounded horizon in nanoseconds"
    )]
    let offset = |secs: f64| Offset::from_nanos(libm::floor(secs * 1e9) as i64);
    let how = match stay.cause {
        LeaveCause::Part | LeaveCause::Kicked => LeaveHow::Part,
        cause if cause.is_involuntary() => LeaveHow::Cut(Cut::Fin),
        _ => LeaveHow::Quit,
    };
    // Who is there when the run begins has been so for long: nobody waits for them to settle.
    let from = if stay.start_secs <= 0.0 && !stay.has_join {
        WARM_UP_BEGINS
    } else {
        offset(stay.start_secs)
    };
    PlannedStay {
        from,
        returns_from: None,
        to: offset(stay.end_secs),
        how,
        ended_by: None,
    }
}

/// Lays phases over users' stays, user by user.
struct Overlay<'a> {
    scenario: &'a Scenario,
    outages: &'a Outages,
    streams: &'a Streams,
    /// When the run ends.
    ends: Offset,
    /// How many of the first users are a bouncer's clients; zero where nobody is.
    clients: u32,
    /// Users that have come online in each ramp.
    arrivals: Vec<u64>,
}

impl Overlay<'_> {
    /// Lays one phase over a user's stays.
    fn lay(&mut self, stays: &mut Vec<PlannedStay>, phase: PhaseId, span: PhaseSpan, user: UserId) {
        let kind = &self.scenario.phase(phase).kind;
        if self.clients > 0 && (user.0 < self.clients) == kind.is_of_network() {
            return;
        }
        match *kind {
            PhaseKind::Ramp { ref pace } => {
                if let Some(first) = stays.first_mut().filter(|stay| stay.from <= span.begins) {
                    let arrived = &mut self.arrivals[phase.index()];
                    let users = u64::from(self.scenario.driven_count());
                    first.from = span.begins + pace.due(*arrived, users);
                    *arrived += 1;
                }
            }
            PhaseKind::MassDisconnect {
                fraction,
                how,
                returns,
            } => {
                if is_hit(self.streams, u32::from(phase.0), user, fraction) {
                    let back = match returns {
                        // The plan keeps them: they come back as soon as they can.
                        Returns::Backoff { .. } => return,
                        Returns::AtOnce { after } => span.begins + after,
                        Returns::Even { after, over } => {
                            span.begins + after + over.mul_f64(self.share(phase, user))
                        }
                        Returns::Outage { after, speed, .. } => self
                            .outages
                            .away(self.share(phase, user))
                            .map_or(Offset::NEVER, |away| {
                                span.begins + after + away.div_f64(speed)
                            }),
                    };
                    let moments = (span.begins, back, self.ends);
                    interrupt(stays, phase, LeaveHow::Cut(how), moments);
                }
            }
            PhaseKind::Netsplit {
                far,
                fraction,
                by: SplitBy::Clients,
                heal,
                ..
            } => {
                if is_behind(self.scenario, self.streams, far, fraction, user) {
                    let back = match heal {
                        Heal::Tick => span.ends,
                        Heal::Paced => self
                            .outages
                            .away(self.share(phase, user))
                            .map_or(Offset::NEVER, |away| span.ends + away),
                    };
                    let moments = (span.begins, back, self.ends);
                    interrupt(stays, phase, LeaveHow::Cut(Cut::Fin), moments);
                }
            }
            PhaseKind::Steady { .. }
            | PhaseKind::Quiet { .. }
            | PhaseKind::Netsplit {
                by: SplitBy::Links, ..
            }
            | PhaseKind::Restart { .. }
            | PhaseKind::Migrate { .. }
            | PhaseKind::RollBack { .. }
            | PhaseKind::NickStorm { .. }
            | PhaseKind::JoinStorm { .. }
            | PhaseKind::ReadBack { .. }
            | PhaseKind::Quit { .. } => {}
        }
    }

    /// Returns a user's share of a phase's span, or its place in the curve of returns; a draw of its own.
    fn share(&self, phase: PhaseId, user: UserId) -> f64 {
        let event = 2 * u32::from(phase.0) + 1;
        let stream = StreamId::of_user(Purpose::Mass, event, user);
        uniform(self.streams.draw(stream))
    }
}

/// Cuts the stay that covers `at` in two, the second from `back` on. Only who comes back before the run `ends` has to recover:
/// whoever had left meanwhile anyway, or stays away, is nobody's debt.
fn interrupt(
    stays: &mut Vec<PlannedStay>,
    phase: PhaseId,
    how: LeaveHow,
    (at, back, ends): (Offset, Offset, Offset),
) {
    let Some(index) = stays.iter().position(|stay| stay.from < at && at < stay.to) else {
        return;
    };
    let stay = stays[index];
    stays[index] = PlannedStay {
        to: at,
        how,
        ended_by: (back < stay.to.min(ends)).then_some(phase),
        ..stay
    };
    if back < stay.to {
        stays.insert(
            index + 1,
            PlannedStay {
                from: back,
                returns_from: Some(phase),
                ..stay
            },
        );
    }
}
