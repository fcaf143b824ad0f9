//! The network against an obviously correct model, and every client's view against both.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;

use crate::irc::network::channels::Status;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::FloodLimit;
use crate::irc::network::config::FloodResponse;
use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::config;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::irc::wire::modes::ModeChanges;
use crate::irc::wire::modes::Sign;
use crate::units::id::ServerId;

const CHANNELS: [&str; 3] = ["#a", "#b", "#c"];
const NICKS: [&str; 5] = ["oak", "Elm", "yew", "fir", "ash"];
/// What each user negotiates; those marked `~` have no connection.
const USERS: [&str; 8] = [
    "",
    "batch,server-time",
    "extended-join,multi-prefix",
    "userhost-in-names,away-notify",
    "~",
    "",
    "~",
    "batch,multi-prefix,extended-join",
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(usize, usize),
    Part(usize, usize),
    Nick(usize, usize),
    Kick(usize, usize, usize),
    Operator(usize, usize, usize),
    Say(usize, usize),
    Return(usize),
    Split(u16),
    Heal(u16),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let (user, channel, nick, far) = (0..USERS.len(), 0..CHANNELS.len(), 0..NICKS.len(), 1_u16..3);
    prop_oneof![
        6 => (user.clone(), channel.clone()).prop_map(|(u, c)| Step::Join(u, c)),
        1 => (user.clone(), channel.clone()).prop_map(|(u, c)| Step::Part(u, c)),
        2 => (user.clone(), nick).prop_map(|(u, n)| Step::Nick(u, n)),
        1 => (user.clone(), channel.clone(), user.clone()).prop_map(|(u, c, v)| Step::Kick(u, c, v)),
        1 => (user.clone(), channel.clone(), user.clone()).prop_map(|(u, c, v)| Step::Operator(u, c, v)),
        1 => (user.clone(), channel).prop_map(|(u, c)| Step::Say(u, c)),
        1 => user.prop_map(Step::Return),
        2 => far.clone().prop_map(Step::Split),
        2 => far.prop_map(Step::Heal),
        1 => Just(Step::Wait),
    ]
}

/// What a client has read about its channels: members and whether they are operators.
#[derive(Default)]
struct View {
    channels: BTreeMap<String, BTreeMap<String, bool>>,
    said: Vec<String>,
}

