//! One run from preflight to verdict, with its artifacts on disk.

pub mod accounts;
mod aftermath;
pub mod artifacts;
mod bouncer;
mod command;
pub mod conduct;
pub mod error;
mod migration;
mod overseer;
pub mod preflight;
pub mod safety;
mod shards;
mod steering;
mod tally;
mod upheaval;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::control::Control;
use crate::drive::host::counters;
use crate::drive::host::watched::Watched;
use crate::drive::interrupt::Interrupt;
use crate::drive::listen::Listening;
use crate::drive::run::artifacts::Artifacts;
use crate::drive::run::bouncer::Bouncer;
use crate::drive::run::conduct::Conduct;
use crate::drive::run::conduct::Conducted;
use crate::drive::run::conduct::Stage;
use crate::drive::run::conduct::Watch;
use crate::drive::run::error::RunError;
use crate::drive::run::preflight::Preflight;
use crate::drive::transport::tls::Trust;
use crate::gate::rules::Rules;
use crate::gate::slo::lateness_limit;
use crate::gate::verdict::Judged;
use crate::gate::verdict::Reason;
use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::measure::operation::Operation;
use crate::measure::outcome::Outcome;
use crate::measure::reason::Refused;
use crate::measure::sent::LinesSent;
use crate::measure::warning::Warning;
use crate::measure::welcome;
use crate::plan::Plan;
use crate::plan::Source;
use crate::plan::likeness;
use crate::plan::script::Script;
use crate::report::facts::ClientFacts;
use crate::report::facts::HostFacts;
use crate::report::facts::Naming;
use crate::report::facts::ProfileFacts;
use crate::report::facts::ReplayFacts;
use crate::report::facts::ReplayKindFacts;
use crate::report::facts::RunFacts;
use crate::report::facts::ScenarioFacts;
use crate::report::facts::TargetFacts;
use crate::report::result::RunResult;
use crate::scenario::Scenario;
use crate::scenario::clients::Basis;
use crate::swarm::credentials::Credentials;
use crate::swarm::credentials::Password;
use crate::traffic::profile::Profile;
use crate::units::hex;
use crate::units::id::ChannelId;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// How far ahead what is asked of a run lies, its beginning or its end: every shard is told before it comes.
const NOTICE: Duration = Duration::from_millis(100);

/// Share of planned messages that may find nobody to speak before a reader is told.
const UNSPOKEN_SHARE_TOLD: f64 = 0.1;

/// What a result of the run so far may cost the thread that orders splits and passes facts on, before it is left less often.
const SO_FAR_COST_MAX: Duration = Duration::from_millis(5);
/// How often it is left then.
const SO_FAR_EVERY: Duration = Duration::from_secs(5);

/// What is to be run.
#[derive(Debug)]
pub struct RunRequest {
    /// What to do.
    pub scenario: Scenario,
    /// The traffic.
    pub source: Source,
    /// The seed; a script's own is the one that it was made with.
    pub seed: Seed,
    /// The target, such as `irc://127.0.0.1:6667`; none for the embedded network.
    pub target: Option<String>,
    /// Whom to trust over TLS, and which certificate users show.
    pub trust: Trust,
    /// The target's process on this machine, to be watched.
    pub target_pid: Option<u32>,
    /// Hosts off loopback that may be loaded.
    pub allowed: Vec<String>,
    /// Whether the commands that the scenario names may be run.
    pub may_run_commands: bool,
    /// Folder of the artifacts.
    pub out: PathBuf,
    /// Number of shards; none for what suits this machine.
    pub shard_count: Option<u16>,
    /// The scenario's folder: files that it names are from there.
    pub folder: PathBuf,
    /// Folder in which this user's proof key is kept.
    pub state: PathBuf,
    /// Who may ask for the end.
    pub interrupt: Interrupt,
}

/// Who is told how a run goes.
pub trait Progress {
    /// Takes a line for the person.
    fn note(&mut self, text: &str);
    /// Takes an interval that has closed, and how migrations had come at its end.
    fn interval(&mut self, begins: Offset, interval: &Interval, migrations: &Migrations);
    /// Takes the state between intervals; `ends` is when the plan ends.
    fn look(&mut self, now: Offset, ends: Offset, stage: Stage);
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// The result, as written.
    pub result: RunResult,
    /// Why an artifact could not be written, if one could not.
    pub write_error: Option<io::Error>,
}

/// Returns the plan of a scenario, whatever its target: behind a bouncer the users are a roster's. `folder` is the scenario's.
///
/// # Errors
///
/// Returns why there can't be one.
pub fn plan_of(
    scenario: Scenario,
    profile: Profile,
    seed: Seed,
    folder: &Path,
) -> Result<Arc<Plan>, RunError> {
    let roster = match &scenario.bouncer {
        Some(wanted) => bouncer::roster(wanted, folder, seed)?,
        None => return Ok(Plan::new(scenario, profile, seed)?),
    };
    Ok(Plan::of_roster(scenario, profile, seed, &roster)?)
}

