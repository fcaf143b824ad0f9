//! The file of a roster, `roster.csv`: read with the place of what is wrong, and written.

use std::fmt::Display;
use std::io;
use std::io::Write;
use std::net::IpAddr;
use std::str;

use jiff::civil::Date;

use crate::place::Misread;
use crate::place::Place;
use crate::place::table::Column;
use crate::place::table::Content;
use crate::place::table::Row as Cells;
use crate::place::table::Table;
use crate::roster::CHANNELS_MAX;
use crate::roster::CLIENTS_MAX;
use crate::roster::Roster;
use crate::roster::Row;
use crate::roster::name::Channel;
use crate::roster::name::Network;
use crate::roster::name::SecretEnv;
use crate::roster::name::Unnamed;
use crate::roster::name::User;
use crate::units::id::Seed;

/// Version of the columns.
pub const SCHEMA: u32 = 1;

/// What the first line begins with where this program wrote it; rosters from elsewhere need none.
const MARK: &str = "# splitstorm roster, schema=";

/// Length of a date: four digits of a year, two each of month and day, and what parts them.
const DATE_BYTES: usize = 10;

const COLUMNS: &[Column] = &[
    required("user"),
    required("secret_env"),
    required("signed_up"),
    required("network"),
    required("egress"),
    required("channels"),
    required("attached"),
    required("clients"),
    required("history_bytes"),
];

const fn required(name: &'static str) -> Column {
    Column {
        name,
        is_required: true,
    }
}

/// Reads a roster. `path` names it in errors.
///
/// # Errors
///
/// Returns where the text stops being a roster.
pub fn read(path: &str, bytes: &[u8]) -> Result<Roster, Misread> {
    let text = str::from_utf8(bytes).map_err(|error| not_utf8(path, bytes, &error))?;
    check_schema(path, text)?;
    let table = Table::read(path, text, COLUMNS, Content::Open)
        .map_err(|misread| misread.with_excerpt(text))?;
    let mut roster = Roster::default();
    for cells in table.rows() {
        let row = row(&cells)?;
        roster.push(row).map_err(|clash| {
            cells
                .misread("user", clash.to_string())
                .with_help("one row for each user and network; a user has one secret_env and one signed_up")
                .with_excerpt(text)
        })?;
    }
    Ok(roster)
}

/// Writes a roster. `seed` is that of a model; a roster of people has none.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(roster: &Roster, seed: Option<Seed>, mut out: impl Write) -> io::Result<()> {
    write!(out, "{MARK}{SCHEMA}, tool={}", env!("CARGO_PKG_VERSION"))?;
    if let Some(seed) = seed {
        write!(out, ", seed={seed}")?;
    }
    writeln!(out)?;
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS.iter().map(|column| column.name))?;
    for row in roster.rows() {
        let channels: Vec<&str> = row.channels.iter().map(Channel::as_str).collect();
        csv.write_record([
            row.user.as_str(),
            row.secret_env.as_str(),
            &text(row.signed_up.as_ref()),
            row.network.as_str(),
            &text(row.egress.as_ref()),
            &channels.join(" "),
            if row.is_attached { "yes" } else { "no" },
            &row.clients.to_string(),
            &row.history_bytes.to_string(),
        ])?;
    }
    csv.flush()
}

