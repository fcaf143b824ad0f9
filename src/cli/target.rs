//! The target side of `doctor`: one target held against a scenario, and two against each other.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::diagnostic;
use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::host;
use crate::cli::host::HostArguments;
use crate::cli::run;
use crate::cli::trust::TrustArguments;
use crate::drive::doctor::examine;
use crate::drive::doctor::examine::Appetite;
use crate::drive::doctor::examine::Care;
use crate::drive::run::accounts;
use crate::drive::run::error::RunError;
use crate::drive::run::safety;
use crate::drive::transport::address;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::endpoint::Endpoint;
use crate::drive::transport::tls::Trust;
use crate::fitness::finding::Level;
use crate::fitness::finding::worst;
use crate::fitness::need::TargetNeed;
use crate::fitness::target::judge::judge;
use crate::fitness::target::pair::compare;
use crate::fitness::target::probe::Probe;
use crate::plan::Plan;
use crate::plan::names::CHANNEL_BYTES_MAX;
use crate::plan::names::NICK_BYTES_MAX;
use crate::plan::peak;
use crate::report::doctor::pair as pair_report;
use crate::report::doctor::probe as probe_file;
use crate::report::doctor::target as target_report;

/// Exit code of a target on which the scenario would break, and of two targets that differ.
const BREAKS: u8 = 1;
/// Pause between connects, and lines, at a target off this machine.
const SPACING: Duration = Duration::from_secs(1);
/// A certificate that expires sooner is worth a warning.
const SOON_HOURS: i64 = 14 * 24;

/// Flags of `doctor` that are about a target.
#[derive(Debug, Args)]
pub(crate) struct TargetArguments {
    /// Look at this target instead of this host, such as <irc://127.0.0.1:6667>: what it offers, and gently what it allows. Takes up to a
    /// minute; exit 1 if the scenario would break on it.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Hold the target against another, or against a file that --save has written; exit 1 if they differ.
    #[arg(long, value_name = "FILE_OR_URL", requires = "target")]
    against: Option<String>,
    /// Write down what was found of the target, JSON.
    #[arg(long, value_name = "FILE", requires = "target")]
    save: Option<PathBuf>,
    /// A host off this machine that may be looked at; may be repeated.
    #[arg(long, value_name = "HOST", requires = "target")]
    allow_target: Vec<String>,
    #[command(flatten)]
    trust: TrustArguments,
}

impl TargetArguments {
    /// Returns whether it is a target that is to be looked at.
    pub(crate) fn is_given(&self) -> bool {
        self.target.is_some()
    }
}

/// Looks at a target. Returns 0 if nothing would break or nothing differs, else 1.
pub(crate) fn check(
    scenario: Option<&Path>,
    host: &HostArguments,
    arguments: &TargetArguments,
) -> Result<u8, Error> {
    let plan = host::plan(scenario, &host.sets)?;
    let look = Look {
        password: password(plan.as_deref())?,
        trust: arguments.trust.read()?,
        allowed: &arguments.allow_target,
        is_kept: arguments.save.is_some() || arguments.against.is_some(),
    };
    let url = arguments.target.as_deref().unwrap_or_default();
    let url = TargetUrl::parse(url).map_err(RunError::from)?;
    // A file that can't be read is told before a minute has passed.
    let against = match arguments.against.as_deref() {
        Some(other) => Some(read_or_parse(other)?),
        None => None,
    };
    let endpoint = Endpoint::resolve(&url, &look.trust).map_err(RunError::from)?;
    let need = plan
        .as_ref()
        .map(|plan| need(plan, address::is_loopback(&endpoint.address)));
    let (probe, other) = match against {
        None => (look.examine(&url, need.as_ref())?, None),
        Some(Other::File(other)) => (look.examine(&url, need.as_ref())?, Some(*other)),
        Some(Other::Target(other)) => {
            let other = look.examine(&other, need.as_ref())?;
            (look.examine(&url, need.as_ref())?, Some(other))
        }
    };
    if let Some(path) = &arguments.save {
        let text = probe_file::json(&probe).map_err(host::json_error)?;
        files::write(path, |out| out.write_all(text.as_bytes()))?;
    }
    let paint = diagnostic::paint(&io::stdout());
    let need = need.as_ref();
    let (text, is_well) = if let Some(other) = other {
        let differences = compare(&other, &probe, need);
        let probes = [&other, &probe];
        let text = if host.json {
            pair_report::json(probes, &differences).map_err(host::json_error)?
        } else {
            pair_report::text(probes, &differences, need, paint)
        };
        (text, differences.is_empty())
    } else {
        let findings = judge(&probe, need, &soon());
        let text = if host.json {
            target_report::json(&probe, &findings, need).map_err(host::json_error)?
        } else {
            target_report::text(&probe, &findings, need, paint)
        };
        (text, worst(&findings) != Level::Bad)
    };
    files::print(|out| out.write_all(text.as_bytes()))?;
    Ok(if is_well { 0 } else { BREAKS })
}

