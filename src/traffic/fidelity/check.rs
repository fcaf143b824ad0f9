//! A check: parts of a trace are fitted, traffic is generated and compared with other parts.

use thiserror::Error;

use crate::traffic::fidelity::classifier;
use crate::traffic::fidelity::classifier::FeatureSet;
use crate::traffic::fidelity::classifier::TwoSample;
use crate::traffic::fidelity::findings::Findings;
use crate::traffic::fidelity::judge;
use crate::traffic::fidelity::judge::Evidence;
use crate::traffic::fidelity::measures::Measures;
use crate::traffic::fidelity::poisson::Poisson;
use crate::traffic::fidelity::score::Generator;
use crate::traffic::fidelity::score::Measure;
use crate::traffic::fidelity::score::Protocol;
use crate::traffic::fidelity::score::Score;
use crate::traffic::fidelity::score::Width;
use crate::traffic::fidelity::span::Span;
use crate::traffic::fidelity::stream::Recording;
use crate::traffic::fidelity::stream::Row;
use crate::traffic::fidelity::windows;
use crate::traffic::fidelity::windows::Window;
use crate::traffic::profile::Profile;
use crate::traffic::profile::blocks::NoRows;
use crate::traffic::profile::fit::FitError;
use crate::traffic::profile::fit::FitOptions;
use crate::traffic::profile::fit::Keeps;
use crate::traffic::profile::fit::Weeks;
use crate::traffic::profile::number;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::TraceMeta;
use crate::units::id::Seed;

/// Weeks from which on anything is claimed: half of fewer has no week of its own to be judged by.
pub(crate) const WEEKS_MIN: u32 = 3;

/// Weeks of either side from which on odd weeks are compared with even ones.
pub(crate) const SIDE_WEEKS_MIN: u32 = 8;

/// Most samples of each fit: a spread of more is known well enough.
pub const SEEDS_MAX: u32 = 100;

/// What is to be checked.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The generator.
    pub generator: Generator,
    /// Samples of each fit, 1 to [`SEEDS_MAX`].
    pub seed_count: u32,
    /// The seed from which all draws follow.
    pub seed: Seed,
    /// What fits say about themselves; which weeks they are of, and whether rows are kept, the check decides.
    pub fit: FitOptions,
}

/// Why there are no findings.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The trace has no events.
    #[error("expected a trace with events, found none")]
    Empty,
    /// A part of the trace can't be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The given profile can't be resampled.
    #[error(transparent)]
    Rows(#[from] NoRows),
}

impl CheckError {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty => "import a log first: `splitstorm capture import`",
            Self::Fit(error) => error.help(),
            Self::Rows(error) => error.help(),
        }
    }
}

/// A step of a check, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done next.
    pub doing: &'static str,
    /// Steps that are done.
    pub done: u32,
    /// Steps of the whole check.
    pub of: u32,
}

/// Compares generated traffic with a trace: that of `profile` if there is one, else that of fits to parts of the trace.
///
/// `events` are in order of time. `on_step` hears of every step before it is taken.
///
/// # Errors
///
/// When the trace has no events, or a part of it can't be fitted.
pub fn check(
    meta: &TraceMeta,
    events: &[Event],
    profile: Option<&Profile>,
    options: &CheckOptions,
    on_step: &mut dyn FnMut(Step),
) -> Result<Findings, CheckError> {
    let span = Span::of(events, meta.tick_us).ok_or(CheckError::Empty)?;
    let live = Recording::of(&span, events, mixed(options.seed, Purpose::Ticks, 0));
    let check = Check {
        meta,
        events,
        profile,
        options,
        window_secs: windows::length_secs(&span, &live),
        span,
        live,
    };
    check.run(on_step)
}

/// One comparison: what is fitted and what of the generated traffic is held against what of the trace.
#[derive(Clone, Copy)]
struct Pair {
    fitted: Weeks,
    compared: Weeks,
    /// The live part that is held against the compared one to know what live traffic scores.
    rival: Option<Weeks>,
}

