//! One page about a profile, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::blocks::Block;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::lengths::LENGTH_LEVELS;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::scaling::MassEvents;
use crate::traffic::profile::scaling::ScaleBy;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::cause::LeaveCause;

/// Speakers whose share of the talk is told.
const TOP_COUNT: usize = 10;

impl Profile {
    /// Returns one page about the profile: what it was fitted to, who comes and goes, how it talks, what is assumed.
    pub fn summary(&self) -> String {
        let mut page = String::new();
        let source = &self.provenance.source;
        put(&mut page, "profile", &format!("{}, {source}", self.name));
        put(&mut page, "fitted", &self.fitted_to());
        put(&mut page, "cycle", &self.cycle_text());
        for (label, text) in self.scaling_texts() {
            put(&mut page, label, &text);
        }
        if let Some(aggregate) = self.aggregate() {
            let text = format!(
                "users, stays, causes, incidents and changes are drawn from summaries of {} classes; nobody's timeline is kept",
                aggregate.classes.len()
            );
            put(&mut page, "drawn", &text);
        }
        put(&mut page, "users", &self.users_text());
        put(&mut page, "stays", &self.stays_text());
        put(&mut page, "left by", &self.causes_text());
        put(&mut page, "incidents", &self.incidents_text());
        put(&mut page, "changes", &self.changes_text());
        put(&mut page, "talk", &self.talk_text());
        put(&mut page, "kinds", &self.kinds_text());
        put(&mut page, "speakers", &self.speakers_text());
        put(&mut page, "episodes", &self.episodes_text());
        put(&mut page, "starts", &self.starts_text());
        if let Some(talk) = self.talks.first() {
            let [few, some, many, ..] = &talk.gaps.tables;
            put(
                &mut page,
                "gaps",
                &format!("of 2 to 4 messages {}", gap_text(few)),
            );
            put(
                &mut page,
                "",
                &format!("of 5 to 19 messages {}", gap_text(some)),
            );
            put(
                &mut page,
                "",
                &format!("of 20 to 59 messages {}", gap_text(many)),
            );
        }
        put(&mut page, "lengths", &self.lengths_text());
        if let Some(scores) = self.scores() {
            put(&mut page, "scores", &scores.text());
        }
        if let Some(blocks) = self.blocks() {
            put(&mut page, "rows", &rows_text(blocks));
        }
        if let Some(text) = self.commands.text() {
            put(&mut page, "commands", &text);
        }
        let standing = self.standing();
        put(
            &mut page,
            "fitted",
            &format!("{}, and all tables", names(&standing)),
        );
        put(&mut page, "assumed", &guesses(&standing));
        if self.provenance.is_zone_assumed {
            page.push_str("warning: the log named no time zone; its hours are taken for UTC\n");
        }
        if self.is_short() {
            page.push_str(
                "warning: profile too short: less than four weeks of capture; users rotate by days, and nothing is\n\
                 claimed about how closely generated traffic resembles live traffic\n",
            );
        }
        page
    }

    fn fitted_to(&self) -> String {
        let provenance = &self.provenance;
        format!(
            "on {} by splitstorm {} to {} events of {} channel{}",
            provenance.fitted_on,
            provenance.tool,
            provenance.event_count,
            provenance.channel_count,
            if provenance.channel_count == 1 {
                ""
            } else {
                "s"
            }
        )
    }

    fn cycle_text(&self) -> String {
        let (secs, unit_secs, unit) = if self.is_short() {
            (self.cycle_secs(), DAY_SECS, "day")
        } else {
            (self.cycle_secs(), WEEK_SECS, "week")
        };
        format!(
            "{} {unit}s from {} to {}, rotated by the {unit}, logger away {}",
            secs / unit_secs,
            self.provenance.first,
            self.provenance.last,
            percent(self.outage_share())
        )
    }

    /// Returns what is told of how the profile was made bigger: nothing if it was not.
    fn scaling_texts(&self) -> Vec<(&'static str, String)> {
        let Some(scaling) = self.scaling() else {
            return Vec::new();
        };
        let by = match scaling.by {
            ScaleBy::Channels => "each copy in channels of its own",
            ScaleBy::Overlap => "all in the same channels, which talk no more",
        };
        let mut texts = vec![
            (
                "scaled",
                format!(
                    "{:.4} times {}, {by}; copies of a cohort up to {} apart, all from seed {}",
                    scaling.times.value(),
                    scaling.from,
                    duration(scaling.jitter_secs.value()),
                    scaling.seed
                ),
            ),
            (
                "",
                match scaling.mass_events {
                    MassEvents::Together => "mass events hit all copies at the same moment",
                    MassEvents::Apart => "each copy has its mass events at moments of its own",
                }
                .to_owned(),
            ),
            (
                "",
                "stays, causes, incidents and changes below are those of one copy".to_owned(),
            ),
        ];
        for (channel, times) in &scaling.hot {
            let speakers = self.channel(*channel).map_or(0, |row| row.speakers.len());
            let hot = format!(
                "channel {channel} talks {} times as much, with {speakers} speakers",
                times.value()
            );
            texts.push(("hot", hot));
        }
        texts
    }

