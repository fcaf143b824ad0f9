//! The table of weeks: nulls, the last weeks of the capture, and how the alarm did on it. Only long captures have one.

use crate::place::Misread;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::WEEKS;
use crate::traffic::profile::file::put_row;
use crate::traffic::profile::file::rows::Row;
use crate::traffic::profile::file::rows::Rows;
use crate::traffic::profile::number;
use crate::traffic::profile::weekly::GAP_STEPS;
use crate::traffic::profile::weekly::Null;
use crate::traffic::profile::weekly::REFERENCE_WEEKS;
use crate::traffic::profile::weekly::Reference;
use crate::traffic::profile::weekly::Statistic;
use crate::traffic::profile::weekly::Trial;
use crate::traffic::profile::weekly::Tried;
use crate::traffic::profile::weekly::Weekly;
use crate::traffic::trace::event::EventKind;

const HEADER: &str = "what,of,place,value";

/// Values are logarithms, distances and spreads of them: nothing real is near this.
const VALUE_MAX: f64 = 1e6;

/// Smallest scale: a scale of zero would make any difference an alarm.
const SCALE_MIN: f64 = 1e-6;

/// Most events of a kind in eight weeks, and most seconds of a gap: more than any capture holds.
const COUNT_MAX: f64 = 1e12;

/// Returns the text of the table.
pub(crate) fn write(weekly: &Weekly) -> String {
    let mut text = format!("{HEADER}\n");
    put_row(&mut text, &[&"clock", &"end", &"us", &weekly.end_us]);
    put_row(&mut text, &[&"clock", &"tick", &"us", &weekly.tick_us]);
    for (statistic, null) in Statistic::ALL.into_iter().zip(&weekly.nulls) {
        let Some(null) = null else { continue };
        let of = statistic.as_str();
        put_row(&mut text, &[&"null", &of, &"centre", &null.centre]);
        put_row(&mut text, &[&"null", &of, &"scale", &null.scale]);
        put_row(&mut text, &[&"null", &of, &"weeks", &null.week_count]);
    }
    for (number, values) in weekly.reference.weeks.iter().enumerate() {
        for (statistic, value) in Statistic::ALL.into_iter().zip(values) {
            if let Some(value) = value {
                put_row(&mut text, &[&"week", &statistic.as_str(), &number, value]);
            }
        }
    }
    for (kind, count) in EventKind::ALL.into_iter().zip(&weekly.reference.mix) {
        put_row(&mut text, &[&"mix", &kind.as_str(), &"events", count]);
    }
    for (step, secs) in weekly.reference.gaps_secs.iter().enumerate() {
        put_row(&mut text, &[&"gaps", &"secs", &level(step), secs]);
    }
    for (trial, tried) in Trial::ALL.into_iter().zip(&weekly.tried) {
        let of = trial.as_str();
        put_row(&mut text, &[&"alarm", &of, &"pairs", &tried.pair_count]);
        put_row(&mut text, &[&"alarm", &of, &"alarms", &tried.alarm_count]);
    }
    text
}

/// Returns the level of a quantile: exact, for 128 is a power of two.
fn level(step: usize) -> f64 {
    number::real(step) / number::real(GAP_STEPS)
}

/// Returns the table of a profile's files, or `None` if the profile has none.
pub(crate) fn read(folder: &Folder<'_>) -> Result<Option<Weekly>, Misread> {
    if !folder.has(WEEKS) {
        return Ok(None);
    }
    let mut rows = Rows::open(folder, WEEKS, HEADER)?;
    let row = rows.demand("the end of the last week")?;
    row.expect_word(0, "clock")?;
    row.expect_word(1, "end")?;
    row.expect_word(2, "us")?;
    let end_us = row
        .field(3)
        .parse()
        .map_err(|_| row.misread(format!("expected microseconds, found `{}`", row.field(3))))?;
    let row = rows.demand("the tick of the capture's clock")?;
    row.expect_word(0, "clock")?;
    row.expect_word(1, "tick")?;
    row.expect_word(2, "us")?;
    let mut weekly = Weekly {
        end_us,
        tick_us: row.count(3)?,
        nulls: [None; Statistic::COUNT],
        reference: Reference::default(),
        tried: [Tried::default(); Trial::COUNT],
    };
    while let Some(row) = rows.advance()? {
        match row.field(0) {
            "null" => read_null(&row, &mut weekly)?,
            "week" => read_week(&row, &mut weekly.reference)?,
            "mix" => read_mix(&row, &mut weekly.reference)?,
            "gaps" => read_gap(&row, &mut weekly.reference)?,
            "alarm" => read_alarm(&row, &mut weekly)?,
            found => {
                return Err(row.misread(format!(
                    "expected what null, week, mix, gaps or alarm, found `{found}`"
                )));
            }
        }
    }
    let gap_count = weekly.reference.gaps_secs.len();
    if gap_count != 0 && gap_count != GAP_STEPS + 1 {
        rows.demand("129 levels of gaps")?;
    }
    if weekly.nulls.iter().flatten().any(|null| null.scale <= 0.0) {
        rows.demand("centre, scale and weeks of each null")?;
    }
    if weekly
        .tried
        .iter()
        .any(|tried| tried.alarm_count > tried.pair_count)
    {
        rows.demand("no more alarms than pairs of weeks")?;
    }
    Ok(Some(weekly))
}

