//! The scenes of the recordings, played on the simulated network.

use std::collections::BTreeMap;
use std::time::Duration;

use splitstorm::irc::network::CloseReason;
use splitstorm::irc::network::Network;
use splitstorm::irc::network::Output;
use splitstorm::irc::network::caps::Caps;
use splitstorm::irc::network::client::ClientId;
use splitstorm::irc::network::config::Limits;
use splitstorm::irc::network::config::NetworkConfig;
use splitstorm::irc::network::family::Family;
use splitstorm::units::id::ServerId;
use splitstorm::units::offset::Offset;

const NEAR: ServerId = ServerId(0);
const FAR: ServerId = ServerId(1);

/// Users behind the link, as in the recordings: ten of them operators, fifteen voiced, every fourth on a second channel too.
const FAR_USERS: usize = 200;
const NEAR_USERS: usize = 20;
const OPERATORS: usize = 10;
const VOICES: usize = 15;
const SECOND_CHANNEL_EVERY: usize = 4;

/// What the observer with capabilities asks for, where it is on offer.
const WANTED: [&str; 6] = [
    "batch",
    "extended-join",
    "message-tags",
    "multi-prefix",
    "server-time",
    "userhost-in-names",
];

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The link breaks and is made again.
    Squit,
    /// The far server is killed, comes back, is linked; its users return before or after that.
    Kill { return_before_link: bool },
    /// So many users change nicks, then all want the same one; then the server is restarted.
    Storm { users: usize },
}

/// Plays a scene; returns what each reader of the recordings read: `observer-caps`, `observer-nocaps`, `victim`, or `observer`.
pub(crate) fn play(family: Family, scene: Scene) -> BTreeMap<String, Vec<String>> {
    let mut stage = Stage::new(family);
    match scene {
        Scene::Squit => {
            // As recorded: both servers had their users when they were first linked.
            stage.network.split(stage.now, FAR);
            stage.gather();
            stage.network.heal(stage.now, FAR);
            stage.dress();
            stage.pass(5);
            stage.network.split(stage.now, FAR);
            stage.send("obs0", "MODE #big +v a001");
            stage.pass(10);
            stage.network.heal(stage.now, FAR);
        }
        Scene::Kill { return_before_link } => {
            stage.gather();
            stage.dress();
            stage.pass(5);
            stage.network.kill(stage.now, FAR);
            stage.pass(10);
            stage.send("obs0", "MODE #big +v a001");
            if !return_before_link {
                stage.network.heal(stage.now, FAR);
            }
            stage.returning = true;
            stage.far_users();
            stage.pass(5);
            stage.network.heal(stage.now, FAR);
        }
        Scene::Storm { users } => {
            stage.register("obs0", NEAR, &[]);
            stage.send("obs0", "JOIN #big");
            let name = |number: usize| format!("m{number:03}");
            for number in 0..users {
                stage.register(&name(number), NEAR, &[]);
                stage.send(&name(number), "JOIN #big");
            }
            for wave in 0..3 {
                for number in 0..users {
                    stage.send(&name(number), &format!("NICK {}_{wave}", name(number)));
                }
            }
            for number in 0..users {
                stage.send(&name(number), "NICK samenick");
            }
            stage.network.shut_down(stage.now);
        }
    }
    stage.drain();
    let readers = [
        ("obs0", "observer-nocaps"),
        ("obs0", "observer"),
        ("obs1", "observer-caps"),
        ("b000", "victim"),
        ("m001", "loser"),
    ];
    let mut read = BTreeMap::new();
    for (name, reader) in readers {
        if let Some(lines) = stage.read.get(name) {
            read.insert(reader.to_owned(), lines.clone());
        }
    }
    read
}

fn far_nick(number: usize) -> String {
    format!("b{number:03}")
}

struct Stage {
    network: Network,
    family: Family,
    now: Offset,
    ids: BTreeMap<String, ClientId>,
    names: BTreeMap<ClientId, String>,
    read: BTreeMap<String, Vec<String>>,
    /// Those who come now came before: the recordings end for the first of them where its server ended.
    returning: bool,
}