impl View {
    /// Takes a line as a client would, and insists on what a client relies on: nobody joins twice, nobody leaves who is not there.
    fn read(&mut self, own: &str, line: &str) {
        let message = Message::parse(line.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let params: Vec<String> = message.params.iter().map(text).collect();
        let source = message
            .source
            .map(|source| text(source.nick))
            .unwrap_or_default();
        match message.command {
            b"JOIN" if source == own => {
                assert!(
                    self.channels
                        .insert(params[0].clone(), BTreeMap::new())
                        .is_none(),
                    "{line}"
                );
            }
            b"JOIN" => {
                let members = self.channels.get_mut(&params[0]).unwrap();
                assert_eq!(members.insert(source, false), None, "{line}");
            }
            b"PART" if source == own => {
                assert!(self.channels.remove(&params[0]).is_some(), "{line}");
            }
            b"KICK" if params[1] == own => {
                assert!(self.channels.remove(&params[0]).is_some(), "{line}");
            }
            b"PART" => self.remove(&params[0], &source, line),
            b"KICK" => self.remove(&params[0], &params[1], line),
            b"QUIT" => {
                let left = self
                    .channels
                    .values_mut()
                    .filter_map(|members| members.remove(&source));
                assert_ne!(left.count(), 0, "{line}");
            }
            b"NICK" => {
                for members in self.channels.values_mut() {
                    if let Some(status) = members.remove(&source) {
                        assert_eq!(members.insert(params[0].clone(), status), None, "{line}");
                    }
                }
            }
            b"MODE" => {
                let members = self.channels.get_mut(&params[0]).unwrap();
                for change in ModeChanges::new(&Isupport::default(), &message.params, 1) {
                    if change.letter == b'o' {
                        let nick = text(change.param.unwrap());
                        *members.get_mut(&nick).unwrap() = change.sign == Sign::Set;
                    }
                }
            }
            b"353" => {
                let members = self.channels.get_mut(&params[2]).unwrap();
                for name in params[3].split(' ') {
                    let nick = name
                        .trim_start_matches(['@', '+'])
                        .split('!')
                        .next()
                        .unwrap();
                    members.insert(nick.to_owned(), name.starts_with('@'));
                }
            }
            b"PRIVMSG" => self.said.push(params[1].clone()),
            _ => {}
        }
    }

    fn remove(&mut self, channel: &str, nick: &str, line: &str) {
        let members = self.channels.get_mut(channel).unwrap();
        assert!(members.remove(nick).is_some(), "{line}");
    }
}

/// Each user's name, which server it is on, and who is on which channel: that is all there is to know, split or not.
struct Model {
    player: Player,
    ids: Vec<ClientId>,
    nicks: Vec<String>,
    joined: BTreeSet<(usize, usize)>,
    views: Vec<View>,
    said_count: usize,
    return_count: usize,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            player: Player::new(config()),
            ids: Vec::new(),
            nicks: Vec::new(),
            joined: BTreeSet::new(),
            views: Vec::new(),
            said_count: 0,
            return_count: 0,
        };
        for user in 0..USERS.len() {
            let nick = format!("u{user}");
            let id = model.enter(user, &nick);
            model.ids.push(id);
            model.nicks.push(nick);
            model.views.push(View::default());
        }
        model
    }

    fn server(user: usize) -> ServerId {
        ServerId(u16::try_from(user % 3).unwrap())
    }

    fn enter(&mut self, user: usize, nick: &str) -> ClientId {
        let server = Self::server(user);
        match USERS[user] {
            "~" => self.player.introduce(nick, server),
            "" => self.player.register(nick, server, None),
            caps => self.player.register(nick, server, Some(caps)),
        }
    }

    fn are_together(&self, a: usize, b: usize) -> bool {
        let side = |user| {
            let server = Self::server(user);
            if self.player.network.is_linked(server) {
                ServerId(0)
            } else {
                server
            }
        };
        side(a) == side(b)
    }

    fn has_operator(&self, user: usize, channel: usize) -> bool {
        let mut members = self
            .player
            .network
            .members(Self::server(user), CHANNELS[channel].as_bytes());
        members.any(|(id, status)| id == self.ids[user] && status.has_any(Status::OPERATOR))
    }

    fn send(&mut self, user: usize, line: &str) {
        let bytes = format!("{line}\r\n");
        self.player
            .network
            .handle_bytes(self.player.now, self.ids[user], bytes.as_bytes());
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Join(user, channel) => {
                self.send(user, &format!("JOIN {}", CHANNELS[channel]));
                self.joined.insert((channel, user));
            }
            Step::Part(user, channel) => {
                self.send(user, &format!("PART {}", CHANNELS[channel]));
                self.joined.remove(&(channel, user));
            }
            Step::Nick(user, nick) => {
                let nick = NICKS[nick];
                let is_held = |other: usize| {
                    other != user && self.are_together(user, other) && self.nicks[other] == nick
                };
                if !(0..USERS.len()).any(is_held) {
                    self.nicks[user] = nick.to_owned();
                }
                self.send(user, &format!("NICK {nick}"));
            }
            Step::Kick(user, channel, victim) => {
                // The nick is what counts: apart, another user may hold the same.
                let nick = self.nicks[victim].clone();
                let is_meant =
                    |&other: &usize| self.nicks[other] == nick && self.are_together(user, other);
                let victim = (0..USERS.len()).find(is_meant);
                if let Some(victim) = victim.filter(|_| self.has_operator(user, channel)) {
                    self.joined.remove(&(channel, victim));
                }
                self.send(user, &format!("KICK {} {nick}", CHANNELS[channel]));
            }
            Step::Operator(user, channel, other) => {
                let other = self.nicks[other].clone();
                self.send(user, &format!("MODE {} +o {other}", CHANNELS[channel]));
            }
            Step::Say(user, channel) => self.say(user, channel),
            Step::Return(user) => self.come_back(user),
            Step::Split(far) => {
                self.player.network.split(self.player.now, ServerId(far));
            }
            Step::Heal(far) => {
                self.player.network.heal(self.player.now, ServerId(far));
                // Who had to give up a nick is for the network to decide; that nobody shares one is checked below.
                for user in 0..USERS.len() {
                    let nick = self.player.network.nick(self.ids[user]).unwrap().to_vec();
                    let nick = String::from_utf8(nick).unwrap();
                    let is_id = nick.starts_with(|first: char| first.is_ascii_digit());
                    assert!(nick == self.nicks[user] || is_id, "{nick}");
                    self.nicks[user] = nick;
                }
            }
            Step::Wait => self.player.now += Duration::from_secs(1),
        }
        self.read();
        self.compare();
    }

    fn say(&mut self, user: usize, channel: usize) {
        self.said_count += 1;
        let text = format!("text{}", self.said_count);
        self.send(user, &format!("PRIVMSG {} :{text}", CHANNELS[channel]));
        self.read();
        for (other, caps) in USERS.iter().enumerate() {
            let is_reader = other != user
                && *caps != "~"
                && self.are_together(user, other)
                && self.joined.contains(&(channel, user))
                && self.joined.contains(&(channel, other));
            let count = self.views[other]
                .said
                .iter()
                .filter(|said| **said == text)
                .count();
            assert_eq!(
                count,
                usize::from(is_reader),
                "{text} from {user} at {other}"
            );
        }
    }

    fn come_back(&mut self, user: usize) {
        self.send(user, "QUIT :back soon");
        self.read();
        self.joined.retain(|&(_, member)| member != user);
        self.views[user] = View::default();
        self.return_count += 1;
        let nick = format!("r{}", self.return_count);
        self.ids[user] = self.enter(user, &nick);
        self.nicks[user] = nick;
    }

    fn read(&mut self) {
        self.player.ids = USERS
            .iter()
            .zip(0..)
            .map(|(_, user)| (format!("{user}"), self.ids[user]))
            .collect();
        self.player.drain();
        for line in std::mem::take(&mut self.player.record) {
            let (user, line) = line.split_once("| ").unwrap();
            // A client that has just left is told so; nothing is asked of its view any more.
            if line != "[closed]" && !line.contains("ERROR :") {
                let user: usize = user.parse().unwrap();
                let own = self.player.network.nick(self.ids[user]).unwrap();
                let own = String::from_utf8(own.to_vec()).unwrap();
                self.views[user].read(&own, line);
            }
        }
    }

    #[track_caller]
    fn compare(&self) {
        for (channel, name) in CHANNELS.iter().enumerate() {
            for (user, caps) in USERS.iter().enumerate() {
                let want: BTreeSet<usize> = (0..USERS.len())
                    .filter(|&other| self.are_together(user, other))
                    .filter(|&other| self.joined.contains(&(channel, other)))
                    .collect();
                let network = &self.player.network;
                let members: BTreeMap<ClientId, bool> = network
                    .members(Self::server(user), name.as_bytes())
                    .map(|(id, status)| (id, status.has_any(Status::OPERATOR)))
                    .collect();
                let ids: BTreeSet<ClientId> = want.iter().map(|&other| self.ids[other]).collect();
                assert_eq!(
                    members.keys().copied().collect::<BTreeSet<_>>(),
                    ids,
                    "{name} as {user} sees it"
                );

                if *caps != "~" {
                    let view = self.views[user].channels.get(*name).cloned();
                    let want: BTreeMap<String, bool> = want
                        .iter()
                        .map(|&other| (self.nicks[other].clone(), members[&self.ids[other]]))
                        .collect();
                    let is_member = self.joined.contains(&(channel, user));
                    assert_eq!(view, is_member.then_some(want), "{name} as {user} knows it");
                }
            }
        }
        for user in 0..USERS.len() {
            let found = self
                .player
                .network
                .find(Self::server(user), self.nicks[user].as_bytes());
            assert_eq!(found, Some(self.ids[user]), "who is {}", self.nicks[user]);
        }
    }
}

