//! The program against servers that break their word: each breach is found, counted, named, and none is made up.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "outside/fit.rs"]
mod fit;
#[path = "outside/ledger.rs"]
mod ledger;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/play.rs"]
mod play;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "liars/proxy.rs"]
mod proxy;
#[path = "liars/served.rs"]
mod served;
#[path = "outside/slot.rs"]
mod slot;
#[path = "liars/told.rs"]
mod told;

use splitstorm::irc::fault::lie::Lie;

use crate::fit::fit;
use crate::ledger::check_whole;
use crate::ledger::number;
use crate::playing::Played;
use crate::proxy::Proxy;
use crate::slot::Slot;
use crate::told::Told;
use crate::told::check_explained;

/// A run and the lies told in it.
struct Outcome {
    played: Played,
    told: Vec<Told>,
}

impl Outcome {
    #[track_caller]
    fn check_code(&self, code: i32) {
        assert_eq!(
            self.played.code, code,
            "{:#}\n{}",
            self.played.result["verdict"], self.played.stderr
        );
    }

    /// Checks that every lie, and nothing else, is counted as that breach, named by the verdict and explained.
    #[track_caller]
    fn check_counted(&self, breach: &str) {
        assert!(self.told.len() > 10, "too few lies: {}", self.told.len());
        assert_eq!(
            number(&self.played, &format!("ledger.{breach}")),
            self.told.len() as u64,
            "{:#} {:#}",
            self.played.result["ledger"],
            self.played.result["disconnects"]
        );
        self.check_named(breach);
    }

    #[track_caller]
    fn check_named(&self, breach: &str) {
        assert!(
            self.played.reasons().contains(&breach),
            "{:?}",
            self.played.reasons()
        );
        check_explained(&self.played, breach, &self.told);
    }
}

/// Plays a scenario against the Python liar.
fn lied_to(scenario: &str, liar: &[&str], flags: &[&str]) -> Outcome {
    let _slot = Slot::take();
    let once = || {
        let served = served::serve(liar);
        let played = play::play(scenario, &served.target, flags);
        let told = told::read(&served.log);
        Outcome { played, told }
    };
    fit(once, |outcome| outcome.played.is_strained())
}

/// Checks a lie about messages: its lies equal its counter, and no other counter moves.
#[track_caller]
fn check_lie(lie: &str, every: &str, breaches: &[&str]) {
    let outcome = lied_to(
        "calm",
        &["--lie", lie, "--every", every, "--after", "2"],
        &[],
    );
    outcome.check_code(1);
    for breach in breaches {
        outcome.check_counted(breach);
    }
    check_whole(&outcome.played, breaches);
}

#[test]
fn an_honest_server_passes() {
    let outcome = lied_to("calm", &["--lie", "honest"], &[]);
    outcome.check_code(0);
    check_whole(&outcome.played, &[]);
    assert_eq!(outcome.played.reasons(), Vec::<&str>::new());
    assert!(number(&outcome.played, "ledger.delivered") > 500);
    assert_eq!(
        number(&outcome.played, "ledger.delivered"),
        number(&outcome.played, "ledger.required")
    );
}

#[test]
fn a_server_that_tells_another_time_changes_no_latency() {
    let time = "2001-01-01T00:00:00.000Z";
    let outcome = lied_to("calm", &["--lie", "honest", "--server-time", time], &[]);
    outcome.check_code(0);
    check_whole(&outcome.played, &[]);
    for operation in ["message", "connect.registered", "join"] {
        let times = &outcome.played.result["latency"][operation]["response"];
        let (min, max) = (
            times["min"].as_u64().unwrap(),
            times["max"].as_u64().unwrap(),
        );
        assert!(min > 0 && max < 2_000_000, "{operation}: {times}");
    }
}

#[test]
fn an_honest_server_passes_while_users_come_and_go() {
    let outcome = lied_to("comings", &["--lie", "honest"], &[]);
    outcome.check_code(0);
    check_whole(&outcome.played, &[]);
    assert!(number(&outcome.played, "ledger.presence_seen") > 500);
}

#[test]
fn no_message_is_longer_as_others_are_sent_it_than_the_server_takes() {
    let outcome = lied_to("calm", &["--lie", "honest", "--line-bytes", "160"], &[]);
    assert_eq!(outcome.told, []);
    let unsent = number(&outcome.played, "ledger.not_sent.over_limit");
    assert!(unsent > 10, "{unsent}");
    // Some may have been planned for the instants before everybody was in.
    let early = ["registering", "not_joined", "disconnected"]
        .map(|reason| number(&outcome.played, &format!("ledger.not_sent.{reason}")));
    assert_eq!(
        number(&outcome.played, "ledger.sent") + unsent + early.iter().sum::<u64>(),
        number(&outcome.played, "ledger.planned")
    );
    check_whole(&outcome.played, &[]);
}

#[test]
fn a_server_that_relays_nothing_loses_everything() {
    check_lie("black_hole", "1", &["lost"]);
}

#[test]
fn one_deaf_member_of_each_channel_is_found() {
    check_lie("deaf", "1", &["lost"]);
}

