//! The bar of a bigger profile: its channels are as bursty, its stays and messages as long as those of the profile it came from.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "outside/command.rs"]
mod command;
#[path = "outside/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use splitstorm::traffic::profile::Profile;
use splitstorm::traffic::profile::WEEK_SECS;
use splitstorm::traffic::profile::file::FILE_NAMES;
use splitstorm::traffic::profile::file::ProfileFiles;
use splitstorm::traffic::profile::scaling::MassEvents;
use splitstorm::traffic::profile::scaling::ScaleBy;
use splitstorm::traffic::profile::scaling::Scaling;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::event::EventKind;
use splitstorm::units::id::Seed;

use crate::told::told;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: i64 = 1_704_067_200_000_000;

/// Weeks of a sample: the capture's, so that each mass event comes about once.
const WEEKS: u32 = 21;

/// What is demanded of the logarithm of a ratio of dispersions beyond what live traffic scores against itself, of talk.
const TALK_MAX: f64 = 0.25;
/// The same of comings and goings.
const CHURN_MAX: f64 = 0.35;
/// What is demanded of gaps and lengths: the largest distance of two distribution functions.
const DISTANCE_MAX: f64 = 0.08;

fn profile() -> Profile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traffic-profiles/project-channel");
    let texts: ProfileFiles = FILE_NAMES
        .iter()
        .map(|file| {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            ((*file).to_owned(), text)
        })
        .collect();
    Profile::read("project-channel", &texts).unwrap()
}

fn scaled(by: ScaleBy, times: f64, hot: &[(u32, f64)]) -> Profile {
    let hot = hot.iter().copied().collect();
    let scaling = Scaling::assumed("project-channel", by, times, 1, hot);
    profile().scaled("bigger".to_owned(), scaling).unwrap()
}

/// Returns the profile ten times as large, with mass events so.
fn hit(mass_events: MassEvents) -> Profile {
    let scaling = Scaling {
        mass_events,
        ..Scaling::assumed(
            "project-channel",
            ScaleBy::Channels,
            10.0,
            1,
            BTreeMap::new(),
        )
    };
    profile().scaled("bigger".to_owned(), scaling).unwrap()
}

/// What samples measure, all channels together.
#[derive(Default)]
struct Measured {
    /// Variance over mean of a channel's messages in bins of so many seconds.
    talk_fanos: BTreeMap<u32, f64>,
    churn_fanos: BTreeMap<u32, f64>,
    /// The same of all that happens on the whole network, by the minute: by the hour people's common hours would tell.
    network_fano: f64,
    gaps: Vec<f64>,
    lengths: Vec<f64>,
    stays: Vec<f64>,
    messages_a_channel: f64,
}

fn measured(profile: &Profile, seeds: std::ops::Range<u64>) -> Measured {
    let mut measured = Measured::default();
    let mut talk: Vec<Vec<f64>> = Vec::new();
    let mut churn: Vec<Vec<f64>> = Vec::new();
    let mut networks: Vec<Vec<f64>> = Vec::new();
    for seed in seeds {
        let sample = profile.sample(Seed(seed), START_US, WEEKS * WEEK_SECS);
        let mut channels: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
        // Who is where since when.
        let mut present: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        let events = sample.events();
        for event in &events {
            let at = secs(event);
            match event.kind {
                kind if kind.is_talk() => {
                    measured.lengths.push(f64::from(event.bytes));
                    channels.entry(&event.channel).or_default()[0].push(at);
                }
                EventKind::Join => {
                    channels.entry(&event.channel).or_default()[1].push(at);
                    present
                        .entry(&event.user)
                        .or_default()
                        .insert(&event.channel, at);
                }
                EventKind::Part | EventKind::Quit => {
                    let stays = present.entry(&event.user).or_default();
                    let left: BTreeSet<&str> = stays
                        .keys()
                        .copied()
                        .filter(|channel| event.channel.is_empty() || **channel == *event.channel)
                        .collect();
                    for channel in left {
                        measured
                            .stays
                            .extend(stays.remove(channel).map(|came| at - came));
                        channels.entry(channel).or_default()[1].push(at);
                    }
                }
                _ => {}
            }
        }
        networks.push(channels.values().flatten().flatten().copied().collect());
        for [said, moved] in channels.into_values() {
            measured
                .gaps
                .extend(said.windows(2).map(|pair| pair[1] - pair[0]));
            talk.push(said);
            churn.push(moved);
        }
    }
    for bin_secs in [1, 10, 60] {
        measured.talk_fanos.insert(bin_secs, fano(&talk, bin_secs));
    }
    for bin_secs in [60, 3_600] {
        measured
            .churn_fanos
            .insert(bin_secs, fano(&churn, bin_secs));
    }
    measured.network_fano = fano(&networks, 60);
    let said: usize = talk.iter().map(Vec::len).sum();
    measured.messages_a_channel = real(said) / real(talk.len());
    for values in [
        &mut measured.gaps,
        &mut measured.lengths,
        &mut measured.stays,
    ] {
        values.sort_by(f64::total_cmp);
    }
    measured
}

#[expect(
    clippy::cast_precision_loss,
    reason = "weeks in microseconds stay below 2^53"
)]
fn secs(event: &Event) -> f64 {
    (event.at_us - START_US) as f64 / 1e6
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Returns the variance over mean of counts in bins, over all channels.
fn fano(channels: &[Vec<f64>], bin_secs: u32) -> f64 {
    let bin_count = f64::from(WEEKS * WEEK_SECS / bin_secs) * real(channels.len());
    let (mut sum, mut squares) = (0.0, 0.0);
    for moments in channels {
        let mut bins: BTreeMap<u64, f64> = BTreeMap::new();
        for secs in moments {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds of a sample"
            )]
            let bin = (secs / f64::from(bin_secs)) as u64;
            *bins.entry(bin).or_default() += 1.0;
        }
        sum += bins.values().sum::<f64>();
        squares += bins.values().map(|count| count * count).sum::<f64>();
    }
    let mean = sum / bin_count;
    (squares / bin_count - mean * mean) / mean
}

