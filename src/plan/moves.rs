//! What a plan has users and the network do beside talk: comings, goings, changes, storms, and what phases strike.

use std::time::Duration;

use rand::Rng;

use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::action::Planned;
use crate::plan::action::Upheaval;
use crate::plan::planner::SETTLED_AFTER;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::below;
use crate::plan::timeline;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::Returns;
use crate::scenario::phase::SplitBy;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::timeline::ChangeKind;
use crate::units::id::ChannelId;
use crate::units::id::PhaseId;
use crate::units::id::Sharding;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Returns the comings, goings and changes of a shard's users, and the splits, in order.
pub(crate) fn moves(plan: &Plan, sharding: Sharding) -> Vec<Planned> {
    let mut moves = Vec::new();
    for local in 0..sharding.local_count(plan.population.user_count()) {
        let user = sharding.user(local);
        let stream = StreamId::of_user(Purpose::Identity, 0, user);
        let mut sequence = 0;
        let mut push = |at, action| {
            if at < plan.timeline.ends {
                moves.push(Planned {
                    at,
                    stream,
                    sequence,
                    action,
                });
            }
            sequence += 1;
        };
        for stay in plan.timeline.stays(user) {
            // Who was there before the run is due at its start: the time before it is nobody's latency.
            push(
                stay.from.max(Offset::ZERO),
                Action::Arrive {
                    user,
                    event: stay.returns_from,
                },
            );
            push(
                stay.to,
                Action::Leave {
                    user,
                    how: stay.how,
                    event: stay.ended_by,
                    is_synthetic: false,
                },
            );
        }
        for (at, action) in changes(plan, user) {
            push(at, action);
        }
    }
    for (phase, declared) in (0u16..).map(PhaseId).zip(&plan.scenario.phases) {
        of_phase(plan, sharding, phase, &declared.kind, &mut moves);
    }
    moves.retain(|planned| planned.at <= plan.timeline.ends);
    moves.sort_unstable_by_key(Planned::order);
    moves
}

/// Adds what a phase does to the network, and to those of a shard's users whom it concerns.
fn of_phase(
    plan: &Plan,
    sharding: Sharding,
    phase: PhaseId,
    kind: &PhaseKind,
    moves: &mut Vec<Planned>,
) {
    let span = plan.timeline.span(phase);
    let mut upheave = |at, sequence, upheaval| {
        moves.push(Planned {
            at,
            stream: StreamId::of_user(Purpose::Mass, u32::from(phase.0), UserId(0)),
            sequence,
            action: Action::Upheave { phase, upheaval },
        });
    };
    match *kind {
        PhaseKind::Netsplit {
            by: SplitBy::Links, ..
        } => {
            upheave(span.begins, 0, Upheaval::Split);
            upheave(span.ends, 1, Upheaval::Heal);
        }
        PhaseKind::Restart { .. } => {
            upheave(span.begins, 0, Upheaval::Stop);
            upheave(span.ends, 1, Upheaval::Start);
        }
        PhaseKind::Migrate { ref migration } => {
            upheave(span.begins, 0, Upheaval::Migrate);
            upheave(span.begins + migration.redirect.at, 1, Upheaval::Redirect);
            upheave(span.ends, 2, Upheaval::Cease);
        }
        PhaseKind::RollBack { .. } if span.begins < Offset::NEVER => {
            upheave(span.begins, 0, Upheaval::RollBack);
            upheave(span.ends, 1, Upheaval::Cease);
        }
        PhaseKind::MassDisconnect {
            fraction,
            how,
            returns: Returns::Backoff { .. },
        } => {
            moves.extend(each_hit(plan, sharding, phase, fraction, |user, _| {
                let lose = Action::Lose {
                    user,
                    cut: how,
                    event: phase,
                };
                vec![(span.begins, lose)]
            }));
        }
        PhaseKind::NickStorm { fraction, over } => {
            moves.extend(each_hit(plan, sharding, phase, fraction, |user, share| {
                let at = span.begins + over.mul_f64(share);
                let is_there = plan.timeline.is_present(user, at, SETTLED_AFTER);
                is_there
                    .then_some((at, Action::Rename { user }))
                    .into_iter()
                    .collect()
            }));
        }
        PhaseKind::JoinStorm {
            fraction,
            over,
            stay,
        } => {
            let Some(channel) = plan.population.storm_channel(phase) else {
                return;
            };
            moves.extend(each_hit(plan, sharding, phase, fraction, |user, share| {
                let joins = span.begins + over.mul_f64(share);
                let is_there = plan.timeline.is_present(user, joins, Duration::ZERO);
                let (is_synthetic, parts) = (false, joins + over + stay);
                let storm = [
                    (
                        joins,
                        Action::Join {
                            user,
                            channel,
                            is_synthetic,
                        },
                    ),
                    (
                        parts,
                        Action::Part {
                            user,
                            channel,
                            is_synthetic,
                        },
                    ),
                ];
                storm.into_iter().filter(|_| is_there).collect()
            }));
        }
        PhaseKind::ReadBack {
            fraction,
            by,
            over,
            ref again,
        } => {
            moves.extend(each_hit(plan, sharding, phase, fraction, |user, share| {
                let begins = span.begins + over.mul_f64(share);
                let times = std::iter::once(Duration::ZERO).chain(again.iter().copied());
                let reads = times.map(|after| (begins + after, Action::ReadBack { user, by }));
                let is_there = |at| plan.timeline.is_present(user, at, SETTLED_AFTER);
                reads.filter(|&(at, _)| is_there(at)).collect()
            }));
        }
        PhaseKind::Ramp { .. }
        | PhaseKind::Steady { .. }
        | PhaseKind::Quiet { .. }
        | PhaseKind::Netsplit { .. }
        | PhaseKind::MassDisconnect { .. }
        | PhaseKind::RollBack { .. }
        | PhaseKind::Quit { .. } => {}
    }
}

