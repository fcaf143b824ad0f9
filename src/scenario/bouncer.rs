//! The bouncer of a scenario: what kind it is, who its users are, and what it meets on the networks behind it.

pub mod network;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::bouncer::network::NetworkBehind;
use crate::scenario::bouncer::network::Places;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::scenario::value::duration_text;
use crate::scenario::value::quoted;

/// Most networks of one bouncer run: each has a thread of its own.
pub const NETWORKS_MAX: u32 = 16;

/// Most lines with which each channel begins.
const PRELOAD_LINES_MAX: u64 = 100_000;

/// A bouncer between the networks and its users' clients.
#[derive(Clone, Debug)]
pub struct Bouncer {
    /// Which one.
    pub kind: BouncerKind,
    /// Who its users are.
    pub users: BouncerUsers,
    /// A folder with its configuration, from the scenario's folder; none for one that is written for the run.
    pub home: Option<String>,
    /// How many of each channel's lines it is to keep.
    pub buffer_lines: u32,
    /// Whether it plays back what was read too, as long as it is kept: whoever attaches is told everything.
    pub keeps_read: bool,
    /// How many lines the network says in each of its channels at the run's beginning, for a backlog to begin with.
    pub preload_lines: u32,
    /// How long that takes.
    pub preload_over: Duration,
    /// Whether its own limits are lifted, as far as its configuration can, or left as they are shipped.
    pub lifts_limits: bool,
    /// How many lines the network says in one of a user's channels within a quarter of a second of each attach.
    pub lines_at_attach: u32,
    /// How long it may take to have every user on every network, before clients come.
    pub ready_within: Duration,
    /// Whether clients come without waiting for that: its queue of connects is part of what is measured.
    pub starts_cold: bool,
    /// Where the first server of the first network listens, and the others at the ports behind; none for addresses of the run's own.
    pub listen: Option<SocketAddr>,
    /// What it meets on the networks.
    pub network: NetworkBehind,
    /// How many clients its attached users have; known once its users are.
    pub client_count: u32,
}

impl Bouncer {
    /// Writes the table in its resolved form.
    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n[bouncer]\nkind = {}", quoted(self.kind.name()))?;
        match &self.users {
            BouncerUsers::Roster { path, .. } => writeln!(out, "roster = {}", quoted(path))?,
            BouncerUsers::Model {
                users,
                networks,
                channels,
                channels_per_user,
                attached,
                clients,
            } => writeln!(
                out,
                "users = {users}\nnetworks = {networks}\nchannels = {channels}\n\
                 channels_per_user = {channels_per_user}\nattached = {attached:?}\nclients = {clients}"
            )?,
        }
        writeln!(
            out,
            "buffer_lines = {}\nkeeps_read = {}\npreload_lines = {}\npreload_over = {}\nlifts_limits = {}\nlines_at_attach = {}\nready_within = {}\nstarts_cold = {}",
            self.buffer_lines,
            self.keeps_read,
            self.preload_lines,
            quoted(&duration_text(self.preload_over)),
            self.lifts_limits,
            self.lines_at_attach,
            quoted(&duration_text(self.ready_within)),
            self.starts_cold
        )?;
        if let Some(home) = &self.home {
            writeln!(out, "home = {}", quoted(home))?;
        }
        if let Some(listen) = self.listen {
            writeln!(out, "listen = {}", quoted(&listen.to_string()))?;
        }
        self.network.write(out)
    }
}

/// A kind of bouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BouncerKind {
    /// ZNC.
    Znc,
    /// bip.
    Bip,
    /// soju.
    Soju,
}

impl BouncerKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Znc, Self::Bip, Self::Soju];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Znc => "znc",
            Self::Bip => "bip",
            Self::Soju => "soju",
        }
    }
}

/// Who a bouncer's users are.
#[derive(Clone, Debug)]
pub enum BouncerUsers {
    /// Those of a roster.
    Roster {
        /// The file, as written: from the scenario's folder.
        path: String,
        /// Where it was written.
        place: Place,
    },
    /// As many as asked for.
    Model {
        /// Users.
        users: u32,
        /// Networks of each.
        networks: u32,
        /// Channels of each network.
        channels: u32,
        /// Channels of each user on each network.
        channels_per_user: u32,
        /// Share of users with clients.
        attached: f64,
        /// Clients of each of those.
        clients: u32,
    },
}

