//! The profiles that come with the tool: readable, as written, and without names.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use splitstorm::traffic::profile::Profile;
use splitstorm::traffic::profile::file::FILE_NAMES;
use splitstorm::traffic::profile::file::ProfileFiles;
use splitstorm::traffic::profile::file::SCORES;
use splitstorm::traffic::profile::file::WEEKS;

/// Returns the files of a profile that comes with the tool.
fn files(name: &str) -> ProfileFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("traffic-profiles")
        .join(name);
    let mut files: ProfileFiles = FILE_NAMES
        .iter()
        .map(|file| {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            ((*file).to_owned(), text)
        })
        .collect();
    // A capture of too few weeks knows nothing of drift, and has no scores.
    for name in [WEEKS, SCORES] {
        if let Ok(text) = fs::read_to_string(folder.join(name)) {
            files.insert(name.to_owned(), text);
        }
    }
    files
}

/// Reads a profile and compares the messages per hour of a channel, and whether its capture was short.
#[track_caller]
fn check(name: &str, per_hour: f64, is_short: bool) {
    let files = files(name);
    let profile = Profile::read(name, &files).unwrap();
    assert_eq!(profile.name(), name);
    assert_eq!(
        profile.write(),
        files,
        "{name} is not as the tool writes it"
    );
    assert_eq!(profile.is_short(), is_short);
    let found = profile.mean_rate() * 3_600.0;
    assert!(
        (found / per_hour - 1.0).abs() < 0.01,
        "{name}: {found} an hour"
    );
    let texts = files.values().map(String::len).sum::<usize>();
    assert!(texts < 2_500_000, "{name} has {texts} bytes");
}

#[test]
fn the_support_channel_is_busy_and_short() {
    check("support-channel", 70.85, true);
}

#[test]
fn the_project_channel_is_quiet_and_long() {
    check("project-channel", 5.81, false);
}

#[test]
fn the_project_network_has_three_channels() {
    check("project-network", 3.76, false);
}

#[test]
fn the_churn_network_hardly_talks_and_splits() {
    check("churn-network", 0.23, false);
}

#[test]
fn the_busy_channel_is_busy_for_months() {
    check("busy-channel", 7.76, false);
}

#[test]
fn the_users_of_a_bouncer_fall_together() {
    check("bouncer-users", 3.94, false);
    let profile = Profile::read("bouncer-users", &files("bouncer-users")).unwrap();
    let largest = profile
        .incidents()
        .iter()
        .map(|incident| incident.victims.len());
    assert!(largest.max() > Some(50));
}

#[test]
fn the_streaming_chat_says_more_in_a_minute_than_others_in_an_hour() {
    check("streaming-chat", 2_084.57, true);
}
