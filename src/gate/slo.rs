//! An SLO: a condition in words, resolved to what is measured and the limit it is held against.

use std::time::Duration;

use crate::gate::limit::Limit;
use crate::gate::limit::Operator;
use crate::gate::metric::Metric;
use crate::gate::metric::Quantity;
use crate::gate::metric::Recovery;
use crate::gate::metric::Timed;
use crate::gate::near::listed;
use crate::gate::near::near;
use crate::measure::distribution::MICROS_MAX;
use crate::place::Misread;
use crate::place::Place;
use crate::scenario::Condition;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;

/// Lateness that never makes a run invalid: well above a busy machine's scheduling, well below what people notice.
pub const LATENESS_LIMIT_MIN: Duration = Duration::from_millis(20);
/// The part of the tightest response SLO that lateness may take before it decides the result.
const LATENESS_PER_RESPONSE: u32 = 10;

/// A condition that the run must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The condition as written.
    pub check: String,
    /// What is measured.
    pub metric: Metric,
    /// How it is held against the limit.
    pub operator: Operator,
    /// The limit.
    pub limit: Limit,
    /// Fewest samples with which the condition can hold.
    pub min_samples: u64,
    /// Where it was written.
    pub place: Place,
}

impl Slo {
    /// Resolves a condition, such as `message.response.p99 < 250ms`.
    ///
    /// # Errors
    ///
    /// Returns what is not known or does not fit, with the near names.
    pub fn resolve(condition: &Condition) -> Result<Self, Misread> {
        Self::read(
            &condition.check,
            condition.min_samples,
            condition.place.clone(),
        )
    }

    /// Reads a condition that needs `min_samples` samples to hold and was written at `place`.
    ///
    /// # Errors
    ///
    /// Returns what is not known or does not fit, with the near names.
    pub fn read(check: &str, min_samples: u64, place: Place) -> Result<Self, Misread> {
        let misread = |what: String| Misread::new(what, place.clone());
        let check = check.trim();
        let Some((name, operator, limit)) = Operator::split(check) else {
            return Err(misread(format!("expected a condition, found `{check}`"))
                .with_help("write a metric, one of < <= > >= ==, and a limit, such as `message.response.p99 < 250ms`"));
        };
        let Some(metric) = Metric::parse(name) else {
            return Err(misread(format!("nothing measured is called `{name}`"))
                .with_help(unknown_help(name)));
        };
        let form = form(&metric.quantity);
        let limit_read = Limit::parse(limit).filter(|limit| form.fits(*limit));
        let Some(limit) = limit_read else {
            return Err(misread(format!(
                "expected {} for `{name}`, found `{limit}`",
                form.what()
            ))
            .with_help(form.help()));
        };
        Ok(Self {
            check: check.to_owned(),
            metric,
            operator,
            limit,
            min_samples,
            place,
        })
    }

    /// Checks that the phase which the condition names is one of `phases`, and an event where it must be one.
    ///
    /// # Errors
    ///
    /// Returns that it is not, with the near names.
    pub fn check_phase(&self, phases: &[Phase]) -> Result<(), Misread> {
        let (name, needs) = match (&self.metric.phase, &self.metric.quantity) {
            (_, Quantity::Recover(name, _)) => (name, Needs::Event),
            (_, Quantity::Forecast(name)) => (name, Needs::Course),
            (_, Quantity::Migration(name, _)) => (name, Needs::Moves),
            (Some(name), _) => (name, Needs::Nothing),
            (None, _) => return Ok(()),
        };
        let misread = |what: String| Misread::new(what, self.place.clone());
        let Some(phase) = phases.iter().find(|phase| phase.name == *name) else {
            let names = || phases.iter().map(|phase| phase.name.as_str());
            let otherwise = format!("phases here: {}", listed(names()));
            return Err(
                misread(format!("the scenario has no phase `{name}`")).with_help(near(
                    name,
                    names(),
                    &otherwise,
                )),
            );
        };
        let is_ramp = matches!(phase.kind, PhaseKind::Ramp { .. });
        if needs == Needs::Course && !is_ramp && !phase.kind.is_gradual() {
            return Err(misread(format!(
                "nothing is forecast of `{name}`, a phase of kind \"{}\"",
                phase.kind.name()
            ))
            .with_help("`forecast` takes a ramp, a migrate or a roll_back"));
        }
        if needs == Needs::Moves && !phase.kind.is_gradual() {
            return Err(misread(format!(
                "`{name}` moves no accounts: it is a phase of kind \"{}\"",
                phase.kind.name()
            ))
            .with_help("`migrate` takes a migrate or a roll_back"));
        }
        if needs == Needs::Event && !phase.kind.is_mass_event() {
            return Err(misread(format!(
                "nobody has to recover from `{name}`, a phase of kind \"{}\"",
                phase.kind.name()
            ))
            .with_help("`recover` takes a netsplit, a mass_disconnect, a restart, a migrate or a roll_back"));
        }
        Ok(())
    }
}

