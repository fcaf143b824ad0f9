//! How like its profile a run's talk was: what was said, beside draws of the profile undisturbed and at its own heat.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::measure::likeness::Likeness;
use crate::measure::likeness::LikenessFigure;
use crate::measure::likeness::MESSAGES_MIN;
use crate::measure::said::Said;
use crate::measure::said::SaidLog;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::action::Action;
use crate::plan::planner::Planner;
use crate::plan::planner::SETTLED_AFTER;
use crate::scenario::Scenario;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Commands;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::traffic::fidelity::distances;
use crate::traffic::fidelity::distances::Dispersion;
use crate::traffic::profile::number;
use crate::units::id::Seed;
use crate::units::id::Sharding;
use crate::units::offset::Offset;

/// Draws of the profile where they cost little: of the values of 20 runs, the first is beyond those of the others once in ten.
const DRAWS_MAX: usize = 19;

/// Fewest draws, however much they cost.
const DRAWS_MIN: usize = 5;

/// What all draws together may cost, in messages: about two seconds.
const COST_MAX: usize = 2_000_000;

/// What a channel costs beside its messages, since it has talked for hours before the first second.
const CHANNEL_COST: usize = 150;

/// What a user costs.
const USER_COST: usize = 20;

/// Least time that is compared.
const SECS_MIN: f64 = 10.0;

/// Sets the seeds of draws apart from that of the run.
const SEED_MASK: u64 = 0x11ee_0e55_d4a3_0000;

/// Bins for burstiness, in seconds, with the key and name of each.
const BINS: [(f64, &str, &str); 3] = [
    (1.0, "fano_1s", "burstiness in 1 s, Fano"),
    (10.0, "fano_10s", "burstiness in 10 s, Fano"),
    (60.0, "fano_60s", "burstiness in 60 s, Fano"),
];

/// Bins that a run must have for its burstiness to be told.
const BINS_MIN: f64 = 20.0;

/// A distance (Kolmogorov and Smirnov's, 0..=1) that makes no difference: a fiftieth of the values moved a little.
const DISTANCE_ANY: f64 = 0.02;

/// Compares what was said from when all who came by a ramp speak until `ended` with the plan's profile; `None` for a replay, which
/// has no profile.
pub fn judge(plan: &Plan, said: &SaidLog, ended: Offset) -> Option<Likeness> {
    let Source::Model(profile) = &plan.source else {
        return None;
    };
    let ends = said.full_at().unwrap_or(Offset::NEVER);
    let ends = ends.min(ended).min(plan.timeline.ends);
    let begins = (plan.timeline.gathered + SETTLED_AFTER).min(ends);
    let secs = ends.since(begins).as_secs_f64();
    let mut sent = said.messages().to_vec();
    sent.retain(|said| is_compared(plan, said, begins, ends));
    let mut likeness = Likeness {
        message_count: sent.len() as u64,
        secs,
        ..Likeness::default()
    };
    if likeness.message_count < MESSAGES_MIN || secs < SECS_MIN {
        return Some(likeness);
    }
    let population = &plan.population;
    let channels = population.channel_count() as usize;
    let users = population.user_count() as usize;
    let cost = sent.len() + CHANNEL_COST * channels + USER_COST * users;
    let (scenario, from) = match plan.seats {
        None => (
            undisturbed(&plan.scenario, ends.since(begins)),
            Offset::ZERO,
        ),
        Some(_) => (undisturbed_network(&plan.scenario), begins),
    };
    let until = from + ends.since(begins);
    let draws: Vec<Figures> = (1..)
        .take((COST_MAX / cost.max(1)).clamp(DRAWS_MIN, DRAWS_MAX))
        .filter_map(|number| {
            let seed = Seed(plan.seed.0 ^ SEED_MASK ^ number);
            let (scenario, profile) = (scenario.clone(), profile.as_ref().clone());
            let plan = match &plan.seats {
                None => Plan::new(scenario, profile, seed),
                Some(seats) => Plan::of_seats(scenario, profile, seed, seats.clone()),
            };
            let plan = plan.ok()?;
            let mut said = drawn(&plan);
            said.retain(|said| is_compared(&plan, said, from, until));
            Some(Figures::of(said, from, secs))
        })
        .collect();
    likeness.draw_count = draws.len();
    likeness.figures = compared(&Figures::of(sent, begins, secs), &draws);
    Some(likeness)
}

/// Returns the scenario as its profile alone has it: nobody's connection is broken, and no channel is hotter.
fn undisturbed(scenario: &Scenario, lasts: Duration) -> Scenario {
    Scenario {
        heat: 1.0,
        phases: vec![Phase {
            name: "undisturbed".to_owned(),
            kind: PhaseKind::Steady { duration: lasts },
            begins: Begins::AtStart,
            commands: Commands::default(),
        }],
        slos: Vec::new(),
        aborts: Vec::new(),
        tolerances: Vec::new(),
        ..scenario.clone()
    }
}