/// What of a recording's part is compared.
struct Digest {
    short: Vec<Window>,
    days: Vec<Window>,
    measures: Measures,
}

impl Digest {
    fn windows(&self, width: Width) -> &[Window] {
        match width {
            Width::Short => &self.short,
            Width::Day => &self.days,
        }
    }
}

/// Where generated traffic comes from.
enum Source<'a> {
    Given(&'a Profile),
    Fitted(Box<Profile>),
    Poisson(Poisson),
}

/// What draws are for: each purpose has its own.
#[derive(Clone, Copy)]
enum Purpose {
    Ticks = 1,
    Sample = 2,
    Folds = 3,
}

struct Check<'a> {
    meta: &'a TraceMeta,
    events: &'a [Event],
    profile: Option<&'a Profile>,
    options: &'a CheckOptions,
    span: Span,
    live: Recording,
    window_secs: u32,
}

/// Counts steps aloud.
struct Steps<'a> {
    on_step: &'a mut dyn FnMut(Step),
    done: u32,
    of: u32,
}

impl Steps<'_> {
    fn take(&mut self, doing: &'static str) {
        (self.on_step)(Step {
            doing,
            done: self.done,
            of: self.of,
        });
        self.done += 1;
    }
}

impl Check<'_> {
    fn run(self, on_step: &mut dyn FnMut(Step)) -> Result<Findings, CheckError> {
        let protocols = self.protocols();
        let mut evidence = Evidence::default();
        let sample_count: u32 = protocols
            .iter()
            .map(|&(protocol, _)| self.samples(protocol))
            .sum();
        let mut steps = Steps {
            on_step,
            done: 0,
            of: sample_count,
        };
        for (number, &(protocol, ref pairs)) in protocols.iter().enumerate() {
            // Distances are of the first protocol: the others ask only how well traffic keeps.
            let measures = if number == 0 {
                Measure::all()
            } else {
                Vec::new()
            };
            for &pair in pairs {
                self.compare(protocol, pair, &measures, &mut evidence, &mut steps)?;
            }
        }
        let generated_channel_count = evidence.channel_count;
        Ok(judge::findings(
            &judge::Facts {
                profile: self
                    .profile
                    .map_or(&self.options.fit.name, |profile| profile.name()),
                generator: self.options.generator,
                seed: self.options.seed,
                seed_count: self.options.seed_count,
                week_count: self.span.week_count,
                event_count: self.events.len() as u64,
                channel_count: talking_channels(&self.live),
                generated_channel_count,
                tick_secs: self.span.tick_secs(),
                window_secs: self.window_secs,
            },
            evidence,
            &protocols
                .iter()
                .map(|&(protocol, _)| protocol)
                .collect::<Vec<_>>(),
        ))
    }

    /// Returns the protocols for which the trace is long enough.
    fn protocols(&self) -> Vec<(Protocol, Vec<Pair>)> {
        let weeks = self.span.week_count;
        let has_sides = weeks / 2 >= SIDE_WEEKS_MIN;
        let pair = |fitted, compared, rival| Pair {
            fitted,
            compared,
            rival,
        };
        if self.profile.is_some() || weeks < WEEKS_MIN {
            let rival = (weeks >= WEEKS_MIN).then_some(Weeks::All);
            return vec![(Protocol::Whole, vec![pair(Weeks::All, Weeks::All, rival)])];
        }
        let mut protocols = Vec::new();
        if has_sides {
            protocols.push((
                Protocol::Weeks,
                vec![
                    pair(Weeks::Odd, Weeks::Even, Some(Weeks::Odd)),
                    pair(Weeks::Even, Weeks::Odd, Some(Weeks::Even)),
                ],
            ));
        }
        let halves = pair(Weeks::First, Weeks::Last, Some(Weeks::First));
        protocols.push((Protocol::Halves, vec![halves]));
        protocols
    }

    /// Returns how many samples a protocol takes, Poisson's included.
    fn samples(&self, protocol: Protocol) -> u32 {
        let seeds = self.options.seed_count;
        match protocol {
            Protocol::Weeks => 2 * (seeds + 1),
            Protocol::Halves => 2 * seeds + 1,
            Protocol::Whole => seeds + 1,
        }
    }

    /// Returns the two live parts whose difference is what live traffic scores against itself.
    fn rivals(&self, pair: Pair) -> Option<(Weeks, Weeks)> {
        match pair.rival? {
            // The whole has no rival: its odd weeks have, or its halves.
            Weeks::All if self.span.week_count / 2 >= SIDE_WEEKS_MIN => {
                Some((Weeks::Odd, Weeks::Even))
            }
            Weeks::All => Some((Weeks::First, Weeks::Last)),
            rival => Some((rival, pair.compared)),
        }
    }

    fn compare(
        &self,
        protocol: Protocol,
        pair: Pair,
        measures: &[Measure],
        evidence: &mut Evidence,
        steps: &mut Steps<'_>,
    ) -> Result<(), CheckError> {
        let live = self.digest(&self.live, pair.compared);
        if let Some((one, other)) = self.rivals(pair) {
            let (one, other) = (self.digest(&self.live, one), self.digest(&self.live, other));
            for score in tests(protocol) {
                evidence.real(score, self.auc(score, &other, &one).map(|test| test.auc));
            }
            for &measure in measures {
                let distance = other.measures.distance(&one.measures, measure);
                evidence.real(Score::Distance(measure), distance);
            }
        }
        for &measure in measures {
            evidence.event_count(measure, live.measures.event_count(measure));
        }
        let source = self.source(pair.fitted)?;
        for number in 0..self.options.seed_count {
            steps.take("generating and comparing");
            let recording = self.recording(&source, number)?;
            evidence.channel_count = evidence.channel_count.max(talking_channels(&recording));
            let other = self.digest(&recording, pair.compared);
            for score in tests(protocol) {
                let test = self.auc(score, &live, &other);
                evidence.generated(score, number, test.as_ref().map(|test| test.auc));
                if let (Score::Auc(_, FeatureSet::Identity, width), Some(test)) = (score, test)
                    && (protocol != Protocol::Halves || evidence.is_without_gains(width))
                {
                    evidence.gains(width, &test, live.windows(width), other.windows(width));
                }
            }
            for &measure in measures {
                let distance = live.measures.distance(&other.measures, measure);
                evidence.generated(Score::Distance(measure), number, distance);
            }
            if !measures.is_empty() && number == 0 {
                evidence.shapes(&self.span, &live.measures, Some(&other.measures), None);
            }
        }
        steps.take("comparing with Poisson");
        let poisson = Source::Poisson(Poisson::fit(&self.span, self.events, pair.fitted));
        let other = self.digest(&self.recording(&poisson, 0)?, pair.compared);
        for score in tests(protocol) {
            evidence.poisson(score, self.auc(score, &live, &other).map(|test| test.auc));
        }
        for &measure in measures {
            let distance = live.measures.distance(&other.measures, measure);
            evidence.poisson(Score::Distance(measure), distance);
        }
        if !measures.is_empty() {
            evidence.shapes(&self.span, &live.measures, None, Some(&other.measures));
        }
        if protocol == Protocol::Halves {
            let source = self.source(Weeks::All)?;
            for number in 0..self.options.seed_count {
                steps.take("generating from a fit to the whole");
                let other = self.digest(&self.recording(&source, number)?, pair.compared);
                for score in tests(protocol) {
                    evidence.whole_fit(score, self.auc(score, &live, &other).map(|test| test.auc));
                }
            }
        }
        Ok(())
    }

    fn digest(&self, recording: &Recording, part: Weeks) -> Digest {
        Digest {
            short: windows::of(&self.span, recording, part, self.window_secs),
            days: windows::of(&self.span, recording, part, windows::DAY_SECS),
            measures: Measures::of(&self.span, recording, part),
        }
    }

    fn auc(&self, score: Score, live: &Digest, other: &Digest) -> Option<TwoSample> {
        let Score::Auc(_, set, width) = score else {
            return None;
        };
        if self.span.week_count < WEEKS_MIN {
            return None;
        }
        let seed = mixed(self.options.seed, Purpose::Folds, 0);
        classifier::tell_apart(live.windows(width), other.windows(width), set, seed)
    }

    /// Returns what generates the traffic of a fit to a part.
    fn source(&self, part: Weeks) -> Result<Source<'_>, CheckError> {
        if self.options.generator == Generator::Poisson {
            return Ok(Source::Poisson(Poisson::fit(&self.span, self.events, part)));
        }
        if let Some(profile) = self.profile {
            return Ok(Source::Given(profile));
        }
        let profile = self.fit(part)?;
        Ok(Source::Fitted(Box::new(profile)))
    }

    /// Returns what an observer sees of generated traffic over the trace's span.
    fn recording(&self, source: &Source<'_>, number: u32) -> Result<Recording, NoRows> {
        let seed = mixed(self.options.seed, Purpose::Sample, number);
        let events = match source {
            Source::Given(profile) => self.generate(profile, seed)?,
            Source::Fitted(profile) => self.generate(profile, seed)?,
            Source::Poisson(poisson) => poisson.sample(&self.span, seed),
        };
        let seed = mixed(self.options.seed, Purpose::Ticks, number + 1);
        Ok(Recording::of(&self.span, &events, seed))
    }

    /// Returns the events of a profile over the trace's span.
    fn generate(&self, profile: &Profile, seed: u64) -> Result<Vec<Event>, NoRows> {
        let micros = self.span.end_us.saturating_sub(self.span.first_us);
        let secs = number::whole(number::secs_of_nanos(micros) * 1e3 + 1.0);
        let (seed, first_us) = (Seed(seed), self.span.first_us);
        let sample = if self.is_resampled() {
            profile.resample(seed, first_us, secs)?
        } else {
            profile.sample(seed, first_us, secs)
        };
        Ok(sample.events())
    }

    fn is_resampled(&self) -> bool {
        self.options.generator == Generator::Resample
    }

    /// Returns the profile that fits a part of the trace.
    fn fit(&self, part: Weeks) -> Result<Profile, FitError> {
        let options = FitOptions {
            weeks: part,
            keeps: if self.is_resampled() {
                Keeps::Rows
            } else {
                self.options.fit.keeps
            },
            ..self.options.fit.clone()
        };
        Profile::fit(self.meta, self.events, &options)
    }
}