/// What a target is held against.
enum Other {
    File(Box<Probe>),
    Target(TargetUrl),
}

/// Reads a file, or what is written as a target is.
fn read_or_parse(text: &str) -> Result<Other, Error> {
    if text.contains("://") {
        let url = TargetUrl::parse(text).map_err(RunError::from)?;
        return Ok(Other::Target(url));
    }
    let file = fs::read_to_string(text)
        .map_err(|source| Error::file(diagnostic::READ, text.to_owned(), source))?;
    Ok(Other::File(Box::new(probe_file::read(text, &file)?)))
}

/// What looks at targets have in common.
struct Look<'a> {
    password: Option<Vec<u8>>,
    trust: Trust,
    allowed: &'a [String],
    /// Whether it is held against another: what is compared must have been tried, needed or not.
    is_kept: bool,
}

impl Look<'_> {
    fn examine(&self, url: &TargetUrl, need: Option<&TargetNeed>) -> Result<Probe, Error> {
        let endpoint = Endpoint::resolve(url, &self.trust).map_err(RunError::from)?;
        safety::check_allowed(url, &endpoint.address, self.allowed).map_err(RunError::from)?;
        error::say(&format!("looking at {url}, for a minute at most\n"));
        let appetite = match need {
            Some(need) if !self.is_kept => Appetite {
                connections: need.connections_per_address,
                channels: need.channels_per_user.saturating_add(1),
            },
            _ => Appetite::default(),
        };
        let is_loopback = address::is_loopback(&endpoint.address);
        let examined = examine::examine(
            &endpoint,
            self.password.as_deref(),
            appetite,
            |probed| -> Result<Care, RunError> {
                safety::check_network(probed)?;
                if is_loopback {
                    return Ok(Care {
                        spacing: Duration::ZERO,
                        may_flood: true,
                        is_at_home: true,
                    });
                }
                let state = run::state_folder();
                let nonce = safety::nonce(&state, &url.host).map_err(|source| RunError::File {
                    doing: "keeping the proof key in",
                    path: state.clone(),
                    source,
                })?;
                let is_proved = safety::is_proved(probed, &nonce);
                if !is_proved {
                    error::say(&format!(
                        "note: control of {} is not proved: put `{}` into its MOTD or 005; until then it is not sent many lines at once\n",
                        url.host,
                        safety::proof_text(&nonce)
                    ));
                }
                Ok(Care {
                    spacing: SPACING,
                    may_flood: is_proved,
                    is_at_home: false,
                })
            },
        );
        let mut probe = examined?;
        probe.target = url.to_string();
        probe.taken_unix_ms =
            u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        Ok(probe)
    }
}

/// Returns the password that the scenario takes from the environment.
fn password(plan: Option<&Plan>) -> Result<Option<Vec<u8>>, Error> {
    let variable = plan.and_then(|plan| plan.scenario.target.password_env.as_deref());
    Ok(variable.map(accounts::secret).transpose()?)
}

/// Returns the moment before which a certificate expires soon.
fn soon() -> String {
    let now = jiff::Timestamp::now();
    let soon = now
        .checked_add(jiff::SignedDuration::from_hours(SOON_HOURS))
        .unwrap_or(now);
    soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns what a plan asks of its target.
fn need(plan: &Arc<Plan>, is_loopback: bool) -> TargetNeed {
    let is_spread = plan.scenario.target.spread_sources && is_loopback;
    TargetNeed {
        scenario: plan.scenario.name.clone(),
        users: u64::from(plan.population.user_count()),
        connections_per_address: if is_spread { 1 } else { peak::online(plan) },
        connects_per_s_max: if is_spread {
            1
        } else {
            peak::arrivals_per_s(plan)
        },
        channels_per_user: peak::channels(plan),
        lines_in_10s_max: peak::lines_in_10s(plan),
        nick_bytes: NICK_BYTES_MAX as u64,
        channel_bytes: CHANNEL_BYTES_MAX as u64,
        capabilities: plan
            .scenario
            .client
            .capabilities
            .clone()
            .unwrap_or_default(),
    }
}