/// Runs a scenario and judges it.
///
/// # Errors
///
/// Returns why there was no run. What a run finds wrong is in its result instead.
pub fn run(mut request: RunRequest, progress: &mut dyn Progress) -> Result<RunEnd, RunError> {
    let rules = Rules::resolve(&request.scenario)?;
    let clock = Clock::start();
    safety::check_commands(&request.scenario, request.may_run_commands)?;
    for command in request.scenario.commands() {
        progress.note(&format!("will run: {command}"));
    }
    let watched = request
        .target_pid
        .map(|pid| Watched::open(pid).map_err(|source| RunError::NoProcess { pid, source }));
    let watched = watched.transpose()?;
    let wanted = request.scenario.bouncer.clone();
    let mut preflight = match wanted {
        Some(_) => None,
        None => Some(Preflight::make(&mut request, clock, progress)?),
    };
    let roster = wanted
        .as_ref()
        .map(|wanted| bouncer::roster(wanted, &request.folder, request.seed))
        .transpose()?;
    let plan = match (request.source, &roster) {
        (Source::Model(profile), Some(roster)) => {
            Plan::of_roster(request.scenario, *profile, request.seed, roster)?
        }
        (Source::Model(profile), None) => Plan::new(request.scenario, *profile, request.seed)?,
        (Source::Script(script), _) => Plan::of_script(request.scenario, *script),
    };
    let options = bouncer::Options {
        target: request.target.as_deref(),
        target_pid: request.target_pid,
        folder: &request.folder,
        interrupt: &request.interrupt,
    };
    let mut bouncer = roster
        .as_ref()
        .map(|roster| Bouncer::start(&plan, roster, &options, progress))
        .transpose()?;
    let is_spread = plan.scenario.target.spread_sources;
    let mut preflight = preflight
        .take()
        .or_else(|| {
            let bouncer = bouncer.as_ref()?;
            Some(Preflight::of_bouncer(bouncer, is_spread))
        })
        .ok_or_else(|| RunError::NoRoster("nobody uses the bouncer".to_owned()))?;
    preflight.check_host(&plan)?;
    if let Some(warning) = watched
        .as_ref()
        .and_then(|watched| preflight::check_target(&plan, watched))
    {
        progress.note(&warning.to_string());
        preflight.warnings.push(warning);
    }
    let is_embedded = preflight.network.is_some();
    let accounts = accounts::prepare(
        &plan.scenario,
        &request.folder,
        plan.population.user_count(),
        is_embedded.then_some(plan.seed),
    )?;
    if let (Some(network), Some(services)) = (
        &preflight.network,
        accounts::services(&plan.scenario, &accounts),
    ) {
        network.ask(move |network, _| network.keep_accounts(services));
    }
    let mut facts = facts(&plan, &preflight, clock);
    let file_error = |source| RunError::File {
        doing: "writing",
        path: request.out.clone(),
        source,
    };
    let artifacts = Artifacts::create(&request.out, &plan.scenario, facts.started_unix_ms)
        .map_err(file_error)?;
    let control = Control::listen(&request.out);
    if let Err(error) = &control {
        progress.note(&format!(
            "this run can't be steered: no control socket: {error}"
        ));
    }
    if let (Some(bouncer), Some(wanted)) = (&mut bouncer, &plan.scenario.bouncer)
        && !wanted.starts_cold
    {
        bouncer.await_ready(wanted.ready_within, &request.interrupt, progress)?;
    }
    let judging = Judging {
        plan: &plan,
        rules: &rules,
        lines_before: &preflight.probed.lines_sent,
        warnings: &preflight.warnings,
    };
    let mut watch = Watching {
        artifacts,
        progress,
        ends: plan.timeline.ends,
        clock,
        judging,
        facts: &facts,
        next_so_far: Offset::ZERO,
    };
    let shard_count = match (preflight.caps, request.shard_count) {
        // Caps are counted over everybody.
        (Some(_), _) => 1,
        (None, Some(asked)) => asked,
        (None, None) => suitable_shards(preflight.is_loopback),
    };
    let conducted = conduct::conduct(
        &Conduct {
            plan: &plan,
            servers: preflight.servers.clone(),
            resumes_tls: plan.scenario.target.resumes_tls,
            network: preflight.network.as_ref(),
            bouncer: bouncer.as_ref(),
            shard_count,
            is_spread: preflight.is_spread,
            caps: preflight.caps,
            credentials: Credentials {
                password: preflight.password.clone().map(Password),
                hellos: bouncer.as_ref().map(|bouncer| Arc::clone(&bouncer.hellos)),
                playback: bouncer.as_ref().map(|bouncer| bouncer.family.playback),
                accounts: accounts.accounts,
            },
            identities: accounts.identities,
            aborts: &rules.aborts,
            lateness_limit: lateness_limit(&rules.slos),
            interrupt: request.interrupt.clone(),
            watched: watched.as_ref(),
            control: control.as_ref().ok(),
        },
        &mut watch,
    );
    let Conducted {
        mut outcome,
        watch_error,
        set_up_faults,
    } = conducted.map_err(|source| RunError::System {
        what: "running the shards",
        source,
    })?;
    let aftermath = match &bouncer {
        Some(bouncer) => aftermath::of_bouncer(bouncer, outcome.ending),
        None => aftermath::look(&preflight, &plan.scenario, outcome.ending),
    };
    if let Some(bouncer) = &bouncer {
        bouncer.stop();
    }
    if let Some(network) = preflight.network {
        // A network that had died shows in what was lost; its own words are still worth having.
        if let Err(error) = Listening::stop(network) {
            watch
                .progress
                .note(&format!("the embedded network ended early: {error}"));
        }
    }
    let artifacts = watch.artifacts;
    outcome.lines_sent.merge(&aftermath.lines_sent);
    facts.likeness = likeness::judge(&plan, &outcome.said, outcome.ended);
    let result = judging.result(&facts, &mut outcome, &set_up_faults, aftermath.reasons);
    let written = artifacts.finish(&result);
    Ok(RunEnd {
        result,
        write_error: watch_error.or(written.err()),
    })
}