/// Returns the largest distance between two distribution functions of sorted values.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let share = |values: &[f64], at: f64| {
        real(values.partition_point(|&value| value <= at)) / real(values.len())
    };
    let moments = one.iter().step_by(7).chain(other.iter().step_by(7));
    moments
        .map(|&at| (share(one, at) - share(other, at)).abs())
        .fold(0.0, f64::max)
}

/// Returns how far a bigger profile is from its own: of talk, of churn, of gaps, of message lengths, of stays.
fn apart(own: &Measured, bigger: &Measured) -> [(&'static str, f64, f64); 5] {
    let most = |one: &BTreeMap<u32, f64>, other: &BTreeMap<u32, f64>| {
        let pairs = one.values().zip(other.values());
        pairs
            .map(|(one, other)| (other / one).ln().abs())
            .fold(0.0, f64::max)
    };
    [
        ("talk", most(&own.talk_fanos, &bigger.talk_fanos), TALK_MAX),
        (
            "churn",
            most(&own.churn_fanos, &bigger.churn_fanos),
            CHURN_MAX,
        ),
        ("gaps", distance(&own.gaps, &bigger.gaps), DISTANCE_MAX),
        (
            "lengths",
            distance(&own.lengths, &bigger.lengths),
            DISTANCE_MAX,
        ),
        ("stays", distance(&own.stays, &bigger.stays), DISTANCE_MAX),
    ]
}

#[test]
fn ten_times_as_many_are_as_bursty_and_stay_as_long_as_one() {
    // Mass events are few, and the same moments for all copies: a single sample's churn scatters by some .2.
    let own = measured(&profile(), 0..10);
    let bigger = measured(&scaled(ScaleBy::Channels, 10.0, &[]), 0..5);
    for (what, found, most) in apart(&own, &bigger) {
        assert!(found <= most, "{what}: {found:.3}, demanded {most}");
    }
    let ratio = bigger.messages_a_channel / own.messages_a_channel;
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
    // The bar tells a network that grew from one whose channel was only turned up.
    let louder = measured(&scaled(ScaleBy::Channels, 1.0, &[(0, 10.0)]), 0..2);
    let missed = apart(&own, &louder)
        .into_iter()
        .filter(|(_, found, most)| found > most)
        .map(|(what, _, _)| what)
        .collect::<Vec<&str>>();
    assert!(
        missed.contains(&"talk") && missed.contains(&"gaps"),
        "{missed:?}"
    );
}

#[test]
fn with_mass_events_apart_the_network_is_as_bursty_as_one_copy() {
    let own = measured(&profile(), 0..10);
    let apart_by = measured(&hit(MassEvents::Apart), 0..3);
    for (what, found, most) in apart(&own, &apart_by) {
        assert!(found <= most, "{what}: {found:.3}, demanded {most}");
    }
    let network = |bigger: &Measured| (bigger.network_fano / own.network_fano).ln();
    let found = network(&apart_by).abs();
    assert!(found <= CHURN_MAX, "{found:.3}");
    // Together they are a burst that the capture never had.
    let found = network(&measured(&hit(MassEvents::Together), 0..3));
    assert!(found > CHURN_MAX, "{found:.3}");
}

#[test]
fn a_roster_ten_times_as_large_says_no_more() {
    let own = measured(&profile(), 0..5);
    let bigger = measured(&scaled(ScaleBy::Overlap, 10.0, &[]), 0..5);
    for (what, found, most) in apart(&own, &bigger) {
        // Ten times as many come and go in one channel, which is another burstiness.
        if what != "churn" {
            assert!(found <= most, "{what}: {found:.3}, demanded {most}");
        }
    }
    let ratio = bigger.messages_a_channel / own.messages_a_channel;
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
}

#[test]
fn a_scaled_profile_is_shown_sampled_and_planned_like_any_other() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaled");
    let [folder, sample, scenario] = ["", "sample.csv", "scenario.toml"].map(|name| {
        let path = if name.is_empty() {
            folder.join("profile")
        } else {
            folder.join(name)
        };
        path.to_str().unwrap().to_owned()
    });
    told(&[
        "profile",
        "scale",
        "traffic-profiles/project-network",
        "--users",
        "1000",
        "--hot",
        "4=2",
        "--mass-events",
        "apart",
        "-o",
        &folder,
    ]);
    let page = told(&["profile", "show", &folder]);
    for told in [
        "1000 connections",
        "5.6497 times project-network",
        "channel 4 talks 2 times as much",
        "scaling.mass_events",
        "mass events at moments of its own",
    ] {
        assert!(page.contains(told), "{told} in {page}");
    }
    told(&["profile", "sample", &folder, "--days", "1", "-o", &sample]);
    assert!(fs::read_to_string(&sample).unwrap().contains("#s17"));
    let text = format!(
        "profile = \"{folder}\"\n[population]\nusers = 80\nchannels = 18\nmembers_per_channel = 8\n\
         [phase.ramp]\nkind = \"ramp\"\nrate = \"50/s\"\n\
         [phase.steady]\nkind = \"steady\"\nduration = \"3600s\"\n"
    );
    fs::write(&scenario, text).unwrap();
    let plan = told(&["plan", &scenario]);
    assert!(plan.contains("channels  18,"), "{plan}");
    let digest = |plan: &str| plan.lines().last().unwrap().to_owned();
    assert_eq!(
        digest(&plan),
        digest(&told(&["plan", &scenario, "--shards", "3"]))
    );
}