/// Returns the p99 lateness of an interval above which the generator is late: a tenth of the tightest response SLO, 20 ms at least.
pub fn lateness_limit(slos: &[Slo]) -> Duration {
    let responses = slos
        .iter()
        .filter_map(|slo| match (&slo.metric.quantity, slo.limit) {
            (Quantity::Time(Timed::Response(_), _), Limit::Duration(limit))
                if slo.operator.is_ceiling() =>
            {
                Some(limit)
            }
            _ => None,
        });
    let tenth = responses.min().map(|limit| limit / LATENESS_PER_RESPONSE);
    tenth.map_or(LATENESS_LIMIT_MIN, |tenth| tenth.max(LATENESS_LIMIT_MIN))
}

fn unknown_help(name: &str) -> String {
    let otherwise = "name a time such as `message.response.p99`, a counter such as `ledger.lost`, or one of `sent`, `not_sent`, \
        `disconnects`, `refused`, `recover.<phase>`, `migrate.<phase>`, `phase.<name>.<metric>`";
    let known = Metric::known();
    match name
        .strip_prefix("phase.")
        .and_then(|rest| rest.split_once('.'))
    {
        Some((phase, rest)) => {
            let of_phase = known.iter().map(|known| format!("phase.{phase}.{known}"));
            let whole_run = rest.starts_with("ledger.") || rest.starts_with("not_sent");
            if whole_run {
                format!("`{rest}` is of the whole run, not of one phase")
            } else {
                near(
                    name,
                    of_phase.filter(|known| Metric::parse(known).is_some()),
                    otherwise,
                )
            }
        }
        None => near(name, known, otherwise),
    }
}

/// What a condition's phase must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    Event,
    Course,
    Moves,
}

/// What a metric's limit must look like.
#[derive(Clone, Copy)]
enum Form {
    /// At most what distributions tell apart: a longer limit would hold whatever happens.
    Latency,
    Duration,
    Count,
    CountOrShare,
}

fn form(quantity: &Quantity) -> Form {
    match quantity {
        Quantity::Time(..) => Form::Latency,
        Quantity::Sent | Quantity::NotSent(_) | Quantity::Recover(_, Recovery::Lost) => {
            Form::CountOrShare
        }
        Quantity::Recover(..)
        | Quantity::Pending(_)
        | Quantity::Forecast(_)
        | Quantity::Migration(..) => Form::Duration,
        Quantity::Ledger(counter) if counter.has_share() => Form::CountOrShare,
        Quantity::Ledger(_) | Quantity::Disconnects(_) | Quantity::Refused(_) => Form::Count,
    }
}

impl Form {
    fn fits(self, limit: Limit) -> bool {
        match self {
            Self::Latency => {
                matches!(limit, Limit::Duration(limit) if limit.as_micros() <= u128::from(MICROS_MAX))
            }
            Self::Duration => matches!(limit, Limit::Duration(_)),
            Self::Count => matches!(limit, Limit::Count(_)),
            Self::CountOrShare => matches!(limit, Limit::Count(_) | Limit::Share(_)),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Latency | Self::Duration => "a duration",
            Self::Count => "a count",
            Self::CountOrShare => "a count or a share",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Latency => {
                "write a number with its unit (us, ms, s or min; at most 60min), such as `250ms`"
            }
            Self::Duration => "write a number with its unit (us, ms, s or min), such as `5s`",
            Self::Count => "write digits alone, such as `0`",
            Self::CountOrShare => "write digits alone, such as `0`, or a percentage, such as `1%`",
        }
    }
}

/// Two phases for the gate's tests.
#[cfg(test)]
pub(crate) mod tests_phases {
    use std::time::Duration;

    use crate::scenario::phase::Begins;
    use crate::scenario::phase::Commands;
    use crate::scenario::phase::Cut;
    use crate::scenario::phase::Phase;
    use crate::scenario::phase::PhaseKind;
    use crate::scenario::phase::Returns;

