//! Transcripts of connections that lag behind each other, and of several that are one user.

use crate::traffic::capture::dialogue::tests::check;
use crate::traffic::capture::dialogue::tests::check_two;

#[test]
fn clients_of_one_bouncer_user_are_one_user() {
    check(
        &[
            "1< :b 001 alder :hi",
            "2< :b 001 alder :hi",
            "1< :alder!a@h JOIN #w",
            "2< :alder!a@h JOIN #w",
            "1> PRIVMSG #w :one",
            "2< :alder!a@h PRIVMSG #w :one",
            "2< :oak!o@h PRIVMSG #w :two",
            "1< :oak!o@h PRIVMSG #w :two",
            "2< :oak!o@h PRIVMSG alder :three",
            "1< :oak!o@h PRIVMSG alder :three",
            "2< :oak!o@h PRIVMSG alder :three",
            "1< :oak!o@h PRIVMSG alder :three",
            // One more attaches, and is told where its user is.
            "3< :b 001 alder :hi",
            "3< :alder!a@h JOIN #w",
            "1> QUIT",
            "1.",
            "2< :alder!a@h PART #w",
            "3< :alder!a@h PART #w",
            "2< :alder!a@h JOIN #w",
            "3< :alder!a@h JOIN #w",
            "3< :alder!a@h NICK elder",
            "2< :alder!a@h NICK elder",
            "3.",
            "2.",
        ],
        &[
            "1: join alder [#w] [] []",
            "1: message alder [#w] [] [one]",
            "1: message oak [#w] [] [two]",
            "2: message oak [] [alder] [three]",
            "2: message oak [] [alder] [three]",
            "2: part alder [#w] [] []",
            "2: join alder [#w] [] []",
            "3: nick alder [] [elder] []",
            "2: quit elder [] [] []",
        ],
    );
}

#[test]
fn both_sides_of_a_bouncer_count_once() {
    check(
        &[
            "1> NICK alder",
            "1< :s.x 001 alder :hi",
            "1< :alder!a@h JOIN #w",
            "2< :b 001 alder :hi",
            "2< :alder!a@h JOIN #w",
            "2> PRIVMSG #w :one",
            "1> PRIVMSG #w :one",
            "2> PRIVMSG #w :one",
            "1> PRIVMSG #w :one",
            "1< :oak!o@h PRIVMSG #w :two",
            "2< :oak!o@h PRIVMSG #w :two",
        ],
        &[
            "1: join alder [#w] [] []",
            "2: message alder [#w] [] [one]",
            "2: message alder [#w] [] [one]",
            "1: message oak [#w] [] [two]",
        ],
    );
}

#[test]
fn what_a_bouncer_plays_back_does_not_count() {
    check_two(
        &[
            "1< BATCH +1 chathistory #w",
            "1< @batch=1 :oak!o@h PRIVMSG #w :old",
            "1< BATCH -1",
        ],
        &[],
    );
}

#[test]
fn relays_that_lag_behind_a_quit_or_a_new_nick_are_relays() {
    check_two(
        &[
            "2> PRIVMSG #w :one",
            "2< :birch!b@h NICK beech",
            "2> PRIVMSG #w :two",
            "2> QUIT",
            "2.",
            "1< :birch!b@h PRIVMSG #w :one",
            "1< :birch!b@h NICK beech",
            "1< :beech!b@h PRIVMSG #w :two",
            "1< :beech!b@h QUIT",
            "1< :beech!x@h JOIN #w",
            "1< :beech!x@h PRIVMSG #w :three",
        ],
        &[
            "2: message birch [#w] [] [one]",
            "2: nick birch [] [beech] []",
            "2: message beech [#w] [] [two]",
            "2: quit beech [] [] []",
            "1: join beech [#w] [] []",
            "1: message beech [#w] [] [three]",
        ],
    );
    check_two(
        &[
            "2> PRIVMSG #w :one",
            "1< :birch!b@h NICK beech",
            "1< :beech!b@h PRIVMSG #w :one",
            "2< :birch!b@h NICK beech",
        ],
        &[
            "2: message birch [#w] [] [one]",
            "2: nick birch [] [beech] []",
        ],
    );
}

#[test]
fn a_join_that_lags_behind_a_leave_is_a_relay() {
    check_two(
        &[
            "3> NICK cedar",
            "3< :s.x 001 cedar :hi",
            "3< :cedar!c@h JOIN #w",
            "3< :cedar!c@h PART #w :bye",
            "3< :cedar!c@h JOIN #w",
            "3> QUIT :bye",
            "1< :cedar!c@h JOIN #w",
            "1< :cedar!c@h PART #w :bye",
            "1< :cedar!c@h JOIN #w",
            "1< :cedar!c@h MODE #w +s",
            "1< :cedar!c@h QUIT :bye",
            "1< :cedar!x@h JOIN #w",
        ],
        &[
            "3: join cedar [#w] [] []",
            "3: part cedar [#w] [] [bye]",
            "3: join cedar [#w] [] []",
            "3: quit cedar [] [] [bye]",
            "1: join cedar [#w] [] []",
        ],
    );
}

#[test]
fn who_comes_to_a_channel_after_a_recorded_user_quit_hears_a_stranger_of_their_nick() {
    check(
        &[
            "1< :s.x 001 alder :hi",
            "2< :s.x 001 birch :hi",
            "2< :birch!b@h JOIN #w",
            "2> QUIT",
            "1< :alder!a@h JOIN #w",
            "1< :birch!x@h JOIN #w",
            "1< :birch!x@h PRIVMSG #w :hi",
        ],
        &[
            "2: join birch [#w] [] []",
            "2: quit birch [] [] []",
            "1: join alder [#w] [] []",
            "1: join birch [#w] [] []",
            "1: message birch [#w] [] [hi]",
        ],
    );
}

#[test]
fn a_nick_that_was_asked_for_is_the_users_unless_refused() {
    check_two(
        &[
            "2> NICK beech",
            "2> PRIVMSG #w :one",
            "1< :beech!b@h PRIVMSG #w :one",
            "2< :s.x 433 birch beech :in use",
            "1< :beech!x@h PRIVMSG #w :two",
        ],
        &[
            "2: message birch [#w] [] [one]",
            "1: message beech [#w] [] [two]",
        ],
    );
}

#[test]
fn a_change_told_after_its_maker_left_is_a_relay() {
    check_two(
        &[
            "2< :birch!b@h MODE #w +s",
            "2< :birch!b@h PART #w",
            "1< :birch!b@h MODE #w +s",
            "1< :birch!b@h PART #w",
            "1< :birch!b@h MODE #w +m",
        ],
        &[
            "2: mode birch [#w] [] [+s]",
            "2: part birch [#w] [] []",
            "1: mode birch [#w] [] [+m]",
        ],
    );
}
