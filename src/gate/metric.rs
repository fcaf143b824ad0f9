//! The left-hand side of a condition: everything that a run measures, by name.

use crate::measure::distribution::Distribution;
use crate::measure::ledger::counts::Breach;
use crate::measure::operation::Operation;
use crate::measure::reason::Disconnect;
use crate::measure::reason::NotSent;
use crate::measure::reason::Refused;

/// Most digits after the `p` of a percentile: beyond 99.999 % no run has the samples.
const PERCENTILE_DIGITS_MAX: usize = 5;

/// Something measured, of the whole run or of one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The phase that it is of; `None` for the whole run.
    pub phase: Option<String>,
    /// What is measured.
    pub quantity: Quantity,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// A time at a point of its distribution.
    Time(Timed, Statistic),
    /// Messages sent, of those planned.
    Sent,
    /// Planned messages not sent, of those planned: all but the cancelled ones, or those of one reason.
    NotSent(Option<NotSent>),
    /// A counter of the ledger.
    Ledger(Counter),
    /// How that phase's event was got over.
    Recover(String, Recovery),
    /// The largest age of what was waited for.
    Pending(Awaited),
    /// When that phase will be done, from its beginning, as it goes.
    Forecast(String),
    /// How that phase moved accounts.
    Migration(String, Moving),
    /// Connections that were not meant to end: all, or those that ended that way.
    Disconnects(Option<Disconnect>),
    /// Refusals: all, or those of one reason.
    Refused(Option<Refused>),
}

/// A figure of how accounts were moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    /// Time until all were.
    Took,
    /// Time that users who were to be online were not, all together.
    Unavailable,
    /// The longest that one of them waited.
    LongestWait,
}

/// A figure of how an event was got over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recovery {
    /// Time from its cause's end until a share (0..=1) of its victims was whole again.
    Whole(f64),
    /// Time from its cause's end until message latency was back in the band that it had before.
    Latency,
    /// Deliveries lost in its window.
    Lost,
    /// Responses of messages between those whom it did not touch.
    Bystanders(Statistic),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A message that nobody has seen.
    Message,
    /// A user who is to be online.
    Connect,
}

/// A time that has a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// From the intended time.
    Response(Operation),
    /// From the attempt.
    Service(Operation),
    /// Attempt − intended: the generator's.
    Lateness,
    /// Accepted − attempt: the target's.
    Blocked,
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The smallest value.
    Min,
    /// The value at a quantile; 0..1.
    Quantile(f64),
    /// The largest value.
    Max,
}

/// A counter of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Something went wrong.
    Breach(Breach),
    /// Required deliveries.
    Required,
    /// Required deliveries seen.
    Delivered,
    /// Messages of strangers.
    Foreign,
    /// Messages that found nobody present to speak.
    Unspoken,
}

impl Counter {
    /// Every counter.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::Required,
            Self::Delivered,
            Self::Foreign,
            Self::Unspoken,
        ];
        Breach::ALL.into_iter().map(Self::Breach).chain(others)
    }

    /// Returns the name in results and conditions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Breach(breach) => breach.name(),
            Self::Required => "required",
            Self::Delivered => "delivered",
            Self::Foreign => "foreign",
            Self::Unspoken => "unspoken",
        }
    }

    /// Returns whether a share of it means something.
    pub fn has_share(self) -> bool {
        !matches!(self, Self::Required | Self::Foreign)
    }
}

impl Statistic {
    /// Reads `min`, `max`, `p50`, `p99` (99 %), `p999` (99.9 %) and the like; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "min" => Some(Self::Min),
            "max" => Some(Self::Max),
            _ => {
                let digits = text.strip_prefix('p')?;
                let is_percentile = (2..=PERCENTILE_DIGITS_MAX).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                let quantile = format!("0.{digits}").parse::<f64>().ok()?;
                (is_percentile && quantile > 0.0).then_some(Self::Quantile(quantile))
            }
        }
    }
}

impl Statistic {
    /// Returns that point of a distribution, in microseconds.
    pub fn of(self, distribution: &Distribution) -> Option<u64> {
        match self {
            Self::Min => distribution.min(),
            Self::Quantile(quantile) => distribution.at_quantile(quantile),
            Self::Max => distribution.max(),
        }
    }
}

