//! The tables of a profile: calendar, sizes, gaps, lengths, users, sessions and changes, as CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::place::Misread;
use crate::place::Place;
use crate::traffic::profile::calendar::CELL_COUNT;
use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::calendar::Cell;
use crate::traffic::profile::distribution::GAP_STEPS;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::SIZE_MAX;
use crate::traffic::profile::distribution::SIZE_STEPS;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::file;
use crate::traffic::profile::file::ProfileFiles;
use crate::traffic::profile::lengths::LENGTH_KNOTS;
use crate::traffic::profile::lengths::LENGTH_LEVELS;
use crate::traffic::profile::lengths::LengthTable;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::number;
use crate::traffic::profile::rows::Row;
use crate::traffic::profile::rows::Rows;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::SessionRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::cause::LeaveCause;

/// Name of the table of episode starts by hour.
pub(crate) const CALENDAR: &str = "calendar.csv";
/// Name of the table of episode sizes.
pub(crate) const SIZES: &str = "sizes.csv";
/// Name of the table of gaps between messages.
pub(crate) const GAPS: &str = "gaps.csv";
/// Name of the table of message lengths.
pub(crate) const LENGTHS: &str = "lengths.csv";
/// Name of the table of users.
pub(crate) const USERS: &str = "users.csv";
/// Name of the table of sessions.
pub(crate) const SESSIONS: &str = "sessions.csv";
/// Name of the table of nick, mode, topic and kick changes.
pub(crate) const CHANGES: &str = "changes.csv";

/// Users of a profile; a hand-edited table can't make a reader allocate without end.
const USERS_MAX: usize = 1_000_000;

const CALENDAR_HEADER: &str = "day,hour,starts_per_hour,mean_size";
const SIZES_HEADER: &str = "level,messages";
const GAPS_HEADER: &str = "level,secs_2_to_4,secs_5_to_19,secs_20_up";
const USERS_HEADER: &str = "user,group,speak_weight,action_share,notice_share";
const SESSIONS_HEADER: &str = "user,start_secs,end_secs,cause,has_join,has_leave";
const CHANGES_HEADER: &str = "user,at_secs,change,victim";

/// Words for the two kinds of days, in the order of the calendar's cells.
const DAYS: [&str; 2] = ["weekday", "weekend"];

/// Returns the text of one file of the profile in `folder`.
pub(crate) fn text_of<'a>(
    folder: &str,
    files: &'a ProfileFiles,
    name: &str,
) -> Result<&'a str, Misread> {
    files.get(name).map(String::as_str).ok_or_else(|| {
        Misread::new(
            format!("expected the file {name}, found none"),
            Place::file(file::path_of(folder, name)),
        )
        .with_help("a profile is a folder as `splitstorm profile fit` writes it")
    })
}

/// Returns the tables as files.
pub(crate) fn write(talk: &Talk, users: &[UserTimeline]) -> ProfileFiles {
    BTreeMap::from([
        (CALENDAR.to_owned(), write_calendar(&talk.calendar)),
        (SIZES.to_owned(), write_sizes(&talk.sizes)),
        (GAPS.to_owned(), write_gaps(&talk.gaps.tables)),
        (LENGTHS.to_owned(), write_lengths(&talk.lengths)),
        (USERS.to_owned(), write_users(users)),
        (SESSIONS.to_owned(), write_sessions(users)),
        (CHANGES.to_owned(), write_changes(users)),
    ])
}

/// Appends a row; writing into a String does not fail.
macro_rules! row {
    ($text:expr, $($arguments:tt)*) => {
        let _ = writeln!($text, $($arguments)*);
    };
}

/// Returns the text of a table with only its header.
fn headed(header: &str) -> String {
    format!("{header}\n")
}

fn write_calendar(calendar: &Calendar) -> String {
    let mut text = headed(CALENDAR_HEADER);
    for (index, cell) in calendar.cells().iter().enumerate() {
        let day = DAYS.get(index / 24).copied().unwrap_or_default();
        row!(
            text,
            "{day},{},{},{}",
            index % 24,
            cell.starts_per_hour,
            cell.mean_size
        );
    }
    text
}

/// Returns the calendar of a profile's files.
pub(crate) fn read_calendar(folder: &str, files: &ProfileFiles) -> Result<Calendar, Misread> {
    let mut rows = Rows::open(folder, files, CALENDAR, CALENDAR_HEADER)?;
    let mut cells = [Cell::default(); CELL_COUNT];
    for (index, cell) in cells.iter_mut().enumerate() {
        let row = rows.demand("48 hours")?;
        row.expect_word(0, DAYS.get(index / 24).copied().unwrap_or_default())?;
        row.expect_word(1, &(index % 24).to_string())?;
        cell.starts_per_hour = row.real(2, 0.0, 1e6)?;
        cell.mean_size = row.real(3, 1.0, SIZE_MAX)?;
    }
    rows.end()?;
    Ok(Calendar::new(cells))
}

