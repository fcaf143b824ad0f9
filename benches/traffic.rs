//! Making traffic from a shipped profile, and fitting a profile to a million events of it, beside a plain draw of as many numbers.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that can't be set up has failed"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use splitstorm::traffic::profile::Profile;
use splitstorm::traffic::profile::WEEK_SECS;
use splitstorm::traffic::profile::file::FILE_NAMES;
use splitstorm::traffic::profile::fit::FitOptions;
use splitstorm::traffic::profile::fit::Keeps;
use splitstorm::traffic::profile::fit::Weeks;
use splitstorm::traffic::profile::room::Room;
use splitstorm::traffic::profile::room::Turn;
use splitstorm::traffic::profile::stream::TalkStream;
use splitstorm::traffic::profile::stream::WARM_UP_BEGINS;
use splitstorm::traffic::trace::event::TraceMeta;
use splitstorm::units::id::Seed;
use splitstorm::units::offset::Offset;

/// Numbers that are drawn for comparison.
const DRAWS: u64 = 100_000;

/// Weeks of talk in one iteration: of a channel in which a day has fewer messages than speakers, and of one that never rests.
const QUIET_WEEKS: u32 = 200;
const STREAMING_WEEKS: u32 = 1;

/// Events to which a profile is fitted, about.
const FITTED: u64 = 1_000_000;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: i64 = 1_704_067_200_000_000;

fn profile(name: &str) -> Profile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("traffic-profiles")
        .join(name);
    let files = FILE_NAMES.iter().map(|name| {
        (
            (*name).to_owned(),
            fs::read_to_string(folder.join(name)).unwrap(),
        )
    });
    Profile::read(name, &files.collect()).unwrap()
}

/// Returns the room of the channel with all its speakers there, and a stream that talks in it.
fn stream(profile: &Profile, weeks: u32) -> (Room, TalkStream) {
    let speakers = &profile.channel(0).unwrap().speakers;
    let turns = (0..).zip(speakers).map(|(member, _)| Turn {
        at: WARM_UP_BEGINS,
        is_coming: true,
        member,
        is_seen: false,
    });
    let mut room = Room::new(speakers.iter().copied(), turns.collect());
    let rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let talk = profile.talk_of(0).unwrap();
    let ends = Offset::from_secs(i64::from(weeks * WEEK_SECS));
    let stream = TalkStream::new(talk, &mut room, rng, 0.0, 1.0, ends);
    (room, stream)
}

/// Returns how many messages a channel says in some weeks.
fn said(profile: &Profile, weeks: u32) -> u64 {
    let talk = profile.talk_of(0).unwrap();
    let (mut room, mut stream) = stream(profile, weeks);
    let slots = std::iter::from_fn(|| Some(stream.next(talk, &mut room)));
    slots.take_while(|slot| slot.at != Offset::NEVER).count() as u64
}

fn traffic(criterion: &mut Criterion) {
    let streaming = profile("streaming-chat");
    let profile = profile("busy-channel");
    let mut group = criterion.benchmark_group("traffic");
    group.sample_size(10);
    for (name, profile, weeks) in [
        ("talk-busy-channel-200-weeks", &profile, QUIET_WEEKS),
        ("talk-streaming-chat-1-week", &streaming, STREAMING_WEEKS),
    ] {
        group.throughput(Throughput::Elements(said(profile, weeks)));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(said(profile, weeks)));
        });
    }
    group.throughput(Throughput::Elements(DRAWS));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    group.bench_function("draws-100k", |bencher| {
        bencher.iter(|| {
            for _ in 0..DRAWS {
                black_box(rng.next_u64());
            }
        });
    });
    let weeks = 100;
    let sample = || profile.sample(Seed(1), START_US, weeks * WEEK_SECS);
    let count = sample().event_count();
    group.throughput(Throughput::Elements(count));
    group.bench_function("sample-100-weeks", |bencher| {
        // Each event is looked at, in order, as whoever writes or plays them does.
        bencher.iter(|| {
            for event in sample().views() {
                black_box(event);
            }
        });
    });
    let weeks = u32::try_from(FITTED * u64::from(weeks) / count).unwrap();
    let trace = profile
        .sample(Seed(2), START_US, weeks * WEEK_SECS)
        .events();
    let meta = TraceMeta {
        tool: "bench".to_owned(),
        zone: "UTC".to_owned(),
        tick_us: 1,
        has_names: false,
        has_text: false,
        overlaps: Vec::new(),
    };
    let options = FitOptions {
        name: "bench".to_owned(),
        source: "a sample".to_owned(),
        tool: "bench".to_owned(),
        fitted_on: "2024-01-01".to_owned(),
        weeks: Weeks::All,
        keeps: Keeps::Timelines,
    };
    group.throughput(Throughput::Elements(trace.len() as u64));
    group.bench_function("fit-1M-events", |bencher| {
        bencher.iter(|| black_box(Profile::fit(&meta, &trace, &options).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, traffic);
criterion_main!(benches);
