//! Lines and the events that they must tell, for tests of formats.

use jiff::civil::Date;

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;

/// A log under test: it is given line after line.
pub(crate) struct Checked<F>(F);

impl<F: LogFormat> Checked<F> {
    pub(crate) fn new(format: F) -> Self {
        Self(format)
    }

    /// Begins the log on a day.
    pub(crate) fn on(mut self, day: Date) -> Self {
        self.0.begin(Some(day));
        self
    }

    /// Checks that a line tells one event, shown as `time kind nick>peer [text]`, its channel before the nick.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, want: &str) {
        self.check_all(line, Reading::Events, &[want]);
    }

    /// Checks that a line tells no event and is no part of the log.
    #[track_caller]
    pub(crate) fn check_damaged(&mut self, line: &str) {
        let (reading, events) = self.read(line);
        assert!(
            matches!(reading, Reading::Damaged(_)),
            "{line}: {reading:?}"
        );
        assert!(events.is_empty(), "{line}: {events:?}");
    }

    /// Checks that a line tells no event.
    #[track_caller]
    pub(crate) fn check_reading(&mut self, line: &str, want: Reading) {
        self.check_all(line, want, &[]);
    }

    #[track_caller]
    pub(crate) fn check_all(&mut self, line: &str, want: Reading, events: &[&str]) {
        let (reading, found) = self.read(line);
        assert_eq!(found, events, "{line}");
        assert_eq!(reading, want, "{line}");
    }

    fn read(&mut self, line: &str) -> (Reading, Vec<String>) {
        let mut events = Vec::new();
        let reading = self.0.read_line(line.as_bytes(), &mut |moment, seen| {
            events.push(format!("{} {}", time(moment), shown(&seen)));
        });
        (reading, events)
    }
}

fn time(moment: Moment) -> String {
    let clock = |secs: i64| format!("{:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60);
    match moment {
        Moment::TimeOfDay { secs } => clock(i64::from(secs)),
        Moment::Civil { day, us } => format!("{day}T{}", clock(us / 1_000_000)),
        Moment::Unix { us } => us.to_string(),
        Moment::Unstamped => "then".to_owned(),
    }
}

fn shown(seen: &Seen<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let channel = seen
        .channel
        .map_or_else(String::new, |channel| format!("{} ", text(channel)));
    format!(
        "{} {channel}{}>{} [{}]",
        seen.kind.as_str(),
        text(seen.nick),
        text(seen.peer),
        text(seen.text)
    )
}