/// Returns the scenario of a bouncer as its profile alone has the networks behind it: its clients come, go and are torn off as in the
/// run, since the others talk among those who are there.
fn undisturbed_network(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    let driven_count = scenario.driven_count();
    scenario.heat = 1.0;
    for phase in &mut scenario.phases {
        if phase.kind.is_of_network() || matches!(phase.kind, PhaseKind::Quiet { .. }) {
            let duration = phase.kind.lasts(driven_count);
            phase.kind = PhaseKind::Steady { duration };
        }
    }
    scenario
}

/// Returns whether a message is of the time that is compared, and of somebody whose talk is: at a bouncer of the networks' members alone,
/// since its clients say nothing while they are away, and what reaches the networks of the rest is what is to be measured.
fn is_compared(plan: &Plan, said: &Said, begins: Offset, ends: Offset) -> bool {
    let is_told = plan.seats.is_none() || plan.strangers().contains(&said.sender.0);
    is_told && said.at >= begins && said.at < ends
}

/// Returns what a plan has its users say in channels.
fn drawn(plan: &Arc<Plan>) -> Vec<Said> {
    let mut planner = Planner::new(Arc::clone(plan), Sharding::WHOLE);
    let (mut slab, mut all) = (Vec::new(), Vec::new());
    while !planner.is_done() {
        slab.clear();
        planner.next_slab(&mut slab);
        all.extend(slab.iter().filter_map(|planned| match planned.action {
            Action::Say { key, message, .. } if message.to.is_none() => Some(Said {
                channel: key.channel,
                sender: message.sender,
                bytes: message.bytes,
                at: planned.at,
            }),
            _ => None,
        }));
    }
    all
}

/// What some talk measures.
struct Figures {
    rate: f64,
    speakers: f64,
    /// Seconds between messages of a channel, sorted.
    gaps: Vec<f64>,
    /// Sorted.
    lengths: Vec<f64>,
    fanos: [Option<f64>; BINS.len()],
}

impl Figures {
    fn of(mut said: Vec<Said>, begins: Offset, secs: f64) -> Self {
        said.sort_unstable_by_key(|said| (said.channel, said.at));
        let channels: Vec<&[Said]> = said
            .chunk_by(|one, next| one.channel == next.channel)
            .collect();
        let at = |said: &Said| said.at.since(begins).as_secs_f64();
        let pairs = channels.iter().flat_map(|said| said.windows(2));
        let gaps = pairs.filter_map(|pair| Some(at(pair.last()?) - at(pair.first()?)));
        let speakers: BTreeSet<_> = said.iter().map(|said| said.sender).collect();
        let rate = number::real(said.len()) * 60.0 / secs.max(1.0);
        Self {
            rate,
            speakers: number::real(speakers.len()),
            gaps: sorted(gaps.collect()),
            lengths: sorted(said.iter().map(|said| f64::from(said.bytes)).collect()),
            fanos: BINS.map(|(bin_secs, ..)| {
                if secs < BINS_MIN * bin_secs {
                    return None;
                }
                let mut dispersion = Dispersion::default();
                for channel in &channels {
                    dispersion.add(channel.iter().map(at), bin_secs, secs);
                }
                dispersion.fano()
            }),
        }
    }
}

/// Returns the figures of what was said beside those of the draws.
fn compared(sent: &Figures, draws: &[Figures]) -> Vec<LikenessFigure> {
    let mut figures = Vec::new();
    let mut put = |key, name, of: &dyn Fn(&Figures) -> Option<f64>| {
        let values: Vec<f64> = draws.iter().filter_map(of).collect();
        figures.extend(of(sent).and_then(|sent| LikenessFigure::new(key, name, sent, &values)));
    };
    put("messages_per_min", "messages a minute", &|all| {
        Some(all.rate)
    });
    put("speakers", "speakers", &|all| Some(all.speakers));
    put("median_gap_s", "median gap of a channel, s", &|all| {
        distances::quantile(&all.gaps, 0.5)
    });
    put("median_length", "median length, bytes", &|all| {
        distances::quantile(&all.lengths, 0.5)
    });
    for (place, (_, key, name)) in BINS.into_iter().enumerate() {
        put(key, name, &|all| all.fanos.get(place).copied().flatten());
    }
    for (key, name, part) in [
        (
            "gaps",
            "gaps, distance",
            (|all: &Figures| &all.gaps) as fn(&Figures) -> &Vec<f64>,
        ),
        ("lengths", "lengths, distance", |all| &all.lengths),
    ] {
        figures.extend(distance(key, name, part(sent), draws.iter().map(part)));
    }
    figures
}

