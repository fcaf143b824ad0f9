//! The tables of people: users, their stays and changes, and the mass events that hit them.

use crate::place::Misread;
use crate::traffic::profile::file::Folder;
use crate::traffic::profile::file::ProfileFiles;
use crate::traffic::profile::file::put_row;
use crate::traffic::profile::file::rows::Row;
use crate::traffic::profile::file::rows::Rows;
use crate::traffic::profile::incident::Incident;
use crate::traffic::profile::incident::Victim;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::profile::timeline::UserTimeline;
use crate::traffic::trace::cause::LeaveCause;

/// Name of the table of users.
pub(crate) const USERS: &str = "users.csv";
/// Name of the table of stays in channels.
pub(crate) const STAYS: &str = "stays.csv";
/// Name of the table of nick, mode, topic and kick changes.
pub(crate) const CHANGES: &str = "changes.csv";
/// Name of the table of mass events.
pub(crate) const INCIDENTS: &str = "incidents.csv";

/// Users of a profile; a hand-edited table can't make a reader allocate without end.
pub(crate) const USERS_MAX: usize = 1_000_000;

/// Longest time between a mass event's beginning and a return, in seconds: two days, for an event takes its time.
const BACK_SECS_MAX: f64 = 172_800.0;

const USERS_HEADER: &str = "user,cohort";
const STAYS_HEADER: &str = "user,channel,start_secs,end_secs,cause,has_join,has_leave";
const CHANGES_HEADER: &str = "user,at_secs,change,channel,victim";
const INCIDENTS_HEADER: &str = "incident,at_secs,user,quit_secs,back_secs,cause";

/// Returns the tables as files.
pub(crate) fn write(users: &[UserTimeline], incidents: &[Incident]) -> ProfileFiles {
    ProfileFiles::from([
        (USERS.to_owned(), write_users(users)),
        (STAYS.to_owned(), write_stays(users)),
        (CHANGES.to_owned(), write_changes(users)),
        (INCIDENTS.to_owned(), write_incidents(incidents)),
    ])
}

fn write_users(users: &[UserTimeline]) -> String {
    let mut text = format!("{USERS_HEADER}\n");
    for (index, user) in users.iter().enumerate() {
        put_row(&mut text, &[&index, &user.cohort]);
    }
    text
}

fn write_stays(users: &[UserTimeline]) -> String {
    let mut text = format!("{STAYS_HEADER}\n");
    for (index, user) in users.iter().enumerate() {
        for stay in &user.stays {
            put_row(
                &mut text,
                &[
                    &index,
                    &stay.channel,
                    &stay.start_secs,
                    &stay.end_secs,
                    &stay.cause.as_str(),
                    &u8::from(stay.has_join),
                    &u8::from(stay.has_leave),
                ],
            );
        }
    }
    text
}

fn write_changes(users: &[UserTimeline]) -> String {
    let mut text = format!("{CHANGES_HEADER}\n");
    for (index, user) in users.iter().enumerate() {
        for change in &user.changes {
            let (word, channel, victim) = match change.kind {
                ChangeKind::Nick => ("nick", String::new(), String::new()),
                ChangeKind::Mode { channel } => ("mode", channel.to_string(), String::new()),
                ChangeKind::Topic { channel } => ("topic", channel.to_string(), String::new()),
                ChangeKind::Kick { channel, victim } => {
                    ("kick", channel.to_string(), victim.to_string())
                }
            };
            put_row(
                &mut text,
                &[&index, &change.at_secs, &word, &channel, &victim],
            );
        }
    }
    text
}

fn write_incidents(incidents: &[Incident]) -> String {
    let mut text = format!("{INCIDENTS_HEADER}\n");
    for (index, incident) in incidents.iter().enumerate() {
        for victim in &incident.victims {
            let back = victim
                .back_secs
                .map_or_else(String::new, |secs| secs.to_string());
            let cause = victim.cause.as_str();
            put_row(
                &mut text,
                &[
                    &index,
                    &incident.at_secs,
                    &victim.user,
                    &victim.quit_secs,
                    &back,
                    &cause,
                ],
            );
        }
    }
    text
}

/// Returns how many users a profile's files have.
pub(crate) fn user_count(folder: &Folder<'_>) -> Result<usize, Misread> {
    let mut rows = Rows::open(folder, USERS, USERS_HEADER)?;
    let mut count = 0;
    while let Some(row) = rows.advance()? {
        if count == USERS_MAX {
            return Err(row.misread(format!("expected at most {USERS_MAX} users")));
        }
        count += 1;
    }
    Ok(count)
}

