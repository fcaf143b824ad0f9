//! The folder of a profile: `profile.toml` with its parameters, and tables beside it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde::Deserialize;
use sha2::Digest;
use sha2::Sha256;
use toml::Spanned;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::Cycle;
use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::Population;
use crate::traffic::profile::Profile;
use crate::traffic::profile::WEEK_HOURS;
use crate::traffic::profile::WEEK_SECS;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::provenance::Provenance;
use crate::traffic::profile::table;
use crate::traffic::profile::talk::KindShares;
use crate::traffic::profile::talk::Talk;

/// The files of a profile: name inside the folder to text.
pub type ProfileFiles = BTreeMap<String, String>;

/// Version of the files' shapes; a reader refuses any other.
pub const SCHEMA: u32 = 1;

/// Name of the file with the parameters.
pub const PARAMETERS: &str = "profile.toml";

/// Every file that a profile has.
pub const FILE_NAMES: [&str; 8] = [
    PARAMETERS,
    table::CALENDAR,
    table::SIZES,
    table::GAPS,
    table::LENGTHS,
    table::USERS,
    table::SESSIONS,
    table::CHANGES,
];

/// Longest cycle: ten years of weeks, so that seconds of it fit 32 bits.
const CYCLE_SECS_MAX: u32 = 520 * WEEK_SECS;

/// Probabilities of kinds may miss a sum of one by this much, for people round.
const SHARE_SUM_TOLERANCE: f64 = 0.001;

/// Shape of `profile.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersShape {
    schema: Spanned<u32>,
    name: String,
    provenance: ProvenanceShape,
    cycle: CycleShape,
    population: PopulationShape,
    talk: TalkShape,
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
}

/// Shape of `[population]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PopulationShape {
    members_per_channel: Spanned<Parameter<f64>>,
    private_share: Spanned<Parameter<f64>>,
    reply_share: Spanned<Parameter<f64>>,
}

/// Shape of `[talk]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TalkShape {
    pace_share: Spanned<Parameter<f64>>,
    gap_correlation: Spanned<Parameter<f64>>,
    longest_episode_secs: Spanned<Parameter<f64>>,
    first_kind: Spanned<Parameter<[f64; 3]>>,
    kind_after_message: Spanned<Parameter<[f64; 3]>>,
    kind_after_action: Spanned<Parameter<[f64; 3]>>,
    kind_after_notice: Spanned<Parameter<[f64; 3]>>,
}

impl Profile {
    /// Returns the profile that the files of `folder` hold.
    ///
    /// # Errors
    ///
    /// When a file is missing, a key or column is unknown, or a value is out of its range.
    pub fn read(folder: &str, files: &ProfileFiles) -> Result<Self, Misread> {
        let path = path_of(folder, PARAMETERS);
        let text = table::text_of(folder, files, PARAMETERS)?;
        let shape: ParametersShape = toml::from_str(text).map_err(|error| {
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
        let cycle = read_cycle(&check, &shape.cycle)?;
        let users = table::read_users(folder, files, cycle.secs.value())?;
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
            cycle,
            population: Population {
                members_per_channel: check
                    .within(&shape.population.members_per_channel, 0.0..=1e7)?,
                private_share: check.within(&shape.population.private_share, 0.0..=1.0)?,
                reply_share: check.within(&shape.population.reply_share, 0.0..=1.0)?,
            },
            talk: Talk {
                calendar: table::read_calendar(folder, files)?,
                sizes: table::read_sizes(folder, files)?,
                gaps: Gaps {
                    tables: table::read_gaps(folder, files)?,
                    pace_share: check.within(&shape.talk.pace_share, 0.0..=1.0)?,
                    correlation: check.within(&shape.talk.gap_correlation, -1.0..=1.0)?,
                },
                first_kind: check.shares(&shape.talk.first_kind)?,
                next_kind: [
                    check.shares(&shape.talk.kind_after_message)?,
                    check.shares(&shape.talk.kind_after_action)?,
                    check.shares(&shape.talk.kind_after_notice)?,
                ],
                lengths: table::read_lengths(folder, files, users.len())?,
                longest_episode_secs: check.within(
                    &shape.talk.longest_episode_secs,
                    0.0..=f64::from(CYCLE_SECS_MAX),
                )?,
            },
            users,
        })
    }

    /// Returns the profile as files; [`Profile::read`] gives the same profile back.
    pub fn write(&self) -> ProfileFiles {
        let mut files = table::write(&self.talk, &self.users);
        files.insert(PARAMETERS.to_owned(), self.parameters());
        files
    }

