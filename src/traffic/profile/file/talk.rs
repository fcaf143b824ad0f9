//! The tables of talk: calendar, sizes, gaps, lengths, recency; and the channels with their speakers.

use std::collections::BTreeMap;

use crate::place::Misread;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::distribution::GAP_STEPS;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::SIZE_MAX;
use crate::traffic::profile::distribution::SIZE_STEPS;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::ProfileFiles;
use crate::traffic::profile::file::parameters::TalkParameters;
use crate::traffic::profile::file::put_row;
use crate::traffic::profile::file::rows::Row;
use crate::traffic::profile::file::rows::Rows;
use crate::traffic::profile::gaps::GAP_CLASSES;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::lengths::LENGTH_KNOTS;
use crate::traffic::profile::lengths::LENGTH_LEVELS;
use crate::traffic::profile::lengths::LengthTable;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::number;
use crate::traffic::profile::recency::BUCKETS;
use crate::traffic::profile::recency::COMPANIES;
use crate::traffic::profile::recency::OddsTable;
use crate::traffic::profile::recency::PLACES;
use crate::traffic::profile::recency::PlaceOdds;
use crate::traffic::profile::recency::Recency;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::TRIGGER_SECS;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::talk::Triggers;

/// Name of the table of episode starts by hour.
pub(crate) const CALENDAR: &str = "calendar.csv";
/// Name of the table of episode sizes.
pub(crate) const SIZES: &str = "sizes.csv";
/// Name of the table of gaps between messages, and of delays of first words.
pub(crate) const GAPS: &str = "gaps.csv";
/// Name of the table of message lengths.
pub(crate) const LENGTHS: &str = "lengths.csv";
/// Name of the table of who speaks next.
pub(crate) const RECENCY: &str = "recency.csv";
/// Name of the table of channels.
pub(crate) const CHANNELS: &str = "channels.csv";
/// Name of the table of speakers.
pub(crate) const SPEAKERS: &str = "speakers.csv";

const CALENDAR_HEADER: &str = "talk,day,hour,starts_per_hour,mean_size";
const SIZES_HEADER: &str = "talk,level,messages,messages_triggered";
const GAPS_HEADER: &str = "talk,level,secs_2_to_4,secs_5_to_19,secs_20_to_59,secs_60_to_149,secs_150_up,secs_notices,secs_trigger";
const RECENCY_HEADER: &str =
    "talk,gap_bucket,company,place_before,place_0,place_1,place_2,place_3,place_4,place_5,other";
const CHANNELS_HEADER: &str = "channel,talk,heat,messages_per_sec";
const SPEAKERS_HEADER: &str =
    "channel,user,weight,insistence,share,notice_share,action_share,trigger_share";

/// Channels of a profile; a hand-edited table can't make a reader allocate without end.
const CHANNELS_MAX: usize = 1_000_000;

/// Words for the two kinds of days, in the order of the calendar's cells.
const DAYS: [&str; 2] = ["weekday", "weekend"];

/// A gap has some length, or its logarithm has none.
const SECS_MIN: f64 = 1e-9;

/// Odds may miss a sum of one by this much, for people round.
const SUM_TOLERANCE: f64 = 0.001;

/// Returns the tables as files.
pub(crate) fn write(talks: &[Talk], channels: &[ChannelRow]) -> ProfileFiles {
    let mut files = ProfileFiles::new();
    let mut put = |name: &str, header: &str, write: &dyn Fn(&mut String, usize, &Talk)| {
        let mut text = format!("{header}\n");
        for (number, talk) in talks.iter().enumerate() {
            write(&mut text, number, talk);
        }
        files.insert(name.to_owned(), text);
    };
    put(CALENDAR, CALENDAR_HEADER, &write_calendar);
    put(SIZES, SIZES_HEADER, &write_sizes);
    put(GAPS, GAPS_HEADER, &write_gaps);
    put(LENGTHS, &lengths_header(), &write_lengths);
    put(RECENCY, RECENCY_HEADER, &write_recency);
    let mut rows = format!("{CHANNELS_HEADER}\n");
    let mut speakers = format!("{SPEAKERS_HEADER}\n");
    for (number, channel) in channels.iter().enumerate() {
        put_row(
            &mut rows,
            &[&number, &channel.talk, &channel.heat, &channel.rate],
        );
        for speaker in &channel.speakers {
            put_row(
                &mut speakers,
                &[
                    &number,
                    &speaker.user,
                    &speaker.weight,
                    &speaker.insistence,
                    &speaker.share,
                    &speaker.notice_share,
                    &speaker.action_share,
                    &speaker.trigger_share,
                ],
            );
        }
    }
    files.insert(CHANNELS.to_owned(), rows);
    files.insert(SPEAKERS.to_owned(), speakers);
    files
}

