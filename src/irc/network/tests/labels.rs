//! `labeled-response`, as scripts.

use crate::irc::network::config::Limits;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::check_with;
use crate::irc::network::tests::harness::config;

#[test]
fn an_answer_of_no_line_one_or_several_carries_the_label() {
    check(
        "+alder labeled-response,batch,message-tags,echo-message
         +birch
         ---
         alder: @label=1 PONG x
         alder: @label=a\\sb PING x
         alder: @label=2 JOIN #c
         birch: JOIN #c
         ---
         alder: @label=3;+draft/reply=9 PRIVMSG #c :hello
         alder: @label=4 NOTICE birch :psst
         alder: PING y
         alder: @label= PING z",
        "birch| :alder!alder@alder.test PRIVMSG #c :hello
         alder| @label=3;+draft/reply=9 :alder!alder@alder.test PRIVMSG #c :hello
         birch| :alder!alder@alder.test NOTICE birch :psst
         alder| @label=4 :alder!alder@alder.test NOTICE birch :psst
         alder| :hub.test PONG hub.test :y
         alder| :hub.test PONG hub.test :z",
    );
    check(
        "+alder labeled-response,batch,server-time
         ---
         alder: @label=1 PONG x
         alder: @label=a\\sb PING x
         alder: @label=2 JOIN #c
         alder: @label=3 FOO",
        "alder| @time=2023-11-14T22:13:20.000Z;label=1 :hub.test ACK
         alder| @label=a\\sb;time=2023-11-14T22:13:20.000Z :hub.test PONG hub.test :x
         alder| @time=2023-11-14T22:13:20.000Z;label=2 :hub.test BATCH +label1 labeled-response
         alder| @batch=label1;time=2023-11-14T22:13:20.000Z :alder!alder@alder.test JOIN #c
         alder| @batch=label1;time=2023-11-14T22:13:20.000Z :hub.test 353 alder = #c :@alder
         alder| @batch=label1;time=2023-11-14T22:13:20.000Z :hub.test 366 alder #c :End of /NAMES list.
         alder| @time=2023-11-14T22:13:20.000Z :hub.test BATCH -label1
         alder| @label=3;time=2023-11-14T22:13:20.000Z :hub.test 421 alder FOO :Unknown command",
    );
}

#[test]
fn without_the_capability_or_batches_answers_go_as_they_are() {
    check(
        "+alder
         +birch labeled-response
         ---
         alder: @label=1 PING x
         birch: @label=1 PING x
         birch: @label=2 JOIN #c
         birch: @label=3 QUIT",
        "alder| :hub.test PONG hub.test :x
         birch| @label=1 :hub.test PONG hub.test :x
         birch| :birch!birch@birch.test JOIN #c
         birch| :hub.test 353 birch = #c :@birch
         birch| :hub.test 366 birch #c :End of /NAMES list.
         birch| ERROR :Closing link: (birch@birch.test) [Client Quit]
         birch| [closed]",
    );
}

#[test]
fn what_waited_before_a_labelled_line_is_no_part_of_its_answer() {
    let limits = Limits {
        history_lines_max: Some(10),
        ..Limits::default()
    };
    check_with(
        NetworkConfig { limits, ..config() },
        "+alder labeled-response,batch,draft/chathistory
         alder: JOIN #c
         alder: PRIVMSG #c :hello
         ---
         alder: @label=1 CHATHISTORY LATEST #c * 5",
        "alder| @label=1 :hub.test BATCH +history1 chathistory #c
         alder| @batch=history1 :alder!alder@alder.test PRIVMSG #c :hello
         alder| :hub.test BATCH -history1",
    );
}

/// A client program's CTCP is a PRIVMSG to servers.
#[test]
fn ctcp_passes() {
    check(
        "+alder
         +birch
         ---
         alder: PRIVMSG birch :\u{1}VERSION\u{1}
         birch: NOTICE alder :\u{1}VERSION x 1.0\u{1}",
        "birch| :alder!alder@alder.test PRIVMSG birch :\u{1}VERSION\u{1}
         alder| :birch!birch@birch.test NOTICE alder :\u{1}VERSION x 1.0\u{1}",
    );
}
