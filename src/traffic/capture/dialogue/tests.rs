//! Transcripts of several connections, and what is counted of them.

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::proptest;

use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::dialogue::Direction;

/// Shows an event as `kind nick [channel] [peer] [text]`.
pub(super) fn shown(event: &Seen<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{} {} [{}] [{}] [{}]",
        event.kind.as_str(),
        text(event.nick),
        text(event.channel.unwrap_or_default()),
        text(event.peer),
        text(event.text)
    )
}

/// Reads a transcript and shows each event with the connection that told it. A line is `1> ..` (up), `1< ..` (down),
/// or `1.` (closed).
fn told(transcript: &[&str]) -> Vec<String> {
    let mut dialogues = Dialogues::new();
    let mut events = Vec::new();
    for line in transcript {
        let at = line.find(['>', '<', '.']).unwrap();
        let id = line[..at].parse().unwrap();
        let rest = line[at + 1..].trim_start().as_bytes();
        let mut seen = |event: Seen<'_>| events.push(format!("{id}: {}", shown(&event)));
        let id = ConnectionId(id);
        match line.as_bytes()[at] {
            b'>' => drop(dialogues.read_line(id, Direction::Up, rest, &mut seen)),
            b'<' => drop(dialogues.read_line(id, Direction::Down, rest, &mut seen)),
            _ => dialogues.close(id, &mut seen),
        }
    }
    events
}

#[track_caller]
pub(super) fn check(transcript: &[&str], want: &[&str]) {
    assert_eq!(told(transcript), want);
}

/// Two registered connections, alder's and birch's, both in #w, alder first.
const TWO: [&str; 7] = [
    "1> NICK alder",
    "1< :s.x 001 alder :hi",
    "2> NICK birch",
    "2< :s.x 001 birch :hi",
    "1< :alder!a@h JOIN #w",
    "2< :birch!b@h JOIN #w",
    "1< :birch!b@h JOIN #w",
];

/// Checks what follows once [`TWO`] are there.
#[track_caller]
pub(super) fn check_two(transcript: &[&str], want: &[&str]) {
    let all: Vec<&str> = TWO.iter().chain(transcript).copied().collect();
    let mut joins = vec!["1: join alder [#w] [] []", "2: join birch [#w] [] []"];
    joins.extend(want);
    assert_eq!(told(&all), joins);
}

#[test]
fn what_is_sent_counts_and_its_relays_and_echoes_do_not() {
    check_two(
        &[
            "1> PRIVMSG #W :one",
            "2< :Alder!a@h PRIVMSG #w :one",
            "1< :alder!a@h PRIVMSG #w :one",
            "2> privmsg #w,alder :\u{1}ACTION two\u{1}",
            "1< :birch!b@h PRIVMSG #w :\u{1}ACTION two\u{1}",
            "1< :birch!b@h PRIVMSG alder :\u{1}ACTION two\u{1}",
            "2> :birch NOTICE #w :three",
            "2> PRIVMSG NickServ :four",
            "2> PRIVMSG *status :five",
            "2> PRIVMSG #w",
        ],
        &[
            "1: message alder [#W] [] [one]",
            "2: action birch [#w] [] [two]",
            "2: action birch [] [alder] [two]",
            "2: notice birch [#w] [] [three]",
            "2: message birch [] [NickServ] [four]",
        ],
    );
}

#[test]
fn wishes_do_not_count() {
    check_two(
        &[
            "1> JOIN #x",
            "1> MODE #w +m",
            "1> TOPIC #w :t",
            "1> KICK #w birch",
            "1> NICK elder",
            "1> PART #w",
        ],
        &[],
    );
}

#[test]
fn what_a_recorded_user_did_counts_at_their_own_connection() {
    check_two(
        &[
            "2< :alder!a@h MODE #w +o birch",
            "1< :alder!a@h MODE #w +o birch",
            "1< :birch!b@h TOPIC #w :leaves",
            "2< :birch!b@h TOPIC #w :leaves",
            "1< :birch!b@h NICK Beech",
            "2< :birch!b@h NICK Beech",
            "2< :beech!b@h PART #w :bye",
            "1< :beech!b@h PART #w :bye",
        ],
        &[
            "1: mode alder [#w] [] [+o birch]",
            "2: topic birch [#w] [] [leaves]",
            "2: nick birch [] [Beech] []",
            "2: part beech [#w] [] [bye]",
        ],
    );
}