fn read_null(row: &Row<'_>, weekly: &mut Weekly) -> Result<(), Misread> {
    let statistic = statistic(row)?;
    let Some(null) = weekly.nulls.get_mut(statistic.place()) else {
        return Ok(());
    };
    // A scale of zero marks one that is still to come.
    let null = null.get_or_insert(Null {
        centre: 0.0,
        scale: 0.0,
        week_count: 0,
    });
    match row.field(2) {
        "centre" => null.centre = row.real(3, -VALUE_MAX, VALUE_MAX)?,
        "scale" => null.scale = row.real(3, SCALE_MIN, VALUE_MAX)?,
        "weeks" => null.week_count = row.count(3)?,
        found => {
            return Err(row.misread(format!("expected centre, scale or weeks, found `{found}`")));
        }
    }
    Ok(())
}

fn read_week(row: &Row<'_>, reference: &mut Reference) -> Result<(), Misread> {
    let statistic = statistic(row)?;
    let number = row.number(2, REFERENCE_WEEKS)? as usize;
    if statistic.is_distance() || number > reference.weeks.len() {
        return Err(row.misread(format!(
            "expected a value of week {}, found `{}` of week {number}",
            reference.weeks.len(),
            statistic.as_str()
        )));
    }
    if number == reference.weeks.len() {
        reference.weeks.push([None; Statistic::COUNT]);
    }
    let values = reference.weeks.get_mut(number);
    if let Some(value) = values.and_then(|values| values.get_mut(statistic.place())) {
        *value = Some(row.real(3, -VALUE_MAX, VALUE_MAX)?);
    }
    Ok(())
}

fn read_mix(row: &Row<'_>, reference: &mut Reference) -> Result<(), Misread> {
    let word = row.field(1);
    let mut kinds = EventKind::ALL.into_iter().zip(&mut reference.mix);
    let Some((_, count)) = kinds.find(|(kind, _)| kind.as_str() == word) else {
        return Err(row.misread(format!("expected a kind of event, found `{word}`")));
    };
    row.expect_word(2, "events")?;
    *count = row.real(3, 0.0, COUNT_MAX)?;
    Ok(())
}

fn read_gap(row: &Row<'_>, reference: &mut Reference) -> Result<(), Misread> {
    let step = reference.gaps_secs.len();
    if step > GAP_STEPS {
        return Err(row.misread("expected 129 levels of gaps, found more".to_owned()));
    }
    row.expect_word(1, "secs")?;
    row.expect_word(2, &level(step).to_string())?;
    let least = reference.gaps_secs.last().copied().unwrap_or(0.0);
    reference.gaps_secs.push(row.real(3, least, COUNT_MAX)?);
    Ok(())
}

fn read_alarm(row: &Row<'_>, weekly: &mut Weekly) -> Result<(), Misread> {
    let word = row.field(1);
    let trial = Trial::from_word(word)
        .ok_or_else(|| row.misread(format!("expected a change, found `{word}`")))?;
    let count = row.count(3)?;
    let Some(tried) = weekly.tried.get_mut(trial.place()) else {
        return Ok(());
    };
    match row.field(2) {
        "pairs" => tried.pair_count = count,
        "alarms" => tried.alarm_count = count,
        found => return Err(row.misread(format!("expected pairs or alarms, found `{found}`"))),
    }
    Ok(())
}

fn statistic(row: &Row<'_>) -> Result<Statistic, Misread> {
    let word = row.field(1);
    Statistic::from_word(word)
        .ok_or_else(|| row.misread(format!("expected a statistic, found `{word}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::Profile;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::weekly;

    fn profile() -> Profile {
        let mut profile = examples::profile();
        profile.set_weekly(Some(weekly::examples::weekly()));
        profile
    }

    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let mut files = profile().write();
        let text = files.get_mut(WEEKS).unwrap();
        assert!(text.contains(from), "no {from}");
        *text = text.replacen(from, to, 1);
        let error = Profile::read("x", &files).unwrap_err();
        assert_eq!(format!("{} --> {}", error.what, error.place), want);
    }

    #[test]
    fn weeks_read_back_and_a_profile_without_has_no_file() {
        let files = profile().write();
        assert_eq!(Profile::read("x", &files).unwrap(), profile());
        assert!(!examples::profile().write().contains_key(WEEKS));
    }

    #[test]
    fn wrong_rows_are_named_with_their_place() {
        check(
            "null,mix,",
            "null,mox,",
            "expected a statistic, found `mox` --> x/weeks.csv:13",
        );
        check(
            "scale,0.1",
            "scale,0",
            "expected value from 0.000001 to 1000000, found `0` --> x/weeks.csv:5",
        );
        check(
            "week,talk_rate,1,",
            "week,talk_rate,4,",
            "expected a value of week 1, found `talk_rate` of week 4 --> x/weeks.csv:43",
        );
        check(
            "gaps,secs,1,",
            "gaps,secs,0.5,",
            "expected place 1, found `0.5` --> x/weeks.csv:245",
        );
        check(
            "alarm,halved,alarms,10",
            "alarm,halved,alarms,11",
            "expected no more alarms than pairs of weeks, found fewer rows --> x/weeks.csv",
        );
        check(
            "mix,join",
            "mux,join",
            "expected what null, week, mix, gaps or alarm, found `mux` --> x/weeks.csv:109",
        );
    }
}