/// Returns the distance of what was said from all draws together, beside that of each of them.
fn distance<'a>(
    key: &'static str,
    name: &'static str,
    sent: &[f64],
    draws: impl Iterator<Item = &'a Vec<f64>> + Clone,
) -> Option<LikenessFigure> {
    let all = sorted(draws.clone().flatten().copied().collect());
    let own: Vec<f64> = draws
        .filter_map(|values| distances::kolmogorov_smirnov(values, &all))
        .collect();
    let sent = distances::kolmogorov_smirnov(sent, &all)?;
    // Nearer than the nearest draw is as like as can be.
    let low = own.iter().copied().min_by(f64::total_cmp)?;
    let figure = LikenessFigure::new(key, name, sent.max(low), &own)?;
    Some(LikenessFigure {
        is_like: figure.is_like || sent <= DISTANCE_ANY,
        ..figure
    })
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::model::Model;
    use crate::roster::name::Network;
    use crate::scenario::file;
    use crate::traffic::profile::examples;

    const QUIET: &str = "
        profile = \"wood\"
        [population]
        users = 80
        channels = 80
        members_per_channel = 6
        [phase.steady]
        kind = \"steady\"
        duration = \"1h\"
    ";

    fn plan(heat: f64) -> Arc<Plan> {
        let scenario = format!("heat = {heat}\n{QUIET}");
        let scenario = file::read("quiet.toml", &scenario, &std::collections::BTreeMap::new());
        Plan::new(scenario.unwrap(), examples::profile(), Seed(7)).unwrap()
    }

    /// Judges what a plan says, but for what `is_kept` leaves out.
    fn judged(heat: f64, is_kept: impl Fn(&Said) -> bool) -> Likeness {
        let plan = plan(heat);
        let mut log = SaidLog::default();
        drawn(&plan)
            .into_iter()
            .filter(is_kept)
            .for_each(|said| log.add(said));
        judge(&plan, &log, Offset::from_secs(3_600)).unwrap()
    }

    fn unlike(likeness: &Likeness) -> Vec<&'static str> {
        let figures = likeness.figures.iter().filter(|figure| !figure.is_like);
        figures.map(|figure| figure.key).collect()
    }

    #[test]
    fn what_a_plan_says_is_like_its_profile() {
        let likeness = judged(1.0, |_| true);
        assert_eq!(likeness.is_like(), Some(true), "{likeness:?}");
        assert!(likeness.draw_count >= DRAWS_MIN);
    }

    #[test]
    fn what_is_hotter_or_half_missing_is_not() {
        let hot = judged(9.0, |_| true);
        assert!(unlike(&hot).contains(&"messages_per_min"), "{hot:?}");
        let half = judged(1.0, |said| said.at.as_micros() % 2 == 0);
        assert!(unlike(&half).contains(&"gaps"), "{half:?}");
    }

    /// Judges what the members of a network say while most of a bouncer's clients, who are many among them, are away.
    fn judged_behind_a_bouncer(is_kept: impl Fn(&Said) -> bool) -> Likeness {
        let scenario = format!(
            "{}
            [bouncer]
            kind = \"znc\"
            users = 40
            channels = 80
            channels_per_user = 12
            [phase.away]
            kind = \"mass_disconnect\"
            during = \"steady\"
            at = \"1m\"
            fraction = 0.9
            how = \"fin\"
            reconnect_after = \"50m\"
            reconnect_over = \"5m\"
            ",
            QUIET.replace("channels = 80\n", "")
        );
        let scenario = file::read("b.toml", &scenario, &std::collections::BTreeMap::new());
        let model = Model {
            users: 40,
            networks: vec![Network::parse("net1").unwrap()],
            channels: 80,
            per_user: 12,
            attached_share: 0.75,
            clients: 1,
            seed: Seed(7),
        };
        let roster = model.roster().unwrap();
        let plan = Plan::of_roster(scenario.unwrap(), examples::profile(), Seed(7), &roster);
        let plan = plan.unwrap();
        let mut log = SaidLog::default();
        let said = drawn(&plan).into_iter().filter(is_kept);
        said.for_each(|said| log.add(said));
        judge(&plan, &log, Offset::from_secs(3_600)).unwrap()
    }

    #[test]
    fn members_of_networks_talk_as_their_profile_whoever_of_the_clients_is_there() {
        let likeness = judged_behind_a_bouncer(|_| true);
        assert_eq!(likeness.is_like(), Some(true), "{likeness:?}");
        let of_members = judged_behind_a_bouncer(|said| said.sender.0 >= 30);
        assert_eq!(of_members, likeness);
        let half = judged_behind_a_bouncer(|said| said.at.as_micros() % 2 == 0);
        assert!(unlike(&half).contains(&"gaps"), "{half:?}");
    }

    #[test]
    fn next_to_nothing_tells_nothing() {
        let likeness = judged(1.0, |said| said.at < Offset::from_secs(1));
        assert_eq!((likeness.is_like(), likeness.draw_count), (None, 0));
    }
}
