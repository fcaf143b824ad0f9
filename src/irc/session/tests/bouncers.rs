//! Sessions held to what bouncers do on a client's connection: our own lines in the shapes of ZNC's, bip's and soju's.

use crate::irc::session::Closed;
use crate::irc::session::Context;
use crate::irc::session::End;
use crate::irc::session::Identity;
use crate::irc::session::Session;
use crate::irc::session::playback::Attachment;
use crate::irc::session::playback::Hello;
use crate::irc::session::playback::Playback;
use crate::irc::session::refusal::Refusal;
use crate::irc::session::sasl::Login;
use crate::irc::session::tests::Client;

/// A client that a bouncer with an upstream has let in.
fn attached(playback: Playback) -> Client {
    let mut client = Client::of_bouncer(playback, &["batch", "server-time"]);
    assert_eq!(
        client.feed(":s 001 alder0 :hi\n:s 376 alder0 :end"),
        "Registered"
    );
    client
}

#[track_caller]
fn check(playback: Playback, lines: &str, want: &[&str]) {
    assert_eq!(attached(playback).feed(lines), want.join(" "), "{lines}");
}

#[test]
fn znc_without_capabilities_marks_a_channel_and_puts_a_clock_before_each_text() {
    check(
        Playback::ZNC,
        ":alder0!a@h JOIN :#c
        :***!znc@znc.in PRIVMSG #c :Buffer Playback...
        :birch!b@h PRIVMSG #c :[07:08:09] one
        :birch!b@h NOTICE #C :[07:08:09] [10:00:00] two
        :birch!b@h PRIVMSG #c :\x01ACTION [07:08:10] waves\x01
        :alder0!a@h PRIVMSG #c :[07:08:11] own
        :birch!b@h PRIVMSG #c :no clock
        :birch!b@h PRIVMSG #d :[07:08:12] elsewhere
        :***!znc@znc.in PRIVMSG #c :Playback Complete.
        :birch!b@h PRIVMSG #c :[07:08:13] live",
        &[
            "joined #c",
            "talk #c one false replayed 25689",
            "talk #C [10:00:00] two false replayed 25689",
            "talk #c waves false replayed 25690",
            "talk #c own true replayed 25691",
            "talk #c no clock false replayed",
            "talk #d [07:08:12] elsewhere false",
            "talk #c [07:08:13] live false",
        ],
    );
}

#[test]
fn znc_tells_private_talk_by_its_clock_alone() {
    check(
        Playback::ZNC,
        ":birch!b@h PRIVMSG alder0 :[07:08:09] before
        :alder0!a@h PRIVMSG birch :[07:08:10] own, to who has echo-message
        :birch!b@h PRIVMSG alder0 :now
        @time=2026-11-24T22:15:26.000Z :birch!b@h PRIVMSG alder0 :[07:08:09] said so",
        &[
            "talk alder0 before false replayed 25689",
            "talk birch own, to who has echo-message true replayed 25690",
            "talk alder0 now false",
            "talk alder0 [07:08:09] said so false",
        ],
    );
}

