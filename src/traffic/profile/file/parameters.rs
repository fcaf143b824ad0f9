//! `profile.toml`: where a profile comes from, its cycle, and the parameters of its population and its talks.

use std::fmt::Display;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde::Deserialize;
use toml::Spanned;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::Cycle;
use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Population;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::commands::Commands;
use crate::traffic::profile::commands::CommandsShape;
use crate::traffic::profile::commands::RATE_MAX;
use crate::traffic::profile::file::AGGREGATE;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::PARAMETERS;
use crate::traffic::profile::file::SCHEMA;
use crate::traffic::profile::file::scaling;
use crate::traffic::profile::file::scaling::ScalingShape;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::provenance::Provenance;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::NoticeShares;
use crate::traffic::profile::talk::Talk;

/// Longest cycle: ten years of weeks, so that seconds of it fit 32 bits.
const CYCLE_SECS_MAX: u32 = 520 * WEEK_SECS;

/// Starts that one start may bring about if the channel stays silent: with more, talk would never end.
const EXCITATION_MAX: f64 = 10.0;

/// Spread of a day's factor: with more, one day would be all.
const SIGMA_MAX: f64 = 3.0;

/// How many times as ready to speak a newcomer may be.
const NEWCOMER_MAX: f64 = 1e4;

/// Shape of `profile.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    schema: Spanned<u32>,
    name: String,
    provenance: ProvenanceShape,
    cycle: CycleShape,
    population: PopulationShape,
    /// Only a profile that was fitted with counters has it.
    commands: Option<CommandsShape>,
    /// Only a profile that was made bigger has it.
    scaling: Option<Spanned<ScalingShape>>,
    talk: Vec<TalkShape>,
}

/// Shape of `[provenance]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvenanceShape {
    source: String,
    first: String,
    last: String,
    events: u64,
    channels: u32,
    zone_assumed: bool,
    tool: String,
    fitted_on: String,
    /// Only a profile without timelines has it: a word for whoever reads, for the files tell it too.
    aggregate: Option<Spanned<bool>>,
}

/// Shape of `[cycle]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CycleShape {
    secs: Spanned<Parameter<u32>>,
    rotation_secs: Spanned<Parameter<u32>>,
    starts_at_week_sec: Spanned<Parameter<u32>>,
    busiest_hour: Spanned<Parameter<u32>>,
    outage_share: Spanned<Parameter<f64>>,
    coupling: Spanned<Parameter<f64>>,
}

/// Shape of `[population]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PopulationShape {
    members_per_channel: Spanned<Parameter<f64>>,
    private_share: Spanned<Parameter<f64>>,
    reply_share: Spanned<Parameter<f64>>,
}

/// Shape of a `[[talk]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TalkShape {
    excitation: Spanned<Parameter<[f64; 3]>>,
    day: Spanned<Parameter<[f64; 2]>>,
    pace_share: Spanned<Parameter<f64>>,
    drift_share: Spanned<Parameter<f64>>,
    gap_correlation: Spanned<Parameter<f64>>,
    notices: Spanned<Parameter<[f64; 3]>>,
    newcomers: Spanned<Parameter<[f64; 4]>>,
    speaker_day: Spanned<Parameter<[f64; 2]>>,
    trigger_share: Spanned<Parameter<f64>>,
    longest_episode_secs: Spanned<Parameter<f64>>,
}

/// What `profile.toml` says.
pub(crate) struct Parameters {
    pub(crate) name: String,
    pub(crate) provenance: Provenance,
    pub(crate) cycle: Cycle,
    pub(crate) population: Population,
    pub(crate) commands: Commands,
    pub(crate) scaling: Option<scaling::Read>,
    pub(crate) talks: Vec<TalkParameters>,
}

/// What `profile.toml` says about a talk; tables say the rest.
pub(crate) struct TalkParameters {
    pub(crate) excitation: Parameter<[f64; 3]>,
    pub(crate) day: Parameter<DayFactor>,
    pub(crate) pace_share: Parameter<f64>,
    pub(crate) drift_share: Parameter<f64>,
    pub(crate) gap_correlation: Parameter<f64>,
    pub(crate) notices: Parameter<NoticeShares>,
    pub(crate) newcomers: Parameter<[f64; 4]>,
    pub(crate) speaker_day: Parameter<DayFactor>,
    pub(crate) trigger_share: Parameter<f64>,
    pub(crate) longest_episode_secs: Parameter<f64>,
}

