//! The command `capture counters`: a server's own counters over time.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::trust::TrustArguments;
use crate::drive::clock::Clock;
use crate::drive::counters;
use crate::drive::counters::CountersError;
use crate::drive::counters::CountersOptions;
use crate::drive::counters::Source;
use crate::drive::counters::Tally;
use crate::drive::counters::Told;
use crate::drive::counters::page::PageOptions;
use crate::drive::counters::server::Operator;
use crate::drive::counters::server::ServerOptions;
use crate::drive::interrupt::Hangup;
use crate::drive::interrupt::Interrupt;
use crate::drive::run::error::RunError;
use crate::drive::run::safety;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::endpoint::Endpoint;
use crate::gate::figure;
use crate::scenario::value;
use crate::traffic::capture::counters::Row;
use crate::traffic::profile::fit::counters::COLUMNS;
use crate::units::span;

/// Shortest time between two readings: each is work for the server, and less tells nothing of people.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Flags of `capture counters`.
#[derive(Debug, Args)]
pub(crate) struct CountersArguments {
    /// Whom to ask: irc://HOST:PORT, or the page of metrics http://HOST:PORT/metrics.
    target: String,
    /// Time between two readings, such as 10s or 1m; a second at least.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = every_of)]
    every: Duration,
    /// For how long, such as 10m [default: until Ctrl-C].
    #[arg(long = "for", value_name = "TIME", value_parser = duration_of)]
    lasts: Option<Duration>,
    /// The CSV to write: `at_us,command,count,per_second`; nothing is written over [default: stdout].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Become the operator of that name first.
    #[arg(long, value_name = "NAME", requires = "oper_password_env")]
    oper_name: Option<String>,
    /// The variable of the environment that holds the operator's password.
    #[arg(long, value_name = "VAR", requires = "oper_name")]
    oper_password_env: Option<String>,
    /// The variable of the environment that holds the server's password.
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Read this metric of the page, whatever its name: by its label `command` or `cmd`, or else as one counter.
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Ask HOST though it is not on this machine; written as in TARGET, repeated for more.
    #[arg(long, value_name = "HOST")]
    allow_target: Vec<String>,
}

/// Reads counters until the time is over or somebody interrupts.
pub(crate) fn run(arguments: &CountersArguments) -> Result<u8, Error> {
    // Before any thread: they inherit what is blocked.
    let interrupt = Interrupt::watch(Hangup::IsIgnored).map_err(|source| Error::System {
        what: "watching for Ctrl-C",
        source,
    })?;
    let options = CountersOptions {
        source: source(arguments)?,
        every: arguments.every,
        lasts: arguments.lasts,
    };
    let path = arguments
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let mut output = Output { path, out: None };
    let told = counters::watch(
        &options,
        Clock::start(),
        &interrupt,
        &mut |told| match told {
            Told::Rows { at_us, rows } => output.write(at_us, rows),
            Told::Restarted => {
                error::say("warning: the server was restarted: its counters began anew\n");
                Ok(())
            }
            Told::Skipped => {
                error::say("warning: the server asks for patience (263): a reading is left out\n");
                Ok(())
            }
            Told::Lost(reason) => {
                error::say(&format!(
                    "warning: the server is lost: {reason}; it is tried again\n"
                ));
                Ok(())
            }
            Told::Found => {
                error::say("the server answers again\n");
                Ok(())
            }
        },
    );
    match told {
        Ok(tally) => {
            error::say(&summary(
                &tally,
                matches!(options.source, Source::Server(_)),
            ));
            Ok(0)
        }
        Err(CountersError::Output(source)) => match path {
            Some(path) => Err(Error::file("write", files::shown(path), source)),
            // A reader that has read enough, such as `head`, is nobody's error.
            None if source.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            None => Err(Error::file("write", "stdout", source)),
        },
        Err(error) => Err(error.into()),
    }
}

fn duration_of(text: &str) -> Result<Duration, String> {
    value::duration(text).map_err(|_| "expected a time with its unit, such as 10s".to_owned())
}

fn every_of(text: &str) -> Result<Duration, String> {
    let every = duration_of(text)?;
    if every < EVERY_MIN {
        return Err("expected 1s or more".to_owned());
    }
    Ok(every)
}

/// Returns whom to ask, once it is plain that they may be asked.
fn source(arguments: &CountersArguments) -> Result<Source, Error> {
    let usage = |what: String, help: &str| Error::Usage {
        what,
        help: help.to_owned(),
    };
    let target = &arguments.target;
    if target.starts_with("https://") {
        return Err(usage(
            format!("`https://` is not supported: `{target}`"),
            "ask the page on the server's own machine, over http://",
        ));
    }
    let (url, path) = match target.strip_prefix("http://") {
        None => (TargetUrl::parse(target).map_err(RunError::from)?, None),
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let port = host.rsplit(']').next().unwrap_or_default();
            let is_path = path.bytes().all(|byte| byte.is_ascii_graphic());
            let url = TargetUrl::parse(host)
                .ok()
                .filter(|_| port.contains(':') && is_path);
            let url = url.ok_or_else(|| {
                usage(
                    format!(
                        "expected a page such as `http://127.0.0.1:9100/metrics`, found `{target}`"
                    ),
                    "name the port too",
                )
            })?;
            let path = if path.is_empty() { "/metrics" } else { path };
            (url, Some((host.to_owned(), path.to_owned())))
        }
    };
    let address = url.resolve().map_err(RunError::from)?;
    safety::check_allowed(&url, &address, &arguments.allow_target).map_err(RunError::from)?;
    let Some((host, path)) = path else {
        if arguments.metric.is_some() {
            return Err(usage(
                "`--metric` is for a page of metrics".to_owned(),
                "leave it out for an IRC server",
            ));
        }
        return Ok(Source::Server(ServerOptions {
            endpoint: Endpoint::resolve(&url, &arguments.trust.read()?).map_err(RunError::from)?,
            password: secret(arguments.password_env.as_deref())?,
            operator: operator(arguments)?,
        }));
    };
    if arguments.oper_name.is_some() || arguments.password_env.is_some() {
        return Err(usage(
            "nobody logs in to a page of metrics".to_owned(),
            "leave --oper-name and --password-env out",
        ));
    }
    Ok(Source::Page(PageOptions {
        address,
        host,
        path,
        metric: arguments.metric.clone(),
    }))
}

