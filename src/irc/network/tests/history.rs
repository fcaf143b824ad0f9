//! CHATHISTORY, as scripts.

use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;

fn keeping(lines: u32) -> NetworkConfig {
    let limits = Limits {
        history_lines_max: Some(lines),
        ping_interval: None,
        ..Limits::default()
    };
    NetworkConfig { limits, ..config() }
}

#[test]
fn members_read_what_was_said_with_its_own_time_and_account() {
    check_with(
        keeping(3),
        "+alder
         account alder oak
         alder: JOIN #c
         alder: PRIVMSG #c :one
         wait 1
         alder: PRIVMSG #c :two
         alder: PRIVMSG @#c :for operators
         alder: PRIVMSG #c :\u{1}TIME\u{1}
         alder: TOPIC #c :not said
         wait 1
         alder: NOTICE #c :three
         wait 1
         alder: PRIVMSG #c :four
         wait 1
         +birch batch,server-time,account-tag,draft/chathistory
         birch: JOIN #c
         ---
         birch: CHATHISTORY LATEST #c * 50
         birch: CHATHISTORY before #C timestamp=2023-11-14T22:13:23.000Z 1
         birch: CHATHISTORY BETWEEN #c timestamp=2023-11-14T22:13:20.000Z timestamp=2023-11-14T22:13:22.000Z 50",
        "birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH +history1 chathistory #c
         birch| @batch=history1;time=2023-11-14T22:13:21.000Z;account=oak :alder!alder@alder.test PRIVMSG #c :two
         birch| @batch=history1;time=2023-11-14T22:13:22.000Z;account=oak :alder!alder@alder.test NOTICE #c :three
         birch| @batch=history1;time=2023-11-14T22:13:23.000Z;account=oak :alder!alder@alder.test PRIVMSG #c :four
         birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH -history1
         birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH +history2 chathistory #c
         birch| @batch=history2;time=2023-11-14T22:13:22.000Z;account=oak :alder!alder@alder.test NOTICE #c :three
         birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH -history2
         birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH +history3 chathistory #c
         birch| @batch=history3;time=2023-11-14T22:13:21.000Z;account=oak :alder!alder@alder.test PRIVMSG #c :two
         birch| @time=2023-11-14T22:13:24.000Z :hub.test BATCH -history3",
    );
}

#[test]
fn who_takes_no_batches_reads_the_lines_alone_and_strangers_read_none() {
    check_with(
        keeping(3),
        "+alder
         +birch
         alder: JOIN #c
         alder: PRIVMSG #c :one
         ---
         alder: CHATHISTORY AROUND #c timestamp=2023-11-14T22:13:20.000Z 3
         birch: CHATHISTORY LATEST #c * 3
         birch: CHATHISTORY LATEST #nowhere * 3
         alder: CHATHISTORY LATEST #c
         alder: CHATHISTORY LATEST #c msgid=1 3
         alder: CHATHISTORY LATEST #c * many
         alder: CHATHISTORY TARGETS #c * 3",
        "alder| :alder!alder@alder.test PRIVMSG #c :one
         birch| :hub.test FAIL CHATHISTORY INVALID_TARGET LATEST #c :Messages could not be retrieved
         birch| :hub.test FAIL CHATHISTORY INVALID_TARGET LATEST #nowhere :Messages could not be retrieved
         alder| :hub.test FAIL CHATHISTORY NEED_MORE_PARAMS LATEST :Missing parameters
         alder| :hub.test FAIL CHATHISTORY INVALID_PARAMS LATEST :Unknown selection
         alder| :hub.test FAIL CHATHISTORY INVALID_PARAMS LATEST :Unknown limit
         alder| :hub.test FAIL CHATHISTORY INVALID_PARAMS TARGETS :Unknown selection",
    );
}

#[test]
fn each_side_of_a_split_keeps_its_own_lines_and_the_whole_keeps_both() {
    check_with(
        keeping(9),
        "+alder
         +birch @1
         alder: JOIN #c
         birch: JOIN #c
         alder: PRIVMSG #c :before
         split 1
         wait 1
         alder: PRIVMSG #c :near
         birch: PRIVMSG #c :far
         ---
         birch: CHATHISTORY LATEST #c * 9
         heal 1
         ---
         alder: CHATHISTORY LATEST #c * 9",
        "alder| :alder!alder@alder.test PRIVMSG #c :before
         alder| :alder!alder@alder.test PRIVMSG #c :near
         alder| :birch!birch@birch.test PRIVMSG #c :far",
    );
}

#[test]
fn where_nothing_is_kept_there_is_no_such_thing_and_where_it_is_005_says_so() {
    check(
        "+alder
         ---
         alder: CHATHISTORY LATEST #c * 9
         alder: CAP REQ draft/chathistory",
        "alder| :hub.test 421 alder CHATHISTORY :Unknown command
         alder| :hub.test CAP alder NAK :draft/chathistory",
    );
    let mut player = Player::new(keeping(50));
    for step in [
        "?alder",
        "alder: CAP LS",
        "alder: CAP END",
        "alder: NICK alder",
        "alder: USER alder 0 * :x",
    ] {
        player.step(step);
    }
    let record = player.record.join("\n");
    for token in [
        " draft/chathistory ",
        " CHATHISTORY=50 ",
        " MSGREFTYPES=timestamp ",
    ] {
        assert!(record.contains(token), "{token}: {record}");
    }
}
