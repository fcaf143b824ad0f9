//! Sessions held to what servers really send.

mod bouncers;
mod logins;

use std::time::Duration;

use crate::irc::session::Closed;
use crate::irc::session::Context;
use crate::irc::session::End;
use crate::irc::session::Identity;
use crate::irc::session::MOTD_TIMEOUT;
use crate::irc::session::Manners;
use crate::irc::session::NICK_TRIES_MAX;
use crate::irc::session::Session;
use crate::irc::session::SessionConfig;
use crate::irc::session::Taken;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginManner;
use crate::irc::session::login::LoginWay;
use crate::irc::session::playback::Playback;
use crate::irc::session::playback::Replay;
use crate::irc::session::playback::Stamp;
use crate::irc::session::refusal::Refusal;
use crate::irc::session::sasl::Login;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::units::offset::Offset;

struct Named {
    /// Whether it has an account.
    logs_in: bool,
}

impl Identity for Named {
    fn login(&self) -> Option<Login<'_>> {
        self.logs_in.then_some(Login {
            account: b"alder",
            password: b"bark",
        })
    }

    fn nick(&self, generation: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("alder{generation}").as_bytes());
    }

    fn user(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"alder");
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"a tree");
    }
}

struct Client {
    session: Session,
    config: SessionConfig,
    isupport: Isupport,
    now: Offset,
    identity: Named,
}

impl Client {
    fn connected(capabilities: &[&str]) -> (Self, String) {
        Self::mannered(capabilities, Manners::default())
    }

    /// A client that waits for all it can wait for.
    fn patient(capabilities: &[&str]) -> (Self, String) {
        let manners = Manners {
            awaits_caps: true,
            nick_waits: true,
            probe: Some(b"JOIN :".to_vec()),
            ..Manners::default()
        };
        Self::mannered(capabilities, manners)
    }

    fn mannered(capabilities: &[&str], manners: Manners) -> (Self, String) {
        let config = SessionConfig {
            capabilities: capabilities
                .iter()
                .map(|name| name.as_bytes().to_vec())
                .collect(),
            password: None,
            register_timeout: Duration::from_secs(30),
            ping_every: Duration::from_mins(1),
            login: LoginManner::default(),
            manners,
            playback: None,
        };
        let identity = Named { logs_in: false };
        Self::of(config, identity)
    }

    /// A client that has an account, and the lines that it begins with.
    fn with_account(way: LoginWay, is_required: bool, manners: Manners) -> (Self, String) {
        let config = SessionConfig {
            capabilities: vec![b"batch".to_vec()],
            password: None,
            register_timeout: Duration::from_secs(30),
            ping_every: Duration::from_mins(1),
            login: LoginManner { way, is_required },
            manners,
            playback: None,
        };
        Self::of(config, Named { logs_in: true })
    }

    /// A client of a bouncer, connected.
    fn of_bouncer(playback: Playback, capabilities: &[&str]) -> Self {
        let (mut client, _) = Self::connected(capabilities);
        client.config.playback = Some(playback);
        client
    }

    fn of(config: SessionConfig, identity: Named) -> (Self, String) {
        let mut client = Self {
            session: Session::new(),
            config,
            isupport: Isupport::default(),
            now: Offset::ZERO,
            identity,
        };
        let (_, sent) = client.step(|session, now, cx| {
            session.handle_connected(now, cx);
            String::new()
        });
        (client, sent)
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Session, Offset, &mut Context<'_>) -> String,
    ) -> (String, String) {
        let mut out = Vec::new();
        let mut cx = Context {
            identity: &self.identity,
            config: &self.config,
            isupport: &mut self.isupport,
            out: &mut out,
        };
        let event = step(&mut self.session, self.now, &mut cx);
        (event, String::from_utf8(out).unwrap().replace("\r\n", "|"))
    }

