//! The command `capture show`: one page about a trace.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::cli::error::Error;
use crate::cli::files;
use crate::gate::figure;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::traffic::trace::read::TraceReader;
use crate::traffic::trace::survey::Survey;

/// Entries of a list that are shown; a page holds no more.
const SHOWN_MAX: usize = 5;

/// Width of the longest bar, in characters.
const BAR_WIDTH: u64 = 40;

/// Flags of `capture show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The trace, as `capture import` and `capture tap` write it.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
}

/// Shows what a trace holds.
pub(crate) fn run(arguments: &ShowArguments) -> Result<u8, Error> {
    let path = files::shown(&arguments.trace);
    let mut reader = TraceReader::open(&path, files::open(&arguments.trace)?)?;
    let mut survey = Survey::default();
    while let Some(event) = reader.next_event()? {
        survey.note(&event);
    }
    let page = page(&path, reader.meta(), &survey, reader.is_cut());
    files::print(|output| output.write_all(page.as_bytes()))?;
    Ok(0)
}

fn page(path: &str, meta: &TraceMeta, survey: &Survey, is_cut: bool) -> String {
    let mut page = Page(String::new());
    page.put("trace", &format!("{path}, by splitstorm {}", meta.tool));
    let Some((first_us, last_us)) = survey.span_us() else {
        page.put("events", "none");
        return page.0;
    };
    let hours = hours(last_us - first_us);
    page.put(
        "span",
        &format!(
            "{} to {}, {}",
            moment(first_us),
            moment(last_us),
            span(last_us - first_us)
        ),
    );
    page.put("clock", &format!("ticks of {}", tick(meta.tick_us)));
    let zone = if meta.is_zone_assumed() {
        "UTC, assumed"
    } else {
        &meta.zone
    };
    page.put("zone", zone);
    let (users, speakers) = survey.users();
    page.put(
        "users",
        &format!(
            "{} connections, {} of them spoke",
            count(users),
            count(speakers)
        ),
    );
    page.put(
        "events",
        &format!(
            "{}, {} an hour; {} of talk, {} an hour, {} bytes each",
            figure::count(survey.total()),
            rate(survey.total(), hours),
            figure::count(survey.talk()),
            rate(survey.talk(), hours),
            survey.text_bytes().checked_div(survey.talk()).unwrap_or(0)
        ),
    );
    page.put("mix", &mix(survey));
    page.put_causes(survey);
    page.put_channels(meta, survey);
    page.put_hours(survey);
    page.put_splits(meta, survey);
    page.put_outages(survey);
    page.put_warnings(meta, survey, is_cut);
    page.0
}

/// A page of names and what is said of them.
struct Page(String);

impl Page {
    fn put(&mut self, name: &str, text: &str) {
        self.0.push_str(format!("{name:<9} {text}").trim_end());
        self.0.push('\n');
    }

    /// Puts a list under a name, which stands before its first line alone.
    fn put_list(&mut self, name: &str, lines: &[String], left_out: usize, what: &str) {
        for (index, line) in lines.iter().enumerate() {
            self.put(if index == 0 { name } else { "" }, line);
        }
        if left_out > 0 {
            self.put("", &format!("and {} further {what}", count(left_out)));
        }
    }

    fn put_causes(&mut self, survey: &Survey) {
        let causes: Vec<String> = survey
            .causes()
            .into_iter()
            .map(|(cause, number)| {
                let all = survey.count(EventKind::Quit);
                format!("{} {}", cause.as_str(), share(number, all))
            })
            .collect();
        if !causes.is_empty() {
            self.put("quit by", &causes.join(", "));
        }
    }

    fn put_channels(&mut self, meta: &TraceMeta, survey: &Survey) {
        let (top, all) = survey.top_channels(SHOWN_MAX);
        let lines: Vec<String> = top
            .iter()
            .map(|(name, channel)| {
                let overlap = meta.overlaps.iter().find(|(known, _)| known == name);
                let loggers = overlap.map_or_else(String::new, |(_, loggers)| {
                    format!(", logged by {loggers} users")
                });
                format!(
                    "{name}  {} said, {} events{loggers}",
                    figure::count(channel.talk),
                    figure::count(channel.events)
                )
            })
            .collect();
        self.put_list("channels", &lines, all - top.len(), "channels");
    }

