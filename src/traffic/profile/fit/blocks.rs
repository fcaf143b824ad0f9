//! The blocks of a trace's talk, for a profile that keeps them.

use crate::traffic::profile::blocks;
use crate::traffic::profile::blocks::Block;
use crate::traffic::profile::blocks::HeardRow;
use crate::traffic::profile::blocks::TalkRow;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::number;

/// Returns the blocks of what was heard, by channel and time. Private messages are in no channel, so they are in no block.
pub(crate) fn of(window: &Window, heard: &[Heard], lanes: &Lanes, has_churn: bool) -> Vec<Block> {
    let by_channel = (0..).zip(heard).map(|(channel, heard)| {
        let rows: Vec<HeardRow> = heard
            .episodes
            .iter()
            .flat_map(|episode| rows(window, episode, lanes))
            .collect();
        blocks::split(channel, &rows, has_churn)
    });
    by_channel.flatten().collect()
}

/// Returns the messages of an episode.
fn rows(window: &Window, episode: &Episode, lanes: &Lanes) -> impl Iterator<Item = HeardRow> {
    let said = episode.kinds.iter().zip(&episode.bytes);
    let heard = episode.at_secs.iter().zip(&episode.events);
    heard
        .zip(said)
        .filter_map(|((&heard_secs, &event), (&kind, &bytes))| {
            let user = lanes.speakers.get(event).copied().flatten()?;
            let at_secs = number::to_millis(window.cycle_secs_at(heard_secs));
            Some(HeardRow {
                heard_secs,
                row: TalkRow {
                    at_secs,
                    user,
                    kind,
                    bytes,
                },
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::fit::FitOptions;
    use crate::traffic::profile::fit::Keeps;
    use crate::traffic::profile::fit::Weeks;
    use crate::traffic::profile::fit::examples;
    use crate::traffic::trace::event::Event;

    /// Fits every other day of ten, and shows the whole seconds of each block.
    #[track_caller]
    fn check(events: &[Event], want: &[&[u32]]) {
        let options = FitOptions {
            weeks: Weeks::Odd,
            keeps: Keeps::Rows,
            ..examples::options()
        };
        let profile = Profile::fit(&examples::meta(), events, &options).unwrap();
        let secs = |block: &Block| {
            let rows = block.rows.iter();
            rows.map(|row| number::whole(row.at_secs))
                .collect::<Vec<u32>>()
        };
        let blocks = profile.blocks().unwrap();
        assert_eq!(blocks.iter().map(secs).collect::<Vec<_>>(), want);
        let users: Vec<u32> = blocks[0].rows.iter().map(|row| row.user).collect();
        assert_eq!(users, [0, 1]);
        assert!(
            blocks
                .iter()
                .flat_map(|block| &block.rows)
                .all(|row| row.bytes == 20)
        );
        let without = FitOptions {
            keeps: Keeps::Timelines,
            ..options
        };
        let without = Profile::fit(&examples::meta(), events, &without).unwrap();
        assert_eq!(without.blocks(), None);
    }

    #[test]
    fn blocks_end_at_silence_and_where_days_meet_that_were_apart() {
        let mut events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (0.0, "join", "birch", "", ""),
            (70_000.0, "message", "alder", "", ""),
            (70_100.0, "action", "birch", "", ""),
            (70_105.0, "message", "birch", "", ""),
            (86_390.0, "message", "alder", "", ""),
            // The second day does not count.
            (90_000.0, "message", "alder", "", ""),
            (172_805.0, "message", "birch", "", ""),
            (172_900.0, "message", "alder", "", ""),
            (863_999.0, "topic", "alder", "", ""),
        ]);
        // Nobody in the channel hears a private message.
        events[4].channel = "".into();
        check(&events, &[&[70_000, 70_100], &[86_390], &[86_405, 86_500]]);
    }
}
