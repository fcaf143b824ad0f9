//! The table of scores. Only profiles that were checked have one.

use crate::place::Misread;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::SCORES;
use crate::traffic::profile::file::put_row;
use crate::traffic::profile::file::rows::Row;
use crate::traffic::profile::file::rows::Rows;
use crate::traffic::profile::scores::ScoreRow;
use crate::traffic::profile::scores::Scores;

const HEADER: &str = "score,generated,live,demanded";

/// First cell of the row that tells of the check: generator, samples, day.
const CHECK: &str = "check";

/// Longest word and most rows: a check has some forty scores.
const WORD_BYTES_MAX: usize = 64;
const ROWS_MAX: usize = 1_000;

/// Scores are shares, distances, logarithms and ratios.
const VALUE_MAX: f64 = 1e9;

/// Returns the text of the table.
pub(crate) fn write(scores: &Scores) -> String {
    let mut text = format!("{HEADER}\n");
    put_row(
        &mut text,
        &[
            &CHECK,
            &scores.generator,
            &scores.seed_count,
            &scores.checked_on,
        ],
    );
    for row in &scores.rows {
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        put_row(
            &mut text,
            &[
                &row.key,
                &row.generated,
                &cell(row.live),
                &cell(row.demanded),
            ],
        );
    }
    text
}

/// Returns the table of a profile's files, or `None` if the profile has none.
pub(crate) fn read(folder: &Folder<'_>) -> Result<Option<Scores>, Misread> {
    if !folder.has(SCORES) {
        return Ok(None);
    }
    let mut rows = Rows::open(folder, SCORES, HEADER)?;
    let row = rows.demand("generator, samples and day of the check")?;
    row.expect_word(0, CHECK)?;
    let mut scores = Scores {
        generator: word(&row, 1)?,
        seed_count: row.count(2)?,
        checked_on: word(&row, 3)?,
        rows: Vec::new(),
    };
    while let Some(row) = rows.advance()? {
        if scores.rows.len() == ROWS_MAX {
            return Err(row.misread(format!("expected at most {ROWS_MAX} scores")));
        }
        let perhaps = |column: usize| {
            let is_empty = row.field(column).is_empty();
            (!is_empty)
                .then(|| row.real(column, -VALUE_MAX, VALUE_MAX))
                .transpose()
        };
        scores.rows.push(ScoreRow {
            key: word(&row, 0)?,
            generated: row.real(1, -VALUE_MAX, VALUE_MAX)?,
            live: perhaps(2)?,
            demanded: perhaps(3)?,
        });
    }
    Ok(Some(scores))
}

/// Returns a short word in a column.
fn word(row: &Row<'_>, column: usize) -> Result<String, Misread> {
    let found = row.field(column);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if found.is_empty() || found.len() > WORD_BYTES_MAX || !found.bytes().all(is_word) {
        return Err(row.misread(format!("expected a word, found `{found}`")));
    }
    Ok(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::examples;

    fn scores() -> Scores {
        let row = |key: &str, generated, live, demanded| ScoreRow {
            key: key.to_owned(),
            generated,
            live,
            demanded,
        };
        Scores {
            generator: "model".to_owned(),
            seed_count: 5,
            checked_on: "2026-01-31".to_owned(),
            rows: vec![
                row("auc.p1.a.windows", 0.594, Some(0.47), Some(0.59)),
                row("gaps.ks", 0.035, Some(0.02), Some(0.08)),
                row("hours.js", 0.01, None, None),
            ],
        }
    }

    #[test]
    fn scores_read_back_and_are_told() {
        let mut profile = examples::profile();
        profile.set_scores(Some(scores()));
        let back = Profile::read("x", &profile.write()).unwrap();
        assert_eq!(back.scores(), Some(&scores()));
        let want = "1 of 2 demands met by model in 5 samples, checked on 2026-01-31; missed: auc.p1.a.windows 0.594";
        assert_eq!(scores().text(), want);
        assert!(profile.summary().contains("scores    1 of 2 demands met"));
    }

    #[test]
    fn what_is_no_score_is_refused_with_its_place() {
        let mut files = examples::profile().write();
        for (text, want) in [
            (
                "score,generated,live,demanded\n",
                "expected generator, samples and day of the check, found fewer rows",
            ),
            (
                "score,generated,live,demanded\ncheck,model,5,2026-01-31\ngaps.ks,often,,\n",
                "expected generated from",
            ),
            (
                "score,generated,live,demanded\ncheck,a model,5,2026-01-31\n",
                "expected a word, found `a model`",
            ),
        ] {
            files.insert(SCORES.to_owned(), text.to_owned());
            let error = Profile::read("x", &files).unwrap_err();
            assert!(error.what.starts_with(want), "{}", error.what);
        }
    }
}