    fn users_text(&self) -> String {
        let lives = || {
            self.residents.iter().filter_map(|resident| {
                let user = self.users.get(resident.user as usize)?;
                (!user.stays.is_empty()).then_some((resident, user))
            })
        };
        let members = lives().count();
        let mut cohorts: Vec<u32> = lives().map(|(resident, _)| resident.cohort).collect();
        cohorts.sort_unstable();
        cohorts.dedup();
        let own: Vec<f64> = self.users.iter().map(UserTimeline::present_secs).collect();
        let present_secs: f64 = self
            .residents
            .iter()
            .filter_map(|resident| own.get(resident.user as usize))
            .sum();
        format!(
            "{members} connections in {} cohorts, {:.1} present at a time; services: {}",
            cohorts.len(),
            present_secs / f64::from(self.cycle_secs()),
            self.residents.len() - members
        )
    }

    fn stays_text(&self) -> String {
        let stays = self.users.iter().flat_map(|user| &user.stays);
        let mut lengths: Vec<f64> = stays.map(StayRow::secs).collect();
        lengths.sort_by(f64::total_cmp);
        let at = |level: f64| {
            let index = number::index_below(level * number::real(lengths.len()), lengths.len());
            duration(lengths.get(index).copied().unwrap_or(0.0))
        };
        let (p10, p50, p90, p99) = (at(0.1), at(0.5), at(0.9), at(0.99));
        format!(
            "{}; p10 {p10}, p50 {p50}, p90 {p90}, p99 {p99}",
            lengths.len()
        )
    }

    fn incidents_text(&self) -> String {
        let victims = || self.incidents.iter().flat_map(|incident| &incident.victims);
        let most = self
            .incidents
            .iter()
            .map(|incident| incident.victims.len())
            .max();
        let back = victims()
            .filter(|victim| victim.back_secs.is_some())
            .count();
        let share = number::real(back) / number::real(victims().count()).max(1.0);
        format!(
            "{}, the largest hit {}, {} of those hit are back within a day",
            self.incidents.len(),
            most.unwrap_or(0),
            percent(share)
        )
    }

    fn causes_text(&self) -> String {
        let left = || {
            self.users
                .iter()
                .flat_map(|user| &user.stays)
                .filter(|stay| stay.has_leave)
        };
        let total = number::real(left().count()).max(1.0);
        let mut causes: Vec<(usize, &str)> = LeaveCause::ALL
            .iter()
            .map(|cause| {
                (
                    left().filter(|stay| stay.cause == *cause).count(),
                    cause.as_str(),
                )
            })
            .filter(|(count, _)| *count > 0)
            .collect();
        causes.sort_unstable_by(|one, other| other.cmp(one));
        let texts: Vec<String> = causes
            .iter()
            .map(|(count, word)| format!("{word} {}", percent(number::real(*count) / total)))
            .collect();
        texts.join(", ")
    }

    fn changes_text(&self) -> String {
        let count = |is_kind: fn(ChangeKind) -> bool| {
            let changes = self.users.iter().flat_map(|user| &user.changes);
            changes.filter(|change| is_kind(change.kind)).count()
        };
        format!(
            "nick {}, mode {}, topic {}, kick {}",
            count(|kind| kind == ChangeKind::Nick),
            count(|kind| matches!(kind, ChangeKind::Mode { .. })),
            count(|kind| matches!(kind, ChangeKind::Topic { .. })),
            count(|kind| matches!(kind, ChangeKind::Kick { .. }))
        )
    }

    fn talk_text(&self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let hour = self.busiest_hour();
        let day = DAYS.get((hour / 24) as usize).copied().unwrap_or_default();
        let loudest = self.channels.first().map_or(0.0, |channel| channel.rate);
        format!(
            "{:.2} messages an hour in {} channel{}, {:.2} in the loudest; busiest {day} {:02}:00 UTC",
            self.mean_rate() * f64::from(HOUR_SECS),
            self.channels.len(),
            if self.channels.len() == 1 { "" } else { "s" },
            loudest * f64::from(HOUR_SECS),
            hour % 24
        )
    }