#[test]
fn znc_with_server_time_alone_is_told_by_what_is_older_than_the_attach() {
    check(
        Playback::ZNC,
        "@time=2026-11-24T22:10:00.000Z :s 266 alder0 :as the upstream said long ago
        @time=2026-11-24T22:15:26.260Z :alder0!a@h JOIN :#c
        @time=2026-11-24T22:15:26.260Z :s 366 alder0 #c :End of /NAMES list.
        @time=2026-11-24T22:15:25.557Z :birch!b@h PRIVMSG #c :[07:08:09] before
        @time=2026-11-24T22:15:25.558Z :alder0!a@h PRIVMSG #c :own
        @time=2026-11-24T22:15:25.559Z :elm!e@h PRIVMSG alder0 :query
        @time=2026-11-24T22:15:26.260Z :birch!b@h PRIVMSG #c :live
        @time=2026-11-24T22:15:26.100Z :birch!b@h PRIVMSG #c :live by another clock",
        &[
            "joined #c",
            "talk #c [07:08:09] before false replayed 1795558525557000us",
            "talk #c own true replayed 1795558525558000us",
            "talk alder0 query false replayed 1795558525559000us",
            "talk #c live false",
            "talk #c live by another clock false",
        ],
    );
    // Who is in no channel is told of the attach by the answer to its request.
    let mut client = Client::of_bouncer(Playback::ZNC, &["server-time"]);
    let lines = "@time=2026-11-24T22:15:26.260Z :irc.znc.in CAP alder0 ACK :server-time
        @time=2026-11-24T22:10:00.000Z :s 001 alder0 :hi
        @time=2026-11-24T22:10:00.000Z :s 376 alder0 :end
        @time=2026-11-24T22:15:25.559Z :elm!e@h PRIVMSG alder0 :query";
    assert_eq!(
        client.feed(lines),
        "Registered talk alder0 query false replayed 1795558525559000us"
    );
}

#[test]
fn batches_are_played_back_and_only_their_talk_is_told() {
    for (playback, kind) in [
        (Playback::ZNC, "znc.in/playback"),
        (Playback::SOJU, "chathistory"),
    ] {
        check(
            playback,
            &format!(
                ":s BATCH +7 {kind} #c
                @batch=7;time=2026-11-24T22:15:25.557Z :birch!b@h PRIVMSG #c :before
                @batch=7 :birch!b@h PRIVMSG #c :untold
                @batch=7;time=2026-11-24T22:15:25.557Z :elm!e@h JOIN #c
                :birch!b@h PRIVMSG #c :between
                :s BATCH -7
                @batch=7 :birch!b@h PRIVMSG #c :live"
            ),
            &[
                "talk #c before false replayed 1795558525557000us",
                "talk #c untold false replayed",
                "talk #c between false",
                "ReplayEnded",
                "talk #c live false",
            ],
        );
    }
    let clocked = ":znc.in BATCH +7 znc.in/playback #c
        @batch=7 :birch!b@h PRIVMSG #c :[07:08:09] before";
    check(
        Playback::ZNC,
        clocked,
        &["talk #c before false replayed 25689"],
    );
    // bip knows none, and what is nobody's history stays what it is.
    let foreign = ":s BATCH +7 chathistory #c\n@batch=7 :birch!b@h PRIVMSG #c :x";
    check(Playback::BIP, foreign, &["talk #c x false"]);
}

#[test]
fn bip_tells_what_it_plays_back_by_user_and_host() {
    check(
        Playback::BIP,
        ":alder0 NICK alder0
        :alder0!bip@bip.bip.bip JOIN #c
        :birch!bip@b.i.p PRIVMSG #c :19:05:51> one
        :birch!bip@b.i.p PRIVMSG #c :\x01ACTION 19:05:52> waves\x01
        :alder0!bip@b.i.p PRIVMSG #c :no clock
        :-bip!bip@b.i.p PRIVMSG #c :24-11-2026 19:05:51 -!- elm!~e@h has joined #c
        :-bip!bip@b.i.p PRIVMSG #c :End of backlog
        :birch!bip@b.i.p PRIVMSG alder0 :\x02->\x0219:05:53> asked
        :birch!bip@b.i.p PRIVMSG alder0 :19:05:54> answered
        :birch!bip@b.i.p PRIVMSG birch :19:05:55> in memory
        :birch PRIVMSG alder0 :End of backlog
        :birch!b@h PRIVMSG #c :19:05:51> live
        :birch!b@h PRIVMSG alder0 :End of backlog",
        &[
            "joined #c",
            "talk #c one false replayed 68751",
            "talk #c waves false replayed 68752",
            "talk #c no clock true replayed",
            "bouncer 24-11-2026 19:05:51 -!- elm!~e@h has joined #c",
            "talk birch asked true replayed 68753",
            "talk alder0 answered false replayed 68754",
            "talk birch in memory false replayed 68755",
            "talk #c 19:05:51> live false",
            "talk alder0 End of backlog false",
        ],
    );
}