proptest! {
    #[test]
    fn members_views_and_messages_agree_with_the_model(steps in vec(step(), 0..120)) {
        let mut model = Model::new();
        for step in steps {
            model.play(step);
        }
        for far in [1, 2] {
            model.play(Step::Heal(far));
        }
    }

    #[test]
    fn equal_calls_give_equal_bytes(steps in vec(step(), 0..40)) {
        let play = || {
            let mut model = Model::new();
            let mut record = Vec::new();
            for &step in &steps {
                if let Step::Join(user, channel) = step {
                    model.send(user, &format!("JOIN {}", CHANNELS[channel]));
                    model.player.drain();
                    record.append(&mut model.player.record);
                } else if let Step::Split(far) = step {
                    model.player.network.split(model.player.now, ServerId(far));
                } else if let Step::Heal(far) = step {
                    model.player.network.heal(model.player.now, ServerId(far));
                }
            }
            model.player.drain();
            record.append(&mut model.player.record);
            record
        };
        proptest::prop_assert_eq!(play(), play());
    }
}

/// Lines that mean something, from words that mean something.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let commands = [
        "CAP",
        "NICK",
        "USER",
        "PASS",
        "PING",
        "PONG",
        "QUIT",
        "PRIVMSG",
        "NOTICE",
        "TAGMSG",
        "JOIN",
        "PART",
        "MODE",
        "TOPIC",
        "KICK",
        "INVITE",
        "NAMES",
        "LIST",
        "WHO",
        "WHOIS",
        "USERHOST",
        "ISON",
        "AWAY",
        "SETNAME",
        "MOTD",
        "LUSERS",
        "VERSION",
        "TIME",
        "ADMIN",
        "INFO",
        "@+a=b TAGMSG",
        ":x PRIVMSG",
    ];
    let words = [
        "u0",
        "u1",
        "u4",
        "#a",
        "#b,#c",
        "#a,u1,u0",
        "0",
        "+o",
        "-o+v",
        "+b",
        "+k",
        "+l",
        "-klimnpst",
        "%tcuihsnfdlaor",
        "*",
        "LS 302",
        "REQ :batch",
        "END",
        ":",
        ":a b c",
        "@#a",
        "a!b@c",
    ];
    let word = prop_oneof![
        8 => (0..words.len()).prop_map(move |word| words[word].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..30),
        1 => (300_usize..600).prop_map(|len| vec![b'y'; len]),
    ];
    (0..commands.len(), vec(word, 0..5)).prop_map(move |(command, words)| {
        let mut line = commands[command].as_bytes().to_vec();
        for word in words {
            line.push(b' ');
            line.extend(word);
        }
        line.extend(b"\r\n");
        line
    })
}

