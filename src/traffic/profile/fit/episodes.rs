//! Episodes: runs of talk in one channel without ten minutes of silence.

use crate::traffic::profile::fit::timelines::Seen;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::TalkKind;

/// A run of talk in one channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Episode {
    /// When each message was, in seconds from the window's start.
    pub(crate) at_secs: Vec<f64>,
    /// The kind of each message.
    pub(crate) kinds: Vec<TalkKind>,
    /// The position of each message among the trace's events.
    pub(crate) events: Vec<usize>,
    /// The length of each message in bytes.
    pub(crate) bytes: Vec<u32>,
    /// Seconds since the first speaker came, if that is what began it.
    pub(crate) triggered_after: Option<f64>,
}

impl Episode {
    /// Returns when the first message was.
    pub(crate) fn starts(&self) -> f64 {
        self.at_secs.first().copied().unwrap_or(0.0)
    }

    /// Returns when the last message was.
    pub(crate) fn ends(&self) -> f64 {
        self.at_secs.last().copied().unwrap_or(0.0)
    }

    /// Returns the seconds between neighbouring messages.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = f64> {
        self.at_secs
            .windows(2)
            .filter_map(|pair| Some(pair.last()? - pair.first()?))
    }
}

/// Returns the episodes in the window by the number of their channel, in order of time.
pub(crate) fn split(seen: &Seen<'_>) -> Vec<Vec<Episode>> {
    let mut by_channel: Vec<Vec<Episode>> = vec![Vec::new(); seen.channels.count()];
    for (position, (event, &secs)) in seen.events.iter().zip(seen.moments).enumerate() {
        let kind = TalkKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == event.kind.as_str());
        let Some(kind) = kind.filter(|_| seen.window.contains(secs)) else {
            continue;
        };
        let channel = seen.channels.number(&event.channel);
        let Some(episodes) = channel.and_then(|channel| by_channel.get_mut(channel as usize))
        else {
            continue;
        };
        let last_secs = episodes
            .last()
            .and_then(|episode| episode.at_secs.last())
            .copied();
        if last_secs.is_none_or(|last| secs - last > f64::from(EPISODE_GAP_SECS)) {
            episodes.push(Episode::default());
        }
        if let Some(episode) = episodes.last_mut() {
            episode.at_secs.push(secs);
            episode.kinds.push(kind);
            episode.events.push(position);
            episode.bytes.push(event.bytes);
        }
    }
    by_channel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;

    #[test]
    fn ten_minutes_of_silence_end_an_episode() {
        let events = examples::events(&[
            (0.0, "message", "alder", "", ""),
            (600.0, "action", "birch", "", ""),
            (700.0, "join", "cedar", "", ""),
            (1_201.0, "notice", "alder", "", ""),
            (86_399.0, "message", "alder", "", ""),
        ]);
        let view = examples::View::of(&events);
        let episodes = split(&view.seen()).remove(0);
        let sizes: Vec<usize> = episodes
            .iter()
            .map(|episode| episode.at_secs.len())
            .collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!(episodes[0].gaps().collect::<Vec<_>>(), [600.0]);
        assert_eq!(episodes[0].kinds, [TalkKind::Message, TalkKind::Action]);
    }
}