impl Parameters {
    /// Returns what `profile.toml` of the folder says.
    pub(crate) fn read(folder: &Folder<'_>) -> Result<Self, Misread> {
        let path = folder.path_of(PARAMETERS);
        let text = folder.text(PARAMETERS)?;
        let shape: Shape = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let place = Place::in_text(path.as_str(), text, offset);
            Misread::new(error.message().replace('\n', "; "), place).with_excerpt(text)
        })?;
        let check = Check { path: &path, text };
        if *shape.schema.get_ref() != SCHEMA {
            let found = format!("expected schema {SCHEMA}, found {}", shape.schema.get_ref());
            return Err(check
                .misread(found, shape.schema.span().start)
                .with_help("fit the profile again with this version of the tool"));
        }
        let aggregate = shape.provenance.aggregate.as_ref();
        if aggregate.is_some_and(|is_aggregate| *is_aggregate.get_ref()) != folder.has(AGGREGATE) {
            let what = format!("expected `aggregate = true` if and only if there is {AGGREGATE}");
            return Err(check.misread(what, aggregate.map_or(0, |word| word.span().start)));
        }
        let talks: Result<Vec<TalkParameters>, Misread> = shape
            .talk
            .iter()
            .map(|talk| read_talk(&check, talk))
            .collect();
        Ok(Self {
            name: shape.name,
            provenance: Provenance {
                source: shape.provenance.source,
                first: shape.provenance.first,
                last: shape.provenance.last,
                event_count: shape.provenance.events,
                channel_count: shape.provenance.channels,
                is_zone_assumed: shape.provenance.zone_assumed,
                tool: shape.provenance.tool,
                fitted_on: shape.provenance.fitted_on,
            },
            cycle: read_cycle(&check, &shape.cycle)?,
            population: Population {
                members_per_channel: check
                    .within(&shape.population.members_per_channel, 0.0..=1e7)?,
                private_share: check.within(&shape.population.private_share, 0.0..=1.0)?,
                reply_share: check.within(&shape.population.reply_share, 0.0..=1.0)?,
            },
            commands: match &shape.commands {
                Some(shape) => read_commands(&check, shape)?,
                None => Commands::default(),
            },
            scaling: match &shape.scaling {
                Some(shape) => Some(scaling::read(&check, shape)?),
                None => None,
            },
            talks: talks?,
        })
    }
}

/// Returns what clients send besides what channels show.
fn read_commands(check: &Check<'_>, shape: &CommandsShape) -> Result<Commands, Misread> {
    Ok(Commands {
        said_per_join: check.within(&shape.said_per_join, 0.0..=RATE_MAX)?,
        joins_per_connection_hour: check
            .within(&shape.joins_per_connection_hour, 0.0..=RATE_MAX)?,
        mode_per_join: check.within(&shape.mode_per_join, 0.0..=RATE_MAX)?,
        who_per_join: check.within(&shape.who_per_join, 0.0..=RATE_MAX)?,
        names_per_join: check.within(&shape.names_per_join, 0.0..=RATE_MAX)?,
        pings_per_connection_hour: check
            .within(&shape.pings_per_connection_hour, 0.0..=RATE_MAX)?,
    })
}

fn read_talk(check: &Check<'_>, shape: &TalkShape) -> Result<TalkParameters, Misread> {
    let day = |values: &Spanned<Parameter<[f64; 2]>>| {
        let is_valid = |[sigma, correlation]: [f64; 2]| {
            (0.0..=SIGMA_MAX).contains(&sigma) && (0.0..=1.0).contains(&correlation)
        };
        let what = format!("a spread from 0 to {SIGMA_MAX} and a correlation from 0 to 1");
        let values = check.all(values, is_valid, &what)?;
        Ok(mapped(values, |[sigma, correlation]| DayFactor {
            sigma,
            correlation,
        }))
    };
    let are_shares = |shares: [f64; 3]| shares.iter().all(|share| (0.0..=1.0).contains(share));
    let notices = check.all(&shape.notices, are_shares, "probabilities")?;
    Ok(TalkParameters {
        excitation: check.all(
            &shape.excitation,
            |shares| {
                shares.iter().all(|share| *share >= 0.0)
                    && shares.iter().sum::<f64>() <= EXCITATION_MAX
            },
            &format!("shares that sum to at most {EXCITATION_MAX}"),
        )?,
        day: day(&shape.day)?,
        pace_share: check.within(&shape.pace_share, 0.0..=1.0)?,
        drift_share: check.within(&shape.drift_share, 0.0..=1.0)?,
        gap_correlation: check.within(&shape.gap_correlation, -1.0..=1.0)?,
        notices: mapped(notices, |[first, after_talk, after_notice]| NoticeShares {
            first,
            after_talk,
            after_notice,
        }),
        newcomers: check.all(
            &shape.newcomers,
            |factors| {
                factors
                    .iter()
                    .all(|factor| (1e-4..=NEWCOMER_MAX).contains(factor))
            },
            &format!("factors from 0.0001 to {NEWCOMER_MAX}"),
        )?,
        speaker_day: day(&shape.speaker_day)?,
        trigger_share: check.within(&shape.trigger_share, 0.0..=1.0)?,
        longest_episode_secs: check
            .within(&shape.longest_episode_secs, 0.0..=f64::from(CYCLE_SECS_MAX))?,
    })
}