fn write_sizes(sizes: &SizeTable) -> String {
    let mut text = headed(SIZES_HEADER);
    for (index, knot) in sizes.knots().iter().enumerate() {
        row!(text, "{},{knot}", size_level(index));
    }
    text
}

/// Returns the level of a size, short enough to read.
fn size_level(index: usize) -> f64 {
    number::rounded(SizeTable::level(index), 6)
}

/// Returns the episode sizes of a profile's files.
pub(crate) fn read_sizes(folder: &str, files: &ProfileFiles) -> Result<SizeTable, Misread> {
    let mut rows = Rows::open(folder, files, SIZES, SIZES_HEADER)?;
    let mut knots = [1.0; SIZE_STEPS + 1];
    let mut last = 1.0;
    for (index, knot) in knots.iter_mut().enumerate() {
        let row = rows.demand("129 levels")?;
        row.expect_word(0, &size_level(index).to_string())?;
        *knot = row.real(1, last, SIZE_MAX)?;
        last = *knot;
    }
    rows.end()?;
    Ok(SizeTable::new(knots))
}

fn write_gaps(gaps: &[GapTable; 3]) -> String {
    let mut text = headed(GAPS_HEADER);
    let [few, some, many] = gaps;
    let columns = few.secs().iter().zip(some.secs()).zip(many.secs());
    for (index, ((few, some), many)) in columns.enumerate() {
        row!(text, "{},{few},{some},{many}", gap_level(index));
    }
    text
}

/// Returns the level of a gap: exact, for 32 is a power of two.
fn gap_level(index: usize) -> f64 {
    number::real(index) / number::real(GAP_STEPS)
}

/// Returns the gaps of a profile's files.
pub(crate) fn read_gaps(folder: &str, files: &ProfileFiles) -> Result<[GapTable; 3], Misread> {
    /// A gap has some length, or its logarithm has none.
    const SECS_MIN: f64 = 1e-9;
    let mut rows = Rows::open(folder, files, GAPS, GAPS_HEADER)?;
    let mut columns = [[SECS_MIN; GAP_STEPS + 1]; 3];
    let mut last = [SECS_MIN; 3];
    for index in 0..=GAP_STEPS {
        let row = rows.demand("33 levels")?;
        row.expect_word(0, &gap_level(index).to_string())?;
        for (field, (column, last)) in (1..).zip(columns.iter_mut().zip(&mut last)) {
            *last = row.real(field, *last, f64::from(EPISODE_GAP_SECS))?;
            if let Some(secs) = column.get_mut(index) {
                *secs = *last;
            }
        }
    }
    rows.end()?;
    Ok(columns.map(GapTable::new))
}

/// Returns the header of the length table: its levels.
fn lengths_header() -> String {
    let levels = LENGTH_LEVELS.map(|level| level.to_string());
    format!("of,{}", levels.join(","))
}

fn write_lengths(lengths: &Lengths) -> String {
    let mut text = headed(&lengths_header());
    let mut put = |name: &str, table: &LengthTable| {
        let knots = table.knots.map(|bytes| bytes.to_string());
        row!(text, "{name},{}", knots.join(","));
    };
    for (kind, table) in TalkKind::ALL.iter().zip(&lengths.by_kind) {
        put(kind.as_str(), table);
    }
    for (user, table) in &lengths.by_user {
        put(&user.to_string(), table);
    }
    text
}

/// Returns the message lengths of a profile's files.
pub(crate) fn read_lengths(
    folder: &str,
    files: &ProfileFiles,
    user_count: usize,
) -> Result<Lengths, Misread> {
    let mut rows = Rows::open(folder, files, LENGTHS, &lengths_header())?;
    let mut by_kind = [LengthTable {
        knots: [1.0; LENGTH_KNOTS],
    }; 3];
    for (kind, table) in TalkKind::ALL.iter().zip(&mut by_kind) {
        let row = rows.demand("a row for each kind")?;
        row.expect_word(0, kind.as_str())?;
        *table = read_length_knots(&row)?;
    }
    let mut by_user = BTreeMap::new();
    while let Some(row) = rows.advance()? {
        let user = row.user(0, user_count)?;
        if by_user.insert(user, read_length_knots(&row)?).is_some() {
            return Err(row.misread(format!("expected one row for user {user}, found two")));
        }
    }
    Ok(Lengths { by_kind, by_user })
}

fn read_length_knots(row: &Row<'_>) -> Result<LengthTable, Misread> {
    let mut knots = [0.0; LENGTH_KNOTS];
    let mut last = 0.0;
    for (field, knot) in (1..).zip(&mut knots) {
        last = row.real(field, last, 65_535.0)?;
        *knot = last;
    }
    Ok(LengthTable { knots })
}