    fn kinds_text(&self) -> String {
        let said = |kind: TalkKind| -> f64 {
            let of = |channel: &ChannelRow| {
                channel.rate
                    * channel
                        .speakers
                        .iter()
                        .map(|speaker| speaker.share_of(kind))
                        .sum::<f64>()
            };
            self.channels.iter().map(of).sum()
        };
        let total: f64 = TalkKind::ALL.iter().map(|kind| said(*kind)).sum();
        let texts = TalkKind::ALL.map(|kind| {
            format!(
                "{} {}",
                kind.as_str(),
                percent(said(kind) / total.max(1e-9))
            )
        });
        format!(
            "{}; {} begin with a nick",
            texts.join(", "),
            percent(self.reply_share().value())
        )
    }

    fn speakers_text(&self) -> String {
        let mut said: BTreeMap<u32, f64> = BTreeMap::new();
        for channel in &self.channels {
            for speaker in &channel.speakers {
                *said.entry(speaker.user).or_default() += channel.rate * speaker.share;
            }
        }
        let mut said: Vec<f64> = said.into_values().collect();
        said.sort_by(|one, other| other.total_cmp(one));
        let total: f64 = said.iter().sum();
        let share = |count: usize| percent(said.iter().take(count).sum::<f64>() / total.max(1e-9));
        format!(
            "{}; the first says {}, the first {TOP_COUNT} say {}",
            said.len(),
            share(1),
            share(TOP_COUNT)
        )
    }

    fn episodes_text(&self) -> String {
        let Some(talk) = self.talks.first() else {
            return "none".to_owned();
        };
        let at = |level: f64| number::whole(talk.sizes.quantile(level) + 0.5);
        format!(
            "messages p50 {}, p90 {}, p99 {}, most {}, mean {:.1}; longest {}",
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
            talk.sizes.mean_at(1.0),
            duration(talk.longest_episode_secs.value())
        )
    }

    fn starts_text(&self) -> String {
        let Some(talk) = self.talks.first() else {
            return "none".to_owned();
        };
        let excited: f64 = talk.excitation.value().iter().sum();
        format!(
            "each brings about {excited:.2} others, a JOIN {:.3}; a day differs by a factor of {:.1}, a speaker's by {:.1}",
            talk.triggers.usual.value(),
            libm::exp(talk.day.value().sigma),
            libm::exp(talk.speaker_day.value().sigma)
        )
    }

    fn lengths_text(&self) -> String {
        let Some(talk) = self.talks.first() else {
            return "none".to_owned();
        };
        let [messages, ..] = &talk.lengths.by_kind;
        let at = |level: f64| {
            let index = LENGTH_LEVELS
                .iter()
                .position(|known| (known - level).abs() < 1e-9);
            index
                .and_then(|index| messages.knots.get(index))
                .copied()
                .unwrap_or(0.0)
        };
        format!(
            "of messages p10 {:.0} B, p50 {:.0} B, p90 {:.0} B, p99 {:.0} B, most {:.0} B; users with their own: {}",
            at(0.1),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
            talk.lengths.by_user.len()
        )
    }

    /// Returns the parameters that a person may want to judge: name, value, and whether it was measured.
    fn standing(&self) -> Vec<(&'static str, String, bool)> {
        let real = |name: &'static str, parameter: Parameter<f64>| {
            (name, parameter.value().to_string(), parameter.is_fitted())
        };
        let count = |name: &'static str, parameter: Parameter<u32>| {
            (name, parameter.value().to_string(), parameter.is_fitted())
        };
        let mut standing = vec![
            count("secs", self.cycle.secs),
            count("rotation_secs", self.cycle.rotation_secs),
            count("starts_at_week_sec", self.cycle.starts_at_week_sec),
            count("busiest_hour", self.cycle.busiest_hour),
            real("outage_share", self.cycle.outage_share),
            real("coupling", self.cycle.coupling),
            real("members_per_channel", self.population.members_per_channel),
            real("private_share", self.population.private_share),
            real("reply_share", self.population.reply_share),
        ];
        if let Some(scaling) = self.scaling() {
            standing.extend(
                scaling
                    .standing()
                    .into_iter()
                    .map(|(name, is_fitted)| (name, String::new(), is_fitted)),
            );
        }
        if let Some(talk) = self.talks.first() {
            standing.extend(talk.standing().into_iter().map(|(name, is_fitted)| {
                let name = name.trim_start_matches("talk.");
                (name, String::new(), is_fitted)
            }));
        }
        standing
    }
}

/// Returns what a profile keeps of its capture's talk.
fn rows_text(blocks: &[Block]) -> String {
    let row_count: usize = blocks.iter().map(|block| block.rows.len()).sum();
    format!(
        "{row_count} messages in {} blocks: who spoke when, without words; can be resampled",
        blocks.len()
    )
}

/// Appends a line with a label in a column of its own.
fn put(page: &mut String, label: &str, text: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(page, "{label:<9} {text}");
}