#[test]
fn a_nick_that_bip_only_repeats_and_a_host_that_it_makes_up_are_not_taken_on() {
    let mut client = attached(Playback::BIP);
    let longest = client.session.source_bytes();
    client.feed(":alder0 NICK alder0\n:alder0!bip@bip.bip.bip JOIN #c");
    assert_eq!(client.session.generation(), 0);
    assert_eq!(client.session.source_bytes(), longest);
    assert_eq!(client.feed(":alder0!a@h JOIN :#d"), "joined #d");
    assert_eq!(client.session.source_bytes(), "alder0!a@h".len());
}

#[test]
fn znc_tells_of_its_upstream_and_of_what_was_lost_meanwhile() {
    let mut client = attached(Playback::ZNC);
    assert!(client.session.has_upstream());
    assert_eq!(
        client.feed(
            ":*status!znc@znc.in PRIVMSG alder0 :Error from server: going down
            :*status!znc@znc.in PRIVMSG alder0 :Disconnected from IRC. Reconnecting...
            :*status!znc@znc.in PRIVMSG alder0 :You are currently disconnected from IRC. Use 'connect' to reconnect."
        ),
        "bouncer Error from server: going down upstream false bouncer You are currently disconnected from IRC. Use 'connect' to reconnect."
    );
    assert!(!client.session.has_upstream());
    assert_eq!(
        client.feed(
            ":*status!znc@znc.in PRIVMSG alder0 :Your message to #c got lost, you are not connected to IRC!
            :*status!znc@znc.in PRIVMSG alder0 :Your notice to birch got lost, you are not connected to IRC!
            :*status!znc@znc.in PRIVMSG alder0 :Connected!
            :s 001 alder1 :again
            :s 376 alder1 :end
            :alder1!a@h JOIN :#c
            :*status!znc@znc.in PRIVMSG alder1 :Connected!"
        ),
        "Refused CannotSend Some(\"#c\") Refused CannotSend Some(\"birch\") upstream true joined #c bouncer Connected!"
    );
    assert!(client.session.has_upstream());
    assert_eq!(client.session.nick(), b"alder1");
    // An ERROR of ZNC is its own.
    client.feed("ERROR :Closing link [Timeout]");
    assert_eq!(
        client.session.handle_closed(Closed::Eof),
        End::ErrorLine(Refusal::Other)
    );
}

#[test]
fn znc_without_an_upstream_lets_a_client_in_with_one_line() {
    let mut client = Client::of_bouncer(Playback::ZNC, &[]);
    let welcome = ":irc.znc.in 001 alder0 :Welcome to ZNC";
    assert_eq!(client.feed(welcome), "Registered");
    assert!(client.session.is_online() && !client.session.has_upstream());
    let back =
        ":*status!znc@znc.in PRIVMSG alder0 :Connected!\n:s 001 alder0 :hi\n:s 422 alder0 :no motd";
    assert_eq!(client.feed(back), "upstream true");
    assert!(client.session.is_online());
}

#[test]
fn bip_hands_an_error_on_and_kicks_its_user_and_the_connection_stays() {
    let lost = "ERROR :Closing link
        :-bip!bip@b.i.p KICK #c alder0 :Server disconnected, reconnecting
        :-bip!bip@b.i.p PRIVMSG alder0 :Server disconnected, reconnecting";
    let mut client = attached(Playback::BIP);
    assert_eq!(
        client.feed(lost),
        "upstream false kicked #c bouncer Server disconnected, reconnecting"
    );
    assert_eq!(
        client.feed(":irc.bip.net NOTICE pouet :ERROR Proxy not connected, please wait before sending commands\n:one PONG x"),
        "Refused CannotSend None"
    );
    // It says no word when the network is back.
    assert_eq!(
        client.feed(
            ":alder0 NICK alder0\n:s 001 alder0 :hi\n:alder0 NICK alder0\n:alder0!a@h JOIN :#c"
        ),
        "upstream true joined #c"
    );
    assert_eq!(client.session.handle_closed(Closed::Eof), End::Eof);
    // An upstream that dies says nothing.
    let (_, silent) = lost.split_once('\n').unwrap();
    let mut client = attached(Playback::BIP);
    let (kick, told) = silent.split_once('\n').unwrap();
    assert_eq!(client.feed(kick), "kicked #c");
    assert!(!client.session.has_upstream());
    assert_eq!(client.feed(told), "upstream false");
}