/// Returns the tests of a protocol.
pub(crate) fn tests(protocol: Protocol) -> Vec<Score> {
    let mut tests = vec![
        Score::Auc(protocol, FeatureSet::Traffic, Width::Short),
        Score::Auc(protocol, FeatureSet::Identity, Width::Short),
    ];
    if protocol != Protocol::Halves {
        tests.push(Score::Auc(protocol, FeatureSet::Traffic, Width::Day));
    }
    tests.push(Score::Auc(protocol, FeatureSet::Identity, Width::Day));
    tests
}

/// Returns how many channels have talk.
fn talking_channels(recording: &Recording) -> u64 {
    let has_talk = |rows: &&Vec<_>| rows.iter().any(is_talk);
    recording.channels.iter().filter(has_talk).count() as u64
}

fn is_talk(row: &Row) -> bool {
    row.kind.is_talk()
}

/// Returns a seed of its own for each purpose and number (Steele, Lea and Flood's finaliser of splitmix).
fn mixed(seed: Seed, purpose: Purpose, number: u32) -> u64 {
    let lane = ((purpose as u64) << 32) | u64::from(number);
    let mut word = seed
        .0
        .wrapping_add(lane.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;
    use rand::SeedableRng as _;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::traffic::fidelity::findings::Limit;
    use crate::traffic::fidelity::findings::Reason;
    use crate::traffic::fidelity::findings::Standing;
    use crate::traffic::fidelity::span::tests::event;
    use crate::traffic::profile::distribution::exponential;
    use crate::traffic::profile::distribution::uniform;
    use crate::traffic::profile::fit::examples;

    /// Returns weeks of an invented channel: people come, talk in bursts by turns, and go.
    fn bursts(weeks: u32) -> Vec<Event> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut draw = move || rng.next_u64();
        let until = f64::from(weeks) * 604_800.0;
        let mut events = Vec::new();
        let mut start = 0.0;
        while start < until {
            let pair = [(); 2].map(|()| number::whole(uniform(draw()) * 20.0));
            let mut secs = start;
            for user in pair {
                events.push(event(secs, &format!("join u{user} #oak")));
                secs += 1.0;
            }
            for turn in 0..3 + number::whole(exponential(draw()) * 8.0) as usize {
                let user = pair[turn % 2];
                events.push(event(secs, &format!("message u{user} #oak")));
                secs += 2.0 + exponential(draw()) * 20.0;
            }
            for user in pair {
                events.push(event(secs, &format!("quit u{user} #oak")));
                secs += 1.0;
            }
            start = secs + exponential(draw()) * 7_200.0;
        }
        events.retain(|event| event.at_us < number::nanos_of_secs(until) / 1_000);
        events.push(event(until - 1.0, "topic u1 #oak"));
        events.sort_by_key(|event| event.at_us);
        events
    }

    fn findings(weeks: u32) -> Findings {
        let meta = TraceMeta {
            tool: "0.1.0".to_owned(),
            zone: "UTC".to_owned(),
            tick_us: 1_000_000,
            has_names: false,
            has_text: false,
            overlaps: Vec::new(),
        };
        let options = CheckOptions {
            generator: Generator::Poisson,
            seed_count: 2,
            seed: Seed(1),
            fit: examples::options(),
        };
        let mut steps = Vec::new();
        let mut on_step = |step: Step| steps.push(step.done);
        let found = check(&meta, &bursts(weeks), None, &options, &mut on_step).unwrap();
        assert!(
            steps
                .iter()
                .copied()
                .eq(0..number::whole(number::real(steps.len())))
        );
        found
    }

    #[test]
    fn live_traffic_is_not_told_from_itself_and_poisson_is() {
        let found = findings(16);
        let auc = Score::Auc(Protocol::Weeks, FeatureSet::Traffic, Width::Short);
        let row = found.rows.iter().find(|row| row.score == auc).unwrap();
        // Some 600 windows a side: the standard error of the AUC is .017.
        assert!((row.real.unwrap() - 0.5).abs() < 0.06, "{row:?}");
        assert!(row.generated.unwrap().mean > 0.95, "{row:?}");
        assert_eq!(row.standing, Standing::Missed);
        assert!(found.is_judged() && found.missed().count() > 3);
        assert_eq!(found.limits, [Limit::FewSeeds { seed_count: 2 }]);
        assert_eq!(found.giveaways.len(), 60);
        assert!(!found.shapes.live.gaps.is_empty() && !found.shapes.poisson.gaps.is_empty());
    }

    #[test]
    fn weeks_are_compared_from_sixteen_on() {
        let found = findings(5);
        let mut scores = found.rows.iter().map(|row| row.score);
        assert!(!scores.any(|score| matches!(score, Score::Auc(Protocol::Weeks, ..))));
        assert!(found.limits.contains(&Limit::NoWeeks { week_count: 5 }));
        assert!(found.is_judged());
    }

    #[test]
    fn nothing_is_claimed_of_a_short_trace() {
        let found = findings(2);
        assert!(found.limits.contains(&Limit::NoClaim { week_count: 2 }));
        assert!(!found.is_judged() && found.missed().count() == 0);
        let is_unjudged = |standing: Standing| standing == Standing::Unjudged(Reason::ShortTrace);
        assert!(found.rows.iter().all(|row| is_unjudged(row.standing)));
    }

    #[test]
    fn the_same_seed_finds_the_same() {
        assert_eq!(findings(3), findings(3));
    }

    #[test]
    fn purposes_draw_apart() {
        let seed = |purpose, number| mixed(Seed(7), purpose, number);
        assert_ne!(seed(Purpose::Ticks, 1), seed(Purpose::Sample, 1));
        assert_ne!(seed(Purpose::Ticks, 1), seed(Purpose::Ticks, 2));
    }
}
