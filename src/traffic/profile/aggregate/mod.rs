//! Churn without timelines: what classes of users do, in tables from which timelines are drawn when the profile is read.

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::calendar;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::distribution::interpolate;
use crate::traffic::profile::number;
use crate::traffic::profile::resident;

pub(crate) mod draw;
pub(crate) mod summary;

/// Levels of a table of quantiles, from 0 to 1 in steps of 1/32.
pub(crate) const LEVELS: usize = 33;

/// Significant digits of what is kept: with two no single session can be told.
pub(crate) const DIGITS: i32 = 2;

/// Users of a class, at least: the tables of fewer would be somebody's own.
pub(crate) const CLASS_USERS_MIN: usize = 5;

/// What is drawn from quantiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Values at the levels, none below the one before.
    pub knots: [f64; LEVELS],
}

impl Quantiles {
    /// Returns the value at `level`, 0 to 1, between neighbours.
    pub fn at(&self, level: f64) -> f64 {
        interpolate(&self.knots, level * number::real(LEVELS - 1))
    }
}

/// How often something is changed, each session of a user or, by a service, in the whole cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChangeRates {
    /// Other nicks.
    pub nick: f64,
    /// Modes within five seconds of a JOIN.
    pub greeting: f64,
    /// Other modes.
    pub mode: f64,
    /// Topics.
    pub topic: f64,
}

/// Users who are alike: in one channel above all, as talkative, with as many sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// How many they are.
    pub user_count: u32,
    /// Sessions of one user; zero for services.
    pub sessions: Quantiles,
    /// Seconds of a session.
    pub session_secs: Quantiles,
    /// Seconds between two sessions of a user, each weighed by how many come in its hour.
    pub away_secs: Quantiles,
    /// The share of them that is in each channel.
    pub channel_shares: Vec<f64>,
    /// Weights of the causes of leaving, in the order of the causes.
    pub causes: Vec<f64>,
    /// What they change.
    pub changes: ChangeRates,
}

/// Mass events, without saying who was hit.
#[derive(Clone, Debug, PartialEq)]
pub struct MassEvents {
    /// How many there are in a cycle.
    pub count: u32,
    /// Users hit.
    pub victims: Quantiles,
    /// Seconds from the beginning until a user left.
    pub quit_secs: Quantiles,
    /// Seconds that a user was away.
    pub away_secs: Quantiles,
    /// Share of users that are back within a day.
    pub back_share: f64,
    /// Weights of the causes, in the order of the causes.
    pub causes: Vec<f64>,
}

/// The summaries of a profile's churn.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// What all draws follow from.
    pub seed: u64,
    /// How many come in each hour of the calendar, relative to the week's mean.
    pub comings: [f64; CELL_COUNT],
    /// The classes.
    pub classes: Vec<Class>,
    /// The mass events.
    pub mass_events: MassEvents,
}

impl Aggregate {
    /// Returns how many users there are.
    pub fn user_count(&self) -> usize {
        self.classes
            .iter()
            .map(|class| class.user_count as usize)
            .sum()
    }

    /// Returns how readily people come at a second of the week, relative to the week's mean.
    fn readiness(&self, week_secs: f64) -> f64 {
        let cell = calendar::cell_index(calendar::week_hour(week_secs));
        self.comings.get(cell).copied().unwrap_or(1.0)
    }

    /// Returns the second of the week at which `weighed` seconds, each as long as few come then, have passed.
    pub(crate) fn after(&self, week_secs: f64, weighed: f64) -> f64 {
        let week = f64::from(WEEK_SECS);
        // A week weighs what it is long.
        let weeks = libm::floor(weighed / week);
        let (mut at, mut left) = (week_secs + weeks * week, weighed - weeks * week);
        for _ in 0..WEEK_HOURS + 2 {
            let (rest, readiness) = (hour_rest(at), self.readiness(at));
            if left <= rest * readiness {
                return at + left / readiness;
            }
            left -= rest * readiness;
            at += rest;
        }
        at
    }

    /// Returns how much the time between two seconds of a week weighs.
    pub(crate) fn weight(&self, from: f64, to: f64) -> f64 {
        let week = f64::from(WEEK_SECS);
        let weeks = libm::floor((to - from) / week);
        let (mut at, end) = (from + weeks * week, to);
        let mut weight = weeks * week;
        for _ in 0..WEEK_HOURS + 2 {
            let rest = hour_rest(at).min(end - at);
            if rest <= 0.0 {
                break;
            }
            weight += rest * self.readiness(at);
            at += rest;
        }
        weight
    }
}

/// Returns the seconds that are left of the hour, at least a millisecond so that rounding can't stop a walk.
fn hour_rest(week_secs: f64) -> f64 {
    let hour = f64::from(HOUR_SECS);
    (hour * (libm::floor(week_secs / hour) + 1.0) - week_secs).max(0.001)
}

