//! Tests of bigger profiles.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::churn::COPY_JITTER_SECS;
use crate::traffic::profile::examples;
use crate::traffic::profile::file::PARAMETERS;
use crate::traffic::profile::resident::Resident;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::scaling::MassEvents;
use crate::traffic::profile::scaling::ScaleBy;
use crate::traffic::profile::scaling::ScaleError;
use crate::traffic::profile::scaling::Scaling;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::trace::event::EventKind;
use crate::units::id::Seed;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: i64 = 1_704_067_200_000_000;

fn scaling(by: ScaleBy, times: f64, hot: &[(u32, f64)]) -> Scaling {
    Scaling::assumed("example", by, times, 1, hot.iter().copied().collect())
}

/// Returns the invented profile of three connections and a service in one channel, made bigger.
fn scaled(by: ScaleBy, times: f64, hot: &[(u32, f64)]) -> Profile {
    let example = examples::profile();
    example
        .scaled("bigger".to_owned(), scaling(by, times, hot))
        .unwrap()
}

fn connection_count(profile: &Profile) -> usize {
    let stays = |resident: &Resident| &profile.users()[resident.user as usize].stays;
    let residents = profile.residents().iter();
    residents
        .filter(|resident| !stays(resident).is_empty())
        .count()
}

#[test]
fn connections_come_out_right_with_parts_of_cohorts_too() {
    for (times, want) in [
        (1.0, 3),
        (10.0, 30),
        (2.5, 8),
        (7.0 / 3.0, 7),
        (11.0 / 3.0, 11),
    ] {
        for by in ScaleBy::ALL {
            assert_eq!(connection_count(&scaled(by, times, &[])), want, "{times}");
        }
    }
    let part = scaled(ScaleBy::Channels, 2.5, &[]);
    assert_eq!(part.channels().len(), 3);
    // What those who are missing said is not said.
    let [whole, _, last] = part.channels() else {
        panic!("three channels")
    };
    let said: f64 = last.speakers.iter().map(|speaker| speaker.share).sum();
    assert!((said - 1.0).abs() < 1e-12 || last.speakers.is_empty());
    assert!(last.rate <= whole.rate);
}

#[test]
fn a_scaled_profile_reads_back_and_takes_no_more_room() {
    for by in ScaleBy::ALL {
        let profile = scaled(by, 1_000.5, &[(0, 3.0)]);
        let files = profile.write();
        let back = Profile::read("x", &files).unwrap();
        assert_eq!(back, profile);
        assert_eq!(back.digest(), profile.digest());
        assert_ne!(back.digest(), examples::profile().digest());
        let bytes = |profile: &Profile| profile.write().values().map(String::len).sum::<usize>();
        assert!(bytes(&profile) < bytes(&examples::profile()) + 1_000);
        let assumed = profile.assumed();
        for name in ["times", "jitter_secs", "mass_events", "hot"] {
            assert!(assumed.contains(&format!("scaling.{name}")), "{name}");
        }
    }
}

#[test]
fn copies_have_their_own_people_channels_and_moments() {
    let profile = scaled(ScaleBy::Channels, 3.0, &[]);
    assert_eq!(profile.channels().len(), 3);
    assert_eq!(profile.talks().len(), 1);
    let rotation = Rotation {
        cycle_secs: f64::from(4 * WEEK_SECS),
        phase_secs: 0.0,
        shifts_secs: vec![0.0; 2],
    };
    let until_secs = f64::from(4 * WEEK_SECS);
    let stays = |resident: u32| profile.life(resident, &rotation, until_secs).stays;
    for (user, copy) in [(1, 5), (1, 9), (2, 6)] {
        let (own, copied) = (stays(user), stays(copy));
        let secs = |stays: &[StayRow]| stays.iter().map(StayRow::secs).sum::<f64>();
        // Whole, up to ten minutes later.
        assert_eq!(own.len(), copied.len());
        assert!((secs(&own) - secs(&copied)).abs() < 1e-6);
        let later = copied[0].start_secs - own[0].start_secs;
        assert!((0.0..=COPY_JITTER_SECS).contains(&later) && later > 0.0);
        assert_eq!(copied[0].channel, copy / 4);
    }
    // A cohort stays one.
    let jitter = |resident: usize| profile.residents()[resident].jitter_secs;
    assert!((jitter(5) - jitter(6)).abs() < 1e-12);
    assert!((jitter(5) - jitter(9)).abs() > 1e-3);
    let cohorts: BTreeSet<u32> = profile.residents().iter().map(|one| one.cohort).collect();
    assert_eq!(cohorts.len(), 9);
}

/// Returns how many quit by a split at each moment of a sample.
fn splits(profile: &Profile) -> BTreeMap<i64, usize> {
    let sample = profile.sample(Seed(1), START_US, 4 * WEEK_SECS);
    let mut splits: BTreeMap<i64, usize> = BTreeMap::new();
    for event in sample.views() {
        if event.kind == EventKind::Quit && event.detail == "split" {
            *splits.entry(event.at_us).or_default() += 1;
        }
    }
    splits
}

