//! The program's refusals: whom it will not load, whatever it is told.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "outside/play.rs"]
mod play;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "liars/served.rs"]
mod served;
#[path = "outside/slot.rs"]
mod slot;

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::play::play;
use crate::slot::Slot;

/// How long a refusal may take that needs no answer from anybody; connecting to an address that leads nowhere takes longer.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Checks that a target is refused before anything is sent to it.
#[track_caller]
fn check_refused(target: &str, flags: &[&str], host: &str) {
    let _slot = Slot::take();
    let began = Instant::now();
    let played = play("calm", target, flags);
    assert_eq!(played.code, 2, "{}", played.stderr);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let help = format!("--allow-target {host}");
    assert!(played.stderr.contains(&help), "{}", played.stderr);
    assert!(!played.is_strained() && played.reasons().is_empty());
    assert_eq!(played.result, Value::Null);
    assert!(!played.out.exists());
}

#[test]
fn a_host_off_this_machine_is_refused_unless_it_is_named() {
    // Addresses for documentation: if anything were sent, nobody would answer and the exit code would be another.
    check_refused("irc://192.0.2.1:6667", &[], "192.0.2.1");
    check_refused("irc://[2001:db8::1]:6667", &[], "2001:db8::1");
    check_refused(
        "irc://198.51.100.7",
        &["--allow-target", "192.0.2.1"],
        "198.51.100.7",
    );
}

#[test]
fn an_address_in_another_spelling_is_the_same_address() {
    // 192.0.2.1 as one number.
    check_refused("irc://3221225985:6667", &[], "3221225985");
}

/// Checks that a loopback server which says it belongs to `network` is left after its greeting.
#[track_caller]
fn check_public(network: &str) {
    let _slot = Slot::take();
    let served = served::serve(&["--network", network]);
    let played = play("calm", &served.target, &["--allow-target", "127.0.0.1"]);
    assert_eq!(played.code, 2, "{}", played.stderr);
    assert!(played.stderr.contains(network), "{}", played.stderr);
    // The one connection that read the greeting is all there was.
    let log = std::fs::read_to_string(&served.log).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn a_public_network_is_never_loaded_not_even_through_a_tunnel() {
    check_public("Libera.Chat");
    check_public("EFnet");
}

#[test]
fn a_network_of_ones_own_is_loaded() {
    let _slot = Slot::take();
    let served = served::serve(&["--network", "Orchard"]);
    let played = play(
        "calm",
        &served.target,
        &["--set", "phase.steady.duration=1s"],
    );
    assert_ne!(played.code, 2, "{}", played.stderr);
    assert_eq!(played.result["target"]["network"], "Orchard");
    let log = std::fs::read_to_string(&served.log).unwrap();
    assert!(log.lines().count() > 20, "{log}");
}
