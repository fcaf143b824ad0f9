//! The program against a real server with real services: users log in over TLS to accounts that Atheme keeps.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "targets/atheme.rs"]
mod atheme;
#[path = "outside/fit.rs"]
mod fit;
#[expect(dead_code, reason = "limits and ends that other tests look for")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/ledger.rs"]
mod ledger;
#[path = "targets/papers.rs"]
mod papers;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "outside/slot.rs"]
mod slot;

use std::path::Path;

use crate::fit::fit;
use crate::ledger::check_whole;
use crate::ledger::number;
use crate::papers::Papers;
use crate::playing::Played;
use crate::playing::Playing;
use crate::slot::Slot;

/// More than the gate for pipelines has users.
const ACCOUNTS: u32 = 420;

/// Plays a scenario whose users have accounts in the file of this name; `None` where the servers are not installed.
fn logged_in(file: &Path, accounts: &str, sets: &[&str]) -> Option<Played> {
    let _slot = Slot::take();
    let papers = Papers::new(ACCOUNTS);
    let (ca, accounts) = (papers.path("ca.pem"), papers.path(accounts));
    let accounts = format!("accounts.file={accounts}");
    let once = || {
        let network = atheme::launch(&papers)?;
        let mut flags = vec!["--target", &network.target, "--ca", &ca];
        flags.extend(["--set", &accounts]);
        flags.extend(sets.iter().flat_map(|set| ["--set", set]));
        Some(Playing::start(file, &flags).end())
    };
    fit(once, |played| {
        played.as_ref().is_some_and(Played::is_strained)
    })
}

/// Returns how often something was done and timed.
fn timed(played: &Played, operation: &str) -> u64 {
    let timed = &played.result["latency"][operation]["service"]["count"];
    timed.as_u64().unwrap_or_default()
}

/// Checks that everybody was logged in whenever registered, and that all was delivered.
#[track_caller]
fn check_logged_in(played: &Played, least: u64) {
    assert_eq!(
        played.code, 0,
        "{:#}\n{}",
        played.result["verdict"], played.stderr
    );
    check_whole(played, &[]);
    let [logins, registered, tls] =
        ["login", "connect.registered", "connect.tls"].map(|operation| timed(played, operation));
    assert!(logins >= least, "{logins}");
    assert_eq!((logins, tls), (registered, registered));
    assert_eq!(number(played, "refused.auth"), 0);
    assert!(played.out.join("summary.md").exists());
}

#[test]
fn the_gate_for_pipelines_passes_over_tls_with_accounts_that_atheme_keeps() {
    let file = Path::new("scenarios/ci-gate.toml");
    let sets = ["accounts.login=PLAIN", "phase.steady.duration=30s"];
    if let Some(played) = logged_in(file, "accounts.csv", &sets) {
        // All of them, and those again that were dropped.
        check_logged_in(&played, 430);
    }
}

/// Checks that those users who can't log in are refused, counted, and keep nobody else from the server.
#[track_caller]
fn check_refused(accounts: &str, login: &str) {
    let file = Path::new("tests/data/scenarios/accounts.toml");
    let Some(played) = logged_in(file, accounts, &[login]) else {
        return;
    };
    assert_eq!(played.code, 1, "{}", played.stderr);
    let refused = number(&played, "refused.auth");
    let ended = number(&played, "disconnects.login_refused");
    assert!(refused > 0 && refused == ended, "{refused}, {ended}");
    // Users 1 and 10 to 19 are kept out.
    assert!(timed(&played, "connect.registered") >= 20);
    check_whole(&played, &[]);
}

#[test]
fn a_wrong_password_is_refused_by_atheme_and_counted() {
    check_refused("wrong.csv", "accounts.login=PLAIN");
}

#[test]
fn a_certificate_that_atheme_has_not_been_told_of_is_refused_and_counted() {
    check_refused("strange.csv", "accounts.login=EXTERNAL");
}

#[test]
fn atheme_knows_users_by_their_certificates() {
    let file = Path::new("tests/data/scenarios/accounts.toml");
    if let Some(played) = logged_in(file, "certified.csv", &["accounts.login=EXTERNAL"]) {
        check_logged_in(&played, 40);
    }
}
