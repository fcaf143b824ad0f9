//! A fitted statistical model of a trace: who comes and goes, when a channel talks, how fast and how much.

use crate::traffic::profile::aggregate::Aggregate;
use crate::traffic::profile::blocks::Block;
use crate::traffic::profile::commands::Commands;
use crate::traffic::profile::incident::Incident;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::provenance::Provenance;
use crate::traffic::profile::resident::Resident;
use crate::traffic::profile::resident::Visit;
use crate::traffic::profile::scaling::Scaled;
use crate::traffic::profile::scaling::Scaling;
use crate::traffic::profile::scores::Scores;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::profile::weekly::Weekly;

pub mod aggregate;
pub mod blocks;
pub mod calendar;
pub mod churn;
pub mod commands;
mod curve;
pub mod distribution;
pub mod file;
pub mod fit;
pub mod gaps;
pub mod incident;
pub mod lengths;
pub mod parameter;
pub mod provenance;
pub mod recency;
pub mod resample;
pub mod resident;
pub mod room;
pub mod rotation;
pub mod sample;
pub mod scaling;
pub mod scores;
pub mod speech;
pub mod stream;
pub mod summary;
pub mod talk;
pub mod timeline;
pub mod weekly;

pub(crate) mod number;
mod order;

/// Seconds of an hour.
pub const HOUR_SECS: u32 = 3_600;
/// Seconds of a day.
pub const DAY_SECS: u32 = 24 * HOUR_SECS;
/// Seconds of a week.
pub const WEEK_SECS: u32 = 7 * DAY_SECS;
/// Hours of a week.
pub const WEEK_HOURS: u32 = 168;

/// A fitted statistical model of a trace.
///
/// Times of timelines are seconds of the profile's cycle: the stretch of capture that was fitted, whole weeks long
/// (whole days if the capture was shorter than four weeks), which a run repeats with its users shifted by whole steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    name: String,
    provenance: Provenance,
    cycle: Cycle,
    population: Population,
    commands: Commands,
    talks: Vec<Talk>,
    channels: Vec<ChannelRow>,
    users: Vec<UserTimeline>,
    incidents: Vec<Incident>,
    weekly: Option<Weekly>,
    scores: Option<Scores>,
    blocks: Option<Vec<Block>>,
    residents: Vec<Resident>,
    scaled: Option<Scaled>,
    aggregate: Option<Aggregate>,
}

/// The stretch of capture that a profile repeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycle {
    /// Length in seconds: whole weeks, or whole days if the capture was short.
    pub secs: Parameter<u32>,
    /// Step of a rotation in seconds: one week, or one day if the capture was short. Divides the length.
    pub rotation_secs: Parameter<u32>,
    /// Second of the week (Monday 00:00 UTC is zero) at which the cycle's second zero lies.
    pub starts_at_week_sec: Parameter<u32>,
    /// Hour of the week with the most talk, 0 to 167 from Monday 00:00 UTC.
    pub busiest_hour: Parameter<u32>,
    /// Share of the cycle in which the logger was away, 0 to 1.
    pub outage_share: Parameter<f64>,
    /// Share of cohorts that are shifted together, as mass events are, 0 to 1: the more do, the more of what moved users at the same
    /// hours is kept, and the less is new.
    pub coupling: Parameter<f64>,
}

/// What a profile says, or assumes, about the people who did not show themselves in the capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Population {
    /// Members of a channel at a time. Fitted only if the capture held lists of names; else those who were seen.
    pub members_per_channel: Parameter<f64>,
    /// Share of messages that go to one person instead of a channel. Channel logs hold none.
    pub private_share: Parameter<f64>,
    /// Share of messages that begin with the nick of somebody present.
    pub reply_share: Parameter<f64>,
}

impl Profile {
    /// Returns the names of the parameters that were assumed, as `profile.toml` has them.
    pub fn assumed(&self) -> Vec<String> {
        let (cycle, population) = (&self.cycle, &self.population);
        let mut parameters = vec![
            ("cycle.secs", cycle.secs.is_fitted()),
            ("cycle.rotation_secs", cycle.rotation_secs.is_fitted()),
            (
                "cycle.starts_at_week_sec",
                cycle.starts_at_week_sec.is_fitted(),
            ),
            ("cycle.busiest_hour", cycle.busiest_hour.is_fitted()),
            ("cycle.outage_share", cycle.outage_share.is_fitted()),
            ("cycle.coupling", cycle.coupling.is_fitted()),
            (
                "population.members_per_channel",
                population.members_per_channel.is_fitted(),
            ),
            (
                "population.private_share",
                population.private_share.is_fitted(),
            ),
            ("population.reply_share", population.reply_share.is_fitted()),
        ];
        for talk in &self.talks {
            parameters.extend(talk.standing());
        }
        if self.aggregate.is_some() {
            parameters.push(("provenance.aggregate", false));
        }
        if let Some(scaling) = self.scaling() {
            parameters.extend(scaling.standing());
        }
        let mut names: Vec<String> = parameters
            .into_iter()
            .filter(|(_, is_fitted)| !is_fitted)
            .map(|(name, _)| name.to_owned())
            .collect();
        names.dedup();
        names
    }