#[test]
fn a_kick_counts_at_the_kicker_else_the_kicked_else_the_observer() {
    check_two(
        &[
            "1< :birch!b@h KICK #w oak :one",
            "2< :birch!b@h KICK #w oak :one",
            "1< :oak!o@h KICK #w elm :two",
            "2< :oak!o@h KICK #w elm :two",
            "2< :oak!o@h KICK #w birch :three",
            "1< :oak!o@h KICK #w birch :three",
            "1< :oak!o@h KICK #w alder :four",
        ],
        &[
            "2: kick birch [#w] [oak] [one]",
            "1: kick oak [#w] [elm] [two]",
            "2: kick oak [#w] [birch] [three]",
            "1: kick oak [#w] [alder] [four]",
        ],
    );
}

#[test]
fn what_a_recorded_user_changes_from_outside_counts_at_the_observer() {
    check_two(
        &[
            "3< :s.x 001 cedar :hi",
            "1< :cedar!c@h MODE #w +s",
            "2< :cedar!c@h MODE #w +s",
        ],
        &["1: mode cedar [#w] [] [+s]"],
    );
}

#[test]
fn strangers_count_at_the_observer_and_the_next_takes_over() {
    check_two(
        &[
            "2< :oak!o@h JOIN #w",
            "1< :oak!o@h JOIN #w",
            "2< :oak!o@h PRIVMSG #w :one",
            "1< :oak!o@h PRIVMSG #w :one",
            "1< :alder!a@h PART #w",
            "2< :alder!a@h PART #w",
            "2< :oak!o@h PRIVMSG #w :two",
            "1< :alder!a@h JOIN #w",
            "1< :oak!o@h PRIVMSG #w :three",
            "2< :oak!o@h PRIVMSG #w :three",
            "2.",
            "1< :oak!o@h PRIVMSG #w :four",
            "1< :s.x MODE #w +n",
        ],
        &[
            "1: join oak [#w] [] []",
            "1: message oak [#w] [] [one]",
            "1: part alder [#w] [] []",
            "2: message oak [#w] [] [two]",
            "1: join alder [#w] [] []",
            "2: message oak [#w] [] [three]",
            "2: quit birch [] [] []",
            "1: message oak [#w] [] [four]",
            "1: mode s.x [#w] [] [+n]",
        ],
    );
}

#[test]
fn a_quit_or_nick_of_a_stranger_counts_at_the_first_who_tells_it() {
    check_two(
        &[
            "2< :oak!o@h NICK elm",
            "1< :oak!o@h NICK elm",
            "1< :elm!o@h QUIT :bye",
            "2< :elm!o@h QUIT :bye",
            "2< :elm!o@h JOIN #w",
            "1< :elm!o@h JOIN #w",
            "2< :elm!o@h QUIT :bye",
            "1< :elm!o@h QUIT :bye",
        ],
        &[
            "2: nick oak [] [elm] []",
            "1: quit elm [] [] [bye]",
            "1: join elm [#w] [] []",
            "2: quit elm [] [] [bye]",
        ],
    );
}

#[test]
fn a_recorded_user_quits_by_word_or_by_end_and_once() {
    check_two(
        &[
            "2> QUIT :bye",
            "1< :birch!b@h QUIT :Quit: bye",
            "2< ERROR :Closing link",
            "2.",
            "2.",
            "1.",
        ],
        &["2: quit birch [] [] [bye]", "1: quit alder [] [] []"],
    );
    check_two(
        &["1< :birch!b@h QUIT :Killed", "2."],
        &["2: quit birch [] [] []"],
    );
}

#[test]
fn names_count_at_the_observer() {
    check_two(
        &[
            "1< :s.x 353 alder = #w :@alder birch",
            "2< :s.x 353 birch = #w :@alder birch",
            "2< :s.x 353 birch = #elsewhere :oak",
        ],
        &[
            "1: other alder [#w] [] [names]",
            "1: other birch [#w] [] [names]",
        ],
    );
}

#[test]
fn private_messages_of_strangers_count_where_they_arrive() {
    check_two(
        &[
            "1< :oak!o@h PRIVMSG alder :psst",
            "1< :oak!o@h INVITE alder #x",
            "1< :oak!o@h AWAY :gone",
            "2< :oak!o@h AWAY :gone",
            "1< :s.x NOTICE alder :*** Notice",
            "1< NOTICE AUTH :*** Looking up",
        ],
        &[
            "1: message oak [] [alder] [psst]",
            "1: other oak [] [] [invite]",
        ],
    );
}

