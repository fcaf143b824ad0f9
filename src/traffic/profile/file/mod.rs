//! The folder of a profile: `profile.toml` with its parameters, and tables beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::Digest;
use sha2::Sha256;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::Profile;
use crate::traffic::profile::aggregate::draw;
use crate::traffic::profile::file::parameters::Parameters;
use crate::traffic::profile::resident;

mod aggregate;
mod blocks;
mod parameters;
mod people;
mod rows;
pub(crate) mod scaling;
mod scores;
mod talk;
mod weeks;

/// The files of a profile: name inside the folder to text.
pub type ProfileFiles = BTreeMap<String, String>;

/// Version of the files' shapes; a reader refuses any other.
pub const SCHEMA: u32 = 2;

/// Name of the file with the parameters.
pub const PARAMETERS: &str = "profile.toml";

/// Name of the file of summaries, which a profile has in place of [`PEOPLE`] if nobody's timeline may be kept.
pub const AGGREGATE: &str = aggregate::AGGREGATE;

/// The tables of people, in which the timeline of each user can be followed.
pub const PEOPLE: [&str; 4] = [
    people::USERS,
    people::STAYS,
    people::CHANGES,
    people::INCIDENTS,
];

/// Every file that a profile has.
pub const FILE_NAMES: [&str; 12] = [
    PARAMETERS,
    talk::CALENDAR,
    talk::SIZES,
    talk::GAPS,
    talk::LENGTHS,
    talk::RECENCY,
    talk::CHANNELS,
    talk::SPEAKERS,
    people::USERS,
    people::STAYS,
    people::CHANGES,
    people::INCIDENTS,
];

/// Name of the table of weeks, which only profiles of long captures have.
pub const WEEKS: &str = "weeks.csv";

/// Name of the table of scores, which only profiles that were checked have.
pub const SCORES: &str = "scores.csv";

/// Name of the table of the capture's talk, which only profiles have that are to be resampled.
pub const ROWS: &str = "rows.csv";

impl Profile {
    /// Returns the profile that the files of `folder` hold.
    ///
    /// # Errors
    ///
    /// When a file is missing, a key or column is unknown, a value is out of its range, or what is scaled would be too large.
    pub fn read(folder: &str, files: &ProfileFiles) -> Result<Self, Misread> {
        let folder = Folder {
            path: folder,
            files,
        };
        let parameters = Parameters::read(&folder)?;
        let channel_count = talk::channel_count(&folder)?;
        let aggregate = aggregate::read(&folder, channel_count)?;
        let cycle_secs = parameters.cycle.secs.value();
        let user_count = match &aggregate {
            Some(aggregate) => aggregate.user_count(),
            None => people::user_count(&folder)?,
        };
        let talks = talk::read_talks(&folder, &parameters.talks, user_count)?;
        let channels = talk::read_channels(&folder, talks.len(), user_count)?;
        let (users, incidents) = if let Some(aggregate) = &aggregate {
            let drawn = draw::draw(aggregate, &channels, &parameters.cycle);
            (drawn.users, drawn.incidents)
        } else {
            (
                people::read_users(&folder, cycle_secs, channel_count)?,
                people::read_incidents(&folder, cycle_secs, user_count)?,
            )
        };
        let blocks = blocks::read(&folder, cycle_secs, channel_count, user_count)?;
        let profile = Self {
            channels,
            name: parameters.name.clone(),
            provenance: parameters.provenance,
            cycle: parameters.cycle,
            population: parameters.population,
            commands: parameters.commands,
            talks,
            residents: resident::of_tables(&users),
            users,
            incidents,
            weekly: weeks::read(&folder)?,
            scores: scores::read(&folder)?,
            blocks,
            scaled: None,
            aggregate,
        };
        let Some(read) = parameters.scaling else {
            return Ok(profile);
        };
        let scaled = profile.scaled(parameters.name, read.scaling);
        scaled.map_err(|error| {
            let text = folder.text(PARAMETERS).unwrap_or_default();
            let place = Place::in_text(folder.path_of(PARAMETERS), text, read.offset);
            Misread::new(error.to_string(), place)
                .with_help(error.help())
                .with_excerpt(text)
        })
    }

