//! The command `capture tap`: a recording proxy.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::key;
use crate::cli::trust::ServerTlsArguments;
use crate::cli::trust::misread;
use crate::cli::trust::read;
use crate::drive::clock::Clock;
use crate::drive::host::limits;
use crate::drive::interrupt::Hangup;
use crate::drive::interrupt::Interrupt;
use crate::drive::tap::Tap;
use crate::drive::tap::TapError;
use crate::drive::tap::TapOptions;
use crate::drive::tap::counts::Counts;
use crate::drive::tap::counts::Lane;
use crate::drive::tap::counts::Notice;
use crate::drive::tap::counts::Side;
use crate::drive::tap::output::Destination;
use crate::drive::tap::proxy::ProxyProtocol;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::tls::ClientTls;
use crate::drive::transport::tls::TlsError;
use crate::drive::transport::tls::Trust;
use crate::gate::figure;
use crate::traffic::capture::live::LiveTrace;
use crate::traffic::trace::pseudonym::Pseudonyms;

/// How often a person's wish to end, and what the tap has to say, is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Time between two lines of progress on a terminal.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Smallest size of a file: in smaller ones heads would outweigh events.
const ROTATE_BYTES_MIN: u64 = 4_096;

/// Exit code of a tap whose recording stopped before it: the file was in error.
const EXIT_STOPPED: u8 = 2;

/// Flags of `capture tap`.
#[derive(Debug, Args)]
pub(crate) struct TapArguments {
    /// Address that clients connect to; its port is printed if it is 0.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The server that every connection is passed on to.
    #[arg(long, value_name = "HOST:PORT", value_parser = upstream_of)]
    upstream: TargetUrl,
    /// The trace to write (.csv or .csv.zst), or a folder for trace-0001.csv.zst and so on; nothing is written over.
    #[arg(short, long, value_name = "DIR|FILE")]
    output: PathBuf,
    /// Begin a new file in the folder when one has so many bytes, such as 64M or 2G [default: one file].
    #[arg(long, value_name = "SIZE", value_parser = size_of)]
    rotate_bytes: Option<u64>,
    /// The network's name in the trace.
    #[arg(long, value_name = "NAME", default_value = "network")]
    network: String,
    /// Keep names and texts as they are: the trace then holds people's words, private ones and passwords told to services too.
    #[arg(long)]
    keep_text: bool,
    /// Keep the key of the pseudonyms in FILE, made if need be, so that several taps give a name the same pseudonym.
    #[arg(long, value_name = "FILE", conflicts_with = "keep_text")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    client_tls: ServerTlsArguments,
    /// Speak TLS with the upstream, and trust whom the system trusts.
    #[arg(long)]
    upstream_tls: bool,
    /// Trust these authorities instead (PEM).
    #[arg(long, value_name = "PEM", requires = "upstream_tls")]
    upstream_ca: Option<PathBuf>,
    /// Tell the upstream each client's own address first, by the PROXY protocol [default: it sees the tap's].
    #[arg(long, value_name = "VERSION")]
    proxy_protocol: Option<ProxyVersion>,
}

/// A version of the PROXY protocol, as flags have it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProxyVersion {
    V1,
    V2,
}

