//! Scripts played on a network with a virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::irc::network::CloseReason;
use crate::irc::network::Network;
use crate::irc::network::Output;
use crate::irc::network::Synthetic;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::NetworkConfig;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// 2023-11-14T22:13:20Z.
pub(super) const START_UNIX_MICROS: u64 = 1_700_000_000_000_000;

/// Returns a network of a hub and two servers: `hub.test`, `far.test`, `third.test`.
pub(super) fn config() -> NetworkConfig {
    NetworkConfig {
        name: "Grove".to_owned(),
        servers: ["hub.test", "far.test", "third.test"]
            .map(str::to_owned)
            .into(),
        ..NetworkConfig::default()
    }
}

/// A network, its clients by name, and what they read.
pub(super) struct Player {
    pub(super) network: Network,
    pub(super) now: Offset,
    pub(super) ids: BTreeMap<String, ClientId>,
    /// `name| line` for every line, in the order in which the network offered them.
    pub(super) record: Vec<String>,
    /// From where clients connect, if not each from a name of its own.
    address: Option<String>,
}

impl Player {
    pub(super) fn new(config: NetworkConfig) -> Self {
        Self {
            network: Network::new(config, Offset::ZERO, START_UNIX_MICROS),
            now: Offset::ZERO,
            ids: BTreeMap::new(),
            record: Vec::new(),
            address: None,
        }
    }

    /// Plays one step:
    /// `+alder [@SERVER] [CAP,CAP]` connects and registers, unrecorded; `?alder [@SERVER]` only connects; `~alder [@SERVER]`
    /// introduces a user without a connection; `from ADDRESS` says from where the next connect, `from names` that each does so from
    /// its own name; `ban MASK REASON`, `unban MASK`; `account alder NAME|*`, `host alder USER HOST`; `alder: LINE` sends; `close alder eof|reset|timeout`, `kill alder REASON`, `split N`,
    /// `heal N`, `wait SECONDS`; `---` forgets the record.
    #[track_caller]
    pub(super) fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words[0] {
            "---" => self.record.clear(),
            "from" => self.address = Some(words[1].to_owned()).filter(|word| word != "names"),
            "ban" => {
                let reason = words[2..].join(" ");
                self.network.ban(self.now, words[1], &reason).unwrap();
            }
            "account" => {
                let account = Some(words[2]).filter(|&word| word != "*");
                self.network
                    .set_account(self.now, self.ids[words[1]], account);
            }
            "host" => {
                let id = self.ids[words[1]];
                assert!(self.network.change_host(self.now, id, words[2], words[3]));
            }
            "unban" => assert!(self.network.unban(words[1])),
            "split" => {
                self.network.split(self.now, number(words[1]));
            }
            "heal" => {
                self.network.heal(self.now, number(words[1]));
            }
            "wait" => self.wait(words[1].parse().unwrap()),
            "close" => {
                let reason = match words[2] {
                    "eof" => CloseReason::Eof,
                    "reset" => CloseReason::Reset,
                    _ => CloseReason::TimedOut,
                };
                let id = self.ids.remove(words[1]).unwrap();
                self.network.handle_closed(self.now, id, reason);
            }
            "kill" => {
                let id = self.ids[words[1]];
                self.network.disconnect(self.now, id, &words[2..].join(" "));
            }
            word => {
                let place = words.get(1).and_then(|word| word.strip_prefix('@'));
                let server = place.and_then(|number| number.parse().ok()).unwrap_or(0);
                let server = ServerId(server);
                let caps = words.get(1 + usize::from(place.is_some()));
                if let Some(name) = word.strip_prefix('+') {
                    self.register(name, server, caps.copied());
                } else if let Some(name) = word.strip_prefix('?') {
                    self.connect(name, server);
                } else if let Some(name) = word.strip_prefix('~') {
                    self.introduce(name, server);
                } else {
                    let (name, line) = step.split_once(':').unwrap();
                    self.send(name, line.trim_start());
                }
            }
        }
        self.drain();
    }

    pub(super) fn connect(&mut self, name: &str, server: ServerId) -> ClientId {
        let own = format!("{name}.test");
        let host = self.address.clone().unwrap_or(own);
        let id = self.network.handle_connect(self.now, server, &host);
        self.ids.insert(name.to_owned(), id);
        id
    }

    pub(super) fn register(
        &mut self,
        name: &str,
        server: ServerId,
        caps: Option<&str>,
    ) -> ClientId {
        let id = self.connect(name, server);
        let known = self.record.len();
        if let Some(caps) = caps {
            self.send(name, &format!("CAP REQ :{}", caps.replace(',', " ")));
            self.send(name, "CAP END");
        }
        self.send(name, &format!("NICK {name}"));
        self.send(name, &format!("USER {name} 0 * :The {name}"));
        self.drain();
        assert!(self.network.is_registered(id), "{:?}", self.record);
        self.record.truncate(known);
        id
    }

    pub(super) fn introduce(&mut self, name: &str, server: ServerId) -> ClientId {
        let who = Synthetic {
            nick: name,
            user: name,
            host: "host.test",
            real_name: "A tree",
        };
        let id = self.network.introduce(self.now, server, &who).unwrap();
        self.ids.insert(name.to_owned(), id);
        id
    }

    pub(super) fn send(&mut self, name: &str, line: &str) {
        let id = self.ids[name];
        let bytes = format!("{line}\r\n");
        self.network.handle_bytes(self.now, id, bytes.as_bytes());
    }

    /// Lets time pass, with every timer at its moment.
    pub(super) fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.network.next_timer().filter(|&at| at <= end) {
            assert!(at > self.now, "a timer that does not advance");
            self.now = at;
            self.network.handle_timer(at);
            self.drain();
        }
        self.now = end;
    }

    /// Reads what waits, and closes what is to be closed.
    pub(super) fn drain(&mut self) {
        loop {
            match self.network.poll() {
                Output::Writable(id) => self.read(id),
                Output::Close(id) => {
                    self.read(id);
                    let name = self.name(id);
                    self.record.push(format!("{name}| [closed]"));
                    self.ids.remove(&name);
                    self.network.handle_closed(self.now, id, CloseReason::Asked);
                }
                Output::Wait => break,
            }
        }
    }

    fn read(&mut self, id: ClientId) {
        let mut bytes = Vec::new();
        self.network.outbox(id).take_into(&mut bytes);
        let name = self.name(id);
        for line in String::from_utf8_lossy(&bytes).split_terminator("\r\n") {
            self.record.push(format!("{name}| {line}"));
        }
    }

    fn name(&self, id: ClientId) -> String {
        let found = self.ids.iter().find(|&(_, &known)| known == id);
        found.map_or_else(|| format!("{id:?}"), |(name, _)| name.clone())
    }
}

/// Plays a script of steps, one a line, and compares the record with `want`, one line each; both may be indented.
#[track_caller]
pub(super) fn check(script: &str, want: &str) {
    check_with(config(), script, want);
}

/// As [`check`], on another network.
#[track_caller]
pub(super) fn check_with(config: NetworkConfig, script: &str, want: &str) {
    let mut player = Player::new(config);
    for step in script
        .lines()
        .map(str::trim)
        .filter(|step| !step.is_empty())
    {
        player.step(step);
    }
    let want: Vec<&str> = want
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let got: Vec<&str> = player.record.iter().map(|line| line.trim()).collect();
    assert_eq!(got, want, "got:\n{}\n", got.join("\n"));
}

fn number(word: &str) -> ServerId {
    ServerId(word.parse().unwrap())
}
