//! Registration, capabilities, nicks, and what the server says about itself, as scripts.

use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;
use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Message;
use crate::units::id::ServerId;

#[test]
fn registration_ends_with_the_message_of_the_day() {
    let config = NetworkConfig {
        motd: vec!["Plant a tree.".to_owned()],
        ..config()
    };
    check_with(
        config,
        "?alder
         alder: NICK alder
         alder: USER alder 0 * :The alder",
        "alder| :hub.test 001 alder :Welcome to the Grove IRC Network alder!alder@alder.test
         alder| :hub.test 002 alder :Your host is hub.test, running version splitstorm-0.1.0
         alder| :hub.test 003 alder :This server was created 2023-11-14T22:13:20.000Z
         alder| :hub.test 004 alder hub.test splitstorm-0.1.0 iw biklmnopstv bklov
         alder| :hub.test 005 alder AWAYLEN=200 CASEMAPPING=rfc1459 CHANLIMIT=#: CHANMODES=b,k,l,imnpst CHANNELLEN=64 CHANTYPES=# KICKLEN=255 LINELEN=512 MAXLIST=b:100 MODES=20 MONITOR=100 NETWORK=Grove NICKLEN=30 :are supported by this server
         alder| :hub.test 005 alder PREFIX=(ov)@+ STATUSMSG=@+ TARGMAX=KICK:20,NOTICE:20,PRIVMSG:20,TAGMSG:20 TOPICLEN=307 USERLEN=11 WHOX :are supported by this server
         alder| :hub.test 251 alder :There are 1 users and 0 invisible on 3 servers
         alder| :hub.test 253 alder 0 :unknown connections
         alder| :hub.test 254 alder 0 :channels formed
         alder| :hub.test 255 alder :I have 1 clients and 2 servers
         alder| :hub.test 265 alder :Current local users: 1  Max: 1
         alder| :hub.test 266 alder :Current global users: 1  Max: 1
         alder| :hub.test 375 alder :- hub.test Message of the Day -
         alder| :hub.test 372 alder :- Plant a tree.
         alder| :hub.test 376 alder :End of /MOTD command.",
    );
}

#[test]
fn the_own_005_reads_as_it_is_meant() {
    let mut player = Player::new(config());
    player.connect("alder", ServerId(0));
    player.send("alder", "NICK alder");
    player.send("alder", "USER alder 0 * :x");
    player.drain();
    let mut isupport = Isupport::default();
    for line in &player.record {
        let line = line.strip_prefix("alder| ").unwrap();
        let message = Message::parse(line.as_bytes()).unwrap();
        if message.numeric() == Some(5) {
            isupport.handle_005(&message);
        }
    }
    assert_eq!(isupport.network.as_deref(), Some(&b"Grove"[..]));
    assert_eq!(isupport.targets_max(b"PRIVMSG"), Some(20));
    assert_eq!(isupport.channels_max(b'#'), None);
    assert_eq!(isupport.nick_len, 30);
    assert_eq!(isupport.chan_modes, Isupport::default().chan_modes);
}

#[test]
fn negotiation_holds_registration_back_until_it_ends() {
    check(
        "?alder
         alder: CAP LS 302
         alder: NICK alder
         alder: USER alder 0 * :The alder
         alder: CAP REQ :batch sasl
         alder: CAP REQ :batch echo-message -echo-message
         alder: CAP LIST
         alder: CAP FOO
         alder: JOIN #c",
        "alder| :hub.test CAP * LS :account-notify account-tag away-notify batch cap-notify chghost echo-message extended-join invite-notify labeled-response message-tags multi-prefix server-time setname userhost-in-names
         alder| :hub.test CAP alder NAK :batch sasl
         alder| :hub.test CAP alder ACK :batch echo-message -echo-message
         alder| :hub.test CAP alder LIST :batch cap-notify
         alder| :hub.test 410 alder FOO :Invalid CAP command
         alder| :hub.test 451 alder :You have not registered",
    );
    let mut player = Player::new(config());
    player.register("alder", ServerId(0), Some("server-time"));
    player.step("alder: PING x");
    assert_eq!(
        player.record,
        ["alder| @time=2023-11-14T22:13:20.000Z :hub.test PONG hub.test :x"]
    );
}