/// Returns the moves of those of a shard's users whom a phase concerns; `of` is given a share of the phase's span for each.
fn each_hit(
    plan: &Plan,
    sharding: Sharding,
    phase: PhaseId,
    fraction: f64,
    of: impl Fn(UserId, f64) -> Vec<(Offset, Action)>,
) -> Vec<Planned> {
    let mut moves = Vec::new();
    let event = u32::from(phase.0);
    let is_of_network = plan.scenario.phase(phase).kind.is_of_network();
    let strangers = plan.strangers();
    let users = 0..sharding.local_count(plan.population.user_count());
    for user in users.map(|local| sharding.user(local)) {
        let is_stranger = strangers.contains(&user.0);
        if plan.seats.is_some() && is_stranger != is_of_network
            || !timeline::is_hit(&plan.streams, event, user, fraction)
        {
            continue;
        }
        let stream = StreamId::of_user(Purpose::Mass, 2 * event + 1, user);
        let share = uniform(plan.streams.draw(stream));
        let planned = (0..).zip(of(user, share));
        moves.extend(planned.map(|(sequence, (at, action))| Planned {
            at,
            stream,
            sequence,
            action,
        }));
    }
    moves
}

/// Returns a user's renames, modes, topics and kicks within its stays.
fn changes(plan: &Plan, user: UserId) -> Vec<(Offset, Action)> {
    let person = &plan.population.people[user.index()];
    let channels = plan.population.channels(user);
    let mut rng = plan
        .streams
        .rng(StreamId::of_user(Purpose::Change, 0, user));
    let mut changes = Vec::new();
    for change in &person.life.changes {
        let draws = [rng.next_u64(), rng.next_u64()];
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds within the run's bounded horizon, in nanoseconds"
        )]
        let at = Offset::from_nanos(libm::floor(change.at_secs * 1e9) as i64);
        if !plan.timeline.is_present(user, at, SETTLED_AFTER) {
            continue;
        }
        let action = match change.kind {
            ChangeKind::Nick => Some(Action::Rename { user }),
            _ => in_channel(plan, user, change.kind, channels, at, draws),
        };
        changes.extend(action.map(|action| (at, action)));
    }
    changes
}

/// Places a mode, topic or kick in one of the user's channels.
fn in_channel(
    plan: &Plan,
    user: UserId,
    kind: ChangeKind,
    channels: &[ChannelId],
    at: Offset,
    draws: [u64; 2],
) -> Option<Action> {
    let count = u32::try_from(channels.len())
        .ok()
        .filter(|&count| count > 0)?;
    let channel = channels[below(draws[0], count) as usize];
    match kind {
        ChangeKind::Nick => None,
        ChangeKind::Mode { .. } => Some(Action::Mode { user, channel }),
        ChangeKind::Topic { .. } => Some(Action::Topic { user, channel }),
        ChangeKind::Kick { .. } => {
            let others: Vec<UserId> = plan
                .population
                .members(channel)
                .iter()
                .copied()
                .filter(|&other| {
                    other != user && plan.timeline.is_present(other, at, SETTLED_AFTER)
                })
                .collect();
            let count = u32::try_from(others.len())
                .ok()
                .filter(|&count| count > 0)?;
            Some(Action::Kick {
                user,
                channel,
                victim: others[below(draws[1], count) as usize],
            })
        }
    }
}