    /// Returns the SHA-256 over the written files, each as its name, a zero byte, its length in 8 bytes and its text.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (name, text) in self.write() {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into()
    }

    /// Returns the text of `profile.toml`.
    fn parameters(&self) -> String {
        let provenance = &self.provenance;
        let mut text = String::new();
        text.push_str(
            "# A traffic profile of splitstorm. Each parameter is { fitted = x } (measured in the capture)\n\
             # or { assumed = x } (a stated guess). The CSV tables beside this file are fitted.\n",
        );
        line(&mut text, "schema", SCHEMA);
        line(&mut text, "name", quoted(&self.name));
        text.push_str("\n[provenance]\n");
        line(&mut text, "source", quoted(&provenance.source));
        line(&mut text, "first", quoted(&provenance.first));
        line(&mut text, "last", quoted(&provenance.last));
        line(&mut text, "events", provenance.event_count);
        line(&mut text, "channels", provenance.channel_count);
        line(&mut text, "zone_assumed", provenance.is_zone_assumed);
        line(&mut text, "tool", quoted(&provenance.tool));
        line(&mut text, "fitted_on", quoted(&provenance.fitted_on));
        text.push_str("\n# The stretch of capture that a run repeats, users shifted by whole steps of rotation_secs.\n[cycle]\n");
        line(&mut text, "secs", marked(self.cycle.secs));
        line(&mut text, "rotation_secs", marked(self.cycle.rotation_secs));
        line(
            &mut text,
            "starts_at_week_sec",
            marked(self.cycle.starts_at_week_sec),
        );
        line(&mut text, "busiest_hour", marked(self.cycle.busiest_hour));
        line(&mut text, "outage_share", marked(self.cycle.outage_share));
        text.push_str("\n[population]\n");
        let population = &self.population;
        line(
            &mut text,
            "members_per_channel",
            marked(population.members_per_channel),
        );
        line(&mut text, "private_share", marked(population.private_share));
        line(&mut text, "reply_share", marked(population.reply_share));
        text.push_str("\n# Kinds are the probabilities of message, action, notice.\n[talk]\n");
        let talk = &self.talk;
        line(&mut text, "pace_share", marked(talk.gaps.pace_share));
        line(&mut text, "gap_correlation", marked(talk.gaps.correlation));
        line(
            &mut text,
            "longest_episode_secs",
            marked(talk.longest_episode_secs),
        );
        line(&mut text, "first_kind", marked_shares(talk.first_kind));
        let [message, action, notice] = talk.next_kind;
        line(&mut text, "kind_after_message", marked_shares(message));
        line(&mut text, "kind_after_action", marked_shares(action));
        line(&mut text, "kind_after_notice", marked_shares(notice));
        text
    }
}

/// Returns the path of a file of the profile, for messages.
pub(crate) fn path_of(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Returns the cycle, checked for being whole.
fn read_cycle(check: &Check<'_>, shape: &CycleShape) -> Result<Cycle, Misread> {
    let cycle = Cycle {
        secs: check.within(&shape.secs, DAY_SECS..=CYCLE_SECS_MAX)?,
        rotation_secs: check.within(&shape.rotation_secs, DAY_SECS..=WEEK_SECS)?,
        starts_at_week_sec: check.within(&shape.starts_at_week_sec, 0..=WEEK_SECS - 1)?,
        busiest_hour: check.within(&shape.busiest_hour, 0..=WEEK_HOURS - 1)?,
        outage_share: check.within(&shape.outage_share, 0.0..=1.0)?,
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
struct Check<'a> {
    path: &'a str,
    text: &'a str,
}

impl Check<'_> {
    /// Returns the error that `what` is wrong at a byte of the text.
    fn misread(&self, what: String, offset: usize) -> Misread {
        Misread::new(what, Place::in_text(self.path, self.text, offset)).with_excerpt(self.text)
    }

    /// Returns the parameter if its value lies in `range`.
    fn within<T: Copy + PartialOrd + Display>(
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

    /// Returns the parameter if its values are probabilities that sum to one.
    fn shares(
        &self,
        parameter: &Spanned<Parameter<[f64; 3]>>,
    ) -> Result<Parameter<KindShares>, Misread> {
        let shares = parameter.get_ref().value();
        let sum: f64 = shares.iter().sum();
        let is_whole = (sum - 1.0).abs() <= SHARE_SUM_TOLERANCE;
        if !is_whole || shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            let found = format!("expected probabilities that sum to 1, found {shares:?}");
            return Err(self.misread(found, parameter.span().start));
        }
        let shares = KindShares { shares };
        Ok(match parameter.get_ref() {
            Parameter::Fitted(_) => Parameter::Fitted(shares),
            Parameter::Assumed(_) => Parameter::Assumed(shares),
        })
    }
}

/// Appends a line of the form `key = value`.
fn line(text: &mut String, key: &str, value: impl Display) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "{key} = {value}");
}