/// Returns the names of the parameters that were measured.
fn names(standing: &[(&'static str, String, bool)]) -> String {
    let fitted = standing.iter().filter(|(_, _, is_fitted)| *is_fitted);
    fitted
        .map(|(name, _, _)| *name)
        .collect::<Vec<&str>>()
        .join(", ")
}

/// Returns the parameters that are guesses, with their values.
fn guesses(standing: &[(&'static str, String, bool)]) -> String {
    let texts: Vec<String> = standing
        .iter()
        .filter(|(_, _, is_fitted)| !is_fitted)
        .map(|(name, value, _)| format!("{name} {value}").trim_end().to_owned())
        .collect();
    if texts.is_empty() {
        "nothing".to_owned()
    } else {
        texts.join(", ")
    }
}

/// Returns quantiles of gaps.
fn gap_text(table: &GapTable) -> String {
    let at = |index: usize| duration(table.secs().get(index).copied().unwrap_or(0.0));
    // 32 steps: the eighth is the first quarter.
    format!("p25 {}, p50 {}, p75 {}", at(8), at(16), at(24))
}

/// Returns a share as a percentage.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Returns a time in the unit that suits it.
fn duration(secs: f64) -> String {
    let (hour, day) = (f64::from(HOUR_SECS), f64::from(DAY_SECS));
    if secs < 120.0 {
        format!("{secs:.1} s")
    } else if secs < 2.0 * hour {
        format!("{:.1} min", secs / 60.0)
    } else if secs < 2.0 * day {
        format!("{:.1} h", secs / hour)
    } else {
        format!("{:.1} d", secs / day)
    }
}

#[cfg(test)]
mod tests {
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::blocks::examples::block;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::file::PARAMETERS;

    #[test]
    fn a_page_tells_what_matters() {
        insta::assert_snapshot!(examples::profile().summary(), @r#"
        profile   example, an "invented" channel
        fitted    on 2024-02-01 by splitstorm 0.1.0 to 1234 events of 1 channel
        cycle     4 weeks from 2024-01-01T00:00:00Z to 2024-01-28T23:59:59Z, rotated by the week, logger away 0.0 %
        users     3 connections in 2 cohorts, 1.1 present at a time; services: 1
        stays     4; p10 2.8 h, p50 2.3 d, p90 28.0 d, p99 28.0 d
        left by   split 33.3 %, quit 33.3 %, ping_timeout 33.3 %
        incidents 1, the largest hit 1, 100.0 % of those hit are back within a day
        changes   nick 1, mode 1, topic 0, kick 1
        talk      7.20 messages an hour in 1 channel, 7.20 in the loudest; busiest Fri 22:00 UTC
        kinds     message 80.0 %, action 7.5 %, notice 12.5 %; 15.0 % begin with a nick
        speakers  2; the first says 75.0 %, the first 10 say 100.0 %
        episodes  messages p50 4, p90 29, p99 84, most 137, mean 10.8; longest 2.5 h
        starts    each brings about 0.25 others, a JOIN 0.050; a day differs by a factor of 1.5, a speaker's by 1.6
        gaps      of 2 to 4 messages p25 8.1 s, p50 40.0 s, p75 3.3 min
                  of 5 to 19 messages p25 5.0 s, p50 25.0 s, p75 2.1 min
                  of 20 to 59 messages p25 2.4 s, p50 12.0 s, p75 59.4 s
        lengths   of messages p10 5 B, p50 77 B, p90 245 B, p99 296 B, most 302 B; users with their own: 1
        fitted    secs, rotation_secs, starts_at_week_sec, busiest_hour, outage_share, reply_share, excitation, day, pace_share, drift_share, gap_correlation, notices, newcomers, speaker_day, trigger_share, longest_episode_secs, and all tables
        assumed   coupling 0, members_per_channel 6, private_share 0.05
        warning: the log named no time zone; its hours are taken for UTC
        "#);
    }

    #[test]
    fn rows_are_told_of_a_profile_that_keeps_them() {
        let mut profile = examples::profile();
        assert!(!profile.summary().contains("rows"));
        profile.blocks = Some(vec![block(&[(1.0, 0), (2.0, 1)]), block(&[(9_000.0, 1)])]);
        let want =
            "rows      3 messages in 2 blocks: who spoke when, without words; can be resampled\n";
        assert!(profile.summary().contains(want), "{}", profile.summary());
    }

    #[test]
    fn a_short_profile_says_so() {
        let mut files = examples::profile().write();
        let text = files.get_mut(PARAMETERS).unwrap();
        *text = text.replace(
            "rotation_secs = { fitted = 604800 }",
            "rotation_secs = { fitted = 86400 }",
        );
        let short = Profile::read("x", &files).unwrap();
        assert!(short.summary().contains("profile too short"));
        assert!(!examples::profile().summary().contains("profile too short"));
    }
}