impl Profile {
    /// Returns the profile with summaries of its churn in place of anybody's timeline, and with timelines drawn from these.
    ///
    /// Who speaks how readily is a list for each class, in order. Lengths of single users' messages are left out.
    #[must_use]
    pub fn aggregated(mut self, seed: u64) -> Self {
        let (aggregate, order) = summary::of(&self, seed);
        summary::rename_speakers(&mut self.channels, &order);
        for talk in &mut self.talks {
            talk.lengths.by_user.clear();
        }
        let drawn = draw::draw(&aggregate, &self.channels, &self.cycle);
        Self {
            residents: resident::of_tables(&drawn.users),
            users: drawn.users,
            incidents: drawn.incidents,
            aggregate: Some(aggregate),
            // They tell who spoke when.
            blocks: None,
            ..self
        }
    }

    /// Returns the summaries of which the profile's timelines are drawn; `None` where they are those of the capture.
    pub fn aggregate(&self) -> Option<&Aggregate> {
        self.aggregate.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::DAY_SECS;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::file::PARAMETERS;
    use crate::traffic::profile::timeline::StayRow;
    use crate::traffic::profile::timeline::UserTimeline;
    use crate::traffic::trace::cause::LeaveCause;

    fn clock() -> Aggregate {
        let mut comings = [0.5; CELL_COUNT];
        // Four hours of a weekday; weighs 120 half hours and 48, and the other hours of a week as much as makes it whole.
        for cell in comings.iter_mut().skip(8).take(4) {
            *cell = 4.7;
        }
        Aggregate {
            comings,
            ..examples::profile().aggregated(1).aggregate.unwrap()
        }
    }

    #[test]
    fn time_passes_quickly_when_many_come() {
        let clock = clock();
        let hour = f64::from(HOUR_SECS);
        assert!((clock.after(8.0 * hour, 4.7 * hour) - 9.0 * hour).abs() < 1e-6);
        assert!((clock.after(0.0, 4.0 * hour) - 8.0 * hour).abs() < 1e-6);
        for (from, weighed) in [(0.0, 10.0), (9.3, 30.0), (200.1, 1_000.0), (5.0, 0.0)] {
            let (from, weighed) = (from * hour, weighed * hour);
            let to = clock.after(from, weighed);
            assert!((clock.weight(from, to) - weighed).abs() < 1e-3 * hour);
        }
    }

    #[test]
    fn an_aggregated_profile_holds_nobodys_timeline_and_reads_back() {
        let own = examples::profile();
        let profile = own.clone().aggregated(7);
        let files = profile.write();
        for name in ["users.csv", "stays.csv", "changes.csv", "incidents.csv"] {
            assert!(!files.contains_key(name), "{name}");
        }
        assert!(files[PARAMETERS].contains("aggregate = true"));
        let back = Profile::read("x", &files).unwrap();
        assert_eq!(back, profile);
        assert_eq!(back.write(), files);
        assert_ne!(profile.digest(), own.digest());
        assert_ne!(profile.digest(), own.aggregated(8).digest());
        assert!(
            profile
                .assumed()
                .contains(&"provenance.aggregate".to_owned())
        );
    }

    #[test]
    fn what_is_drawn_is_whole_and_in_order() {
        let own = examples::profile();
        let profile = own.clone().aggregated(1);
        assert_eq!(profile.users().len(), own.users().len());
        let end = f64::from(profile.cycle_secs());
        for user in profile.users() {
            let mut last = 0.0;
            for stay in &user.stays {
                assert!(last <= stay.start_secs && stay.start_secs < stay.end_secs);
                assert!(stay.end_secs <= end);
                last = stay.end_secs;
            }
            assert!(
                user.changes
                    .is_sorted_by_key(|change| change.at_secs.to_bits())
            );
        }
        let speakers = |profile: &Profile| profile.channels()[0].speakers.len();
        assert_eq!(speakers(&profile), speakers(&own));
    }

    #[test]
    fn what_is_drawn_is_as_much_as_was_summarised() {
        let (hour, day) = (f64::from(HOUR_SECS), f64::from(DAY_SECS));
        let mut own = examples::profile();
        let starts_at = f64::from(own.cycle_starts_at_week_sec());
        // Thirty people who come for six hours at eight o'clock, every other day.
        let timeline = |cohort: u32| UserTimeline {
            cohort,
            stays: (0..27)
                .filter(|number| (number + cohort).is_multiple_of(2))
                .map(|number| {
                    let start_secs = f64::from(number) * day + 8.5 * hour - starts_at;
                    StayRow {
                        channel: 0,
                        start_secs,
                        end_secs: start_secs + 6.0 * hour,
                        cause: LeaveCause::Quit,
                        has_join: true,
                        has_leave: true,
                    }
                })
                .collect(),
            changes: Vec::new(),
        };
        own.users = (0..30).map(timeline).collect();
        let profile = own.clone().aggregated(1);
        let present = |profile: &Profile| -> f64 {
            profile.users().iter().map(UserTimeline::present_secs).sum()
        };
        let ratio = present(&profile) / present(&own);
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
        let stays = || profile.users().iter().flat_map(|user| &user.stays);
        let joins = stays().filter(|stay| stay.has_join);
        let at_eight = joins
            .clone()
            .filter(|stay| calendar::week_hour(starts_at + stay.start_secs) % 24 == 8);
        // An hour in which nobody comes has a twentieth of the readiness of the mean one.
        let share = number::real(at_eight.count()) / number::real(joins.count());
        assert!(share > 0.6, "{share}");
    }
}