fn write_users(users: &[UserTimeline]) -> String {
    let mut text = headed(USERS_HEADER);
    for (index, user) in users.iter().enumerate() {
        row!(
            text,
            "{index},{},{},{},{}",
            user.group,
            user.speak_weight,
            user.action_share,
            user.notice_share
        );
    }
    text
}

fn write_sessions(users: &[UserTimeline]) -> String {
    let mut text = headed(SESSIONS_HEADER);
    for (index, user) in users.iter().enumerate() {
        for session in &user.sessions {
            row!(
                text,
                "{index},{},{},{},{},{}",
                session.start_secs,
                session.end_secs,
                session.cause.as_str(),
                u8::from(session.has_join),
                u8::from(session.has_leave)
            );
        }
    }
    text
}

fn write_changes(users: &[UserTimeline]) -> String {
    let mut text = headed(CHANGES_HEADER);
    for (index, user) in users.iter().enumerate() {
        for change in &user.changes {
            let (word, victim) = match change.kind {
                ChangeKind::Nick => ("nick", String::new()),
                ChangeKind::Mode => ("mode", String::new()),
                ChangeKind::Topic => ("topic", String::new()),
                ChangeKind::Kick { victim } => ("kick", victim.to_string()),
            };
            row!(text, "{index},{},{word},{victim}", change.at_secs);
        }
    }
    text
}

/// Returns the users of a profile's files with their sessions and changes.
pub(crate) fn read_users(
    folder: &str,
    files: &ProfileFiles,
    cycle_secs: u32,
) -> Result<Vec<UserTimeline>, Misread> {
    let mut users: Vec<UserTimeline> = Vec::new();
    let mut rows = Rows::open(folder, files, USERS, USERS_HEADER)?;
    while let Some(row) = rows.advance()? {
        if users.len() == USERS_MAX {
            return Err(row.misread(format!("expected at most {USERS_MAX} users")));
        }
        row.expect_word(0, &users.len().to_string())?;
        users.push(UserTimeline {
            group: row.count(1)?,
            speak_weight: row.real(2, 0.0, 1e9)?,
            action_share: row.real(3, 0.0, 1.0)?,
            notice_share: row.real(4, 0.0, 1.0)?,
            ..UserTimeline::default()
        });
    }
    let cycle_secs = f64::from(cycle_secs);
    read_sessions(
        &mut users,
        cycle_secs,
        Rows::open(folder, files, SESSIONS, SESSIONS_HEADER)?,
    )?;
    read_changes(
        &mut users,
        cycle_secs,
        Rows::open(folder, files, CHANGES, CHANGES_HEADER)?,
    )?;
    Ok(users)
}

fn read_sessions(
    users: &mut [UserTimeline],
    cycle_secs: f64,
    mut rows: Rows<'_>,
) -> Result<(), Misread> {
    while let Some(row) = rows.advance()? {
        let index = row.user(0, users.len())?;
        let Some(user) = users.get_mut(index as usize) else {
            continue;
        };
        let earliest = user.sessions.last().map_or(0.0, |session| session.end_secs);
        let start_secs = row.real(1, earliest, cycle_secs)?;
        let end_secs = row.real(2, start_secs, cycle_secs)?;
        let word = row.field(3);
        let Some(cause) = LeaveCause::from_word(word) else {
            let words = LeaveCause::ALL.map(LeaveCause::as_str).join(", ");
            return Err(row
                .misread(format!("expected a cause, found `{word}`"))
                .with_help(format!("one of {words}")));
        };
        user.sessions.push(SessionRow {
            start_secs,
            end_secs,
            cause,
            has_join: row.flag(4)?,
            has_leave: row.flag(5)?,
        });
    }
    Ok(())
}

fn read_changes(
    users: &mut [UserTimeline],
    cycle_secs: f64,
    mut rows: Rows<'_>,
) -> Result<(), Misread> {
    while let Some(row) = rows.advance()? {
        let index = row.user(0, users.len())?;
        let kind = match row.field(2) {
            "nick" => ChangeKind::Nick,
            "mode" => ChangeKind::Mode,
            "topic" => ChangeKind::Topic,
            "kick" => ChangeKind::Kick {
                victim: row.user(3, users.len())?,
            },
            word => {
                return Err(row
                    .misread(format!("expected a change, found `{word}`"))
                    .with_help("one of nick, mode, topic, kick"));
            }
        };
        let Some(user) = users.get_mut(index as usize) else {
            continue;
        };
        let earliest = user.changes.last().map_or(0.0, |change| change.at_secs);
        let at_secs = row.real(1, earliest, cycle_secs)?;
        user.changes.push(ChangeRow { at_secs, kind });
    }
    Ok(())
}