/// Returns the talks of a profile's files.
pub(crate) fn read_talks(
    folder: &Folder<'_>,
    parameters: &[TalkParameters],
    user_count: usize,
) -> Result<Vec<Talk>, Misread> {
    let mut calendars = Rows::open(folder, CALENDAR, CALENDAR_HEADER)?;
    let mut sizes = Rows::open(folder, SIZES, SIZES_HEADER)?;
    let mut gaps = Rows::open(folder, GAPS, GAPS_HEADER)?;
    let mut recency = Rows::open(folder, RECENCY, RECENCY_HEADER)?;
    let mut lengths = read_lengths(folder, parameters.len(), user_count)?.into_iter();
    let mut talks = Vec::with_capacity(parameters.len());
    for (number, parameters) in parameters.iter().enumerate() {
        let [own, triggered] = read_sizes(&mut sizes, number)?;
        let [smallest, small, middling, large, largest, notices, delays] =
            read_gaps(&mut gaps, number)?;
        talks.push(Talk {
            calendar: read_calendar(&mut calendars, number)?,
            excitation: parameters.excitation,
            day: parameters.day,
            triggers: Triggers {
                usual: parameters.trigger_share,
                delays,
                sizes: triggered,
            },
            sizes: own,
            gaps: Gaps {
                tables: [smallest, small, middling, large, largest],
                notices,
                pace_share: parameters.pace_share,
                drift_share: parameters.drift_share,
                correlation: parameters.gap_correlation,
            },
            notices: parameters.notices,
            recency: read_recency(&mut recency, number)?,
            newcomers: parameters.newcomers,
            speaker_day: parameters.speaker_day,
            lengths: lengths.next().unwrap_or_else(no_lengths),
            longest_episode_secs: parameters.longest_episode_secs,
        });
    }
    for rows in [&mut calendars, &mut sizes, &mut gaps, &mut recency] {
        rows.end()?;
    }
    Ok(talks)
}

fn write_calendar(text: &mut String, number: usize, talk: &Talk) {
    for (index, cell) in talk.calendar.cells().iter().enumerate() {
        let day = DAYS.get(index / 24).copied().unwrap_or_default();
        put_row(
            text,
            &[
                &number,
                &day,
                &(index % 24),
                &cell.starts_per_hour,
                &cell.mean_size,
            ],
        );
    }
}

fn read_calendar(rows: &mut Rows<'_>, number: usize) -> Result<Calendar, Misread> {
    let mut cells = [Cell::default(); CELL_COUNT];
    for (index, cell) in cells.iter_mut().enumerate() {
        let row = rows.demand("48 hours of each talk")?;
        row.expect_word(0, &number.to_string())?;
        row.expect_word(1, DAYS.get(index / 24).copied().unwrap_or_default())?;
        row.expect_word(2, &(index % 24).to_string())?;
        cell.starts_per_hour = row.real(3, 0.0, 1e6)?;
        cell.mean_size = row.real(4, 1.0, SIZE_MAX)?;
    }
    Ok(Calendar::new(cells))
}

/// Returns the level of a size, short enough to read.
fn size_level(index: usize) -> f64 {
    number::rounded(SizeTable::level(index), 6)
}

fn write_sizes(text: &mut String, number: usize, talk: &Talk) {
    let knots = talk.sizes.knots().iter().zip(talk.triggers.sizes.knots());
    for (index, (own, triggered)) in knots.enumerate() {
        put_row(text, &[&number, &size_level(index), own, triggered]);
    }
}

fn read_sizes(rows: &mut Rows<'_>, number: usize) -> Result<[SizeTable; 2], Misread> {
    let mut columns = [[1.0; SIZE_STEPS + 1]; 2];
    let mut last = [1.0; 2];
    for index in 0..=SIZE_STEPS {
        let row = rows.demand("129 levels of each talk")?;
        row.expect_word(0, &number.to_string())?;
        row.expect_word(1, &size_level(index).to_string())?;
        read_rising(&row, index, &mut columns, &mut last, SIZE_MAX)?;
    }
    Ok(columns.map(SizeTable::new))
}