    /// Returns the profile's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the profile comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Returns the length of the cycle in seconds: whole weeks, whole days if [`Profile::is_short`].
    pub fn cycle_secs(&self) -> u32 {
        self.cycle.secs.value()
    }

    /// Returns the step of a rotation in seconds: one week, or one day for a short capture.
    pub fn rotation_secs(&self) -> u32 {
        self.cycle.rotation_secs.value()
    }

    /// Returns whether the capture was shorter than four weeks, too short to claim that the profile resembles it.
    pub fn is_short(&self) -> bool {
        self.rotation_secs() < WEEK_SECS
    }

    /// Returns the busiest hour of the week, 0 to 167 from Monday 00:00 UTC.
    pub fn busiest_hour(&self) -> u32 {
        self.cycle.busiest_hour.value()
    }

    /// Returns the second of the week (Monday 00:00 UTC is zero) at which the cycle's second zero lies.
    pub fn cycle_starts_at_week_sec(&self) -> u32 {
        self.cycle.starts_at_week_sec.value()
    }

    /// Returns the share of the cycle in which the logger was away, 0 to 1.
    pub fn outage_share(&self) -> f64 {
        self.cycle.outage_share.value()
    }

    /// Returns the share of cohorts that are shifted together, 0 to 1.
    pub fn coupling(&self) -> f64 {
        self.cycle.coupling.value()
    }

    /// Returns the users of the tables; their index is the user number of the tables.
    pub fn users(&self) -> &[UserTimeline] {
        &self.users
    }

    /// Returns who lives in the profile: the users of the tables or, if it is scaled, copies of them, copy by copy.
    pub fn residents(&self) -> &[Resident] {
        &self.residents
    }

    /// Returns how the profile was made bigger, or `None` if it is as it was fitted.
    pub fn scaling(&self) -> Option<&Scaling> {
        self.scaled.as_ref().map(|scaled| &scaled.scaling)
    }