#[test]
fn bip_turns_away_who_comes_before_its_upstream_was_ever_there() {
    let mut client = Client::of_bouncer(Playback::BIP, &[]);
    client.feed(":irc.bip.net NOTICE pouet :ERROR Proxy not yet connected, try again later");
    assert_eq!(
        client.session.handle_closed(Closed::Eof),
        End::ErrorLine(Refusal::Other)
    );
}

/// What soju says to a client that it lets in, with its `*` in place of the nick in 005, 353 and 366.
const SOJU_WELCOME: &str = ":bouncer.test CAP * DEL extended-monitor
    :bouncer.test CAP * NEW draft/event-playback
    :bouncer.test 001 alder0 :Welcome to soju, alder0
    :bouncer.test 002 alder0 :Your host is bouncer.test
    :bouncer.test 004 alder0 bouncer.test soju aiwroO OovaimnqpsrtklbeI
    :bouncer.test 005 * soju.im/SAFERATE BOUNCER_NETID=3 CHATHISTORY=1000 CASEMAPPING=rfc1459 CHANTYPES=# NETWORK=Grove :are supported
    :bouncer.test 221 alder0 +
    :bouncer.test 422 alder0 :Use /motd to read the message of the day";

#[test]
fn soju_plays_back_a_batch_for_each_target_and_asks_for_receipts() {
    let mut client = Client::of_bouncer(Playback::SOJU, &["batch", "server-time"]);
    assert_eq!(client.feed(SOJU_WELCOME), "Registered");
    // From its store of files: bare nicks, and stamps of whole seconds.
    let told = client.feed(
        ":alder0!alder@127.0.0.1 JOIN #c
        :bouncer.test 353 * = #c :@alder0 birch
        :bouncer.test 366 * #c :End of /NAMES list
        BATCH +1 chathistory #c
        @time=2026-11-24T22:15:25.000Z;batch=1 :birch PRIVMSG #c :one
        @batch=1;time=2026-11-24T22:15:25.000Z :birch NOTICE #c :two
        @time=2026-11-24T22:15:25.000Z;batch=1 :birch PRIVMSG #c :\x01ACTION waves\x01
        @time=2026-11-24T22:15:25.000Z;batch=1 :alder0 PRIVMSG #c :own
        BATCH -1
        BATCH +2 chathistory elm
        @time=2026-11-24T22:15:26.000Z;batch=2 :elm PRIVMSG alder0 :query
        BATCH -2
        BATCH +3 chathistory #d
        BATCH -3
        @time=2026-11-24T22:15:30.000Z :birch!birch@127.0.0.1 PRIVMSG #c :live
        PING soju-msgid-AAYGI2MwMDAxAQY",
    );
    let want = [
        "joined #c",
        "talk #c one false replayed 1795558525000000us",
        "talk #c two false replayed 1795558525000000us",
        "talk #c waves false replayed 1795558525000000us",
        "talk #c own true replayed 1795558525000000us",
        "ReplayEnded",
        "talk alder0 query false replayed 1795558526000000us",
        "ReplayEnded",
        "ReplayEnded",
        "talk #c live false",
        "PONG :soju-msgid-AAYGI2MwMDAxAQY|",
    ];
    assert_eq!(told, want.join(" "));
}