    /// Feeds lines; returns the events that were any, and what was sent.
    fn feed(&mut self, lines: &str) -> String {
        let mut seen = Vec::new();
        for line in lines.lines() {
            let (event, sent) = self.step(|session, now, cx| {
                let message = Message::parse(line.trim().as_bytes()).unwrap();
                match session.handle_line(now, &message, cx) {
                    Event::Nothing => String::new(),
                    Event::Talk {
                        target,
                        text,
                        is_own,
                        replay,
                        ..
                    } => {
                        let replay = match replay {
                            None => String::new(),
                            Some(Replay { stamp: None }) => " replayed".to_owned(),
                            Some(Replay {
                                stamp: Some(Stamp::ClockSecs(secs)),
                            }) => format!(" replayed {secs}"),
                            Some(Replay {
                                stamp: Some(Stamp::UnixMicros(micros)),
                            }) => format!(" replayed {micros}us"),
                        };
                        format!(
                            "talk {} {} {is_own}{replay}",
                            String::from_utf8_lossy(target),
                            String::from_utf8_lossy(text)
                        )
                    }
                    Event::Bouncer { text } => {
                        format!("bouncer {}", String::from_utf8_lossy(text))
                    }
                    Event::Refused { refusal, target } => {
                        let target = target.map(String::from_utf8_lossy);
                        format!("Refused {refusal:?} {target:?}")
                    }
                    Event::Kicked { channel } => {
                        format!("kicked {}", String::from_utf8_lossy(channel))
                    }
                    Event::Upstream { is_up } => format!("upstream {is_up}"),
                    Event::Joined { channel } => {
                        format!("joined {}", String::from_utf8_lossy(channel))
                    }
                    Event::Other { nick, change, .. } => {
                        format!("{} {change:?}", String::from_utf8_lossy(nick))
                    }
                    event => format!("{event:?}"),
                }
            });
            seen.extend([event, sent].into_iter().filter(|text| !text.is_empty()));
        }
        seen.join(" ")
    }

    /// Feeds whatever bytes.
    fn feed_bytes(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            self.step(|session, now, cx| {
                if let Ok(message) = Message::parse(line) {
                    let _ = session.handle_line(now, &message, cx);
                }
                String::new()
            });
        }
    }

    /// Checks that a timeout is not told again: its owner would be woken without end until the connection has closed.
    #[track_caller]
    fn check_is_told_once(&mut self) {
        assert_eq!(self.session.next_timer(&self.config), Offset::NEVER);
        let (event, _) =
            self.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
        assert_eq!(event, "Nothing");
    }

    fn online() -> Self {
        let (mut client, _) = Self::connected(&[]);
        assert_eq!(
            client.feed(":s 001 alder0 :hi\n:s 422 alder0 :no motd"),
            "Registered"
        );
        client
    }
}

#[test]
fn everything_is_sent_at_once_and_cap_is_not_waited_for() {
    let (mut client, sent) = Client::connected(&[]);
    assert_eq!(sent, "CAP LS 302|NICK alder0|USER alder 0 * :a tree|");
    assert_eq!(
        client.feed(":s 421 alder0 CAP :Unknown command\n:s 001 alder0 :hi\n:s 376 alder0 :end"),
        "Registered"
    );
}

#[test]
fn only_what_is_offered_is_asked_for_and_one_by_one() {
    let (mut client, _) = Client::connected(&["echo-message", "server-time", "batch"]);
    assert_eq!(
        client.feed(":s CAP * LS * :multi-prefix echo-message"),
        "CAP REQ :echo-message|"
    );
    assert_eq!(
        client.feed(":s CAP * LS :server-time=x sasl"),
        "CAP REQ :server-time|CAP END|"
    );
    assert_eq!(client.feed(":s CAP alder0 ACK :echo-message"), "");
    assert!(client.session.has_echo());
}

#[test]
fn a_taken_or_refused_nick_is_followed_by_the_next() {
    let (mut client, _) = Client::connected(&[]);
    assert_eq!(client.feed(":s 433 * alder0 :in use"), "NICK alder1|");
    assert_eq!(client.feed(":s 432 * alder1 :erroneous"), "NICK alder2|");
    assert_eq!(client.feed(":s 437 * alder2 :unavailable"), "NICK alder3|");
    for _ in 0..NICK_TRIES_MAX {
        client.feed(":s 433 * x :in use");
    }
    assert_eq!(
        client.session.handle_closed(Closed::Eof),
        End::ErrorLine(Refusal::NickInUse)
    );
}

#[test]
fn registration_ends_without_a_motd_too() {
    let (mut client, _) = Client::connected(&[]);
    client.feed(":s 001 alder0 :hi");
    client.now = Offset::ZERO + MOTD_TIMEOUT;
    let (event, _) = client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    assert_eq!(event, "Registered");
}

#[test]
fn a_ping_of_any_shape_is_answered_with_its_token() {
    let mut client = Client::online();
    assert_eq!(
        client.feed("PING :a b\nPING abc\n:s PING s :x\nPING one two"),
        "PONG :a b| PONG :abc| PONG :s| PONG :one|"
    );
}