    pub(crate) fn phases() -> Vec<Phase> {
        let steady = PhaseKind::Steady {
            duration: Duration::from_secs(1),
        };
        let mass = PhaseKind::MassDisconnect {
            fraction: 0.3,
            how: Cut::Fin,
            returns: Returns::AtOnce {
                after: Duration::from_secs(1),
            },
        };
        [("steady", steady), ("mass", mass)]
            .map(|(name, kind)| Phase {
                name: name.to_owned(),
                kind,
                begins: Begins::AtStart,
                commands: Commands::default(),
            })
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::slo::tests_phases::phases;

    fn condition(check: &str) -> Condition {
        Condition {
            check: check.to_owned(),
            min_samples: 1,
            place: Place {
                path: "a.toml".to_owned(),
                line: 9,
                column: 9,
            },
        }
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let resolved =
            Slo::resolve(&condition(text)).and_then(|slo| slo.check_phase(&phases()).map(|()| slo));
        let got = match resolved {
            Ok(slo) => format!("{:?} {:?}", slo.operator, slo.limit),
            Err(misread) => format!("{misread} @ {} ? {}", misread.place, misread.help),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn conditions_resolve() {
        check("message.response.p99 < 250ms", "Below Duration(250ms)");
        check(
            "connect.registered.service.p50 <= 2s",
            "AtMost Duration(2s)",
        );
        check("private.response.max < 1s", "Below Duration(1s)");
        check("ledger.lost == 0", "Equal Count(0)");
        check("ledger.uncertain <= 1%", "AtMost Share(0.01)");
        check("not_sent <= 1%", "AtMost Share(0.01)");
        check("sent >= 99%", "AtLeast Share(0.99)");
        check("recover.mass < 5s", "Below Duration(5s)");
        check("disconnects == 0", "Equal Count(0)");
        check("refused == 0", "Equal Count(0)");
        check(
            "phase.steady.message.response.p99 < 850us",
            "Below Duration(850µs)",
        );
    }

    #[test]
    fn what_can_not_be_judged_is_refused_with_the_near_names() {
        check(
            "message.reponse.p99 < 250ms",
            "nothing measured is called `message.reponse.p99` @ a.toml:9:9 ? did you mean `message.response.p99` or `message.response.p999` or `message.response.p90`?",
        );
        check(
            "ledger.losst == 0",
            "nothing measured is called `ledger.losst` @ a.toml:9:9 ? did you mean `ledger.lost` or `ledger.late` or `ledger.echo_lost`?",
        );
        check(
            "phase.steady.mesage.response.p99 < 1s",
            "nothing measured is called `phase.steady.mesage.response.p99` @ a.toml:9:9 ? did you mean `phase.steady.message.response.p99` or `phase.steady.message.response.p999` or `phase.steady.message.response.p90`?",
        );
        check(
            "phase.steady.ledger.lost == 0",
            "nothing measured is called `phase.steady.ledger.lost` @ a.toml:9:9 ? `ledger.lost` is of the whole run, not of one phase",
        );
        check(
            "message.response.p99",
            "expected a condition, found `message.response.p99` @ a.toml:9:9 ? write a metric, one of < <= > >= ==, and a limit, such as `message.response.p99 < 250ms`",
        );
    }

    #[test]
    fn limits_must_fit_what_is_measured() {
        check(
            "message.response.p99 < 250",
            "expected a duration for `message.response.p99`, found `250` @ a.toml:9:9 ? write a number with its unit (us, ms, s or min; at most 60min), such as `250ms`",
        );
        check(
            "message.response.p99 < 61min",
            "expected a duration for `message.response.p99`, found `61min` @ a.toml:9:9 ? write a number with its unit (us, ms, s or min; at most 60min), such as `250ms`",
        );
        check("recover.mass < 90min", "Below Duration(5400s)");
        check(
            "disconnects <= 1%",
            "expected a count for `disconnects`, found `1%` @ a.toml:9:9 ? write digits alone, such as `0`",
        );
        check(
            "ledger.lost < 1s",
            "expected a count or a share for `ledger.lost`, found `1s` @ a.toml:9:9 ? write digits alone, such as `0`, or a percentage, such as `1%`",
        );
    }

    #[test]
    fn phases_must_exist_and_events_must_be_events() {
        check(
            "recover.steady < 1s",
            "nobody has to recover from `steady`, a phase of kind \"steady\" @ a.toml:9:9 ? `recover` takes a netsplit, a mass_disconnect, a restart, a migrate or a roll_back",
        );
        check(
            "phase.stedy.sent >= 99%",
            "the scenario has no phase `stedy` @ a.toml:9:9 ? did you mean `steady`?",
        );
        check(
            "recover.zzz < 1s",
            "the scenario has no phase `zzz` @ a.toml:9:9 ? phases here: `steady`, `mass`",
        );
    }

    #[test]
    fn lateness_may_take_a_tenth_of_the_tightest_response() {
        for (checks, want_ms) in [
            (&[][..], 20),
            (&["message.response.p99 < 100ms"], 20),
            (
                &["message.response.p99 < 1s", "join.response.p50 <= 500ms"],
                50,
            ),
            // Neither a floor nor a service time is a promise about responses.
            (&["message.response.p99 > 300ms"], 20),
            (&["message.service.p99 < 300ms", "recover.mass < 2s"], 20),
        ] {
            let slos: Vec<Slo> = checks
                .iter()
                .map(|check| Slo::resolve(&condition(check)).unwrap())
                .collect();
            assert_eq!(
                lateness_limit(&slos),
                Duration::from_millis(want_ms),
                "{checks:?}"
            );
        }
    }
}