#[test]
fn soju_without_batches_marks_nothing() {
    check(
        Playback::SOJU,
        ":alder0!alder@127.0.0.1 JOIN #c
        @time=2026-11-24T22:15:25.000Z :birch PRIVMSG #c :before
        :birch PRIVMSG alder0 :a query before",
        &[
            "joined #c",
            "talk #c before false",
            "talk alder0 a query before false",
        ],
    );
}

#[test]
fn soju_tells_of_its_network_in_notices_and_of_what_is_sent_in_vain_in_a_numeric() {
    let mut client = attached(Playback::SOJU);
    let told = client.feed(
        ":BouncerServ!BouncerServ@BouncerServ NOTICE alder0 :disconnected from one
        :bouncer.test 400 * PRIVMSG :Disconnected from upstream network
        :bouncer.test 400 * JOIN :Disconnected from upstream network
        :BouncerServ!BouncerServ@BouncerServ NOTICE alder0 :failed connecting/registering to one: connection error: failed to register
        :BouncerServ!BouncerServ@BouncerServ NOTICE alder0 :connected to one
        :bouncer.test 005 * AWAYLEN=200 CASEMAPPING=rfc1459 NETWORK=Grove :are supported
        :alder0!alder@127.0.0.1 JOIN #c
        :bouncer.test 353 * = #c :@birch alder0
        :bouncer.test 366 * #c :End of /NAMES list",
    );
    let want = [
        "upstream false",
        "Refused CannotSend None",
        "bouncer failed connecting/registering to one: connection error: failed to register",
        "upstream true",
        "joined #c",
    ];
    assert_eq!(told, want.join(" "));
    // Who comes while it is gone is let in, and told.
    let mut client = Client::of_bouncer(Playback::SOJU, &["batch"]);
    let told = client.feed(
        ":bouncer.test 001 alder0 :Welcome to soju, alder0
        :bouncer.test 005 * soju.im/SAFERATE BOUNCER_NETID=8 :are supported
        :bouncer.test 422 alder0 :Use /motd to read the message of the day
        :BouncerServ!BouncerServ@BouncerServ NOTICE alder0 :disconnected from one: connection error: failed to register: EOF",
    );
    assert_eq!(told, "Registered upstream false");
    assert!(!client.session.has_upstream());
}

#[test]
fn without_a_bouncer_its_words_are_anybodys() {
    let (mut client, _) = Client::connected(&[]);
    client.feed(":s 001 alder0 :hi\n:s 376 alder0 :end");
    assert_eq!(
        client.feed(
            ":*status!znc@znc.in PRIVMSG alder0 :Connected!
            :birch!b@h PRIVMSG alder0 :[07:08:09] x
            :irc.znc.in 001 alder0 :Welcome to ZNC"
        ),
        "talk alder0 Connected! false talk alder0 [07:08:09] x false"
    );
    assert!(client.session.has_upstream());
}

struct Customer(Hello);

impl Identity for Customer {
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

#[test]
fn a_password_of_its_own_goes_before_the_one_of_all() {
    let attachment = Attachment {
        user: b"oak",
        network: b"one",
        password: b"bark",
    };
    for (playback, want) in [
        (Playback::ZNC, "PASS oak/one:bark|NICK oak|USER oak 0"),
        (Playback::BIP, "PASS oak:bark:one|NICK oak|USER oak 0"),
        (Playback::SOJU, "PASS bark|NICK oak|USER oak/one 0"),
    ] {
        let mut client = Client::of_bouncer(playback, &[]);
        client.config.password = Some(b"of all".to_vec());
        let customer = Customer(playback.login.hello(&attachment));
        let mut sent = Vec::new();
        let mut cx = Context {
            identity: &customer,
            config: &client.config,
            isupport: &mut client.isupport,
            out: &mut sent,
        };
        Session::new().handle_connected(client.now, &mut cx);
        let sent = String::from_utf8(sent).unwrap().replace("\r\n", "|");
        assert_eq!(sent, format!("CAP LS 302|{want} * :a tree|"));
    }
}