#[test]
fn a_mass_event_hits_every_copy_at_one_moment() {
    let splits = splits(&scaled(ScaleBy::Channels, 10.0, &[]));
    assert_eq!(splits.values().max(), Some(&10), "{splits:?}");
}

#[test]
fn a_mass_event_hits_each_copy_in_a_week_of_its_own() {
    let scaling = Scaling {
        mass_events: MassEvents::Apart,
        ..scaling(ScaleBy::Channels, 10.0, &[])
    };
    let profile = examples::profile().scaled("x".to_owned(), scaling).unwrap();
    assert_eq!(Profile::read("x", &profile.write()).unwrap(), profile);
    // The same hour of each week: few other splits have it.
    let together = splits(&scaled(ScaleBy::Channels, 10.0, &[]));
    let (&moment, _) = together.iter().max_by_key(|&(_, &count)| count).unwrap();
    let week_us = i64::from(WEEK_SECS) * 1_000_000;
    let mut apart = splits(&profile);
    apart.retain(|at_us, _| (at_us - moment) % week_us == 0);
    assert!(
        apart.len() > 1 && apart.values().all(|&count| count < 10),
        "{apart:?}"
    );
}

#[test]
fn by_overlap_the_channels_say_what_they_said() {
    let (own, profile) = (examples::profile(), scaled(ScaleBy::Overlap, 10.0, &[]));
    assert_eq!(profile.channels(), own.channels());
    assert!((profile.members_per_channel().value() - 60.0).abs() < 1e-9);
    assert!(!profile.members_per_channel().is_fitted());
    let sample = profile.sample(Seed(1), START_US, 8 * WEEK_SECS);
    let count = |kind: EventKind| sample.views().filter(|event| event.kind == kind).count();
    let alone = own.sample(Seed(1), START_US, 8 * WEEK_SECS);
    let once = |kind: EventKind| alone.views().filter(|event| event.kind == kind).count();
    assert!(count(EventKind::Join) > 7 * once(EventKind::Join));
    assert_eq!(count(EventKind::Kick), once(EventKind::Kick));
    assert_eq!(count(EventKind::Mode), once(EventKind::Mode));
    let names: BTreeSet<&str> = sample
        .views()
        .filter(|event| event.kind.is_talk())
        .map(|event| event.user)
        .collect();
    assert_eq!(names, BTreeSet::from(["s0", "s1"]));
}

#[test]
fn a_hot_channel_has_more_talk_and_more_speakers() {
    for by in ScaleBy::ALL {
        let (plain, hot) = (scaled(by, 10.0, &[]), scaled(by, 10.0, &[(0, 3.0)]));
        assert!((hot.mean_rate() - plain.mean_rate() - 0.004).abs() < 1e-9);
        let row = &hot.channels()[0];
        // 3^.64 is 2.02.
        assert_eq!(row.speakers.len(), 4);
        assert!(row.speakers.is_sorted_by_key(|speaker| speaker.user));
        let shares: f64 = row.speakers.iter().map(|speaker| speaker.share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
        // Who speaks there is there.
        let sample = hot.sample(Seed(1), START_US, 8 * WEEK_SECS);
        let said = |channel: &str| {
            let talk = sample.views().filter(|event| event.kind.is_talk());
            let there = talk.filter(|event| event.channel == channel);
            there
                .map(|event| event.user.to_string())
                .collect::<BTreeSet<String>>()
        };
        assert!(said("#s0").len() > 2, "{:?}", said("#s0"));
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_its_place() {
    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let mut files = scaled(ScaleBy::Channels, 10.0, &[(0, 3.0)]).write();
        let text = files.get_mut(PARAMETERS).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replace(from, to);
        let error = Profile::read("x", &files).unwrap_err();
        assert_eq!(format!("{} --> {}", error.what, error.place), want);
    }
    let times = "times = { assumed = 10 }";
    check(
        times,
        "times = { assumed = 0.5 }",
        "expected 1 to 1000000, found 0.5 --> x/profile.toml:35:9",
    );
    check(
        times,
        "times = { assumed = 1000000 }",
        "expected at most 1000000 users, found 4000000 --> x/profile.toml:32:1",
    );
    check(
        "by = \"channels\"",
        "by = \"magic\"",
        "expected `channels` or `overlap`, found `magic` --> x/profile.toml:34:6",
    );
    check(
        "channel = 0",
        "channel = 10",
        "expected a channel below 10, found 10 --> x/profile.toml:32:1",
    );
    let twice = scaled(ScaleBy::Channels, 2.0, &[]);
    let again = twice.scaled("x".to_owned(), scaling(ScaleBy::Channels, 2.0, &[]));
    assert_eq!(again, Err(ScaleError::Scaled));
}