/// Returns how many shards suit: on loopback the target needs cores too.
fn suitable_shards(is_loopback: bool) -> u16 {
    let (_, cores) = counters::machine();
    let cores = u16::try_from(cores).unwrap_or(u16::MAX);
    if is_loopback {
        (cores / 2).max(1)
    } else {
        cores.max(1)
    }
}

/// What a result is made of beside what was observed.
#[derive(Clone, Copy)]
struct Judging<'a> {
    plan: &'a Plan,
    rules: &'a Rules,
    /// Lines of the login before the run.
    lines_before: &'a LinesSent,
    /// What preflight warns of.
    warnings: &'a [Warning],
}

impl Judging<'_> {
    /// Judges an outcome that has no warnings yet and no lines from before the run; `beside` is what else speaks against a pass.
    fn result(
        &self,
        facts: &RunFacts,
        outcome: &mut Outcome,
        set_up_faults: &[String],
        beside: Vec<Reason>,
    ) -> RunResult {
        outcome.lines_sent.merge(self.lines_before);
        outcome.warnings = self.warnings.to_vec();
        warn(self.plan, outcome);
        let judged = Judged::new(self.rules, outcome, set_up_faults).and(beside);
        let names = &self.plan.names;
        let naming = Naming {
            user: &|user: UserId| names.nick_text(user),
            channel: &|channel: ChannelId| names.channel_text(channel),
        };
        RunResult::new(facts, outcome, &judged, &naming)
    }
}

struct Watching<'a> {
    artifacts: Artifacts,
    progress: &'a mut dyn Progress,
    ends: Offset,
    clock: Clock,
    judging: Judging<'a>,
    facts: &'a RunFacts,
    /// When the next result of the run so far is due, by its last interval's end.
    next_so_far: Offset,
}

impl Watch for Watching<'_> {
    fn interval(
        &mut self,
        _number: u64,
        begins: Offset,
        interval: &Interval,
        migrations: &Migrations,
    ) -> io::Result<()> {
        self.progress.interval(begins, interval, migrations);
        self.artifacts.append(begins, interval, migrations)
    }

    fn so_far(&mut self, outcome: &mut Outcome, set_up_faults: &[String]) -> io::Result<()> {
        if outcome.ended < self.next_so_far {
            return Ok(());
        }
        let begun = self.clock.now();
        let result = self
            .judging
            .result(self.facts, outcome, set_up_faults, Vec::new());
        let kept = self.artifacts.keep(&result);
        if self.clock.now().since(begun) > SO_FAR_COST_MAX {
            self.next_so_far = outcome.ended + SO_FAR_EVERY;
        }
        kept
    }

    fn look(&mut self, now: Offset, stage: Stage) {
        self.progress.look(now, self.ends, stage);
    }
}