impl Stage {
    fn new(family: Family) -> Self {
        let config = NetworkConfig {
            name: "Parity".to_owned(),
            servers: vec!["irc1.sim.test".to_owned(), "irc2.sim.test".to_owned()],
            family,
            caps: family.caps(),
            limits: Limits {
                ping_interval: None,
                ..Limits::default()
            },
            ..NetworkConfig::default()
        };
        Self {
            network: Network::new(config, Offset::ZERO, 1_700_000_000_000_000),
            family,
            now: Offset::ZERO,
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
            read: BTreeMap::new(),
            returning: false,
        }
    }

    fn gather(&mut self) {
        self.register("obs0", NEAR, &[]);
        self.send("obs0", "JOIN #big");
        self.send("obs0", "TOPIC #big :hello topic");
        let offered = self.family.caps();
        let mut wanted = WANTED.to_vec();
        wanted.retain(|name| Caps::named(name.as_bytes()).is_some_and(|cap| offered.has(cap)));
        self.register("obs1", NEAR, &wanted);
        self.send("obs1", "JOIN #big");
        for number in 0..NEAR_USERS {
            let nick = format!("a{number:03}");
            self.register(&nick, NEAR, &[]);
            self.send(&nick, "JOIN #big");
        }
        self.far_users();
    }

    fn far_users(&mut self) {
        for number in 0..FAR_USERS {
            let nick = far_nick(number);
            self.register(&nick, FAR, &[]);
            self.send(&nick, "JOIN #big");
            if number % SECOND_CHANNEL_EVERY == 0 {
                self.send(&nick, "JOIN #s0");
            }
        }
    }

    /// The observers join the second channel, the first makes operators and voices.
    fn dress(&mut self) {
        self.send("obs0", "JOIN #s0");
        self.send("obs1", "JOIN #s0");
        for number in 0..OPERATORS {
            self.send("obs0", &format!("MODE #big +o {}", far_nick(number)));
        }
        for number in 0..VOICES {
            let nick = far_nick(OPERATORS + 2 * number);
            self.send("obs0", &format!("MODE #big +v {nick}"));
        }
        self.send("obs0", "MODE #big +b *!*@bad.example");
    }

    fn register(&mut self, nick: &str, server: ServerId, caps: &[&str]) {
        let id = self.network.handle_connect(self.now, server, "127.0.0.1");
        self.ids.insert(nick.to_owned(), id);
        self.names.insert(id, nick.to_owned());
        if !caps.is_empty() {
            self.send(nick, &format!("CAP REQ :{}", caps.join(" ")));
            self.send(nick, "CAP END");
        }
        self.send(nick, &format!("NICK {nick}"));
        self.send(nick, &format!("USER {nick} 0 * :load {nick}"));
        assert!(
            self.network.is_registered(id),
            "{nick}: {:?}",
            self.read.get(nick)
        );
    }

    fn send(&mut self, name: &str, line: &str) {
        let bytes = format!("{line}\r\n");
        self.network
            .handle_bytes(self.now, self.ids[name], bytes.as_bytes());
        self.drain();
    }

    fn pass(&mut self, seconds: u64) {
        self.drain();
        self.now += Duration::from_secs(seconds);
        self.network.handle_timer(self.now);
    }

    fn drain(&mut self) {
        loop {
            match self.network.poll() {
                Output::Writable(id) => self.take(id),
                Output::Close(id) => {
                    self.take(id);
                    self.network.handle_closed(self.now, id, CloseReason::Asked);
                }
                Output::Wait => return,
            }
        }
    }

    fn take(&mut self, id: ClientId) {
        let mut bytes = Vec::new();
        self.network.outbox(id).take_into(&mut bytes);
        let Some(name) = self.names.get(&id) else {
            return;
        };
        if self.returning && name.starts_with('b') {
            return;
        }
        let lines = self.read.entry(name.clone()).or_default();
        let text = String::from_utf8_lossy(&bytes);
        lines.extend(text.split_terminator("\r\n").map(str::to_owned));
    }
}