impl Metric {
    /// Reads a metric's name; `None` for one that is not known.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix("phase.") {
            // A phase's name may have dots of its own: the shortest one that leaves a metric is meant.
            return rest.match_indices('.').find_map(|(at, _)| {
                let quantity = quantity(&rest[at + 1..])?;
                let is_of_phases = !matches!(
                    quantity,
                    Quantity::Ledger(_)
                        | Quantity::NotSent(_)
                        | Quantity::Recover(..)
                        | Quantity::Forecast(_)
                        | Quantity::Migration(..)
                );
                (is_of_phases && at > 0).then(|| Self {
                    phase: Some(rest[..at].to_owned()),
                    quantity,
                })
            });
        }
        quantity(name).map(|quantity| Self {
            phase: None,
            quantity,
        })
    }

    /// Returns the names worth suggesting.
    pub fn known() -> Vec<String> {
        let points = ["p50", "p90", "p99", "p999", "max"];
        let mut names = Vec::new();
        let timed = Operation::ALL.iter().flat_map(|operation| {
            ["response", "service"].map(|time| format!("{}.{time}", operation.name()))
        });
        let timed = timed.chain(["lateness".to_owned(), "blocked".to_owned()]);
        names.extend(timed.flat_map(|timed| points.map(|point| format!("{timed}.{point}"))));
        names.extend(Counter::all().map(|counter| format!("ledger.{}", counter.name())));
        let others = [
            "sent",
            "not_sent",
            "disconnects",
            "refused",
            "message.pending_age.max",
            "connect.pending_age.max",
        ];
        names.extend(others.map(str::to_owned));
        names.extend(
            NotSent::ALL
                .iter()
                .map(|why| format!("not_sent.{}", why.name())),
        );
        names.extend(
            Disconnect::ALL
                .iter()
                .map(|how| format!("disconnects.{}", how.name())),
        );
        names.extend(
            Refused::ALL
                .iter()
                .map(|why| format!("refused.{}", why.name())),
        );
        names
    }
}

fn quantity(name: &str) -> Option<Quantity> {
    match name {
        "sent" => return Some(Quantity::Sent),
        "not_sent" => return Some(Quantity::NotSent(None)),
        "disconnects" => return Some(Quantity::Disconnects(None)),
        "refused" => return Some(Quantity::Refused(None)),
        "message.pending_age.max" => return Some(Quantity::Pending(Awaited::Message)),
        "connect.pending_age.max" => return Some(Quantity::Pending(Awaited::Connect)),
        _ => {}
    }
    if let Some(phase) = name.strip_prefix("recover.") {
        return recovery(phase);
    }
    if let Some(phase) = name.strip_prefix("forecast.") {
        return (!phase.is_empty()).then(|| Quantity::Forecast(phase.to_owned()));
    }
    if let Some(phase) = name.strip_prefix("migrate.") {
        let (phase, moving) = match phase.rsplit_once('.') {
            Some((phase, "unavailable")) => (phase, Moving::Unavailable),
            Some((phase, "longest_wait")) => (phase, Moving::LongestWait),
            _ => (phase, Moving::Took),
        };
        return (!phase.is_empty()).then(|| Quantity::Migration(phase.to_owned(), moving));
    }
    if let Some(counter) = name.strip_prefix("ledger.") {
        return Counter::all()
            .find(|known| known.name() == counter)
            .map(Quantity::Ledger);
    }
    if let Some(why) = name.strip_prefix("not_sent.") {
        let found = NotSent::ALL.iter().find(|known| known.name() == why);
        return found.map(|why| Quantity::NotSent(Some(*why)));
    }
    if let Some(how) = name.strip_prefix("disconnects.") {
        let found = Disconnect::ALL.iter().find(|known| known.name() == how);
        return found.map(|how| Quantity::Disconnects(Some(*how)));
    }
    if let Some(why) = name.strip_prefix("refused.") {
        let found = Refused::ALL.iter().find(|known| known.name() == why);
        return found.map(|why| Quantity::Refused(Some(*why)));
    }
    let (timed, point) = name.rsplit_once('.')?;
    Some(Quantity::Time(
        self::timed(timed)?,
        Statistic::parse(point)?,
    ))
}

