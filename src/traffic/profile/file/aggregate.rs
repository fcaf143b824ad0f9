//! `aggregate.toml`: summaries of churn, in place of the tables of users, stays, changes and mass events.

use serde::Deserialize;
use serde::Serialize;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::aggregate::Aggregate;
use crate::traffic::profile::aggregate::ChangeRates;
use crate::traffic::profile::aggregate::Class;
use crate::traffic::profile::aggregate::LEVELS;
use crate::traffic::profile::aggregate::MassEvents;
use crate::traffic::profile::aggregate::Quantiles;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::people::USERS_MAX;
use crate::traffic::profile::number;
use crate::traffic::trace::cause::LeaveCause;

/// Name of the file.
pub(crate) const AGGREGATE: &str = "aggregate.toml";

/// Largest value of a table: ten years in seconds, and more than sessions or changes can be.
const VALUE_MAX: f64 = 3.2e8;

/// Most sessions of a user and most mass events: what a table of them could hold.
const COUNT_MAX: f64 = 1e6;

/// Most changes in one session: a user who does more has no other work.
const RATE_MAX: f64 = 1e5;

/// Most stays and changes that are drawn, some fifty bytes each: a file of a page can't make a reader allocate without end.
const DRAWN_MAX: f64 = 2e7;

/// Most looks at users for all mass events together: a second's worth.
const LOOKS_MAX: f64 = 5e8;

/// Range of an hour's readiness: with none at all time would stand still.
const READINESS: std::ops::RangeInclusive<f64> = 1e-3..=168.0;

/// How far the readiness of a week may be from one, for people round.
const MEAN_TOLERANCE: f64 = 0.01;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    seed: u32,
    comings: Vec<f64>,
    mass_events: MassEventsShape,
    class: Vec<ClassShape>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MassEventsShape {
    count: u32,
    back_share: f64,
    victims: Vec<f64>,
    quit_secs: Vec<f64>,
    away_secs: Vec<f64>,
    causes: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassShape {
    users: u32,
    /// Other nicks, modes at a JOIN, other modes, topics.
    changes: [f64; 4],
    channel_shares: Vec<f64>,
    sessions: Vec<f64>,
    session_secs: Vec<f64>,
    away_secs: Vec<f64>,
    causes: Vec<f64>,
}

/// Returns the summaries of a profile's files, or `None` if it has timelines.
pub(crate) fn read(
    folder: &Folder<'_>,
    channel_count: usize,
) -> Result<Option<Aggregate>, Misread> {
    if !folder.has(AGGREGATE) {
        return Ok(None);
    }
    let text = folder.text(AGGREGATE)?;
    let path = folder.path_of(AGGREGATE);
    let shape: Shape = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let place = Place::in_text(path.as_str(), text, offset);
        Misread::new(error.message().replace('\n', "; "), place).with_excerpt(text)
    })?;
    taken(shape, channel_count)
        .map(Some)
        .map_err(|what| Misread::new(what, Place::file(path)))
}

/// Returns what a shape says, checked.
fn taken(shape: Shape, channel_count: usize) -> Result<Aggregate, String> {
    let comings: [f64; CELL_COUNT] = values("comings", shape.comings, READINESS)?;
    let (weekdays, weekends) = comings.split_at(CELL_COUNT / 2);
    let sum = |cells: &[f64]| cells.iter().sum::<f64>();
    let mean = (5.0 * sum(weekdays) + 2.0 * sum(weekends)) / 168.0;
    if (mean - 1.0).abs() > MEAN_TOLERANCE {
        return Err(format!("expected comings of mean 1, found {mean:.3}"));
    }
    let count_of = |users: u64, class: &ClassShape| users + u64::from(class.users);
    let users = shape.class.iter().fold(0, count_of);
    if users > USERS_MAX as u64 {
        return Err(format!("expected at most {USERS_MAX} users, found {users}"));
    }
    let events = shape.mass_events;
    if f64::from(events.count) > COUNT_MAX {
        return Err(format!(
            "expected at most {COUNT_MAX} mass events, found {}",
            events.count
        ));
    }
    let looks = f64::from(events.count) * number::real(usize::try_from(users).unwrap_or(0));
    let drawn: f64 = shape.class.iter().map(drawn).sum();
    if looks > LOOKS_MAX || drawn.is_nan() || drawn > DRAWN_MAX {
        return Err(format!(
            "expected at most {DRAWN_MAX} stays and changes, and {LOOKS_MAX} users times mass events, \
             found {drawn} and {looks}"
        ));
    }
    let [back_share] = values("back_share", vec![events.back_share], 0.0..=1.0)?;
    let mass_events = MassEvents {
        count: events.count,
        victims: quantiles("victims", events.victims, COUNT_MAX)?,
        quit_secs: quantiles("quit_secs", events.quit_secs, VALUE_MAX)?,
        away_secs: quantiles("away_secs", events.away_secs, VALUE_MAX)?,
        back_share,
        causes: weights(events.causes)?,
    };
    let class = |class: ClassShape| {
        let [nick, greeting, mode, topic] =
            values("changes", class.changes.to_vec(), 0.0..=RATE_MAX)?;
        let found = class.channel_shares.len();
        if found != channel_count {
            return Err(format!(
                "expected a share of each of {channel_count} channels, found {found}"
            ));
        }
        Ok(Class {
            user_count: class.users,
            sessions: quantiles("sessions", class.sessions, COUNT_MAX)?,
            session_secs: quantiles("session_secs", class.session_secs, VALUE_MAX)?,
            away_secs: quantiles("away_secs", class.away_secs, VALUE_MAX)?,
            channel_shares: class.channel_shares,
            causes: weights(class.causes)?,
            changes: ChangeRates {
                nick,
                greeting,
                mode,
                topic,
            },
        })
    };
    let classes: Result<Vec<Class>, String> = shape.class.into_iter().map(class).collect();
    Ok(Aggregate {
        seed: u64::from(shape.seed),
        comings,
        classes: classes?,
        mass_events,
    })
}