    /// Returns the profile as files; [`Profile::read`] gives the same profile back.
    pub fn write(&self) -> ProfileFiles {
        let mut files = talk::write(self.talks(), self.own_channels());
        match self.aggregate() {
            Some(aggregate) => {
                files.insert(AGGREGATE.to_owned(), aggregate::write(aggregate));
            }
            None => files.extend(people::write(self.users(), self.incidents())),
        }
        files.insert(PARAMETERS.to_owned(), parameters::write(self));
        if let Some(weekly) = self.weekly() {
            files.insert(WEEKS.to_owned(), weeks::write(weekly));
        }
        if let Some(scores) = self.scores() {
            files.insert(SCORES.to_owned(), scores::write(scores));
        }
        if let Some(blocks) = self.blocks() {
            files.insert(ROWS.to_owned(), blocks::write(blocks));
        }
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
}

/// The files of a profile with the path of their folder.
#[derive(Clone, Copy)]
struct Folder<'a> {
    path: &'a str,
    files: &'a ProfileFiles,
}

impl<'a> Folder<'a> {
    /// Returns the text of a file.
    fn text(&self, name: &str) -> Result<&'a str, Misread> {
        self.files.get(name).map(String::as_str).ok_or_else(|| {
            Misread::new(
                format!("expected the file {name}, found none"),
                Place::file(self.path_of(name)),
            )
            .with_help("a profile is a folder as `splitstorm profile fit` writes it")
        })
    }

    /// Returns whether there is such a file.
    fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Returns the path of a file, for messages.
    fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path.trim_end_matches('/'))
    }
}

/// Appends a row to a table.
fn put_row(text: &mut String, fields: &[&dyn std::fmt::Display]) {
    for (index, field) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing into a String does not fail.
        let _ = write!(text, "{comma}{field}");
    }
    text.push('\n');
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
            "unknown field `pace_shard`, expected one of `excitation`, `day`, `pace_share`, `drift_share`, `gap_correlation`, `notices`, \
             `newcomers`, `speaker_day`, `trigger_share`, `longest_episode_secs` --> profiles/example/profile.toml:37:1",
        );
        check(
            PARAMETERS,
            "schema = 2",
            "schema = 9",
            "expected schema 2, found 9 --> profiles/example/profile.toml:3:10",
        );
        check(
            PARAMETERS,
            "private_share = { assumed",
            "private_share = { guessed",
            "unknown variant `guessed`, expected `fitted` or `assumed` --> profiles/example/profile.toml:27:19",
        );
        check(
            PARAMETERS,
            "gap_correlation = { fitted = 0.15",
            "gap_correlation = { fitted = 1.5",
            "expected -1 to 1, found 1.5 --> profiles/example/profile.toml:39:19",
        );
        check(
            PARAMETERS,
            "secs = { fitted = 2419200",
            "secs = { fitted = 2419201",
            "expected whole steps of 604800 seconds, found a cycle of 2419201 --> profiles/example/profile.toml:18:8",
        );
        check(
            PARAMETERS,
            "notices = { fitted = [0.03",
            "notices = { fitted = [1.03",
            "expected probabilities, found [1.03, 0.01, 0.5] --> profiles/example/profile.toml:40:11",
        );
    }

    #[test]
    fn wrong_tables_are_named_with_their_place() {
        check(
            people::STAYS,
            "cause",
            "why",
            "expected the columns `user,channel,start_secs,end_secs,cause,has_join,has_leave`, \
             found `user,channel,start_secs,end_secs,why,has_join,has_leave` --> profiles/example/stays.csv:1",
        );
        check(
            people::STAYS,
            "quit",
            "sleepy",
            "expected a cause, found `sleepy` --> profiles/example/stays.csv:3",
        );
        check(
            people::STAYS,
            "1,0,100000,",
            "1,0,90000,",
            "expected stays in one channel one after another, the last ends at 90000.25 --> profiles/example/stays.csv:4",
        );
        check(
            people::CHANGES,
            "kick,0,0",
            "kick,0,4",
            "expected a user below 4, found 4 --> profiles/example/changes.csv:3",
        );
        check(
            talk::CALENDAR,
            "0,weekday,1,",
            "0,weekday,2,",
            "expected hour 1, found `2` --> profiles/example/calendar.csv:3",
        );
        check(
            talk::SIZES,
            "0.015564,",
            "0.2,",
            "expected level 0.015564, found `0.2` --> profiles/example/sizes.csv:3",
        );
        check(
            talk::GAPS,
            "0,0.5,",
            "0,0.6,",
            "expected level 0.5, found `0.6` --> profiles/example/gaps.csv:18",
        );
        check(
            talk::LENGTHS,
            "\n0,1,",
            "\n0,9,",
            "expected a user below 4, found 9 --> profiles/example/lengths.csv:5",
        );
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let mut files = examples::profile().write();
        files.remove(talk::GAPS);
        let error = Profile::read("x", &files).unwrap_err();
        assert_eq!(error.place.to_string(), "x/gaps.csv");
    }
}