/// Taps until interrupted. Prints the address that it listens on.
pub(crate) fn run(arguments: TapArguments) -> Result<u8, Error> {
    // Before any thread: they inherit what is blocked.
    let interrupt = Interrupt::watch(Hangup::Ends).map_err(|source| Error::System {
        what: "watching for Ctrl-C",
        source,
    })?;
    let client_tls = arguments.client_tls.read()?;
    let upstream_tls = upstream_side(&arguments)?;
    let destination = destination(&arguments)?;
    let pseudonyms = if arguments.keep_text {
        Pseudonyms::kept()
    } else {
        key::pseudonyms(arguments.key_file.as_deref())?
    };
    let live = LiveTrace::new(&arguments.network, pseudonyms, arguments.keep_text);
    limits::raise_descriptors();
    let clock = Clock::start();
    let upstream = arguments.upstream.clone();
    let options = TapOptions {
        listen: arguments.listen,
        upstream: arguments.upstream,
        client_tls,
        upstream_tls,
        proxy_protocol: arguments.proxy_protocol.map(|version| match version {
            ProxyVersion::V1 => ProxyProtocol::V1,
            ProxyVersion::V2 => ProxyProtocol::V2,
        }),
        destination,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let tap = Tap::start(options, live, clock).map_err(told)?;
    files::print(|out| writeln!(out, "{}", tap.address))?;
    let is_watched = io::stderr().is_terminal();
    let mut progress_at = clock.now() + PROGRESS_EVERY;
    while !interrupt.is_asked() && !tap.has_ended() {
        std::thread::sleep(LOOK);
        say_notices(&upstream, tap.take_notices());
        if is_watched && clock.now() >= progress_at {
            progress_at = clock.now() + PROGRESS_EVERY;
            error::say(&progress(&tap.counts()));
        }
    }
    let (counts, notices) = tap.stop().map_err(told)?;
    say_notices(&upstream, notices);
    error::say(&summary(&counts, &arguments.output));
    Ok(if counts.has_stopped { EXIT_STOPPED } else { 0 })
}

fn upstream_of(text: &str) -> Result<TargetUrl, String> {
    if text.contains("://") {
        return Err("expected HOST:PORT; --upstream-tls makes it TLS".to_owned());
    }
    TargetUrl::parse(text)
        .map_err(|_| "expected HOST:PORT, such as irc.example.org:6667".to_owned())
}

/// Reads a size in bytes: a number, or one with K, M or G for powers of 1,024.
fn size_of(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let size = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    size.filter(|size| *size >= ROTATE_BYTES_MIN)
        .ok_or_else(|| "expected 4K or more, such as 64M".to_owned())
}

/// Returns where the trace goes.
fn destination(arguments: &TapArguments) -> Result<Destination, Error> {
    let path = &arguments.output;
    let is_trace = [OsStr::new("csv"), OsStr::new("zst")];
    let is_file = path
        .extension()
        .is_some_and(|extension| is_trace.contains(&extension));
    if !is_file || path.is_dir() {
        return Ok(Destination::Folder {
            path: path.clone(),
            rotate_bytes: arguments.rotate_bytes,
        });
    }
    if arguments.rotate_bytes.is_some() {
        return Err(Error::Usage {
            what: format!(
                "expected a folder for files of a size, found `{}`",
                files::shown(path)
            ),
            help: "name a folder with -o, or leave --rotate-bytes".to_owned(),
        });
    }
    Ok(Destination::File(path.clone()))
}

fn upstream_side(arguments: &TapArguments) -> Result<Option<ClientTls>, Error> {
    if !arguments.upstream_tls {
        return Ok(None);
    }
    let authorities = match &arguments.upstream_ca {
        None => None,
        Some(path) => Some((path, read(path)?)),
    };
    let trust = Trust {
        authorities: authorities.as_ref().map(|(_, pem)| pem.clone()),
        identity: None,
    };
    match ClientTls::new(&arguments.upstream.host, &trust) {
        Ok(tls) => Ok(Some(tls)),
        Err(error @ (TlsError::NoRoots | TlsError::Host { .. })) => Err(Error::Usage {
            what: error.to_string(),
            help: "name the authority's certificate with --upstream-ca, and the host as its certificate does".to_owned(),
        }),
        Err(error) => Err(match authorities {
            Some((path, _)) => misread(&error, path),
            None => Error::Usage {
                what: error.to_string(),
                help: String::new(),
            },
        }),
    }
}

fn told(error: TapError) -> Error {
    match error {
        TapError::Output(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
            Error::Usage {
                what: format!("`{}` exists already", files::shown(&error.path)),
                help: "name a new file, or a folder: no recording is written over".to_owned(),
            }
        }
        TapError::Output(error) => Error::file("write", files::shown(&error.path), error.source),
        TapError::Listen { source, .. } => Error::System {
            what: "listening",
            source,
        },
        TapError::Thread(source) => Error::System {
            what: "running the tap",
            source,
        },
    }
}

fn say_notices(upstream: &TargetUrl, notices: Vec<Notice>) {
    let (host, port) = (&upstream.host, upstream.port);
    for notice in notices {
        let text = match notice {
            Notice::Unreachable(reason) => format!(
                "upstream {host}:{port} can't be reached: {reason}; clients are closed until it can"
            ),
            Notice::Handshake(Side::Client, reason) => {
                format!("a client does not agree on TLS: {reason}")
            }
            Notice::Handshake(Side::Upstream, reason) => {
                format!("upstream {host}:{port} does not agree on TLS: {reason}")
            }
            Notice::NotAccepted(reason) => {
                format!("no client can be accepted: {reason}; tried again ten times a second")
            }
            Notice::Unreadable => "a client speaks TLS through the tap: it passes and can't be read; --tls-cert ends TLS here".to_owned(),
            Notice::Overrun => "the recorder can't keep up: bytes pass, and what is not recorded is counted".to_owned(),
            Notice::Stopped { path, reason } => format!(
                "recording stopped: can't write `{}`: {reason}; bytes still pass",
                files::shown(&path)
            ),
            Notice::LastFile(path) => format!(
                "`{}` is the last file that sorts in order: it grows from now on",
                files::shown(&path)
            ),
        };
        error::say(&format!("warning: {text}\n"));
    }
}

/// Returns how it goes, in a line.
fn progress(counts: &Counts) -> String {
    let lane = |name: &str, lane: &Lane| {
        format!(
            "{name} {} lines, {} bytes, +{}",
            figure::count(lane.lines),
            figure::count(lane.bytes),
            quantile(lane, 0.99)
        )
    };
    format!(
        "{} of {} connections open  {}  {}  {} events\n",
        figure::count(counts.open),
        figure::count(counts.connections),
        lane("up", &counts.up),
        lane("down", &counts.down),
        figure::count(counts.events)
    )
}

/// Returns what the tap came to, for people.
fn summary(counts: &Counts, output: &Path) -> String {
    let mut text = format!(
        "{} events to {}{}\n",
        figure::count(counts.events),
        files::shown(output),
        match counts.files {
            0 | 1 => String::new(),
            more => format!(", in {} files", figure::count(more)),
        }
    );
    let mut put = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    put(format!(
        "  {:<6} {:>15} {:>12}   {:>9} {:>9} {:>9}",
        "", "bytes", "lines", "added p50", "p99", "max"
    ));
    for (name, lane) in [("up", &counts.up), ("down", &counts.down)] {
        put(format!(
            "  {name:<6} {:>15} {:>12}   {:>9} {:>9} {:>9}",
            figure::count(lane.bytes),
            figure::count(lane.lines),
            quantile(lane, 0.5),
            quantile(lane, 0.99),
            quantile(lane, 1.0)
        ));
    }
    put(format!(
        "  {} connections, {} damaged lines",
        figure::count(counts.connections),
        figure::count(counts.damaged)
    ));
    let warnings = [
        (
            counts.unreachable,
            "connections closed: the upstream could not be reached",
        ),
        (
            counts.handshakes_failed,
            "connections closed: TLS was not agreed on",
        ),
        (
            counts.unreadable,
            "connections passed with TLS of their own: nothing of them is recorded",
        ),
        (
            counts.up.missed_bytes + counts.down.missed_bytes,
            "bytes passed and were not recorded: the recorder could not keep up",
        ),
        (
            counts.unwritten,
            "events were not written: the recording had stopped",
        ),
        (
            counts.forgotten,
            "times there were too many names: who had changed nicks went on as somebody new",
        ),
    ];
    for (count, what) in warnings {
        if count > 0 {
            put(format!("warning: {} {what}", figure::count(count)));
        }
    }
    if counts.has_stopped {
        put("warning: the recording stopped before the tap did".to_owned());
    }
    text
}

fn quantile(lane: &Lane, quantile: f64) -> String {
    lane.added
        .at_quantile(quantile)
        .map_or_else(|| "–".to_owned(), figure::duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, want) in [
            ("4096", Some(4_096)),
            ("64K", Some(65_536)),
            ("2G", Some(2 << 30)),
            ("4095", None),
            ("", None),
            ("12X", None),
            ("99999999999999999999G", None),
        ] {
            assert_eq!(size_of(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_summary_tells_every_loss() {
        let mut counts = Counts {
            events: 1_234,
            files: 2,
            connections: 3,
            unreadable: 1,
            unwritten: 7,
            has_stopped: true,
            ..Counts::default()
        };
        counts.up.missed_bytes = 5;
        counts.down.added.record(Duration::from_micros(42));
        let text = summary(&counts, Path::new("traces"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1,234 events to traces, in 2 files");
        assert!(lines[3].ends_with("42 µs     42 µs     42 µs"), "{text}");
        let warnings = lines.iter().filter(|line| line.starts_with("warning: "));
        assert_eq!(warnings.count(), 4, "{text}");
    }
}