#[test]
fn a_pong_is_recognised_wherever_its_token_stands() {
    for shape in [
        "PONG TOKEN",
        ":s PONG s :TOKEN",
        ":s PONG TOKEN s",
        ":s PONG :TOKEN",
    ] {
        let mut client = Client::online();
        client.now = Offset::from_secs(100);
        let (_, sent) =
            client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
        let token = sent.strip_prefix("PING :").unwrap().trim_end_matches('|');
        assert!(client.feed(":s PONG s :other").is_empty());
        assert!(
            client
                .feed(&shape.replace("TOKEN", token))
                .starts_with("Pong"),
            "{shape}"
        );
    }
}

#[test]
fn a_proof_is_asked_for_and_told_beside_the_own_ping() {
    let mut client = Client::online();
    let (_, sent) = client.step(|_, _, cx| {
        Session::prove(0x12_3456_789a, cx);
        String::new()
    });
    assert_eq!(sent, "PING :proof-000000123456789a|");
    assert_eq!(
        client.feed(":s PONG s :proof-000000123456789a"),
        "Proved { number: 78187493530 }"
    );
    assert_eq!(client.feed(":s PONG s :proof-zz"), "");
    let (_, sent) = client.step(|_, _, cx| {
        Session::time_queue(0x2a, cx);
        String::new()
    });
    assert_eq!(sent, "PING :queue-000000000000002a|");
    assert_eq!(
        client.feed(":s PONG s :queue-000000000000002a"),
        "Timed { number: 42 }"
    );
}

#[test]
fn a_silent_server_times_out_and_a_talking_one_does_not() {
    let mut client = Client::online();
    client.now = Offset::from_secs(100);
    client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    client.now = Offset::from_secs(150);
    client.feed(":s NOTICE alder0 :busy");
    client.now = Offset::from_secs(161);
    let (event, _) = client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    assert_eq!(event, "Nothing");
    client.now = Offset::from_secs(211);
    let (event, _) = client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    assert_eq!(event, "TimedOut");
    client.check_is_told_once();
    assert_eq!(
        client.session.handle_closed(Closed::Local),
        End::PingTimeout
    );
}

#[test]
fn a_registration_that_takes_too_long_times_out() {
    let (mut client, _) = Client::connected(&[]);
    client.now = Offset::from_secs(30);
    assert_eq!(client.session.next_timer(&client.config), client.now);
    let (event, _) = client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    assert_eq!(event, "TimedOut");
    client.check_is_told_once();
    assert_eq!(
        client.session.handle_closed(Closed::Local),
        End::RegisterTimeout
    );
}

#[test]
fn a_join_is_its_own_with_or_without_a_colon_and_in_any_case() {
    let mut client = Client::online();
    assert_eq!(
        client.feed(":ALDER0!a@h JOIN :#c\n:alder0!a@h JOIN #d\n:birch!b@h JOIN #c"),
        "joined #c joined #d birch Join"
    );
    assert_eq!(client.session.source_bytes(), "alder0!a@h".len());
}

#[test]
fn a_second_welcome_in_mid_session_changes_only_the_nick() {
    let mut client = Client::online();
    assert_eq!(client.feed(":s 001 other :again\n:s 376 other :end"), "");
    assert!(client.session.is_online());
    assert_eq!(client.session.nick(), b"other");
}

#[test]
fn an_action_is_its_text_and_an_echo_is_known() {
    let mut client = Client::online();
    assert_eq!(
        client.feed(":alder0!a@h PRIVMSG #c :\x01ACTION waves\x01"),
        "talk #c waves true"
    );
    assert_eq!(
        client.feed(":birch!b@h NOTICE alder0 :hello there"),
        "talk alder0 hello there false"
    );
}