/// Returns a parameter of the same standing.
fn mapped<T: Copy, U>(parameter: Parameter<T>, map: impl Fn(T) -> U) -> Parameter<U> {
    match parameter {
        Parameter::Fitted(value) => Parameter::Fitted(map(value)),
        Parameter::Assumed(value) => Parameter::Assumed(map(value)),
    }
}

/// Returns the text of `profile.toml`.
pub(crate) fn write(profile: &Profile) -> String {
    let provenance = &profile.provenance;
    let mut text = String::new();
    text.push_str(
        "# A traffic profile of splitstorm. Each parameter is { fitted = x } (measured in the capture)\n\
         # or { assumed = x } (a stated guess). The CSV tables beside this file are fitted.\n",
    );
    line(&mut text, "schema", SCHEMA);
    line(&mut text, "name", quoted(&profile.name));
    text.push_str("\n[provenance]\n");
    line(&mut text, "source", quoted(&provenance.source));
    line(&mut text, "first", quoted(&provenance.first));
    line(&mut text, "last", quoted(&provenance.last));
    line(&mut text, "events", provenance.event_count);
    line(&mut text, "channels", provenance.channel_count);
    line(&mut text, "zone_assumed", provenance.is_zone_assumed);
    line(&mut text, "tool", quoted(&provenance.tool));
    line(&mut text, "fitted_on", quoted(&provenance.fitted_on));
    if profile.aggregate().is_some() {
        line(&mut text, "aggregate", true);
    }
    text.push_str("\n# The stretch of capture that a run repeats, cohorts shifted by whole steps of rotation_secs.\n[cycle]\n");
    let cycle = &profile.cycle;
    line(&mut text, "secs", marked(cycle.secs));
    line(&mut text, "rotation_secs", marked(cycle.rotation_secs));
    line(
        &mut text,
        "starts_at_week_sec",
        marked(cycle.starts_at_week_sec),
    );
    line(&mut text, "busiest_hour", marked(cycle.busiest_hour));
    line(&mut text, "outage_share", marked(cycle.outage_share));
    line(&mut text, "coupling", marked(cycle.coupling));
    text.push_str("\n[population]\n");
    let population = profile.own_population();
    line(
        &mut text,
        "members_per_channel",
        marked(population.members_per_channel),
    );
    line(&mut text, "private_share", marked(population.private_share));
    line(&mut text, "reply_share", marked(population.reply_share));
    if profile.commands.is_measured() {
        text.push_str("\n# What clients send, by a server's counters.\n[commands]\n");
        for (name, parameter) in profile.commands.parameters() {
            line(&mut text, name, marked(parameter));
        }
    }
    if let Some(scaling) = profile.scaling() {
        text.push('\n');
        scaling::write(&mut text, scaling);
        text.pop();
    }
    text.push_str(
        "\n# excitation: starts of talk that each start brings about, within about 15 minutes, an hour, four hours.\n\
         # day, speaker_day: spread of the logarithm of a day's factor, correlation of neighbouring days.\n\
         # notices: probability that an episode opens with one, that one follows a message, that one follows a notice.\n\
         # newcomers: how many times as ready to speak are those who came within 1, 10, 60 minutes, and the others.\n",
    );
    for talk in &profile.talks {
        write_talk(&mut text, talk);
    }
    text
}

