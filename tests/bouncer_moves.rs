//! Users who move from one real bouncer to another, and backlogs that are read again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "outside/bouncer.rs"]
mod bouncer;
#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "only who starts servers is of use to bouncers")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/process.rs"]
mod process;

use crate::bouncer::SCENARIO;
use crate::bouncer::check_clean;
use crate::bouncer::folder;
use crate::bouncer::run;
use crate::bouncer::search_path;

/// What moves the users of a ZNC to another one.
const MOVE: &str = r#"
[phase.move]
kind = "migrate"
during = "steady"
at = "8s"
planned = "10s"
redirect = { at = "0s", ttl = "0s" }
[phase.away]
"#;

#[test]
fn users_move_from_one_znc_to_another_and_miss_nothing_that_they_were_there_for() {
    let text = SCENARIO.replace("[phase.away]\n", MOVE);
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let Some(ran) = check_clean("znc", &text, &calm) else {
        return;
    };
    let result = ran.result.as_ref().unwrap();
    let migration = &result["migrations"][0];
    assert_eq!(migration["moved"], 8, "{}", ran.told);
    assert_eq!(migration["failed"], 0, "{}", ran.told);
    // Every client has come back to the other.
    let events = result["events"].as_array().unwrap();
    let moved = events
        .iter()
        .find(|event| event["phase"] == "move")
        .unwrap();
    assert_eq!(moved["recovered"], moved["affected"], "{}", ran.told);
    assert!(moved["affected"].as_u64() >= Some(12), "{}", ran.told);
    // Each user has left the network from one and come back from the other.
    let back = &ran.bouncer()["networks"][0]["returns"][0];
    assert_eq!((&back["lost"], &back["returned"]), (&8.into(), &8.into()));
    assert_eq!(ran.bouncer()["locked_out"], 0);
}

#[test]
fn what_a_znc_kept_for_who_was_away_is_missed_at_the_new_one() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO
        .replace("[phase.away]\n", MOVE)
        .replace("heat = 4", "heat = 400")
        .replace("reconnect_after = \"3s\"", "reconnect_after = \"12s\"");
    let ran = run(
        folder.path(),
        &path,
        "znc",
        &text,
        &["--set", "phase.torn.fraction=0.01"],
    );
    assert!(matches!(ran.code, Some(1 | 4)), "{}", ran.told);
    assert!(ran.ledger("backlog_missing") > 0, "{}", ran.told);
    assert_eq!(ran.ledger("backlog_duplicated"), 0, "{}", ran.told);
}

/// Everybody leaves, and comes back to knock at the new host before its account is there.
const KNOCKING: &str = r#"
profile = "PROFILE"
settle = "3s"
heat = 400
[population]
users = 60
members_per_channel = 20
private_share = 0.0
[bouncer]
kind = "KIND"
users = 6
channels = 3
channels_per_user = 3
attached = 1.0
lines_at_attach = 0
[reconnect]
first = "500ms"
longest = "1s"
[phase.attach]
kind = "ramp"
rate = "10/s"
[phase.stay]
kind = "steady"
after = "attach"
duration = "35s"
[phase.away]
kind = "mass_disconnect"
during = "stay"
at = "3s"
fraction = 1.0
how = "fin"
reconnect_after = "5s"
reconnect_over = "500ms"
[phase.move]
kind = "migrate"
during = "stay"
at = "4s"
planned = "5s"
within = "28s"
canary = 0.2
canary_wait = "10s"
redirect = { at = "0s", ttl = "0s" }
"#;

#[test]
fn who_knocks_at_the_new_znc_is_owed_what_the_old_one_kept_all_the_same() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let ran = run(folder.path(), &path, "znc", KNOCKING, &[]);
    assert!(matches!(ran.code, Some(1 | 4)), "{}", ran.told);
    let refused = &ran.result.as_ref().unwrap()["refused"]["auth"];
    assert!(refused.as_u64() > Some(0), "{}", ran.told);
    let (missing, dropped) = (ran.ledger("backlog_missing"), ran.ledger("lost_in_drop"));
    assert!(
        missing > dropped,
        "{missing} missing, {dropped} in drop: {}",
        ran.told
    );
}

#[test]
fn users_that_moved_outlive_a_restart_of_their_new_znc() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let restart =
        "\n[phase.crash]\nkind = \"restart\"\nduring = \"stay\"\nat = \"18s\"\nlasts = \"1s\"\n";
    let text = KNOCKING.replace("canary = 0.2\n", "") + restart;
    let ran = run(
        folder.path(),
        &path,
        "znc",
        &text,
        &["--set", "phase.away.fraction=0.01"],
    );
    assert_eq!(ran.bouncer()["locked_out"], 0, "{}", ran.told);
    let migrations = &ran.result.as_ref().unwrap()["migrations"];
    assert_eq!(migrations[0]["moved"], 6, "{}", ran.told);
}

#[test]
fn a_bouncer_whose_accounts_the_run_cant_move_is_named() {
    let folder = folder();
    let Some(path) = search_path("bip", folder.path()) else {
        return;
    };
    let text = SCENARIO.replace("[phase.away]\n", MOVE);
    let ran = run(folder.path(), &path, "bip", &text, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(
        ran.told.contains("--target irc://OLD,irc://NEW"),
        "{}",
        ran.told
    );
}

#[test]
fn a_znc_that_keeps_what_was_read_is_read_back_to_its_first_line_again_and_again() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO
        .replace("clients = 2", "clients = 2\nkeeps_read = true\npreload_lines = 60\nbuffer_lines = 100")
        .replace("[phase.torn]", "[phase.read]\nkind = \"read_back\"\nduring = \"steady\"\nat = \"9s\"\nover = \"1s\"\nagain = [\"4s\", \"8s\"]\n[phase.torn]");
    let ran = run(folder.path(), &path, "znc", &text, &[]);
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    for counter in [
        "backlog_missing",
        "backlog_hidden",
        "backlog_duplicated",
        "backlog_misordered",
        "lost",
    ] {
        assert_eq!(ran.ledger(counter), 0, "{counter}: {}", ran.told);
    }
    let readings = &ran.bouncer()["readings"];
    assert_eq!(readings["due"], readings["made"], "{}", ran.told);
    assert!(readings["due"].as_u64() >= Some(20), "{readings}");
    // Each reading brings all that is kept, to each client.
    let lines = ran.bouncer()["playbacks"]["lines"].as_u64().unwrap();
    assert!(
        lines > 5_000,
        "{lines} lines were played back: {}",
        ran.told
    );
}