    fn put_hours(&mut self, survey: &Survey) {
        let busiest: Vec<String> = survey
            .busiest_hours(SHOWN_MAX)
            .into_iter()
            .map(|(hour, said)| {
                format!(
                    "{}  {} said",
                    moment(hour * 3_600_000_000),
                    figure::count(said)
                )
            })
            .collect();
        self.put_list("busiest", &busiest, 0, "hours");
        let most = survey.by_hour_of_day().iter().copied().max().unwrap_or(0);
        if most == 0 {
            return;
        }
        for (hour, &said) in survey.by_hour_of_day().iter().enumerate() {
            let width = usize::try_from((said * BAR_WIDTH).div_ceil(most)).unwrap_or(0);
            let name = if hour == 0 { "by hour" } else { "" };
            self.put(
                name,
                &format!(
                    "{hour:02}  {:<40}  {}",
                    "━".repeat(width),
                    figure::count(said)
                ),
            );
        }
    }

    fn put_splits(&mut self, meta: &TraceMeta, survey: &Survey) {
        let mut splits: Vec<_> = survey.splits().copied().collect();
        let all = splits.len();
        let users: u64 = splits.iter().map(|split| u64::from(split.users)).sum();
        if all == 0 {
            self.put("splits", "none found");
            return;
        }
        self.put(
            "splits",
            &format!(
                "{} of three users and more, {} users in all; the largest:",
                count(all),
                figure::count(users)
            ),
        );
        splits.sort_by_key(|split| (std::cmp::Reverse(split.users), split.first_us));
        for split in splits.iter().take(SHOWN_MAX) {
            self.put(
                "",
                &format!(
                    "{}  {} users within {}",
                    moment(split.first_us),
                    split.users,
                    span((split.last_us - split.first_us).max(i64::from(meta.tick_us)))
                ),
            );
        }
    }

    fn put_outages(&mut self, survey: &Survey) {
        let outages = survey.outages();
        let lines: Vec<String> = outages
            .iter()
            .take(SHOWN_MAX)
            .map(|&(from_us, to_us)| format!("{}  {}", moment(from_us), span(to_us - from_us)))
            .collect();
        let left_out = outages.len() - lines.len();
        if !lines.is_empty() {
            self.put(
                "outages",
                "silences that are too long for the hour: a fit leaves them out",
            );
            self.put_list("", &lines, left_out, "outages");
        }
    }

    fn put_warnings(&mut self, meta: &TraceMeta, survey: &Survey, is_cut: bool) {
        let mut warn = |text: &str| {
            let _ = writeln!(self.0, "warning: {text}");
        };
        if is_cut {
            warn(
                "the trace is cut in the middle of its last line: what wrote it was killed, or is still writing",
            );
        }
        if meta.is_zone_assumed() {
            warn("the log named no time zone; its hours are taken for UTC");
        }
        if meta.has_names || meta.has_text {
            warn("names and words are kept: it holds what people said");
        }
        if survey.count(EventKind::Join) == 0 && survey.talk() > 0 {
            warn("nobody comes or goes in it: when users are there is a guess");
        }
        let is_short = survey
            .span_us()
            .is_some_and(|(first_us, last_us)| last_us - first_us < 28 * 86_400_000_000);
        if is_short {
            warn("under four weeks: a profile fitted from it claims no likeness");
        }
    }
}

fn mix(survey: &Survey) -> String {
    let kinds: Vec<String> = EventKind::ALL
        .into_iter()
        .filter(|kind| survey.count(*kind) > 0)
        .map(|kind| {
            let number = survey.count(kind);
            format!(
                "{} {} ({})",
                kind.as_str(),
                figure::count(number),
                share(number, survey.total())
            )
        })
        .collect();
    kinds.join(", ")
}

fn count(number: usize) -> String {
    figure::count(number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn share(part: u64, whole: u64) -> String {
    figure::share(part as f64 / whole.max(1) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(number: u64, hours: f64) -> String {
    if hours <= 0.0 {
        return "?".to_owned();
    }
    format!("{:.3}", number as f64 / hours)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn hours(us: i64) -> f64 {
    us as f64 / 3.6e9
}

fn moment(us: i64) -> String {
    Timestamp::from_second(us.div_euclid(1_000_000))
        .map_or_else(|_| us.to_string(), |moment| moment.to_string())
}

/// Returns a span in its two largest units.
fn span(us: i64) -> String {
    let secs = us / 1_000_000;
    match (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs} s"),
        (0, 0, minutes, secs) => format!("{minutes} min {secs} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, _, _) => format!("{days} d {hours} h"),
    }
}

fn tick(us: u32) -> String {
    match us {
        60_000_000 => "a minute".to_owned(),
        1_000_000 => "a second".to_owned(),
        1_000 => "a millisecond".to_owned(),
        _ => "a microsecond".to_owned(),
    }
}