fn facts(plan: &Plan, preflight: &Preflight, clock: Clock) -> RunFacts {
    let scenario = &plan.scenario;
    let (kernel, cores) = counters::machine();
    RunFacts {
        likeness: None,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: ScenarioFacts {
            name: scenario.name.clone(),
            users: scenario.population.users,
            channels: scenario.population.channels,
            members_per_channel: scenario.population.members_per_channel,
            private_share: scenario.population.private_share,
            starts: scenario.starts_text(),
            heat: scenario.heat,
            settle: scenario.settle,
            lasts: plan.timeline.ends.since(Offset::ZERO),
        },
        profile: profile_facts(plan),
        replay: plan.script().map(replay_facts),
        clients: client_facts(plan),
        seed: plan.seed,
        target: TargetFacts {
            url: preflight.url.clone(),
            server: Some(preflight.probed.server.clone()).filter(|name| !name.is_empty()),
            version: Some(preflight.probed.version.clone()).filter(|version| !version.is_empty()),
            network: preflight.probed.network.clone(),
            family: preflight.probed.family(),
        },
        host: HostFacts {
            core_count: u32::try_from(cores).unwrap_or(u32::MAX),
            kernel,
            congestion_control: counters::congestion_control(),
        },
        started_unix_ms: i64::try_from(clock.epoch_unix_micros() / 1_000).unwrap_or(i64::MAX),
    }
}

fn profile_facts(plan: &Plan) -> ProfileFacts {
    let profile = plan.profile();
    ProfileFacts {
        name: plan.source_name().to_owned(),
        digest: match &plan.source {
            Source::Model(profile) => hex::text(&profile.digest()),
            Source::Script(script) => script.digest().to_owned(),
        },
        is_short: profile.is_some_and(Profile::is_short),
        assumed: profile.map(Profile::assumed).unwrap_or_default(),
        scores: profile
            .and_then(Profile::scores)
            .map_or_else(BTreeMap::new, |scores| {
                let rows = scores.rows.iter();
                rows.map(|row| (row.key.clone(), row.generated)).collect()
            }),
    }
}

/// Returns the programs of a mix; what a scenario says without one is nobody's way and no assumption.
fn client_facts(plan: &Plan) -> Vec<ClientFacts> {
    let counts = plan
        .clients
        .user_counts(plan.population.user_count(), &plan.streams);
    let shares = plan.clients.shares().iter().zip(counts);
    shares
        .filter(|(share, _)| share.client.basis != Basis::Stated)
        .map(|(share, users)| ClientFacts {
            name: share.client.name.clone(),
            share: share.share,
            users,
            basis: share.client.basis.name(),
            source: share.client.source.clone(),
        })
        .collect()
}

fn replay_facts(script: &Script) -> ReplayFacts {
    let counts = script.counts();
    let kinds = counts.clip.iter().map(|(&kind, &count)| {
        let left_out = counts
            .left_out
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .map(|((_, why), count)| (why.name(), *count));
        ReplayKindFacts {
            kind: kind.as_str(),
            clip: count,
            left_out: left_out.collect(),
        }
    });
    let (from_us, to_us) = script.span_us();
    ReplayFacts {
        from_us,
        to_us,
        speed: script.options().speed,
        loop_count: script.options().loop_count,
        synthetic_joins: counts.synthetic_joins,
        kinds: kinds.collect(),
    }
}

/// Adds what a reader must know of what was measured.
fn warn(plan: &Plan, outcome: &mut Outcome) {
    let mut warnings = Vec::new();
    if plan.scenario.heat > 1.0 {
        warnings.push(Warning::Heated {
            heat: plan.scenario.heat,
        });
    }
    if plan.profile().is_some_and(Profile::is_short) {
        warnings.push(Warning::ProfileShort);
    }
    if let Some(script) = plan.script() {
        let speed = script.options().speed;
        if (speed - 1.0).abs() > f64::EPSILON {
            warnings.push(Warning::Stress { speed });
        }
    }
    let health = &outcome.health;
    let share = |count: u64| ratio(count, health.interval_count);
    if health.late_count > 0 {
        warnings.push(Warning::GeneratorLate {
            share: share(health.late_count),
        });
    }
    if health.busy_count > 0 {
        warnings.push(Warning::GeneratorBusy {
            share: share(health.busy_count),
        });
    }
    let saturated = outcome.total.saturated();
    if saturated > 0 {
        warnings.push(Warning::Saturated { count: saturated });
    }
    let unspoken = ratio(
        outcome.ledger.unspoken,
        outcome.ledger.unspoken + outcome.ledger.planned,
    );
    if unspoken > UNSPOKEN_SHARE_TOLD {
        warnings.push(Warning::Unspoken { share: unspoken });
    }
    if health.syn_retransmits + health.listen_overflows > 0 {
        warnings.push(Warning::ListenOverflow {
            retransmits: health.syn_retransmits,
            overflows: health.listen_overflows,
        });
    }
    warnings.extend(welcome::wait_of(&outcome.total).map(Warning::WelcomeWait));
    let found = outcome.total.refused.count(Refused::FakeLag);
    if found > 0 {
        let held = outcome.total.times(Operation::Held).service.quantiles();
        warnings.push(Warning::FakeLag {
            found,
            lines: held.count,
            median_us: held.p50,
        });
    }
    outcome.warnings.extend(warnings);
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person to read")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
