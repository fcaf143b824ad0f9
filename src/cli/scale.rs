//! The command `profile scale`: a bigger profile.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::cli::error;
use crate::cli::error::Error;
use crate::cli::files;
use crate::cli::inputs;
use crate::cli::profile;
use crate::traffic::profile::Profile;
use crate::traffic::profile::file::scaling::HOT_MAX;
use crate::traffic::profile::file::scaling::HOT_MIN;
use crate::traffic::profile::scaling::MassEvents;
use crate::traffic::profile::scaling::ScaleBy;
use crate::traffic::profile::scaling::ScaleError;
use crate::traffic::profile::scaling::Scaling;
use crate::traffic::profile::stream::HEAT_MAX;

/// What scaling does and what it assumes, told at the end of the help.
pub(crate) const SCALED: &str = "\
The scaled profile holds the tables of PROFILE once and a table [scaling] in profile.toml; the copies are made when it is read, all
from --seed. Every command that takes a profile takes it.

  --by channels  for servers. Each copy of the people has channels of its own, which talk as those of the capture do. Channels are
                 numbered copy by copy: with three in the capture, 3 is the first one's second. A last copy that is not
                 whole is made of random cohorts, and its channels talk as much less as those who are missing said.
  --by overlap   for bouncers and rosters. All copies sit in the capture's channels, which talk no more than they did: those of the
                 capture speak, the others listen. They come, go and take other nicks; topics and kicks stay as they were.

Assumed, and marked so: the number of copies, that up to 600 s lie between copies of a cohort, that each copy has weeks of its own,
that mass events hit as much of every copy at the same moment. The last is the worst for a server; with --mass-events apart each copy
has them at moments of its own, and the whole network is as bursty as the capture was. A hot channel has k^.4 times as many
starts of talk, of k^.6 times the size, by k^.64 times as many speakers, at gaps of k^-.2: from one channel's growth. Its new
speakers are those of its other copies. Beyond four times there is no silence left to fill, and its time runs faster instead.";

/// Flags of `profile scale`.
#[derive(Debug, Args)]
pub(crate) struct ScaleArguments {
    /// The folder of the profile.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// The folder of the scaled profile; a profile that is there is replaced.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// How many connections the scaled profile has, over its whole cycle.
    #[arg(long, value_name = "N", required_unless_present = "times", value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    /// How many times as many as PROFILE, such as 10 or 2.5.
    #[arg(long, value_name = "X", conflicts_with = "users")]
    times: Option<f64>,
    /// Whether copies have channels of their own, or sit in the same ones.
    #[arg(long, value_enum, default_value_t = ByWord::Channels)]
    by: ByWord,
    /// Whether mass events hit all copies at once, or each at moments of its own.
    #[arg(long, value_enum, default_value_t = MassEventsWord::Together)]
    mass_events: MassEventsWord,
    /// A channel of the scaled profile that talks this many times as much, such as 0=3; may be repeated.
    #[arg(long, value_name = "CHANNEL=FACTOR", value_parser = hot)]
    hot: Vec<(u32, f64)>,
    /// The number from which every draw follows.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// The scaled profile's name [default: the folder's].
    #[arg(long)]
    name: Option<String>,
}

/// How copies share channels, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByWord {
    /// Each copy has channels of its own: a bigger network.
    Channels,
    /// All sit in the same channels, which talk no more than they did.
    Overlap,
}

/// When the copies' mass events happen, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum MassEventsWord {
    /// All copies are hit at the same moment: the worst for a server.
    Together,
    /// Each copy is hit at moments of its own: as bursty as the capture.
    Apart,
}

/// Returns a channel and its factor.
fn hot(text: &str) -> Result<(u32, f64), String> {
    let expected = || "expected CHANNEL=FACTOR, such as 0=3".to_owned();
    let (channel, factor) = text.split_once('=').ok_or_else(expected)?;
    let channel = channel.parse().map_err(|_| expected())?;
    let factor: f64 = factor.parse().map_err(|_| expected())?;
    if !(HOT_MIN..=HOT_MAX).contains(&factor) {
        return Err(format!("expected a factor from {HOT_MIN} to {HOT_MAX}"));
    }
    Ok((channel, factor))
}

/// Writes a bigger profile.
pub(crate) fn run(arguments: &ScaleArguments) -> Result<u8, Error> {
    profile::check_output(&arguments.output)?;
    let own = inputs::read_profile(&arguments.profile)?;
    let own_count = f64::from(own.connection_count().max(1));
    let times = match (arguments.times, arguments.users) {
        (Some(times), _) => times,
        (None, users) => f64::from(users.unwrap_or(1)) / own_count,
    };
    let mut factors = BTreeMap::new();
    for &(channel, factor) in &arguments.hot {
        if factors.insert(channel, factor).is_some() {
            return Err(Error::Usage {
                what: format!("expected channel {channel} once, found it twice"),
                help: "name one factor for each channel".to_owned(),
            });
        }
    }
    let by = match arguments.by {
        ByWord::Channels => ScaleBy::Channels,
        ByWord::Overlap => ScaleBy::Overlap,
    };
    let mass_events = match arguments.mass_events {
        MassEventsWord::Together => MassEvents::Together,
        MassEventsWord::Apart => MassEvents::Apart,
    };
    let scaling = Scaling {
        mass_events,
        ..Scaling::assumed(own.name(), by, times, u64::from(arguments.seed), factors)
    };
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| profile::name_of(&arguments.output));
    let scaled = own.scaled(name, scaling).map_err(|error| refused(&error))?;
    profile::write(&scaled, &arguments.output)?;
    error::say(&told(&scaled, &arguments.output));
    warn(&scaled);
    Ok(0)
}

fn refused(error: &ScaleError) -> Error {
    Error::Usage {
        what: error.to_string(),
        help: error.help().to_owned(),
    }
}

fn told(scaled: &Profile, folder: &std::path::Path) -> String {
    format!(
        "profile {} of {} users in {} channels to {}\n",
        scaled.name(),
        scaled.residents().len(),
        scaled.channels().len(),
        files::shown(folder)
    )
}

/// Says what a hot channel is that no channel ever was.
fn warn(scaled: &Profile) {
    let hot = scaled.scaling().map(|scaling| &scaling.hot);
    for &channel in hot.into_iter().flat_map(BTreeMap::keys) {
        let heat = scaled.channel(channel).map_or(0.0, |row| row.heat);
        if heat > HEAT_MAX {
            error::say(&format!(
                "warning: channel {channel} is {heat} times as hot as its talk: beyond {HEAT_MAX} its time runs faster, which is stress\n"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_channel_is_a_number_and_a_factor() {
        assert_eq!(hot("0=3"), Ok((0, 3.0)));
        assert_eq!(hot("12=2.5"), Ok((12, 2.5)));
        for wrong in ["3", "x=3", "0=", "0=0", "0=nan", "-1=2", "0=1e9"] {
            assert!(hot(wrong).is_err(), "{wrong}");
        }
    }
}
