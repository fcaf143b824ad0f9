//! The model held to what clients' sessions make of it: each line is told for what it is, with its stamp.

use std::time::Duration;

use crate::irc::session::Context;
use crate::irc::session::Identity;
use crate::irc::session::Manners;
use crate::irc::session::Session;
use crate::irc::session::SessionConfig;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginManner;
use crate::irc::session::playback::Attachment;
use crate::irc::session::playback::Hello;
use crate::irc::session::playback::Playback;
use crate::irc::session::playback::Stamp;
use crate::irc::session::sasl::Login;
use crate::irc::wire::framer::Framer;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::sim::bouncer::BouncerConfig;
use crate::sim::bouncer::ConnectionId;
use crate::sim::bouncer::Style;
use crate::sim::bouncer::tests::Player;
use crate::sim::bouncer::tests::START_UNIX_MICROS;
use crate::sim::bouncer::tests::config;

struct Oak(Hello);

impl Identity for Oak {
    fn nick(&self, _generation: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(b"oak");
    }

    fn user(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.user);
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"a tree");
    }

    fn login(&self) -> Option<Login<'_>> {
        None
    }

    fn server_password(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.pass);
    }
}

/// A client's session at a bouncer, and what it heard.
struct Client {
    player: Player,
    session: Session,
    isupport: Isupport,
    config: SessionConfig,
    oak: Oak,
    heard: Vec<String>,
    /// Lines of the record that it has read.
    read: usize,
}

fn told(event: Event<'_>, heard: &mut Vec<String>) {
    match event {
        Event::Registered => heard.push("registered".to_owned()),
        Event::Joined { channel } => heard.push(String::from_utf8_lossy(channel).into_owned()),
        Event::Talk { text, replay, .. } => {
            let stamp = replay.map(|replay| match replay.stamp {
                Some(Stamp::ClockSecs(secs)) => format!("@{}", secs % 60),
                Some(Stamp::UnixMicros(micros)) => {
                    let start = i64::try_from(START_UNIX_MICROS).unwrap();
                    format!("@{}", 20 + (micros - start) / 1_000_000)
                }
                None => "@?".to_owned(),
            });
            let text = String::from_utf8_lossy(text);
            heard.push(format!("{text}{}", stamp.unwrap_or_default()));
        }
        Event::Upstream { is_up } => heard.push(format!("upstream {is_up}")),
        Event::Refused { refusal, .. } => heard.push(format!("{refusal:?}")),
        _ => {}
    }
}

impl Client {
    fn attach(player: Player, playback: Playback, caps: &[&str]) -> Self {
        let attachment = Attachment {
            user: b"oak",
            network: b"one",
            password: b"oak-bark",
        };
        let mut client = Self {
            player,
            session: Session::new(),
            isupport: Isupport::default(),
            config: SessionConfig {
                capabilities: caps.iter().map(|cap| cap.as_bytes().to_vec()).collect(),
                password: None,
                register_timeout: Duration::from_secs(30),
                ping_every: Duration::from_mins(1),
                login: LoginManner::default(),
                manners: Manners::default(),
                playback: Some(playback),
            },
            oak: Oak(playback.login.hello(&attachment)),
            heard: Vec::new(),
            read: 0,
        };
        let player = &mut client.player;
        player.record.clear();
        player
            .bouncer
            .handle_client_connected(player.now, ConnectionId(7));
        client.act(|session, cx| {
            session.handle_connected(cx.0, &mut cx.1);
        });
        client
    }

    fn act(
        &mut self,
        deed: impl FnOnce(&mut Session, &mut (crate::units::offset::Offset, Context<'_>)),
    ) {
        let mut out = Vec::new();
        let cx = Context {
            identity: &self.oak,
            config: &self.config,
            isupport: &mut self.isupport,
            out: &mut out,
        };
        deed(&mut self.session, &mut (self.player.now, cx));
        let id = ConnectionId(7);
        let player = &mut self.player;
        player.bouncer.handle_client_bytes(player.now, id, &out);
        player.drain();
        self.hear();
    }

    /// Reads what has come, answers, and so on until nothing comes.
    fn hear(&mut self) {
        while self.read < self.player.record.len() {
            let row = self.player.record[self.read].clone();
            self.read += 1;
            let Some(line) = row.strip_prefix("7| ") else {
                continue;
            };
            let mut out = Vec::new();
            let mut cx = Context {
                identity: &self.oak,
                config: &self.config,
                isupport: &mut self.isupport,
                out: &mut out,
            };
            let message = Message::parse(line.as_bytes()).unwrap();
            let event = self.session.handle_line(self.player.now, &message, &mut cx);
            told(event, &mut self.heard);
            let (id, player) = (ConnectionId(7), &mut self.player);
            player.bouncer.handle_client_bytes(player.now, id, &out);
            player.drain();
        }
    }

    #[track_caller]
    fn check(&mut self, want: &str) {
        self.hear();
        assert_eq!(self.heard.join(" "), want);
        self.heard.clear();
    }
}

/// Plays one user's day: a backlog, live talk, a network lost and back, a message in vain.
#[track_caller]
fn check(style: Style, playback: Playback, caps: &[&str]) {
    let mut player = Player::new(BouncerConfig { style, ..config() });
    player.bring_up();
    player.talk(0, "#a", &["first"]);
    player.wait(2000);
    player.talk(0, "#b", &["second"]);
    player.up(0, ":birch!b@h PRIVMSG oak :third");
    player.wait(2000);
    let mut client = Client::attach(player, playback, caps);
    client.check("registered #a first@23 #b second@25 third@25");
    assert!(client.session.has_upstream());
    client.player.talk(0, "#a", &["live"]);
    client.player.up(0, ":birch!b@h PRIVMSG oak :[22:13:20]");
    client.check("live [22:13:20]");
    client.player.lose(0);
    client.player.send(7, "PRIVMSG #a :lost");
    client.check("upstream false CannotSend");
    client.player.wait(1000);
    client.player.welcome(0);
    client.check("upstream true #a #b");
    client.player.talk(0, "#b", &["back"]);
    client.check("back");
}

#[test]
fn sessions_understand_the_model_as_they_do_the_real_ones() {
    let caps: [&[&str]; 4] = [&[], &["server-time"], &["batch"], &["batch", "server-time"]];
    for caps in caps {
        check(Style::Znc, Playback::ZNC, caps);
        check(Style::Bip, Playback::BIP, caps);
    }
}

#[test]
fn a_session_without_an_upstream_is_online_all_the_same() {
    let player = Player::new(config());
    let mut client = Client::attach(player, Playback::ZNC, &["batch", "server-time"]);
    client.check("registered");
    assert!(!client.session.has_upstream());
    client.player.wait(0);
    client.player.welcome(0);
    client.check("upstream true #a #b");
}

#[test]
fn what_clients_read_is_whole_lines() {
    let mut player = Player::keeping(crate::sim::bouncer::tests::POLICY);
    player.attach(7, 0, "");
    player.up(0, ":ash!a@h PRIVMSG #a :odd\0\rbytes");
    let mut framer = Framer::new();
    let row = player.record.last().unwrap().clone();
    framer.push(format!("{row}\r\n").as_bytes(), |line| {
        assert_eq!(line.unwrap(), b"7| :ash!a@h PRIVMSG #a :odd  bytes");
    });
}