#[test]
fn a_password_is_asked_for_where_there_is_one() {
    let config = NetworkConfig {
        password: Some("acorn".to_owned()),
        ..config()
    };
    check_with(
        config.clone(),
        "?alder
         alder: PASS chestnut
         alder: NICK alder
         alder: USER alder 0 * :x",
        "alder| :hub.test 464 alder :Password incorrect
         alder| ERROR :Closing link: (alder@alder.test) [Access denied: bad password]
         alder| [closed]",
    );
    let mut player = Player::new(config);
    player.connect("alder", ServerId(0));
    for line in ["PASS acorn", "NICK alder", "USER alder 0 * :x"] {
        player.send("alder", line);
    }
    assert!(player.network.is_registered(player.ids["alder"]));
}

#[test]
fn wrong_nicks_are_refused_each_with_its_numeric() {
    check(
        "+birch
         ?alder
         alder: NICK
         alder: NICK 1alder
         alder: NICK al.der
         alder: NICK thisnickisfarlongerthanthirtyletters
         alder: NICK BIRCH
         alder: FOO
         alder: USER alder
         birch: USER birch 0 * :x
         birch: PASS x
         birch: FOO",
        "alder| :hub.test 431 * :No nickname given
         alder| :hub.test 432 * 1alder :Erroneous nickname
         alder| :hub.test 432 * al.der :Erroneous nickname
         alder| :hub.test 432 * thisnickisfarlongerthanthirtyletters :Erroneous nickname
         alder| :hub.test 433 * BIRCH :Nickname is already in use
         alder| :hub.test 451 * :You have not registered
         alder| :hub.test 461 * USER :Not enough parameters
         birch| :hub.test 462 birch :You may not reregister
         birch| :hub.test 462 birch :You may not reregister
         birch| :hub.test 421 birch FOO :Unknown command",
    );
}

#[test]
fn a_new_nick_is_told_once_to_everybody_who_shares_a_channel() {
    check(
        "+alder
         +birch @1
         +cedar
         alder: JOIN #c,#d
         birch: JOIN #c,#d
         ---
         alder: NICK Alder
         alder: NICK ash
         birch: NICK ASH",
        "alder| :alder!alder@alder.test NICK :Alder
         birch| :alder!alder@alder.test NICK :Alder
         alder| :Alder!alder@alder.test NICK :ash
         birch| :Alder!alder@alder.test NICK :ash
         birch| :far.test 433 birch ASH :Nickname is already in use",
    );
}

#[test]
fn the_server_tells_about_itself() {
    check(
        "+alder
         alder: MOTD
         alder: VERSION
         alder: TIME
         alder: ADMIN
         alder: INFO
         alder: PING
         alder: PING :a b",
        "alder| :hub.test 422 alder :MOTD File is missing
         alder| :hub.test 351 alder splitstorm-0.1.0. hub.test :a simulated network
         alder| :hub.test 391 alder hub.test :2023-11-14T22:13:20.000Z
         alder| :hub.test 256 alder hub.test :Administrative info
         alder| :hub.test 257 alder :Grove
         alder| :hub.test 258 alder :A simulated network
         alder| :hub.test 259 alder :Nobody reads mail here
         alder| :hub.test 371 alder :splitstorm-0.1.0
         alder| :hub.test 371 alder :A simulated IRC network for load tests
         alder| :hub.test 374 alder :End of /INFO list
         alder| :hub.test 409 alder :No origin specified
         alder| :hub.test PONG hub.test :a b",
    );
}

#[test]
fn away_and_real_names_are_told_to_those_who_want_to_know() {
    check(
        "+alder away-notify
         +birch
         +cedar setname
         alder: JOIN #c
         cedar: JOIN #c
         birch: AWAY :gone
         ---
         birch: JOIN #c
         ---
         birch: SETNAME :The silver birch
         birch: AWAY
         birch: AWAY :out",
        "cedar| :birch!birch@birch.test SETNAME :The silver birch
         birch| :hub.test 305 birch :You are no longer marked as being away
         alder| :birch!birch@birch.test AWAY
         birch| :hub.test 306 birch :You have been marked as being away
         alder| :birch!birch@birch.test AWAY :out",
    );
    check(
        "+alder away-notify
         +birch
         alder: JOIN #c
         birch: AWAY :gone
         ---
         birch: JOIN #c",
        "alder| :birch!birch@birch.test JOIN #c
         alder| :birch!birch@birch.test AWAY :gone
         birch| :birch!birch@birch.test JOIN #c
         birch| :hub.test 353 birch = #c :@alder birch
         birch| :hub.test 366 birch #c :End of /NAMES list.",
    );
}