fn text(value: Option<&impl Display>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

fn row(cells: &Cells<'_, '_>) -> Result<Row, Misread> {
    // First of all, and without its line: what stands there may be the password itself.
    let secret_env = SecretEnv::parse(cells.cell("secret_env")).map_err(|unnamed| {
        cells
            .misread("secret_env", format!("expected {}", unnamed.what))
            .with_help(unnamed.help)
    })?;
    Ok(Row {
        user: name(cells, "user", User::parse)?,
        secret_env,
        signed_up: optional(
            cells,
            "signed_up",
            date,
            "a date",
            "write it as 2012-03-04, or nothing",
        )?,
        network: name(cells, "network", Network::parse)?,
        egress: optional(
            cells,
            "egress",
            |text| text.parse::<IpAddr>().ok(),
            "an address",
            "the address from which the bouncer dials, or nothing for its default one",
        )?,
        channels: channels(cells)?,
        is_attached: match cells.cell("attached") {
            "yes" => true,
            "no" => false,
            other => {
                return Err(wrong(
                    cells,
                    "attached",
                    "yes or no",
                    other,
                    "whether a client of the user's is usually there",
                ));
            }
        },
        clients: number(cells, "clients", u64::from(CLIENTS_MAX))?
            .try_into()
            .unwrap_or(CLIENTS_MAX),
        history_bytes: number(cells, "history_bytes", u64::MAX)?,
    })
}

fn name<T>(
    cells: &Cells<'_, '_>,
    column: &str,
    parse: fn(&str) -> Result<T, Unnamed>,
) -> Result<T, Misread> {
    let cell = cells.cell(column);
    parse(cell).map_err(|unnamed| wrong(cells, column, unnamed.what, cell, unnamed.help))
}

fn channels(cells: &Cells<'_, '_>) -> Result<Vec<Channel>, Misread> {
    let mut channels: Vec<Channel> = Vec::new();
    for word in cells.cell("channels").split_whitespace() {
        let channel = Channel::parse(word)
            .map_err(|unnamed| wrong(cells, "channels", unnamed.what, word, unnamed.help))?;
        if channels.len() >= CHANNELS_MAX {
            let what = format!("expected at most {CHANNELS_MAX} channels");
            return Err(excerpted(cells, cells.misread("channels", what)));
        }
        channels.push(channel);
    }
    Ok(channels)
}

fn number(cells: &Cells<'_, '_>, column: &str, most: u64) -> Result<u64, Misread> {
    let cell = cells.cell(column);
    match cell.parse() {
        Ok(number) if number <= most => Ok(number),
        Ok(_) => {
            let what = format!("expected at most {most}, found `{cell}`");
            Err(excerpted(cells, cells.misread(column, what)))
        }
        Err(_) => Err(wrong(cells, column, "a whole number", cell, "0 for none")),
    }
}

fn optional<T>(
    cells: &Cells<'_, '_>,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
    help: &str,
) -> Result<Option<T>, Misread> {
    match cells.cell(column) {
        "" => Ok(None),
        cell => match parse(cell) {
            Some(value) => Ok(Some(value)),
            None => Err(wrong(cells, column, what, cell, help)),
        },
    }
}

/// Reads a date in its one spelling; the parser alone takes others.
fn date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (text.len() == DATE_BYTES && date.to_string() == text).then_some(date)
}