fn write_talk(text: &mut String, talk: &Talk) {
    let day = |factor: Parameter<DayFactor>| {
        marked_list(mapped(factor, |day| [day.sigma, day.correlation]))
    };
    text.push_str("[[talk]]\n");
    line(text, "excitation", marked_list(talk.excitation));
    line(text, "day", day(talk.day));
    line(text, "pace_share", marked(talk.gaps.pace_share));
    line(text, "drift_share", marked(talk.gaps.drift_share));
    line(text, "gap_correlation", marked(talk.gaps.correlation));
    let notices = mapped(talk.notices, |shares| {
        [shares.first, shares.after_talk, shares.after_notice]
    });
    line(text, "notices", marked_list(notices));
    line(text, "newcomers", marked_list(talk.newcomers));
    line(text, "speaker_day", day(talk.speaker_day));
    line(text, "trigger_share", marked(talk.triggers.usual));
    line(
        text,
        "longest_episode_secs",
        marked(talk.longest_episode_secs),
    );
    text.push('\n');
}

/// Returns the cycle, checked for being whole.
fn read_cycle(check: &Check<'_>, shape: &CycleShape) -> Result<Cycle, Misread> {
    let cycle = Cycle {
        secs: check.within(&shape.secs, DAY_SECS..=CYCLE_SECS_MAX)?,
        rotation_secs: check.within(&shape.rotation_secs, DAY_SECS..=WEEK_SECS)?,
        starts_at_week_sec: check.within(&shape.starts_at_week_sec, 0..=WEEK_SECS - 1)?,
        busiest_hour: check.within(&shape.busiest_hour, 0..=WEEK_HOURS - 1)?,
        outage_share: check.within(&shape.outage_share, 0.0..=1.0)?,
        coupling: check.within(&shape.coupling, 0.0..=1.0)?,
    };
    let (secs, step) = (cycle.secs.value(), cycle.rotation_secs.value());
    if step != DAY_SECS && step != WEEK_SECS {
        let found = format!("expected a rotation by a day or a week, found {step} seconds");
        return Err(check
            .misread(found, shape.rotation_secs.span().start)
            .with_help(format!("write {DAY_SECS} or {WEEK_SECS}")));
    }
    if secs % step != 0 {
        let found = format!("expected whole steps of {step} seconds, found a cycle of {secs}");
        return Err(check.misread(found, shape.secs.span().start));
    }
    Ok(cycle)
}

/// The text of the parameters, to point into.
pub(crate) struct Check<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl Check<'_> {
    /// Returns the error that `what` is wrong at a byte of the text.
    pub(crate) fn misread(&self, what: String, offset: usize) -> Misread {
        Misread::new(what, Place::in_text(self.path, self.text, offset)).with_excerpt(self.text)
    }

    /// Returns the parameter if its value lies in `range`.
    pub(crate) fn within<T: Copy + PartialOrd + Display>(
        &self,
        parameter: &Spanned<Parameter<T>>,
        range: RangeInclusive<T>,
    ) -> Result<Parameter<T>, Misread> {
        let value = parameter.get_ref().value();
        if range.contains(&value) {
            return Ok(*parameter.get_ref());
        }
        let found = format!(
            "expected {} to {}, found {value}",
            range.start(),
            range.end()
        );
        Err(self.misread(found, parameter.span().start))
    }

    /// Returns the parameter if its values are valid.
    fn all<const N: usize>(
        &self,
        parameter: &Spanned<Parameter<[f64; N]>>,
        is_valid: impl Fn([f64; N]) -> bool,
        what: &str,
    ) -> Result<Parameter<[f64; N]>, Misread> {
        let values = parameter.get_ref().value();
        if is_valid(values) {
            return Ok(*parameter.get_ref());
        }
        let found = format!("expected {what}, found {values:?}");
        Err(self.misread(found, parameter.span().start))
    }
}

/// Appends a line of the form `key = value`.
pub(crate) fn line(text: &mut String, key: &str, value: impl Display) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "{key} = {value}");
}

/// Returns a string in TOML's quotes.
pub(crate) fn quoted(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

/// Returns a parameter with its standing.
pub(crate) fn marked<T: Copy + Display>(parameter: Parameter<T>) -> String {
    let standing = if parameter.is_fitted() {
        "fitted"
    } else {
        "assumed"
    };
    format!("{{ {standing} = {} }}", parameter.value())
}

/// Returns a list with its standing.
fn marked_list<const N: usize>(parameter: Parameter<[f64; N]>) -> String {
    let standing = if parameter.is_fitted() {
        "fitted"
    } else {
        "assumed"
    };
    format!("{{ {standing} = {:?} }}", parameter.value())
}