/// Reads the bouncer, if there is one.
pub(super) fn bouncer(mut table: Table<'_>) -> Result<Option<Bouncer>, Misread> {
    let kind = table.optional("kind", value::bouncer_kind)?;
    let roster = table.optional_placed("roster", value::text)?;
    let home = table.optional("home", value::text)?;
    let users = table.optional("users", value::count)?;
    let networks = table.with_default("networks", 1, value::count)?;
    let channels = table.with_default("channels", 50, value::count)?;
    let channels_per_user = table.with_default("channels_per_user", 5, value::count)?;
    let attached = table.with_default("attached", 0.4, value::share)?;
    let clients = table.with_default("clients", 1, value::count)?;
    let buffer_lines = table.with_default("buffer_lines", 500, value::count)?;
    let keeps_read = table.optional_placed("keeps_read", value::boolean)?;
    let preload = table.optional_placed("preload_lines", value::samples)?;
    if let Some((lines, place)) = &preload
        && *lines > PRELOAD_LINES_MAX
    {
        let what = format!("expected at most {PRELOAD_LINES_MAX} lines, found {lines}");
        return Err(Misread::new(what, place.clone())
            .with_help("a buffer keeps no more than its last lines: [bouncer] buffer_lines"));
    }
    let preload_lines = preload.map_or(0, |(lines, _)| lines);
    let preload_over =
        table.with_default("preload_over", Duration::from_secs(10), value::duration)?;
    let lifts_limits = table.with_default("lifts_limits", true, value::boolean)?;
    let lines_at_attach = table.with_default("lines_at_attach", 20, value::samples)?;
    let ready_within =
        table.with_default("ready_within", Duration::from_mins(5), value::duration)?;
    let starts_cold = table.with_default("starts_cold", false, value::boolean)?;
    let listen = table.optional("listen", value::address)?;
    let (network, places) = network::network(table.table("network")?)?;
    let whole = table.place().clone();
    table.finish()?;
    let Some(kind) = kind else {
        if roster.is_none() && users.is_none() {
            return Ok(None);
        }
        let misread = Misread::new("expected the `kind` of the bouncer", whole);
        return Err(misread.with_help("such as kind = \"znc\""));
    };
    if let Some((true, place)) = &keeps_read
        && kind != BouncerKind::Znc
    {
        let what = format!("a {} is not known to play back what was read", kind.name());
        return Err(Misread::new(what, place.clone()).with_help("a ZNC does: kind = \"znc\""));
    }
    let users = match (roster, users) {
        (Some((path, place)), None) => BouncerUsers::Roster { path, place },
        (None, Some(users)) => BouncerUsers::Model {
            users,
            networks,
            channels,
            channels_per_user,
            attached,
            clients,
        },
        _ => {
            let what = "expected either `roster` or `users` for a bouncer";
            let help = "a roster.csv, or users = 100 for as many of nobody";
            return Err(Misread::new(what, whole).with_help(help));
        }
    };
    check(kind, listen, &places)?;
    Ok(Some(Bouncer {
        kind,
        users,
        home,
        buffer_lines,
        keeps_read: keeps_read.is_some_and(|(keeps_read, _)| keeps_read),
        preload_lines: u32::try_from(preload_lines).unwrap_or(u32::MAX),
        preload_over,
        lifts_limits,
        lines_at_attach: u32::try_from(lines_at_attach).unwrap_or(u32::MAX),
        ready_within,
        starts_cold,
        listen,
        network,
        client_count: 0,
    }))
}

/// Checks that this bouncer can meet such networks, and that they can listen where they are to.
fn check(kind: BouncerKind, listen: Option<SocketAddr>, places: &Places) -> Result<(), Misread> {
    if let Some(place) = places
        .accounts
        .as_ref()
        .filter(|_| kind == BouncerKind::Bip)
    {
        let misread = Misread::new("bip logs in to no accounts", place.clone());
        return Err(misread.with_help("leave `accounts` out, or take another: kind = \"znc\""));
    }
    if let (Some(place), Some(listen)) = (&places.ipv6, listen.filter(SocketAddr::is_ipv4)) {
        let what = format!("expected networks at IPv6, and `listen` is {listen}");
        let misread = Misread::new(what, place.clone());
        return Err(misread.with_help("such as listen = \"[::1]:7000\""));
    }
    Ok(())
}