#[test]
fn ends_are_told_apart() {
    let end = |lines: &str, closed| {
        let (mut client, _) = Client::connected(&[]);
        client.feed(lines);
        client.session.handle_closed(closed)
    };
    assert_eq!(end("", Closed::Reset), End::ResetBeforeFirstByte);
    assert_eq!(end(":s NOTICE * :hi", Closed::Reset), End::Reset);
    assert_eq!(end("", Closed::Eof), End::Eof);
    assert_eq!(
        end("ERROR :Closing Link: h (Excess Flood)", Closed::Reset),
        End::ErrorLine(Refusal::Flood)
    );
    for (text, want) in [
        ("Invalid Password", Refusal::Auth),
        ("No", Refusal::Auth),
        (
            "Too many anonymous connections from your IP",
            Refusal::CloneLimit,
        ),
    ] {
        let line = format!(":s 464 * :{text}");
        assert_eq!(end(&line, Closed::Eof), End::ErrorLine(want), "{text}");
    }
    let mut client = Client::online();
    client.step(|session, _, cx| {
        session.quit(b"bye", cx);
        String::new()
    });
    assert_eq!(client.feed("PING :late"), "", "nobody reads an answer");
    assert_eq!(client.feed("ERROR :Closing link"), "");
    assert_eq!(client.session.handle_closed(Closed::Eof), End::Asked);
}

#[test]
fn limits_of_005_reach_the_shared_table() {
    let mut client = Client::online();
    client.feed(":s 005 alder0 NICKLEN=30 CHANLIMIT=#:20 :are supported");
    assert_eq!(
        (client.isupport.nick_len, client.isupport.channels_max(b'#')),
        (30, Some(20))
    );
}

proptest::proptest! {
    #[test]
    fn any_line_in_any_state_never_panics(lines in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), 0..8)) {
        let (mut client, _) = Client::connected(&["batch"]);
        client.feed_bytes(&lines);
        for playback in Playback::ALL {
            Client::of_bouncer(playback, &["batch"]).feed_bytes(&lines);
        }
    }
}

const IDENTITY: &str = "NICK alder0|USER alder 0 * :a tree|";

#[test]
fn a_patient_client_asks_in_one_line_and_tells_its_name_when_that_is_answered() {
    let (mut client, sent) = Client::patient(&["server-time", "setname", "batch", "message-tags"]);
    assert_eq!(sent, "CAP LS 302|JOIN :|");
    // The refusal of the probe comes behind the list, and says nothing new.
    assert_eq!(
        client.feed(":s CAP * LS * :batch setname\n:s CAP * LS :sts=1 message-tags\n:s 451 * :You have not registered"),
        "CAP REQ :setname batch| CAP REQ :message-tags|"
    );
    assert_eq!(client.feed(":s CAP * NAK :setname batch"), "");
    assert_eq!(
        client.feed(":s CAP * ACK :message-tags "),
        format!("CAP END|{IDENTITY}")
    );
    assert!(client.session.has_taken(Taken::Tags));
    assert!(!client.session.has_taken(Taken::Echo));
    assert_eq!(
        client.feed(":s 001 alder0 :hi\n:s 422 alder0 :no motd"),
        "Registered"
    );
}

#[test]
fn no_client_waits_for_ever_for_a_server_without_capabilities() {
    for refusal in [":s 451 * :Register first.", ":s 421 * CAP :Unknown command"] {
        let (mut client, _) = Client::patient(&["batch"]);
        assert_eq!(client.feed(refusal), IDENTITY, "{refusal}");
        assert_eq!(client.feed(refusal), "", "{refusal}");
    }
    let mut silent = Client::patient(&["batch"]).0;
    let mut unanswered = Client::patient(&["batch"]).0;
    assert_eq!(unanswered.feed(":s CAP * LS :batch"), "CAP REQ :batch|");
    for (client, want) in [
        (&mut silent, IDENTITY.to_owned()),
        (&mut unanswered, format!("CAP END|{IDENTITY}")),
    ] {
        client.now = client.session.next_timer(&client.config);
        assert_eq!(client.now, Offset::from_secs(5));
        let (_, sent) =
            client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
        assert_eq!(sent, want);
        assert_eq!(
            client.session.next_timer(&client.config),
            Offset::from_secs(30)
        );
    }
}

#[test]
fn what_is_history_was_said_before() {
    let mut client = Client::online();
    let said = ":birch!b@h PRIVMSG #c :said";
    let lines = format!(
        ":s BATCH +7 chathistory #c\n@batch=7;time=1 {said} before\n@batch=8 {said} elsewhere\n:s BATCH -7\n@batch=7 {said} now"
    );
    assert_eq!(
        client.feed(&lines),
        "talk #c said elsewhere false ReplayEnded talk #c said now false"
    );
}

#[test]
fn modes_of_its_own_are_no_channels() {
    let mut client = Client::online();
    assert_eq!(client.feed(":alder0!a@h MODE alder0 :+i"), "");
    assert!(
        client
            .feed(":alder0!a@h MODE #c +nt")
            .starts_with("ModeDone")
    );
}