#[test]
fn a_dropped_message_is_lost() {
    check_lie("drop", "7", &["lost"]);
}

#[test]
fn a_message_relayed_twice_is_duplicated() {
    check_lie("duplicate", "7", &["duplicated"]);
}

#[test]
fn an_overtaken_message_is_reordered() {
    check_lie("reorder", "1", &["reordered"]);
}

#[test]
fn a_message_in_another_channel_is_misdelivered_and_lost_where_it_belongs() {
    check_lie("wrong_channel", "7", &["misdelivered", "lost"]);
}

#[test]
fn a_message_in_anothers_name_is_misattributed() {
    check_lie("wrong_source", "7", &["misattributed"]);
}

#[test]
fn a_changed_text_is_corrupted() {
    check_lie("corrupt", "7", &["corrupted"]);
}

#[test]
fn a_cut_text_is_truncated() {
    check_lie("truncate", "7", &["truncated"]);
}

#[test]
fn a_channel_that_is_late_is_latency_and_no_loss() {
    let outcome = lied_to(
        "patient",
        &["--lie", "delay", "--after", "1", "--delay", "3"],
        &[],
    );
    outcome.check_code(1);
    assert_eq!(outcome.played.reasons(), ["slo"]);
    check_whole(&outcome.played, &[]);
    assert!(!outcome.told.is_empty());
    let slowest = number(&outcome.played, "latency.message.response.max");
    assert!((2_990_000..3_500_000).contains(&slowest), "{slowest} µs");
}

#[test]
fn what_comes_after_it_was_called_lost_is_lost_and_late() {
    let outcome = lied_to(
        "calm",
        &[
            "--lie", "late", "--every", "7", "--after", "2", "--delay", "3",
        ],
        &[],
    );
    outcome.check_code(1);
    outcome.check_counted("lost");
    check_whole(&outcome.played, &["lost"]);
    // The last ones come when the run is over.
    let late = number(&outcome.played, "ledger.late");
    assert!(late > 0 && late <= outcome.told.len() as u64, "{late}");
    check_explained(&outcome.played, "late", &outcome.told);
}

#[test]
fn a_server_that_stops_reading_fails_and_does_not_excuse_itself() {
    let outcome = lied_to("calm", &["--lie", "stop_reading", "--after", "3"], &[]);
    // What it does not read is its own doing: the run is valid.
    outcome.check_code(1);
    assert!(number(&outcome.played, "ledger.lost") > 100);
    check_whole(&outcome.played, &["lost"]);
    assert_eq!(outcome.played.reasons(), ["lost", "target_gone"]);
}

#[test]
fn a_server_that_freezes_for_good_loses() {
    let outcome = lied_to("calm", &["--lie", "freeze", "--after", "3"], &[]);
    outcome.check_code(1);
    assert!(number(&outcome.played, "ledger.lost") > 100);
    check_whole(&outcome.played, &["lost"]);
    assert_eq!(outcome.played.reasons(), ["lost", "target_gone"]);
}

#[test]
fn a_freeze_that_ends_is_felt_from_the_intended_times_and_loses_nothing() {
    let outcome = lied_to(
        "patient",
        // Nobody speaks in the first five seconds.
        &["--lie", "freeze", "--after", "8", "--lasts", "1.5"],
        &[],
    );
    outcome.check_code(1);
    assert_eq!(outcome.played.reasons(), ["slo"]);
    check_whole(&outcome.played, &[]);
    let slowest = number(&outcome.played, "latency.message.response.max");
    assert!((1_000_000..2_500_000).contains(&slowest), "{slowest} µs");
}

#[test]
fn connections_that_the_server_closes_are_counted_and_cost_no_message() {
    let outcome = lied_to(
        "calm",
        &["--lie", "close_random", "--every", "40", "--after", "2"],
        &["--set", "reconnect.first=300ms"],
    );
    let closed = outcome.told.len() as u64;
    assert!(closed > 5, "{closed}");
    check_whole(&outcome.played, &[]);
    let ends =
        number(&outcome.played, "disconnects.eof") + number(&outcome.played, "disconnects.reset");
    assert_eq!(ends, closed);
    let missed = number(&outcome.played, "ledger.not_sent.disconnected");
    assert!(missed > 0, "nobody was to speak while away");
}

#[test]
fn lines_that_come_in_pieces_are_whole_lines() {
    let outcome = lied_to("calm", &["--lie", "dribble"], &[]);
    outcome.check_code(0);
    check_whole(&outcome.played, &[]);
    let (lines, reads) = (
        number(&outcome.played, "received.lines"),
        number(&outcome.played, "received.reads"),
    );
    assert!(reads > lines, "{reads} reads of {lines} lines");
}

#[test]
fn a_flood_of_numerics_is_read_and_means_nothing() {
    let outcome = lied_to("calm", &["--lie", "babble"], &[]);
    outcome.check_code(0);
    check_whole(&outcome.played, &[]);
    let babbles = outcome.told.len() as u64;
    let lines = number(&outcome.played, "received.lines");
    assert!(
        babbles > 20 && lines > babbles * 1_000,
        "{babbles}: {lines}"
    );
}