    /// Returns which channels of others a resident visits.
    pub(crate) fn visits(&self, resident: u32) -> &[Visit] {
        let visits = self.scaled.as_ref().map(|scaled| &scaled.visits);
        visits
            .and_then(|visits| visits.get(&resident))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the user of the tables whose life a resident leads.
    pub fn user_of(&self, resident: u32) -> Option<u32> {
        let resident = self.residents.get(resident as usize)?;
        Some(resident.user)
    }

    /// Returns the population of the tables.
    pub(crate) fn own_population(&self) -> &Population {
        let scaled = self.scaled.as_ref();
        scaled.map_or(&self.population, |scaled| &scaled.population)
    }

    /// Returns the channels of the tables, whose speakers are users.
    pub(crate) fn own_channels(&self) -> &[ChannelRow] {
        let scaled = self.scaled.as_ref();
        scaled.map_or(&self.channels, |scaled| &scaled.channels)
    }

    /// Returns the number of channels that the tables have: each copy of them has as many.
    pub fn own_channel_count(&self) -> usize {
        self.own_channels().len()
    }

    /// Returns the channels, those with most talk first, copy by copy if the profile is scaled; at least one.
    ///
    /// Their speakers are residents.
    pub fn channels(&self) -> &[ChannelRow] {
        &self.channels
    }

    /// Returns how a channel talks; channels beyond the last talk like the first again.
    pub fn talk_of(&self, channel: u32) -> Option<&Talk> {
        self.talks.get(self.channel(channel)?.talk as usize)
    }

    /// Returns a channel; those beyond the last are the first again.
    pub fn channel(&self, channel: u32) -> Option<&ChannelRow> {
        let count = self.channels.len().max(1);
        self.channels.get(channel as usize % count)
    }

    /// Returns the talks, each of one channel or of several that are alike.
    pub fn talks(&self) -> &[Talk] {
        &self.talks
    }

    /// Returns the messages per second of all channels.
    pub fn mean_rate(&self) -> f64 {
        self.channels.iter().map(|channel| channel.rate).sum()
    }

    /// Returns the mass events, by time.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Returns what the profile knows of its capture's weeks, or `None` if they were too few.
    pub fn weekly(&self) -> Option<&Weekly> {
        self.weekly.as_ref()
    }

    /// Sets what the profile knows of its capture's weeks.
    pub fn set_weekly(&mut self, weekly: Option<Weekly>) {
        self.weekly = weekly;
    }

    /// Returns how its generator did when it was checked, if it was.
    pub fn scores(&self) -> Option<&Scores> {
        self.scores.as_ref()
    }

    /// Keeps how its generator did when it was checked.
    pub fn set_scores(&mut self, scores: Option<Scores>) {
        self.scores = scores;
    }

    /// Returns the capture's talk without words, by channel and time, or `None` if the profile does not keep it.
    pub fn blocks(&self) -> Option<&[Block]> {
        self.blocks.as_deref()
    }

    /// Returns whether anybody was seen to come or go: some logs hold messages alone.
    pub fn has_churn(&self) -> bool {
        let mut stays = self.users.iter().flat_map(|user| &user.stays);
        stays.any(|stay| stay.has_join || stay.has_leave)
    }

    /// Returns what clients send besides what channels show.
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// Returns how many members a channel has at a time.
    pub fn members_per_channel(&self) -> Parameter<f64> {
        self.population.members_per_channel
    }

    /// Returns the share of messages that go to one person, 0 to 1.
    pub fn private_share(&self) -> Parameter<f64> {
        self.population.private_share
    }

    /// Returns the share of messages that begin with the nick of somebody present, 0 to 1.
    pub fn reply_share(&self) -> Parameter<f64> {
        self.population.reply_share
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::traffic::profile::incident::Victim;
    use crate::traffic::profile::talk::Speaker;
    use crate::traffic::profile::talk::examples;
    use crate::traffic::profile::timeline::ChangeKind;
    use crate::traffic::profile::timeline::ChangeRow;
    use crate::traffic::profile::timeline::StayRow;
    use crate::traffic::trace::cause::LeaveCause;

    /// Returns an invented profile of four weeks with three people and a service.
    pub(crate) fn profile() -> Profile {
        let cycle_secs = 4 * WEEK_SECS;
        let stay = |start_secs: f64, end_secs: f64, cause: LeaveCause| StayRow {
            channel: 0,
            start_secs,
            end_secs,
            cause,
            has_join: start_secs > 0.0,
            has_leave: end_secs < f64::from(cycle_secs),
        };
        let user = |cohort: u32, stays: Vec<StayRow>| UserTimeline {
            cohort,
            stays,
            ..UserTimeline::default()
        };
        let end = f64::from(cycle_secs);
        let mut users = vec![
            user(0, vec![stay(0.0, end, LeaveCause::Unknown)]),
            user(
                1,
                vec![
                    stay(100.5, 90_000.25, LeaveCause::Quit),
                    stay(100_000.0, 300_000.0, LeaveCause::PingTimeout),
                ],
            ),
            user(1, vec![stay(90_100.0, 100_010.0, LeaveCause::Split)]),
            user(2, vec![]),
        ];
        users[1].changes = vec![
            ChangeRow {
                at_secs: 200.0,
                kind: ChangeKind::Nick,
            },
            ChangeRow {
                at_secs: 100_001.0,
                kind: ChangeKind::Kick {
                    channel: 0,
                    victim: 0,
                },
            },
        ];
        users[3].changes = vec![ChangeRow {
            at_secs: 5.0,
            kind: ChangeKind::Mode { channel: 0 },
        }];
        let speaker = |user: u32, weight: f64, action_share: f64| Speaker {
            user,
            weight,
            insistence: 1.0,
            share: weight,
            notice_share: if user == 0 { 0.5 } else { 0.0 },
            action_share,
            trigger_share: 0.1,
        };
        Profile {
            name: "example".to_owned(),
            provenance: Provenance {
                source: "an \"invented\" channel".to_owned(),
                first: "2024-01-01T00:00:00Z".to_owned(),
                last: "2024-01-28T23:59:59Z".to_owned(),
                event_count: 1_234,
                channel_count: 1,
                is_zone_assumed: true,
                tool: "0.1.0".to_owned(),
                fitted_on: "2024-02-01".to_owned(),
            },
            cycle: Cycle {
                secs: Parameter::Fitted(cycle_secs),
                rotation_secs: Parameter::Fitted(WEEK_SECS),
                starts_at_week_sec: Parameter::Fitted(3_600),
                busiest_hour: Parameter::Fitted(118),
                outage_share: Parameter::Fitted(0.0),
                coupling: Parameter::Assumed(0.0),
            },
            population: Population {
                members_per_channel: Parameter::Assumed(6.0),
                private_share: Parameter::Assumed(0.05),
                reply_share: Parameter::Fitted(0.15),
            },
            commands: Commands::default(),
            talks: vec![examples::talk()],
            channels: vec![ChannelRow {
                talk: 0,
                heat: 1.0,
                rate: 0.002,
                speakers: vec![speaker(0, 0.25, 0.0), speaker(1, 0.75, 0.1)],
            }],
            residents: resident::of_tables(&users),
            users,
            incidents: vec![Incident {
                at_secs: 500_000.0,
                victims: vec![Victim {
                    user: 0,
                    quit_secs: 0.0,
                    back_secs: Some(90.5),
                    cause: LeaveCause::Split,
                }],
            }],
            weekly: None,
            scores: None,
            blocks: None,
            scaled: None,
            aggregate: None,
        }
    }
}
