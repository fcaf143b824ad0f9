//! The table of a capture's talk, row by row and without words. Only profiles that are to be resampled have one.

use crate::place::Misread;
use crate::traffic::profile::blocks::Block;
use crate::traffic::profile::blocks::TalkRow;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::ROWS;
use crate::traffic::profile::file::put_row;
use crate::traffic::profile::file::rows::Row;
use crate::traffic::profile::file::rows::Rows;
use crate::traffic::profile::talk::TalkKind;

const HEADER: &str = "block,channel,user,at_secs,kind,bytes";

/// Rows of a table; a hand-edited one can't make a reader allocate without end. As many as a trace that is fitted has events.
const ROWS_MAX: usize = 50_000_000;

/// Returns the text of the table.
pub(crate) fn write(blocks: &[Block]) -> String {
    let mut text = format!("{HEADER}\n");
    for (number, block) in blocks.iter().enumerate() {
        for row in &block.rows {
            put_row(
                &mut text,
                &[
                    &number,
                    &block.channel,
                    &row.user,
                    &row.at_secs,
                    &row.kind.as_str(),
                    &row.bytes,
                ],
            );
        }
    }
    text
}

/// Returns the blocks of a profile's files, or `None` if the profile keeps none.
pub(crate) fn read(
    folder: &Folder<'_>,
    cycle_secs: u32,
    channel_count: usize,
    user_count: usize,
) -> Result<Option<Vec<Block>>, Misread> {
    if !folder.has(ROWS) {
        return Ok(None);
    }
    let mut blocks: Vec<Block> = Vec::new();
    let mut row_count = 0;
    let mut rows = Rows::open(folder, ROWS, HEADER)?;
    while let Some(row) = rows.advance()? {
        row_count += 1;
        if row_count > ROWS_MAX {
            return Err(row.misread(format!("expected at most {ROWS_MAX} rows")));
        }
        let channel = row.number(1, channel_count)?;
        let number = row.count(0)? as usize;
        let is_open = number + 1 == blocks.len();
        if !is_open {
            row.expect_word(0, &blocks.len().to_string())?;
            blocks.push(Block {
                channel,
                rows: Vec::new(),
            });
        }
        let Some(block) = blocks.last_mut() else {
            continue;
        };
        if channel != block.channel {
            row.expect_word(1, &block.channel.to_string())?;
        }
        let earliest = block.rows.last().map_or(0.0, |last| last.at_secs);
        block.rows.push(TalkRow {
            user: row.user(2, user_count)?,
            at_secs: row.real(3, earliest, f64::from(cycle_secs))?,
            kind: kind(&row)?,
            bytes: row.count(5)?,
        });
    }
    Ok(Some(blocks))
}

fn kind(row: &Row<'_>) -> Result<TalkKind, Misread> {
    let word = row.field(4);
    let mut kinds = TalkKind::ALL.into_iter();
    kinds.find(|kind| kind.as_str() == word).ok_or_else(|| {
        let words = TalkKind::ALL.map(TalkKind::as_str).join(", ");
        row.misread(format!("expected a kind of talk, found `{word}`"))
            .with_help(format!("one of {words}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::blocks::examples::block;
    use crate::traffic::profile::examples;

    fn profile() -> Profile {
        let mut profile = examples::profile();
        let mut blocks = vec![
            block(&[(10.5, 1), (10.5, 0), (7_200.125, 1)]),
            block(&[(20_000.0, 2)]),
        ];
        blocks[0].rows[1].kind = TalkKind::Notice;
        profile.blocks = Some(blocks);
        profile
    }

    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let mut files = profile().write();
        let text = files.get_mut(ROWS).unwrap();
        assert!(text.contains(from), "no {from}");
        *text = text.replacen(from, to, 1);
        let error = Profile::read("x", &files).unwrap_err();
        assert_eq!(format!("{} --> {}", error.what, error.place), want);
    }

    #[test]
    fn rows_read_back_and_a_profile_without_has_no_file() {
        let files = profile().write();
        assert_eq!(Profile::read("x", &files).unwrap(), profile());
        assert_eq!(
            files[ROWS],
            "block,channel,user,at_secs,kind,bytes\n\
             0,0,1,10.5,message,21\n0,0,0,10.5,notice,20\n0,0,1,7200.125,message,21\n1,0,2,20000,message,22\n"
        );
        assert!(!examples::profile().write().contains_key(ROWS));
        // A capture of which nobody spoke in the weeks that count keeps an empty table.
        let mut silent = profile();
        silent.blocks = Some(Vec::new());
        assert_eq!(Profile::read("x", &silent.write()).unwrap(), silent);
    }

    #[test]
    fn wrong_rows_are_named_with_their_place() {
        check(
            "notice",
            "gossip",
            "expected a kind of talk, found `gossip` --> x/rows.csv:3",
        );
        check(
            "7200.125",
            "7.125",
            "expected at_secs from 10.5 to 2419200, found `7.125` --> x/rows.csv:4",
        );
        check(
            "1,0,2,",
            "3,0,2,",
            "expected block 1, found `3` --> x/rows.csv:5",
        );
        check(
            "0,0,1,7200",
            "0,1,1,7200",
            "expected a channel below 1, found 1 --> x/rows.csv:4",
        );
        check(
            "1,0,2,",
            "1,0,4,",
            "expected a user below 4, found 4 --> x/rows.csv:5",
        );
    }
}
