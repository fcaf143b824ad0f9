//! `[scaling]` of `profile.toml`: how a profile was made bigger than its tables.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::place::Misread;
use crate::traffic::profile::file::parameters::Check;
use crate::traffic::profile::file::parameters::line;
use crate::traffic::profile::file::parameters::marked;
use crate::traffic::profile::file::parameters::quoted;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::scaling::MassEvents;
use crate::traffic::profile::scaling::ScaleBy;
use crate::traffic::profile::scaling::Scaling;

/// Most copies of a profile: more than the people of any network.
const TIMES_MAX: f64 = 1e6;

/// Longest jitter, in seconds: with more, hours of the week would be lost.
const JITTER_SECS_MAX: f64 = 3_600.0;

/// How many times as hot a channel may be: beyond four its time runs faster, beyond this nobody could tell what it is.
pub(crate) const HOT_MAX: f64 = 1_000.0;

/// Least factor of a channel that is called hot, which is a cold one.
pub(crate) const HOT_MIN: f64 = 0.01;

/// Shape of `[scaling]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScalingShape {
    from: String,
    by: Spanned<String>,
    times: Spanned<Parameter<f64>>,
    jitter_secs: Spanned<Parameter<f64>>,
    seed: u64,
    mass_events: Option<Spanned<String>>,
    #[serde(default)]
    hot: Vec<HotShape>,
}

/// Shape of a `[[scaling.hot]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HotShape {
    channel: Spanned<u32>,
    times: Spanned<Parameter<f64>>,
}

/// A scaling and where it stands in the text.
pub(crate) struct Read {
    pub(crate) scaling: Scaling,
    pub(crate) offset: usize,
}

/// Returns what `[scaling]` says.
pub(crate) fn read(check: &Check<'_>, shape: &Spanned<ScalingShape>) -> Result<Read, Misread> {
    let offset = shape.span().start;
    let shape = shape.get_ref();
    let word = shape.by.get_ref();
    let by = ScaleBy::ALL.into_iter().find(|by| by.as_str() == word);
    let by = by.ok_or_else(|| {
        let what = format!("expected `channels` or `overlap`, found `{word}`");
        check.misread(what, shape.by.span().start)
    })?;
    let mass_events = match &shape.mass_events {
        None => MassEvents::default(),
        Some(word) => {
            let known = MassEvents::ALL.into_iter();
            let mut meant = known.filter(|choice| choice.as_str() == word.get_ref());
            meant.next().ok_or_else(|| {
                let what = format!("expected `together` or `apart`, found `{}`", word.get_ref());
                check.misread(what, word.span().start)
            })?
        }
    };
    let mut hot = BTreeMap::new();
    for row in &shape.hot {
        let channel = *row.channel.get_ref();
        let times = check.within(&row.times, HOT_MIN..=HOT_MAX)?;
        if hot.insert(channel, times).is_some() {
            let what = format!("expected channel {channel} once, found it twice");
            return Err(check.misread(what, row.channel.span().start));
        }
    }
    Ok(Read {
        scaling: Scaling {
            from: shape.from.clone(),
            by,
            times: check.within(&shape.times, 1.0..=TIMES_MAX)?,
            jitter_secs: check.within(&shape.jitter_secs, 0.0..=JITTER_SECS_MAX)?,
            seed: shape.seed,
            mass_events,
            hot,
        },
        offset,
    })
}

/// Appends the table.
pub(crate) fn write(text: &mut String, scaling: &Scaling) {
    text.push_str(
        "# Everything else here is as it was fitted: copies of it are made when the profile is read, all from the seed.\n",
    );
    text.push_str(match scaling.mass_events {
        MassEvents::Together => {
            "# Mass events hit as much of each copy at the same moment: assumed.\n[scaling]\n"
        }
        MassEvents::Apart => {
            "# Each copy has its mass events at moments of its own: assumed.\n[scaling]\n"
        }
    });
    line(text, "from", quoted(&scaling.from));
    line(text, "by", quoted(scaling.by.as_str()));
    line(text, "times", marked(scaling.times));
    line(text, "jitter_secs", marked(scaling.jitter_secs));
    line(text, "seed", scaling.seed);
    // What is not said is together, as in the profiles of before there was a choice, whose digests hold.
    if scaling.mass_events != MassEvents::default() {
        line(text, "mass_events", quoted(scaling.mass_events.as_str()));
    }
    for (channel, times) in &scaling.hot {
        text.push_str("[[scaling.hot]]\n");
        line(text, "channel", channel);
        line(text, "times", marked(*times));
    }
    text.push('\n');
}