#[test]
fn a_nick_in_use_is_tried_again_before_the_welcome() {
    check(
        &[
            "1> NICK alder",
            "1< :s.x 433 * alder :in use",
            "1< :s.x 433 alder :in use",
            "1> NICK alder_",
            "1< :s.x 001 alder_ :hi",
            "1> PRIVMSG #w :hi",
        ],
        &["1: message alder_ [#w] [] [hi]"],
    );
}

#[test]
fn a_connection_from_before_the_recording_learns_its_nick() {
    let rows = [
        ":s.x 353 alder = #w :alder",
        ":s.x 401 alder oak :no such nick",
        ":alder MODE alder :+i",
    ];
    for row in rows {
        let line = format!("1< {row}");
        let events = told(&["1> PRIVMSG #w :lost", &line, "1> PRIVMSG #w :hi"]);
        let want = "1: message alder [#w] [] [hi]";
        assert_eq!(
            events.last().map(String::as_str),
            Some(want),
            "{row}: {events:?}"
        );
        assert!(!events.iter().any(|event| event.contains("lost")), "{row}");
    }
    check(
        &["1> NICK alder", "1> PRIVMSG #w :hi", "1."],
        &["1: message alder [#w] [] [hi]", "1: quit alder [] [] []"],
    );
}

#[test]
fn while_a_nick_is_unknown_the_others_tell() {
    let mut dialogues = Dialogues::new();
    let id = ConnectionId(9);
    let mut none = |event: Seen<'_>| panic!("{event:?}");
    let reading = dialogues.read_line(id, Direction::Up, b"PRIVMSG #w :hi", &mut none);
    assert_eq!(
        reading,
        Reading::Damaged("a sender whose nick a line has told")
    );
    dialogues.close(id, &mut none);
    check_two(
        &[
            "3> PRIVMSG #w :hi",
            "1< :cedar!c@h PRIVMSG #w :hi",
            "2< :cedar!c@h PRIVMSG #w :hi",
        ],
        &["1: message cedar [#w] [] [hi]"],
    );
}

#[test]
fn what_is_told_in_a_channel_shows_that_one_is_in_it() {
    check(
        &[
            "1< :s.x 372 alder :motd",
            "1< :oak!o@h PRIVMSG #w :one",
            "2< :s.x 372 birch :motd",
            "2< :oak!o@h PRIVMSG #w :one",
        ],
        &["1: message oak [#w] [] [one]"],
    );
}

#[test]
fn damage_is_named_and_silence_is_not() {
    let mut dialogues = Dialogues::new();
    let mut read = |line: &[u8]| {
        dialogues.read_line(ConnectionId(1), Direction::Down, line, &mut |event| {
            panic!("{event:?}")
        })
    };
    assert_eq!(read(b""), Reading::Note);
    assert_eq!(read(b"PING :x"), Reading::Note);
    assert!(matches!(read(b"\x16\x03\x01"), Reading::Damaged(_)));
}

/// Lines that hold the words that matter, and any bytes.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(":alder!a@h"),
        Just(":birch"),
        Just("alder"),
        Just("Birch"),
        Just("#w,#x"),
        Just("#w"),
        Just("JOIN"),
        Just("PART"),
        Just("QUIT"),
        Just("NICK"),
        Just("PRIVMSG"),
        Just("KICK"),
        Just("MODE"),
        Just("001"),
        Just("353"),
        Just("="),
        Just(":@alder birch"),
        Just("433"),
    ];
    let sentence = vec(word, 1..6).prop_map(|words| words.join(" ").into_bytes());
    prop_oneof![9 => sentence, 1 => vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn any_lines_are_read(steps in vec((0_u32..4, 0_u8..5, lines()), 0..60)) {
        let mut dialogues = Dialogues::new();
        for (id, step, line) in &steps {
            let id = ConnectionId(*id);
            match step {
                0 => dialogues.close(id, &mut |_| {}),
                1 | 2 => drop(dialogues.read_line(id, Direction::Up, line, &mut |_| {})),
                _ => drop(dialogues.read_line(id, Direction::Down, line, &mut |_| {})),
            }
        }
        // Whoever is closed leaves nothing behind but departures.
        for id in 0..4 {
            dialogues.close(ConnectionId(id), &mut |_| {});
        }
        assert!(dialogues.connections.is_empty());
        assert!(dialogues.state.users.is_empty());
        assert!(dialogues.state.channels.is_empty());
    }
}