/// Reads one row of columns that do not fall, the first of which is the third of the table.
fn read_rising<const N: usize, const KNOTS: usize>(
    row: &Row<'_>,
    index: usize,
    columns: &mut [[f64; KNOTS]; N],
    last: &mut [f64; N],
    most: f64,
) -> Result<(), Misread> {
    for (field, (column, last)) in (2..).zip(columns.iter_mut().zip(last)) {
        *last = row.real(field, *last, most)?;
        if let Some(knot) = column.get_mut(index) {
            *knot = *last;
        }
    }
    Ok(())
}

/// Returns the level of a gap: exact, for 32 is a power of two.
fn gap_level(index: usize) -> f64 {
    number::real(index) / number::real(GAP_STEPS)
}

fn write_gaps(text: &mut String, number: usize, talk: &Talk) {
    let others = [&talk.gaps.notices, &talk.triggers.delays];
    let tables: Vec<&GapTable> = talk.gaps.tables.iter().chain(others).collect();
    for index in 0..=GAP_STEPS {
        let secs: Vec<String> = tables
            .iter()
            .map(|table| table.secs().get(index).copied().unwrap_or(0.0).to_string())
            .collect();
        put_row(text, &[&number, &gap_level(index), &secs.join(",")]);
    }
}

fn read_gaps(rows: &mut Rows<'_>, number: usize) -> Result<[GapTable; GAP_CLASSES + 2], Misread> {
    let mut columns = [[SECS_MIN; GAP_STEPS + 1]; GAP_CLASSES + 2];
    let mut last = [SECS_MIN; GAP_CLASSES + 2];
    let most = f64::from(EPISODE_GAP_SECS).max(TRIGGER_SECS);
    for index in 0..=GAP_STEPS {
        let row = rows.demand("33 levels of each talk")?;
        row.expect_word(0, &number.to_string())?;
        row.expect_word(1, &gap_level(index).to_string())?;
        read_rising(&row, index, &mut columns, &mut last, most)?;
    }
    Ok(columns.map(GapTable::new))
}

fn write_recency(text: &mut String, number: usize, talk: &Talk) {
    for (bucket, companies) in talk.recency.odds.iter().enumerate() {
        for (company, rows) in companies.iter().enumerate() {
            for (place, odds) in rows.iter().enumerate() {
                let odds = odds.map(|share| share.to_string()).join(",");
                put_row(text, &[&number, &bucket, &company, &place, &odds]);
            }
        }
    }
}

fn read_recency(rows: &mut Rows<'_>, number: usize) -> Result<Recency, Misread> {
    let mut odds: OddsTable = [[[[0.0; PLACES + 1]; PLACES + 1]; COMPANIES]; BUCKETS];
    for (bucket, companies) in odds.iter_mut().enumerate() {
        for (company, rows_of_company) in companies.iter_mut().enumerate() {
            for (place, odds) in rows_of_company.iter_mut().enumerate() {
                let row = rows.demand("140 rows of each talk")?;
                row.expect_word(0, &number.to_string())?;
                row.expect_word(1, &bucket.to_string())?;
                row.expect_word(2, &company.to_string())?;
                row.expect_word(3, &place.to_string())?;
                *odds = read_odds(&row)?;
            }
        }
    }
    Ok(Recency { odds })
}

fn read_odds(row: &Row<'_>) -> Result<PlaceOdds, Misread> {
    let mut odds = [0.0; PLACES + 1];
    for (field, share) in (4..).zip(&mut odds) {
        *share = row.real(field, 0.0, 1.0)?;
    }
    let sum: f64 = odds.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(row.misread(format!(
            "expected probabilities that sum to 1, found a sum of {sum:.4}"
        )));
    }
    Ok(odds)
}

/// Returns the header of the length table: its levels.
fn lengths_header() -> String {
    let levels = LENGTH_LEVELS.map(|level| level.to_string());
    format!("talk,of,{}", levels.join(","))
}

fn write_lengths(text: &mut String, number: usize, talk: &Talk) {
    let mut put = |name: &str, table: &LengthTable| {
        let knots = table.knots.map(|bytes| bytes.to_string());
        put_row(text, &[&number, &name, &knots.join(",")]);
    };
    for (kind, table) in TalkKind::ALL.iter().zip(&talk.lengths.by_kind) {
        put(kind.as_str(), table);
    }
    for (user, table) in &talk.lengths.by_user {
        put(&user.to_string(), table);
    }
}