fn operator(arguments: &CountersArguments) -> Result<Option<Operator>, Error> {
    let password = secret(arguments.oper_password_env.as_deref())?;
    let name = arguments.oper_name.clone();
    Ok(name
        .zip(password)
        .map(|(name, password)| Operator { name, password }))
}

fn secret(variable: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
    let Some(name) = variable else {
        return Ok(None);
    };
    match std::env::var(name) {
        Ok(secret) => Ok(Some(secret.into_bytes())),
        Err(_) => Err(Error::Usage {
            what: format!("the environment has no `{name}`"),
            help: format!("set it: {name}=… splitstorm capture counters …"),
        }),
    }
}

/// The CSV, which grows as it goes. It begins with the first reading: a server that tells nothing leaves no file.
struct Output<'a> {
    path: Option<&'a Path>,
    out: Option<csv::Writer<Box<dyn Write>>>,
}

impl Output<'_> {
    /// Writes a reading and hands it to the system: whoever ends this loses none that is over.
    fn write(&mut self, at_us: u64, rows: &[Row]) -> io::Result<()> {
        let out = if let Some(out) = &mut self.out {
            out
        } else {
            let file: Box<dyn Write> = match self.path {
                Some(path) => Box::new(File::create_new(path)?),
                None => Box::new(io::stdout()),
            };
            let out = self.out.insert(csv::Writer::from_writer(file));
            out.write_record(COLUMNS)?;
            out
        };
        let at_us = at_us.to_string();
        for row in rows {
            let rate = row.per_second.map(|rate| format!("{rate:.3}"));
            out.write_record([
                at_us.as_str(),
                &row.name,
                &row.count.to_string(),
                rate.as_deref().unwrap_or_default(),
            ])?;
        }
        out.flush()
    }
}

/// Returns what it came to, for people.
fn summary(tally: &Tally, is_server: bool) -> String {
    let series = &tally.series;
    let watched = span::micros(series.watched());
    let mut text = format!(
        "{} readings over {}\n",
        figure::count(tally.reading_count),
        figure::duration(watched)
    );
    let mut put = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let totals = series.totals();
    let width = totals.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let width = width.max("command".len());
    put(format!(
        "  {:<width$} {:>14} {:>12}",
        "command", "count", "per second"
    ));
    for row in &totals {
        let rate = row.per_second.map_or_else(|| "–".to_owned(), rate_text);
        put(format!(
            "  {:<width$} {:>14} {rate:>12}",
            row.name,
            figure::count(row.count)
        ));
    }
    if is_server {
        put(format!(
            "  of these, its own: a STATS and a LUSERS for each reading, {} PONG",
            figure::count(tally.pong_count)
        ));
    }
    for (count, what) in [
        (
            series.restart_count(),
            "restarts of the server: what it did between its last reading before one and its end is not known",
        ),
        (
            tally.lost_count,
            "times the server was lost and tried again",
        ),
        (
            tally.skipped_count,
            "readings left out, as the server asked",
        ),
        (
            series.unread(),
            "counters were not understood, or had no room",
        ),
    ] {
        if count > 0 {
            put(format!("warning: {} {what}", figure::count(count)));
        }
    }
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are not negative, and one over 2^64 would be shown as that"
)]
fn rate_text(rate: f64) -> String {
    if rate < 999.5 {
        figure::three_digits(rate)
    } else {
        figure::count(libm::round(rate) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::counters::Reading;
    use crate::traffic::capture::counters::Series;
    use crate::units::offset::Offset;

    #[test]
    fn a_summary_tells_totals_and_everything_odd() {
        let mut series = Series::default();
        for (at, count) in [(0, 10_000), (10, 12_500), (20, 3)] {
            let mut reading = Reading::default();
            reading.add(b"PRIVMSG", count);
            reading.add(b"what is this", 1);
            series.enter(Offset::from_secs(at), reading);
        }
        let tally = Tally {
            series,
            reading_count: 3,
            lost_count: 1,
            skipped_count: 2,
            pong_count: 0,
        };
        let text = summary(&tally, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "3 readings over 20.0 s");
        assert_eq!(lines[2], "  PRIVMSG          2,503          125");
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.starts_with("warning: "))
                .count(),
            4,
            "{text}"
        );
    }
}
