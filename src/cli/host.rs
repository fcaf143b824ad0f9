//! The host side of `doctor`: this host as a load generator, snapshots, and their differences.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::diagnostic;
use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs::InputArguments;
use crate::drive::host::figures;
use crate::drive::host::limits::Sources;
use crate::drive::host::snapshot;
use crate::drive::run::preflight::OtherEnd;
use crate::drive::run::preflight::demand;
use crate::fitness::config::Secrets;
use crate::fitness::difference::compare;
use crate::fitness::difference::is_any_below;
use crate::fitness::finding::Level;
use crate::fitness::finding::worst;
use crate::fitness::host::judge;
use crate::fitness::need::Load;
use crate::fitness::need::Need;
use crate::fitness::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::peak;
use crate::report::doctor::difference as difference_report;
use crate::report::doctor::host as host_report;
use crate::report::doctor::snapshot as snapshot_file;

/// Exit code of a host on which a run would say nothing.
const UNFIT: u8 = 4;
/// Exit code of a new host with less than the scenario needs.
const BELOW_NEED: u8 = 1;
/// Largest configuration file that is read.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Flags of `doctor` without a subcommand, whatever it looks at.
#[derive(Debug, Args)]
pub(crate) struct HostArguments {
    /// A value over the scenario's, such as population.users=500; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
    /// Print JSON instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `doctor snapshot`.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArguments {
    /// The server's process; without it the host alone is written down. Of another user's process only root sees everything.
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    /// A configuration file of the server; may be repeated. Its keys are written down in clear, its values only as keyed hashes, equal
    /// where values are equal. A short value can be guessed from its hash.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Hash values too whose key sounds like a secret (pass, secret, key, token, cert, salt, hash, cloak, auth, sasl); they are left
    /// out otherwise.
    #[arg(long, requires = "config")]
    with_secrets: bool,
    /// The file, JSON; `-` is stdout.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Flags of `doctor diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The snapshot of the old host.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The snapshot of the new one.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The scenario that the new host's server is to live through.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// A value over the scenario's, such as population.users=500; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "scenario")]
    sets: Vec<String>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

/// Checks this host. Returns 0 if nothing is bad, else 4.
pub(crate) fn check(scenario: Option<&Path>, arguments: &HostArguments) -> Result<u8, Error> {
    let need = need(scenario, &arguments.sets)?;
    if !arguments.json {
        error::say(&format!(
            "watching this host for {} s\n",
            figures::SAMPLE.as_secs()
        ));
    }
    let findings = judge(&figures::gather(figures::SAMPLE), need.as_ref());
    let text = if arguments.json {
        host_report::json(&findings, need.as_ref()).map_err(json_error)?
    } else {
        let paint = diagnostic::paint(&io::stdout());
        host_report::text(&findings, need.as_ref(), paint)
    };
    files::print(|out| out.write_all(text.as_bytes()))?;
    Ok(if worst(&findings) == Level::Bad {
        UNFIT
    } else {
        0
    })
}

/// Takes a snapshot.
pub(crate) fn snapshot(arguments: &SnapshotArguments) -> Result<u8, Error> {
    let mut taken = snapshot::take(arguments.pid).map_err(|source| {
        Error::file(
            "read",
            format!("/proc/{}", arguments.pid.unwrap_or_default()),
            source,
        )
    })?;
    let secrets = if arguments.with_secrets {
        Secrets::Hashed
    } else {
        Secrets::LeftOut
    };
    for path in &arguments.config {
        let fail = |source| Error::file("read", files::shown(path), source);
        if fs::metadata(path).map_err(fail)?.len() > CONFIG_BYTES_MAX {
            return Err(fail(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        // Old configurations are Latin-1 in places; keys are ASCII.
        let bytes = fs::read(path).map_err(fail)?;
        // Two hosts keep the same file in different folders.
        let name = path.file_name().unwrap_or(path.as_os_str());
        snapshot::put_config(
            &mut taken,
            &name.to_string_lossy(),
            &String::from_utf8_lossy(&bytes),
            secrets,
        );
    }
    let text = snapshot_file::json(&taken).map_err(json_error)?;
    files::write(&arguments.output, |out| out.write_all(text.as_bytes()))?;
    Ok(0)
}

/// Compares two snapshots. Returns 0, or 1 if a limit of the new host is below the need.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<u8, Error> {
    let need = need(arguments.scenario.as_deref(), &arguments.sets)?;
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let differences = compare(&old, &new, need.as_ref());
    let text = if arguments.json {
        difference_report::json(&differences).map_err(json_error)?
    } else {
        difference_report::text(&differences, diagnostic::paint(&io::stdout()))
    };
    files::print(|out| out.write_all(text.as_bytes()))?;
    Ok(if is_any_below(&differences) {
        BELOW_NEED
    } else {
        0
    })
}

fn read(path: &Path) -> Result<Snapshot, Error> {
    let name = files::shown(path);
    let text = fs::read_to_string(path)
        .map_err(|source| Error::file(diagnostic::READ, name.as_str(), source))?;
    Ok(snapshot_file::read(&name, &text)?)
}

/// Returns what a scenario needs, if there is one.
fn need(scenario: Option<&Path>, sets: &[String]) -> Result<Option<Need>, Error> {
    let Some(plan) = plan(scenario, sets)? else {
        return Ok(None);
    };
    // Where the embedded network listens.
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let spread = Sources::at(&loopback, plan.scenario.target.spread_sources);
    let load = |end, sources| {
        let demand = demand(&plan, end, sources);
        Load {
            descriptors: demand.descriptors,
            ports: demand.ports,
        }
    };
    Ok(Some(Need {
        scenario: plan.scenario.name.clone(),
        users: u64::from(plan.population.user_count()),
        connects_per_s_max: peak::arrivals_per_s(&plan),
        elsewhere: load(OtherEnd::Elsewhere, Sources::Shared),
        embedded: load(OtherEnd::Embedded, spread),
    }))
}

/// Returns the plan of a scenario, if there is one.
pub(crate) fn plan(scenario: Option<&Path>, sets: &[String]) -> Result<Option<Arc<Plan>>, Error> {
    let Some(path) = scenario else {
        if sets.is_empty() {
            return Ok(None);
        }
        return Err(Error::Usage {
            what: "--set without a scenario".to_owned(),
            help: "name the scenario: splitstorm doctor SCENARIO --set …".to_owned(),
        });
    };
    let inputs = InputArguments {
        scenario: path.to_owned(),
        seed: 1,
        sets: sets.to_vec(),
    };
    Ok(Some(inputs.read()?.plan(path)?))
}

/// Returns the error of JSON that can't be written.
pub(crate) fn json_error(source: serde_json::Error) -> Error {
    Error::System {
        what: "writing JSON",
        source: io::Error::from(source),
    }
}