fn no_lengths() -> Lengths {
    Lengths {
        by_kind: [LengthTable {
            knots: [1.0; LENGTH_KNOTS],
        }; 3],
        by_user: BTreeMap::new(),
    }
}

fn read_lengths(
    folder: &Folder<'_>,
    talk_count: usize,
    user_count: usize,
) -> Result<Vec<Lengths>, Misread> {
    let mut rows = Rows::open(folder, LENGTHS, &lengths_header())?;
    let mut all: Vec<Lengths> = Vec::with_capacity(talk_count);
    while let Some(row) = rows.advance()? {
        let number = row.number(0, talk_count)? as usize;
        if number != all.len().saturating_sub(1) || all.is_empty() {
            row.expect_word(0, &all.len().to_string())?;
            all.push(no_lengths());
        }
        let Some(lengths) = all.last_mut() else {
            continue;
        };
        let knots = read_length_knots(&row)?;
        let kinds = TalkKind::ALL.iter().zip(&mut lengths.by_kind);
        if let Some((_, table)) = kinds
            .into_iter()
            .find(|(kind, _)| kind.as_str() == row.field(1))
        {
            *table = knots;
            continue;
        }
        let user = row.user(1, user_count)?;
        if lengths.by_user.insert(user, knots).is_some() {
            return Err(row.misread(format!("expected one row for user {user}, found two")));
        }
    }
    Ok(all)
}

fn read_length_knots(row: &Row<'_>) -> Result<LengthTable, Misread> {
    let mut knots = [0.0; LENGTH_KNOTS];
    let mut last = 0.0;
    for (field, knot) in (2..).zip(&mut knots) {
        last = row.real(field, last, 65_535.0)?;
        *knot = last;
    }
    Ok(LengthTable { knots })
}

/// Returns how many channels a profile's files have.
pub(crate) fn channel_count(folder: &Folder<'_>) -> Result<usize, Misread> {
    let mut rows = Rows::open(folder, CHANNELS, CHANNELS_HEADER)?;
    let mut count = 0;
    while let Some(row) = rows.advance()? {
        if count == CHANNELS_MAX {
            return Err(row.misread(format!("expected at most {CHANNELS_MAX} channels")));
        }
        count += 1;
    }
    Ok(count)
}

/// Returns the channels of a profile's files with their speakers.
pub(crate) fn read_channels(
    folder: &Folder<'_>,
    talk_count: usize,
    user_count: usize,
) -> Result<Vec<ChannelRow>, Misread> {
    let mut channels: Vec<ChannelRow> = Vec::new();
    let mut rows = Rows::open(folder, CHANNELS, CHANNELS_HEADER)?;
    while let Some(row) = rows.advance()? {
        row.expect_word(0, &channels.len().to_string())?;
        channels.push(ChannelRow {
            talk: row.number(1, talk_count)?,
            heat: row.real(2, 0.0, 1e6)?,
            rate: row.real(3, 0.0, 1e6)?,
            speakers: Vec::new(),
        });
    }
    if channels.is_empty() {
        rows.demand("at least one channel")?;
    }
    let channel_count = channels.len();
    let mut rows = Rows::open(folder, SPEAKERS, SPEAKERS_HEADER)?;
    while let Some(row) = rows.advance()? {
        let channel = row.number(0, channel_count)?;
        let speaker = Speaker {
            user: row.user(1, user_count)?,
            weight: row.real(2, 0.0, 1e9)?,
            insistence: row.real(3, 0.0, 1e6)?,
            share: row.real(4, 0.0, 1.0)?,
            notice_share: row.real(5, 0.0, 1.0)?,
            action_share: row.real(6, 0.0, 1.0)?,
            trigger_share: row.real(7, 0.0, 1.0)?,
        };
        let Some(channel) = channels.get_mut(channel as usize) else {
            continue;
        };
        if channel
            .speakers
            .last()
            .is_some_and(|last| last.user >= speaker.user)
        {
            return Err(
                row.misread("expected the users of a channel in order, each once".to_owned())
            );
        }
        channel.speakers.push(speaker);
    }
    Ok(channels)
}