fn wrong(cells: &Cells<'_, '_>, column: &str, what: &str, found: &str, help: &str) -> Misread {
    let found = if found.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{found}`")
    };
    let misread = cells.misread(column, format!("expected {what}, found {found}"));
    excerpted(cells, misread.with_help(help))
}

fn excerpted(cells: &Cells<'_, '_>, misread: Misread) -> Misread {
    misread.with_excerpt(cells.text())
}

fn check_schema(path: &str, text: &str) -> Result<(), Misread> {
    let Some(rest) = text.strip_prefix(MARK) else {
        return Ok(());
    };
    let version = rest.split([',', '\n', '\r']).next().unwrap_or_default();
    if version.trim() == SCHEMA.to_string() {
        return Ok(());
    }
    let what = format!("expected a roster of schema {SCHEMA}, found schema {version}");
    let place = Place::line(path, 1);
    Err(Misread::new(what, place).with_help("it was written by another version of splitstorm"))
}

fn not_utf8(path: &str, bytes: &[u8], error: &str::Utf8Error) -> Misread {
    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let text = str::from_utf8(before).unwrap_or_default();
    let place = Place::in_text(path, text, text.len());
    Misread::new("expected UTF-8, found other bytes", place).with_help("export the roster as UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str =
        "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n";

    #[track_caller]
    fn check_wrong(row: &str, want: &str) {
        let text = format!("{HEAD}{row}\n");
        let misread = read("r.csv", text.as_bytes()).unwrap_err();
        assert_eq!(format!("{} {misread}", misread.place), want);
        assert!(misread.excerpt.contains("oak") || misread.excerpt.contains("o k"));
    }

    #[test]
    fn a_password_in_the_place_of_its_variable_is_not_shown() {
        let text = format!("{HEAD}oak,ever green,,one,,,maybe,1,0\n");
        let misread = read("r.csv", text.as_bytes()).unwrap_err();
        assert_eq!(misread.place.to_string(), "r.csv:2:5");
        assert!(!format!("{misread:?}").contains("green"));
    }

    #[test]
    fn a_row_is_a_user_on_a_network() {
        let text = format!(
            "{HEAD}oak,PW_OAK,2012-03-04,one,192.0.2.1,#a #b,yes,2,4096\noak,PW_OAK,2012-03-04,two,,,no,0,0\n"
        );
        let roster = read("r.csv", text.as_bytes()).unwrap();
        let [one, two] = roster.rows() else {
            panic!("{roster:?}")
        };
        assert_eq!(one.channels.len(), 2);
        assert_eq!(one.signed_up, Some(jiff::civil::date(2012, 3, 4)));
        assert_eq!(one.egress, Some([192, 0, 2, 1].into()));
        assert!(one.is_attached && !two.is_attached);
        assert_eq!((two.egress, two.clients), (None, 0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check_wrong(
            "o k,PW,,one,,,no,1,0",
            "r.csv:2:1 expected a user, found `o k`",
        );
        check_wrong(
            "oak,PW,4.3.2012,one,,,no,1,0",
            "r.csv:2:8 expected a date, found `4.3.2012`",
        );
        check_wrong(
            "oak,PW,,one,home,,no,1,0",
            "r.csv:2:13 expected an address, found `home`",
        );
        check_wrong(
            "oak,PW,,one,,\"#a,#b\",no,1,0",
            "r.csv:2:14 expected a channel, found `#a,#b`",
        );
        check_wrong(
            "oak,PW,,one,,,maybe,1,0",
            "r.csv:2:15 expected yes or no, found `maybe`",
        );
        check_wrong(
            "oak,PW,,one,,,no,,0",
            "r.csv:2:18 expected a whole number, found nothing",
        );
        check_wrong(
            "oak,PW,,one,,,no,1001,0",
            "r.csv:2:18 expected at most 1000, found `1001`",
        );
        check_wrong(
            "oak,PW,,one,,,no,1,0\noak,PW,,one,,,no,1,0",
            "r.csv:3:1 `oak` is on `one` already",
        );
    }

    #[test]
    fn another_schema_and_other_bytes_are_refused() {
        for (bytes, want) in [
            (
                &b"# splitstorm roster, schema=9, tool=9\n"[..],
                "r.csv:1 expected a roster of schema 1, found schema 9",
            ),
            (b"user\n\xff", "r.csv:2:1 expected UTF-8, found other bytes"),
        ] {
            let misread = read("r.csv", bytes).unwrap_err();
            assert_eq!(format!("{} {misread}", misread.place), want);
        }
    }

    prop_compose! {
        fn any_row()(
            user in "[a-z][a-z0-9_-]{0,8}",
            secret in "[A-Z_][A-Z0-9_]{0,8}",
            days in proptest::option::of(0..50_000i64),
            network in "[a-z0-9][a-z0-9_-]{0,8}",
            egress in proptest::option::of(any::<IpAddr>()),
            channels in proptest::collection::vec("[#&+!][a-zö0-9.;*?+#-]{1,8}", 0..4),
            is_attached: bool,
            clients in 0..=CLIENTS_MAX,
            history_bytes: u64,
        ) -> Row {
            let day = |days| jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
            Row {
                user: User::parse(&user).unwrap(),
                secret_env: SecretEnv::parse(&secret).unwrap(),
                signed_up: days.map(day),
                network: Network::parse(&network).unwrap(),
                egress,
                channels: channels.iter().map(|name| Channel::parse(name).unwrap()).collect(),
                is_attached,
                clients,
                history_bytes,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(rows in proptest::collection::vec(any_row(), 0..8), seed: Option<u64>) {
            let mut roster = Roster::default();
            for row in rows {
                // Rows that clash are left out.
                let _ = roster.push(row);
            }
            let mut bytes = Vec::new();
            write(&roster, seed.map(Seed), &mut bytes).unwrap();
            prop_assert_eq!(read("r.csv", &bytes), Ok(roster));
        }

        #[test]
        fn any_bytes_read_or_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("r.csv", &bytes);
            let _ = read("r.csv", &[HEAD.as_bytes(), &bytes].concat());
        }

        #[test]
        fn any_cells_read_or_are_refused_without_panic(cells in "(oak|PW|2012-03-04|one|#a|yes|1|,|\"|\n|é| ){0,60}") {
            let _ = read("r.csv", format!("{HEAD}{cells}").as_bytes());
        }
    }
}