/// Returns how many stays and changes are drawn for a class, give or take.
fn drawn(class: &ClassShape) -> f64 {
    let mean = class.sessions.iter().sum::<f64>() / number::real(LEVELS);
    let sessions = mean.max(1.0);
    let changes: f64 = class.changes.iter().map(|rate| rate + 1.0).sum();
    let channels = number::real(class.channel_shares.len());
    f64::from(class.users) * sessions * (2.0 * channels + changes)
}

/// Returns so many values, each in its range.
fn values<const N: usize>(
    name: &str,
    found: Vec<f64>,
    range: std::ops::RangeInclusive<f64>,
) -> Result<[f64; N], String> {
    if let Some(wrong) = found.iter().find(|value| !range.contains(value)) {
        let (least, most) = (range.start(), range.end());
        return Err(format!(
            "expected {name} from {least} to {most}, found {wrong}"
        ));
    }
    let count = found.len();
    let wrong = |_| format!("expected {N} values of {name}, found {count}");
    found.try_into().map_err(wrong)
}

fn quantiles(name: &str, found: Vec<f64>, most: f64) -> Result<Quantiles, String> {
    let knots: [f64; LEVELS] = values(name, found, 0.0..=most)?;
    if knots.is_sorted() {
        Ok(Quantiles { knots })
    } else {
        Err(format!("expected {name} that do not fall"))
    }
}

fn weights(found: Vec<f64>) -> Result<Vec<f64>, String> {
    let causes = LeaveCause::ALL.len();
    let is_valid = |weight: &f64| (0.0..=1e9).contains(weight);
    if found.len() == causes && found.iter().all(is_valid) {
        Ok(found)
    } else {
        Err(format!("expected weights of {causes} causes"))
    }
}

/// Returns the text of the file.
pub(crate) fn write(aggregate: &Aggregate) -> String {
    let events = &aggregate.mass_events;
    let list = |quantiles: &Quantiles| quantiles.knots.to_vec();
    let class = |class: &Class| ClassShape {
        users: class.user_count,
        changes: [
            class.changes.nick,
            class.changes.greeting,
            class.changes.mode,
            class.changes.topic,
        ],
        channel_shares: class.channel_shares.clone(),
        sessions: list(&class.sessions),
        session_secs: list(&class.session_secs),
        away_secs: list(&class.away_secs),
        causes: class.causes.clone(),
    };
    let shape = Shape {
        seed: u32::try_from(aggregate.seed).unwrap_or(u32::MAX),
        comings: aggregate.comings.to_vec(),
        mass_events: MassEventsShape {
            count: events.count,
            back_share: events.back_share,
            victims: list(&events.victims),
            quit_secs: list(&events.quit_secs),
            away_secs: list(&events.away_secs),
            causes: events.causes.clone(),
        },
        class: aggregate.classes.iter().map(class).collect(),
    };
    let text = toml::to_string(&shape).unwrap_or_default();
    format!(
        "# Summaries of who comes and goes: nobody's timeline is kept. Timelines are drawn from the seed when the profile is read.\n\
         # comings: by hour of a weekday, then of a weekend day, relative to the mean. Tables are quantiles at 0, 1/32, ..., 1.\n\
         # changes: other nicks, modes at a JOIN, other modes, topics; each session. causes: {}.\n{text}",
        LeaveCause::ALL.map(LeaveCause::as_str).join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::examples;

    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let mut files = examples::profile().aggregated(1).write();
        let text = files.get_mut(AGGREGATE).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        *text = text.replacen(from, to, 1);
        // A profile that is read would fill pages.
        let error = Profile::read("x", &files).map(|_| ()).unwrap_err();
        assert!(error.what.contains(want), "{}", error.what);
        assert!(error.place.to_string().starts_with("x/aggregate.toml"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        check("seed = 1", "sead = 1", "unknown field `sead`");
        check(
            "back_share = 1.0",
            "back_share = 1.5",
            "expected back_share from 0 to 1",
        );
        check(
            "users = 3",
            "users = 2000000",
            "expected at most 1000000 users",
        );
        check(
            "users = 3\nchanges = [0.25",
            "users = 900000\nchanges = [90.0",
            "expected at most 20000000 stays",
        );
        check(
            "channel_shares = [1.0]",
            "channel_shares = []",
            "each of 1 channels, found 0",
        );
        check(
            "victims = [1.0",
            "victims = [7.0",
            "expected victims that do not fall",
        );
        check(
            "comings = [",
            "comings = [9.0, ",
            "expected 48 values of comings",
        );
    }
}