/// Returns the users of a profile's files with their stays and changes.
pub(crate) fn read_users(
    folder: &Folder<'_>,
    cycle_secs: u32,
    channel_count: usize,
) -> Result<Vec<UserTimeline>, Misread> {
    let mut users: Vec<UserTimeline> = Vec::new();
    let mut rows = Rows::open(folder, USERS, USERS_HEADER)?;
    while let Some(row) = rows.advance()? {
        row.expect_word(0, &users.len().to_string())?;
        users.push(UserTimeline {
            cohort: row.count(1)?,
            ..UserTimeline::default()
        });
    }
    let cycle_secs = f64::from(cycle_secs);
    read_stays(folder, &mut users, cycle_secs, channel_count)?;
    read_changes(folder, &mut users, cycle_secs, channel_count)?;
    Ok(users)
}

fn read_stays(
    folder: &Folder<'_>,
    users: &mut [UserTimeline],
    cycle_secs: f64,
    channel_count: usize,
) -> Result<(), Misread> {
    let mut rows = Rows::open(folder, STAYS, STAYS_HEADER)?;
    while let Some(row) = rows.advance()? {
        let index = row.user(0, users.len())?;
        let channel = row.number(1, channel_count)?;
        let Some(user) = users.get_mut(index as usize) else {
            continue;
        };
        let earliest = user.stays.last().map_or(0.0, |stay| stay.start_secs);
        let start_secs = row.real(2, earliest, cycle_secs)?;
        let end_secs = row.real(3, start_secs, cycle_secs)?;
        let before = user.stays.iter().rev().find(|stay| stay.channel == channel);
        if let Some(before) = before.filter(|before| before.end_secs > start_secs) {
            let what = format!(
                "expected stays in one channel one after another, the last ends at {}",
                before.end_secs
            );
            return Err(row.misread(what));
        }
        user.stays.push(StayRow {
            channel,
            start_secs,
            end_secs,
            cause: read_cause(&row, 4)?,
            has_join: row.flag(5)?,
            has_leave: row.flag(6)?,
        });
    }
    Ok(())
}

fn read_cause(row: &Row<'_>, column: usize) -> Result<LeaveCause, Misread> {
    let word = row.field(column);
    LeaveCause::from_word(word).ok_or_else(|| {
        let words = LeaveCause::ALL.map(LeaveCause::as_str).join(", ");
        row.misread(format!("expected a cause, found `{word}`"))
            .with_help(format!("one of {words}"))
    })
}

fn read_changes(
    folder: &Folder<'_>,
    users: &mut [UserTimeline],
    cycle_secs: f64,
    channel_count: usize,
) -> Result<(), Misread> {
    let mut rows = Rows::open(folder, CHANGES, CHANGES_HEADER)?;
    while let Some(row) = rows.advance()? {
        let index = row.user(0, users.len())?;
        let channel = || row.number(3, channel_count);
        let kind = match row.field(2) {
            "nick" => ChangeKind::Nick,
            "mode" => ChangeKind::Mode {
                channel: channel()?,
            },
            "topic" => ChangeKind::Topic {
                channel: channel()?,
            },
            "kick" => ChangeKind::Kick {
                channel: channel()?,
                victim: row.user(4, users.len())?,
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

/// Returns the mass events of a profile's files.
pub(crate) fn read_incidents(
    folder: &Folder<'_>,
    cycle_secs: u32,
    user_count: usize,
) -> Result<Vec<Incident>, Misread> {
    let mut incidents: Vec<Incident> = Vec::new();
    let mut rows = Rows::open(folder, INCIDENTS, INCIDENTS_HEADER)?;
    while let Some(row) = rows.advance()? {
        let number = row.count(0)? as usize;
        let earliest = incidents.last().map_or(0.0, |incident| incident.at_secs);
        let at_secs = row.real(1, earliest, f64::from(cycle_secs))?;
        if incidents.is_empty() || number + 1 != incidents.len() {
            row.expect_word(0, &incidents.len().to_string())?;
            incidents.push(Incident {
                at_secs,
                victims: Vec::new(),
            });
        }
        let quit_secs = row.real(3, 0.0, BACK_SECS_MAX)?;
        let back_secs = match row.field(4) {
            "" => None,
            _ => Some(row.real(4, quit_secs, BACK_SECS_MAX)?),
        };
        let victim = Victim {
            user: row.user(2, user_count)?,
            quit_secs,
            back_secs,
            cause: read_cause(&row, 5)?,
        };
        if let Some(incident) = incidents.last_mut() {
            incident.victims.push(victim);
        }
    }
    Ok(incidents)
}