proptest! {
    #[test]
    fn any_bytes_are_taken_and_every_line_out_is_whole(
        lines in vec((0..USERS.len(), prop_oneof![4 => line(), 1 => vec(any::<u8>(), 0..200)]), 0..150),
        is_limited in any::<bool>(),
    ) {
        let flood = FloodLimit { burst: 20, line_interval: Duration::from_millis(10), response: FloodResponse::Delay };
        let limits = Limits {
            flood: is_limited.then_some(flood),
            channels_per_user_max: is_limited.then_some(2),
            ..Limits::default()
        };
        let mut player = Player::new(NetworkConfig { limits, ..config() });
        let mut ids = Vec::new();
        for (user, caps) in USERS.iter().enumerate() {
            let name = format!("u{user}");
            ids.push(match *caps {
                "~" => player.introduce(&name, Model::server(user)),
                "" => player.connect(&name, Model::server(user)),
                caps => player.register(&name, Model::server(user), Some(caps)),
            });
        }
        for (count, (user, bytes)) in lines.iter().enumerate() {
            player.network.handle_bytes(player.now, ids[*user], bytes);
            match count % 40 {
                20 => { player.network.split(player.now, ServerId(1)); }
                39 => { player.network.heal(player.now, ServerId(1)); }
                _ => player.now += Duration::from_millis(7),
            }
            if player.network.next_timer().is_some_and(|at| at <= player.now) {
                player.network.handle_timer(player.now);
            }
        }
        player.drain();
        for line in &player.record {
            let line = line.split_once("| ").unwrap().1;
            if line != "[closed]" {
                let message = Message::parse(line.as_bytes()).unwrap();
                let tags = message.tags.as_bytes().len();
                // Replacement characters of the record are longer than the bytes they stand for.
                if !line.contains('\u{fffd}') {
                    proptest::prop_assert!(line.len() <= 510 + tags + 2, "{}", line);
                }
            }
        }
    }
}