/// Reads what follows `recover.`: a phase's name, and a figure of its event other than the time until all are whole again.
fn recovery(name: &str) -> Option<Quantity> {
    let named = |name: &str, recovery| {
        (!name.is_empty()).then(|| Quantity::Recover(name.to_owned(), recovery))
    };
    let Some((phase, last)) = name.rsplit_once('.') else {
        return named(name, Recovery::Whole(1.0));
    };
    match (last, Statistic::parse(last)) {
        ("latency", _) => named(phase, Recovery::Latency),
        ("lost", _) => named(phase, Recovery::Lost),
        (_, Some(statistic)) => match (phase.strip_suffix(".bystanders"), statistic) {
            (Some(phase), statistic) => named(phase, Recovery::Bystanders(statistic)),
            (None, Statistic::Quantile(share)) => named(phase, Recovery::Whole(share)),
            (None, Statistic::Max) => named(phase, Recovery::Whole(1.0)),
            (None, Statistic::Min) => None,
        },
        _ => named(name, Recovery::Whole(1.0)),
    }
}

fn timed(name: &str) -> Option<Timed> {
    match name {
        "lateness" => return Some(Timed::Lateness),
        "blocked" => return Some(Timed::Blocked),
        _ => {}
    }
    let (operation, time) = name.rsplit_once('.')?;
    let operation = *Operation::ALL
        .iter()
        .find(|known| known.name() == operation)?;
    match time {
        "response" => Some(Timed::Response(operation)),
        "service" => Some(Timed::Service(operation)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, want: Option<(Option<&str>, Quantity)>) {
        let want = want.map(|(phase, quantity)| Metric {
            phase: phase.map(str::to_owned),
            quantity,
        });
        assert_eq!(Metric::parse(name), want, "{name}");
    }

    #[test]
    fn metrics_are_read_by_name() {
        let p99 = Statistic::Quantile(0.99);
        let message = Timed::Response(Operation::Message);
        check(
            "message.response.p99",
            Some((None, Quantity::Time(message, p99))),
        );
        check(
            "connect.registered.service.p999",
            Some((
                None,
                Quantity::Time(
                    Timed::Service(Operation::ConnectRegistered),
                    Statistic::Quantile(0.999),
                ),
            )),
        );
        check(
            "lateness.max",
            Some((None, Quantity::Time(Timed::Lateness, Statistic::Max))),
        );
        check(
            "ledger.lost",
            Some((None, Quantity::Ledger(Counter::Breach(Breach::Lost)))),
        );
        check("not_sent", Some((None, Quantity::NotSent(None))));
        check(
            "not_sent.queue_full",
            Some((None, Quantity::NotSent(Some(NotSent::QueueFull)))),
        );
        check(
            "refused.throttle",
            Some((None, Quantity::Refused(Some(Refused::Throttle)))),
        );
        check(
            "recover.big split",
            Some((
                None,
                Quantity::Recover("big split".to_owned(), Recovery::Whole(1.0)),
            )),
        );
    }

    #[test]
    fn an_event_has_figures_of_its_own() {
        let recover = |recovery| Some((None, Quantity::Recover("v1.2".to_owned(), recovery)));
        check("recover.v1.2", recover(Recovery::Whole(1.0)));
        check("recover.v1.2.p95", recover(Recovery::Whole(0.95)));
        check("recover.v1.2.latency", recover(Recovery::Latency));
        check("recover.v1.2.lost", recover(Recovery::Lost));
        let p99 = Recovery::Bystanders(Statistic::Quantile(0.99));
        check("recover.v1.2.bystanders.p99", recover(p99));
    }

    #[test]
    fn a_phase_may_have_dots_in_its_name() {
        let time = Quantity::Time(Timed::Response(Operation::ConnectTcp), Statistic::Min);
        check(
            "phase.v1.2.connect.tcp.response.min",
            Some((Some("v1.2"), time)),
        );
        check(
            "phase.steady.disconnects",
            Some((Some("steady"), Quantity::Disconnects(None))),
        );
    }

    #[test]
    fn what_is_not_measured_is_not_known() {
        for name in [
            "",
            "message",
            "message.p99",
            "message.response",
            "message.response.p9",
            "message.response.p00",
            "message.response.p123456",
            "message.response.mean",
            "ledger.losst",
            "refused.rudely",
            "recover.",
            "phase.steady",
            "phase..sent",
            // The ledger and the holes are of the whole run.
            "phase.steady.ledger.lost",
            "phase.steady.not_sent",
        ] {
            check(name, None);
        }
    }

    #[test]
    fn every_known_name_is_read() {
        for name in Metric::known() {
            assert!(Metric::parse(&name).is_some(), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(name in ".{0,60}") {
            let _ = Metric::parse(&name);
            let _ = Metric::parse(&format!("phase.{name}"));
        }
    }
}
