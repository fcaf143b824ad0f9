//! The model held to conversations: what either side reads, line by line.

mod attaching;
mod fuzzed;
mod lies;
mod passing;
mod sessions;

use std::time::Duration;

use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::Starts;
use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::ModelBouncer;
use crate::sim::bouncer::Output;
use crate::sim::bouncer::SeatConfig;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::lie::Lie;
use crate::sim::bouncer::lie::Lying;
use crate::units::id::SeatId;
use crate::units::id::Seed;
use crate::units::offset::Offset;

/// 2023-11-14T22:13:20Z.
const START_UNIX_MICROS: u64 = 1_700_000_000_000_000;

/// What ZNC keeps as it is shipped, but of three lines.
const POLICY: BufferPolicy = BufferPolicy {
    lines_max: 3,
    starts: Starts::AtOnce,
    forgets: Forgets::OnAttach,
    keeps_own: true,
    keeps_notices: true,
    keeps_queries: true,
    tells_siblings: true,
    marks_replay: true,
    survives_restart: false,
    pages_lines_max: 0,
};

/// The same, but told again to whoever attaches.
const NEVER: BufferPolicy = BufferPolicy {
    forgets: Forgets::Never,
    ..POLICY
};

fn seat(user: &str, network: u16, channels: &[&str]) -> SeatConfig {
    SeatConfig {
        user: user.to_owned(),
        network,
        network_name: ["one", "two"][usize::from(network)].to_owned(),
        nick: user.to_owned(),
        channels: channels.iter().map(ToString::to_string).collect(),
        password: format!("{user}-bark"),
    }
}

/// A bouncer of three seats: oak on `one` in #a and #b, elm on `one` in #a, oak on `two` in #a.
fn config() -> BouncerConfig {
    BouncerConfig {
        seats: vec![
            seat("oak", 0, &["#a", "#b"]),
            seat("elm", 0, &["#a"]),
            seat("oak", 1, &["#a"]),
        ],
        policy: POLICY,
        style: Style::Znc,
        dial_every: Duration::from_secs(1),
        start_unix_micros: START_UNIX_MICROS,
        lying: None,
    }
}

/// A bouncer, a clock, and what either side read.
struct Player {
    bouncer: ModelBouncer,
    now: Offset,
    style: Style,
    /// `who| line`, in the order in which it came: clients by number, networks as `up0` and so on, `-` for what the owner is to do.
    record: Vec<String>,
}

impl Player {
    fn new(config: BouncerConfig) -> Self {
        Self::seeded(config, 1)
    }

    fn seeded(config: BouncerConfig, seed: u64) -> Self {
        let style = config.style;
        Self {
            bouncer: ModelBouncer::new(config, Seed(seed), Offset::ZERO),
            now: Offset::ZERO,
            style,
            record: Vec::new(),
        }
    }

    fn keeping(policy: BufferPolicy) -> Self {
        let mut player = Self::new(BouncerConfig { policy, ..config() });
        player.bring_up();
        player
    }

    fn lying(lie: Lie, one_in: u32, policy: BufferPolicy) -> Self {
        let lying = Some(Lying { lie, one_in });
        let mut player = Self::new(BouncerConfig {
            policy,
            lying,
            ..config()
        });
        player.bring_up();
        player
    }

    /// Has every seat dialled, welcomed and in its channels; nothing of it is recorded. It is 3 s then.
    fn bring_up(&mut self) {
        for number in 0..3 {
            self.bouncer.handle_timer(self.now);
            self.drain();
            self.welcome(number);
            self.wait(1000);
        }
        self.record.clear();
    }

    /// Welcomes a seat at its network, and lets it into its channels.
    fn welcome(&mut self, number: u32) {
        self.bouncer
            .handle_upstream_connected(self.now, SeatId(number));
        self.drain();
        let (nick, channels): (_, &[&str]) = match number {
            0 => ("oak", &["#a", "#b"]),
            1 => ("elm", &["#a"]),
            _ => ("oak", &["#a"]),
        };
        self.up(number, &format!(":s.test 001 {nick} :Welcome {nick}"));
        self.up(
            number,
            &format!(":s.test 005 {nick} CHANTYPES=# PREFIX=(ov)@+ :are supported"),
        );
        self.up(number, &format!(":s.test 376 {nick} :End of MOTD"));
        for channel in channels {
            self.up(number, &format!(":{nick}!{nick}@h JOIN :{channel}"));
            self.up(
                number,
                &format!(":s.test 353 {nick} = {channel} :@ash {nick}"),
            );
            self.up(
                number,
                &format!(":s.test 366 {nick} {channel} :End of NAMES"),
            );
        }
    }

    fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.bouncer.handle_timer(self.now);
        self.drain();
    }

    /// A network says a line to a seat.
    fn up(&mut self, number: u32, line: &str) {
        let bytes = format!("{line}\r\n").into_bytes();
        self.bouncer
            .handle_upstream_bytes(self.now, SeatId(number), &bytes);
        self.drain();
    }

    fn lose(&mut self, number: u32) {
        self.bouncer
            .handle_upstream_closed(self.now, SeatId(number));
        self.drain();
    }

    /// A client sends a line.
    fn send(&mut self, id: u64, line: &str) {
        let bytes = format!("{line}\r\n").into_bytes();
        self.bouncer
            .handle_client_bytes(self.now, ConnectionId(id), &bytes);
        self.drain();
    }

    fn close(&mut self, id: u64) {
        self.bouncer
            .handle_client_closed(self.now, ConnectionId(id));
        self.drain();
    }

    /// Attaches a client of a seat with these capabilities; only what follows on the welcome is recorded.
    fn attach(&mut self, id: u64, number: u32, caps: &str) {
        let known = self.record.len();
        self.connect(id, number, caps);
        let told: Vec<String> = self.record.drain(known..).collect();
        let is_greeting = |row: &String| {
            [" CAP ", " 001 ", " 005 ", " 376 "]
                .iter()
                .any(|word| row.contains(word))
        };
        self.record
            .extend(told.into_iter().filter(|row| !is_greeting(row)));
    }

    fn connect(&mut self, id: u64, number: u32, caps: &str) {
        self.bouncer
            .handle_client_connected(self.now, ConnectionId(id));
        if !caps.is_empty() {
            self.send(id, &format!("CAP REQ :{caps}"));
            self.send(id, "CAP END");
        }
        let (user, network) = [("oak", "one"), ("elm", "one"), ("oak", "two")][number as usize];
        match self.style {
            Style::Znc => self.send(id, &format!("PASS {user}/{network}:{user}-bark")),
            Style::Bip => self.send(id, &format!("PASS {user}:{user}-bark:{network}")),
        }
        self.send(id, &format!("NICK {user}"));
        self.send(id, &format!("USER {user} 0 * :{user}"));
    }

    fn drain(&mut self) {
        let mut bytes = Vec::new();
        loop {
            let who = match self.bouncer.poll() {
                Output::Wait => return,
                Output::Dial(seat) => {
                    self.record.push(format!("-| dial {seat}"));
                    continue;
                }
                Output::CloseClient(ConnectionId(id)) => {
                    self.record.push(format!("-| close {id}"));
                    continue;
                }
                Output::ToClient(id) => {
                    self.bouncer.take_for_client(id, &mut bytes);
                    id.0.to_string()
                }
                Output::ToUpstream(seat) => {
                    self.bouncer.take_for_upstream(seat, &mut bytes);
                    format!("up{seat}")
                }
            };
            for line in String::from_utf8_lossy(&bytes).split_terminator("\r\n") {
                self.record.push(format!("{who}| {line}"));
            }
            bytes.clear();
        }
    }

    /// Holds what was recorded since the last check against lines, and forgets it.
    #[track_caller]
    fn check(&mut self, want: &str) {
        let want: Vec<&str> = want.lines().map(str::trim_start).collect();
        assert_eq!(self.record, want);
        self.record.clear();
    }

    /// Returns the texts of the talk that a client read since the last check, parted by spaces, markers left out, and forgets all.
    fn texts(&mut self, id: u64) -> String {
        let who = format!("{id}| ");
        let rows = self.record.drain(..);
        let lines: Vec<String> = rows
            .filter_map(|row| row.strip_prefix(&who).map(str::to_owned))
            .collect();
        let is_talk = |line: &&String| {
            (line.contains(" PRIVMSG ") || line.contains(" NOTICE ")) && !line.contains("@znc.in")
        };
        let texts: Vec<&str> = lines
            .iter()
            .filter(is_talk)
            .filter_map(|line| line.split(' ').next_back())
            .map(|text| text.trim_start_matches(':'))
            .collect();
        texts.join(" ")
    }

    /// Others say something in a seat's channel.
    fn talk(&mut self, number: u32, channel: &str, texts: &[&str]) {
        for text in texts {
            self.up(number, &format!(":ash!a@h PRIVMSG {channel} :{text}"));
        }
    }
}
