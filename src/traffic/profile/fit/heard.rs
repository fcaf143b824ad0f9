//! What was heard in one channel: its episodes of talk, who was there, and when it was silent.

use crate::traffic::profile::fit::episodes;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::timelines::Seen;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::TRIGGER_SECS;

/// A coming or going in the channel, in seconds from the window's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) secs: f64,
    pub(crate) is_coming: bool,
    pub(crate) user: u32,
    pub(crate) is_seen: bool,
}

/// What was heard in one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) episodes: Vec<Episode>,
    /// By time; whoever was there at the beginning came before it.
    pub(crate) turns: Vec<Turn>,
    /// Stretches in which an episode could have started: between two of them, the logger being there.
    pub(crate) silences: Vec<Silence>,
}

impl Heard {
    /// Returns how many messages there were.
    pub(crate) fn message_count(&self) -> usize {
        self.episodes
            .iter()
            .map(|episode| episode.kinds.len())
            .sum()
    }
}

/// A stretch without talk, in seconds from the window's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Silence {
    pub(crate) from_secs: f64,
    pub(crate) to_secs: f64,
    /// How many episodes had been before it.
    pub(crate) episodes_before: usize,
}

/// Returns what was heard in each channel, by its number.
pub(crate) fn by_channel(seen: &Seen<'_>, lanes: &Lanes, outages: &Outages) -> Vec<Heard> {
    let mut heard: Vec<Heard> = episodes::split(seen)
        .into_iter()
        .map(|episodes| Heard {
            silences: silences(seen, &episodes, outages),
            episodes,
            turns: Vec::new(),
        })
        .collect();
    for stay in &seen.record.stays {
        let (Some(user), Some(heard)) = (
            lanes.user(stay.session),
            heard.get_mut(stay.channel as usize),
        ) else {
            continue;
        };
        let turn = |secs: f64, is_coming: bool, is_seen: bool| Turn {
            secs,
            is_coming,
            user,
            is_seen,
        };
        heard.turns.push(turn(stay.start_secs, true, stay.has_join));
        heard.turns.push(turn(stay.end_secs, false, stay.has_leave));
    }
    for heard in &mut heard {
        heard.turns.sort_by(|one, other| {
            one.secs
                .total_cmp(&other.secs)
                .then(one.is_coming.cmp(&other.is_coming))
        });
        mark_triggered(heard, lanes);
    }
    heard
}

/// Returns the silences between episodes: what counts of the window, without outages.
fn silences(seen: &Seen<'_>, episodes: &[Episode], outages: &Outages) -> Vec<Silence> {
    let mut silences = Vec::new();
    for &(run_from, run_to) in seen.window.runs() {
        let first = episodes.partition_point(|episode| episode.starts() < run_from);
        let last = episodes.partition_point(|episode| episode.starts() < run_to);
        let mut from_secs = run_from;
        for index in first..=last {
            let next = episodes.get(index).filter(|_| index < last);
            let to_secs = next.map_or(run_to, Episode::starts);
            for (from_secs, to_secs) in outages.between(from_secs, to_secs) {
                silences.push(Silence {
                    from_secs,
                    to_secs,
                    episodes_before: index,
                });
            }
            from_secs = next.map_or(run_to, |episode| {
                episode.ends() + f64::from(EPISODE_GAP_SECS)
            });
        }
    }
    silences
}

/// Finds the episodes that open with the first words of somebody who has come to the silent channel.
fn mark_triggered(heard: &mut Heard, lanes: &Lanes) {
    let Heard {
        episodes, turns, ..
    } = heard;
    let mut silent_from = f64::NEG_INFINITY;
    for episode in episodes {
        let starts = episode.starts();
        let speaker = episode
            .events
            .first()
            .and_then(|&event| lanes.speakers.get(event).copied().flatten());
        let from =
            turns.partition_point(|turn| turn.secs < (starts - TRIGGER_SECS).max(silent_from));
        let to = turns.partition_point(|turn| turn.secs <= starts);
        episode.triggered_after = turns
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .rev()
            .find(|turn| turn.is_coming && turn.is_seen && Some(turn.user) == speaker)
            .map(|turn| starts - turn.secs);
        silent_from = episode.ends() + f64::from(EPISODE_GAP_SECS);
    }
}