#[test]
fn a_line_without_an_end_ends_its_connection_and_costs_no_message() {
    let outcome = lied_to(
        "calm",
        &["--lie", "endless", "--every", "60", "--after", "2"],
        &["--set", "reconnect.first=300ms"],
    );
    let endless = outcome.told.len() as u64;
    assert!(endless > 3, "{endless}");
    check_whole(&outcome.played, &[]);
    let ended = number(&outcome.played, "disconnects.line_too_long");
    assert!((1..=endless).contains(&ended), "{ended} of {endless}");
}

/// Checks a lie about comings and goings. Where an observer was itself coming or going beside it, nothing is provable: some lies
/// go uncounted, but no breach is counted that was not told.
#[track_caller]
fn check_hidden(lie: &str) {
    let outcome = lied_to(
        "comings",
        &["--lie", lie, "--every", "5", "--after", "1"],
        &[],
    );
    outcome.check_code(1);
    let told = outcome.told.len() as u64;
    let missed = number(&outcome.played, "ledger.presence_missed");
    assert!(
        told > 10 && missed <= told && missed * 10 >= told * 5,
        "{missed} of {told}"
    );
    outcome.check_named("presence_missed");
    check_whole(&outcome.played, &["presence_missed"]);
}

#[test]
fn a_hidden_quit_is_missed() {
    check_hidden("hide_quit");
}

#[test]
fn a_hidden_join_is_missed() {
    check_hidden("hide_join");
}

#[test]
fn a_server_that_never_answers_is_unreached() {
    let flags = [
        "--set",
        "reconnect.register_timeout=2s",
        "--set",
        "reconnect.first=500ms",
    ];
    let outcome = lied_to("calm", &["--lie", "no_register"], &flags);
    outcome.check_code(5);
    assert!(outcome.played.stderr.contains("did not complete a login"));
    // The probe gets in, the users don't.
    let outcome = lied_to("calm", &["--lie", "no_register", "--spare", "1"], &flags);
    outcome.check_code(5);
    assert_eq!(outcome.played.reasons()[0], "unreached");
    // It is the target that was silent, not we who hung up.
    assert!(number(&outcome.played, "disconnects.timeout") >= 24);
    assert_eq!(number(&outcome.played, "disconnects.local"), 0);
}

#[test]
fn a_server_that_resets_is_unreached() {
    let outcome = lied_to("calm", &["--lie", "rst"], &[]);
    outcome.check_code(5);
    assert!(outcome.played.stderr.contains("closed the connection"));
    let outcome = lied_to(
        "calm",
        &["--lie", "rst", "--spare", "1"],
        &["--set", "reconnect.first=500ms"],
    );
    outcome.check_code(5);
    assert_eq!(outcome.played.reasons()[0], "unreached");
    assert!(number(&outcome.played, "disconnects.reset_before_first_byte") >= 24);
}

/// Plays a scenario through the proxy to the simulated network.
fn lied_to_by_proxy(scenario: &str, lie: Lie, one_in: u32) -> Outcome {
    let _slot = Slot::take();
    let once = || {
        let (_network, address) = network::listen("127.0.0.1:0", &[]);
        let proxy = Proxy::start(address.parse().unwrap(), lie, one_in);
        let played = play::play(scenario, &proxy.target, &[]);
        let told = proxy.told();
        Outcome { played, told }
    };
    fit(once, |outcome| outcome.played.is_strained())
}

/// Checks a lie told on the way from an honest network.
#[track_caller]
fn check_proxied(lie: Lie, one_in: u32, breaches: &[&str]) {
    let outcome = lied_to_by_proxy("calm", lie, one_in);
    outcome.check_code(1);
    for breach in breaches {
        outcome.check_counted(breach);
    }
    check_whole(&outcome.played, breaches);
}

#[test]
fn lies_on_the_way_from_an_honest_network_are_counted_one_by_one() {
    check_proxied(Lie::Drop, 7, &["lost"]);
    check_proxied(Lie::Duplicate, 7, &["duplicated"]);
    check_proxied(Lie::Reorder, 1, &["reordered"]);
    check_proxied(Lie::WrongChannel, 7, &["misdelivered", "lost"]);
}

#[test]
fn damage_on_the_way_from_an_honest_network_is_counted_one_by_one() {
    check_proxied(Lie::WrongSource, 7, &["misattributed"]);
    check_proxied(Lie::Corrupt, 7, &["corrupted"]);
    check_proxied(Lie::Truncate, 7, &["truncated"]);
}

#[test]
fn a_quit_hidden_on_the_way_from_an_honest_network_is_missed() {
    let outcome = lied_to_by_proxy("comings", Lie::HideQuit, 3);
    outcome.check_code(1);
    let told = outcome.told.len() as u64;
    let missed = number(&outcome.played, "ledger.presence_missed");
    assert!(
        told > 10 && missed <= told && missed * 10 >= told * 5,
        "{missed} of {told}"
    );
    outcome.check_named("presence_missed");
    check_whole(&outcome.played, &["presence_missed"]);
}