/// Returns a string in TOML's quotes.
fn quoted(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

/// Returns a parameter with its standing.
fn marked<T: Copy + Display>(parameter: Parameter<T>) -> String {
    let standing = if parameter.is_fitted() {
        "fitted"
    } else {
        "assumed"
    };
    format!("{{ {standing} = {} }}", parameter.value())
}

/// Returns the probabilities of kinds with their standing.
fn marked_shares(parameter: Parameter<KindShares>) -> String {
    let standing = if parameter.is_fitted() {
        "fitted"
    } else {
        "assumed"
    };
    format!("{{ {standing} = {:?} }}", parameter.value().shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::examples;

    #[track_caller]
    fn check(name: &str, from: &str, to: &str, want: &str) {
        let mut files = examples::profile().write();
        let text = files.get_mut(name).unwrap();
        assert!(text.contains(from), "{name} holds no {from}");
        *text = text.replacen(from, to, 1);
        let error = Profile::read("profiles/example/", &files).unwrap_err();
        assert_eq!(format!("{} --> {}", error.what, error.place), want);
    }

    #[test]
    fn what_is_written_reads_back() {
        let profile = examples::profile();
        let files = profile.write();
        let back = Profile::read("x", &files).unwrap();
        assert_eq!(back, profile);
        assert_eq!(back.write(), files);
        assert_eq!(back.digest(), profile.digest());
        assert_eq!(files.len(), FILE_NAMES.len());
    }

    #[test]
    fn an_edit_changes_the_digest() {
        let mut files = examples::profile().write();
        let text = files.get_mut(PARAMETERS).unwrap();
        *text = text.replace("{ assumed = 0.05 }", "{ assumed = 0.06 }");
        let edited = Profile::read("x", &files).unwrap();
        assert_ne!(edited.digest(), examples::profile().digest());
    }

    #[test]
    fn wrong_parameters_are_named_with_their_place() {
        check(
            PARAMETERS,
            "pace_share",
            "pace_shard",
            "unknown field `pace_shard`, expected one of `pace_share`, `gap_correlation`, `longest_episode_secs`, \
             `first_kind`, `kind_after_message`, `kind_after_action`, `kind_after_notice` \
             --> profiles/example/profile.toml:31:1",
        );
        check(
            PARAMETERS,
            "schema = 1",
            "schema = 9",
            "expected schema 1, found 9 --> profiles/example/profile.toml:3:10",
        );
        check(
            PARAMETERS,
            "private_share = { assumed",
            "private_share = { guessed",
            "unknown variant `guessed`, expected `fitted` or `assumed` --> profiles/example/profile.toml:26:19",
        );
        check(
            PARAMETERS,
            "gap_correlation = { fitted = 0.15",
            "gap_correlation = { fitted = 1.5",
            "expected -1 to 1, found 1.5 --> profiles/example/profile.toml:32:19",
        );
        check(
            PARAMETERS,
            "secs = { fitted = 2419200",
            "secs = { fitted = 2419201",
            "expected whole steps of 604800 seconds, found a cycle of 2419201 --> profiles/example/profile.toml:18:8",
        );
        check(
            PARAMETERS,
            "first_kind = { fitted = [0.95",
            "first_kind = { fitted = [0.85",
            "expected probabilities that sum to 1, found [0.85, 0.02, 0.03] --> profiles/example/profile.toml:34:14",
        );
    }

    #[test]
    fn wrong_tables_are_named_with_their_place() {
        check(
            table::SESSIONS,
            "cause",
            "why",
            "expected the columns `user,start_secs,end_secs,cause,has_join,has_leave`, \
             found `user,start_secs,end_secs,why,has_join,has_leave` --> profiles/example/sessions.csv:1",
        );
        check(
            table::SESSIONS,
            "quit",
            "sleepy",
            "expected a cause, found `sleepy` --> profiles/example/sessions.csv:3",
        );
        check(
            table::SESSIONS,
            "1,100000,",
            "1,90000,",
            "expected start_secs from 90000.25 to 2419200, found `90000` --> profiles/example/sessions.csv:4",
        );
        check(
            table::CHANGES,
            "kick,0",
            "kick,4",
            "expected a user below 4, found 4 --> profiles/example/changes.csv:3",
        );
        check(
            table::CALENDAR,
            "weekday,1,",
            "weekday,2,",
            "expected hour 1, found `2` --> profiles/example/calendar.csv:3",
        );
        check(
            table::SIZES,
            "0.015564,",
            "0.2,",
            "expected level 0.015564, found `0.2` --> profiles/example/sizes.csv:3",
        );
        check(
            table::GAPS,
            "0.5,",
            "0.6,",
            "expected level 0.5, found `0.6` --> profiles/example/gaps.csv:18",
        );
        check(
            table::LENGTHS,
            "\n1,",
            "\n9,",
            "expected a user below 4, found 9 --> profiles/example/lengths.csv:5",
        );
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let mut files = examples::profile().write();
        files.remove(table::GAPS);
        let error = Profile::read("x", &files).unwrap_err();
        assert_eq!(error.place.to_string(), "x/gaps.csv");
    }
}
