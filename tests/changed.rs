//! The program against a target that changes behind its back: such a run never passes, and an undisturbed one is not accused.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "outside/network.rs"]
mod network;
#[path = "outside/play.rs"]
mod play;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "outside/slot.rs"]
mod slot;

use std::time::Duration;

use crate::play::play;
use crate::playing::Played;
use crate::process::Process;
use crate::slot::Slot;

/// When the target is disturbed: `calm` lasts seven seconds after everybody has come.
const DISTURBED_AFTER: Duration = Duration::from_secs(4);

/// Plays `calm`, and hands the target's process to `disturb` in the middle of it.
fn played(disturb: impl FnOnce(Process, &str) -> Option<Process>) -> Played {
    let _slot = Slot::take();
    let (process, address) = network::listen("127.0.0.1:0", &[]);
    let target = format!("irc://{address}");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| play("calm", &target, &[]));
        // From this thread: a process that it starts ends with it.
        std::thread::sleep(DISTURBED_AFTER);
        let kept = disturb(process, &address);
        let played = run.join().unwrap();
        drop(kept);
        played
    })
}

#[track_caller]
fn text_of(played: &Played, code: &str) -> String {
    let reasons = played.result["verdict"]["reasons"].as_array();
    let found = reasons
        .into_iter()
        .flatten()
        .find(|reason| reason["code"] == code);
    assert!(
        found.is_some(),
        "{}: {:?}\n{}",
        played.out.display(),
        played.reasons(),
        played.stderr
    );
    found.unwrap()["text"].as_str().unwrap().to_owned()
}

#[test]
fn an_undisturbed_target_is_not_accused() {
    let played = played(|process, _| Some(process));
    let accused = played
        .reasons()
        .iter()
        .any(|code| code.starts_with("target_"));
    assert!(!accused, "{:?}", played.reasons());
    // Where this machine was too slow to tell, that is all that is said.
    assert!(
        played.code == 0 || played.is_strained(),
        "{:?}\n{}",
        played.reasons(),
        played.stderr
    );
}

#[test]
fn a_target_that_another_process_took_over_never_passes() {
    let played = played(|process, address| {
        drop(process);
        Some(network::listen(address, &[]).0)
    });
    assert_ne!(played.code, 0, "{}", played.stderr);
    let text = text_of(&played, "target_changed");
    assert!(
        text.contains("the process that listens on 127.0.0.1:")
            && text.contains("it was restarted or died during the run"),
        "{text}"
    );
}

#[test]
fn a_target_that_is_gone_at_the_end_never_passes() {
    let played = played(|process, _| {
        drop(process);
        None
    });
    assert_ne!(played.code, 0, "{}", played.stderr);
    let text = text_of(&played, "target_gone");
    assert!(text.contains("can't connect to 127.0.0.1:"), "{text}");
}
