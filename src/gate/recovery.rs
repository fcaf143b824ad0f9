//! How an event was got over: the figures that conditions on `recover.<phase>` take.

use crate::gate::figure;
use crate::gate::judgement::Found;
use crate::gate::judgement::Measured;
use crate::gate::judgement::counted;
use crate::gate::judgement::lacking;
use crate::gate::limit::Limit;
use crate::gate::metric::Recovery;
use crate::measure::event::Event;
use crate::measure::outcome::Outcome;
use crate::units::offset::Offset;
use crate::units::span::micros;

/// Returns a figure of how a phase's event was got over.
pub(crate) fn find(outcome: &Outcome, limit: Limit, name: &str, recovery: Recovery) -> Found {
    let phase = outcome.phases.iter().find(|phase| phase.name == name);
    let event = phase.and_then(|phase| {
        outcome
            .events
            .iter()
            .find(|event| event.phase == phase.phase)
    });
    let Some(event) = event else {
        return lacking(format!("`{name}` did not strike"));
    };
    match recovery {
        Recovery::Whole(share) => whole(outcome, event, name, share),
        Recovery::Latency => Found {
            measured: event
                .calm_after()
                .map(|after| Measured::Micros(micros(after))),
            samples: u64::from(event.calm.is_some()),
            lack: "message latency was not back in its band, or had none before".to_owned(),
        },
        Recovery::Lost => counted(
            limit,
            event.loss.lost,
            event.loss.required,
            "nothing was to be delivered in its window",
        ),
        Recovery::Bystanders(statistic) => Found {
            measured: statistic.of(&event.bystanders).map(Measured::Micros),
            samples: event.bystanders.count(),
            lack: "no message passed between users whom it did not touch".to_owned(),
        },
    }
}

/// Returns how long a share of an event's victims took to be whole again.
fn whole(outcome: &Outcome, event: &Event, name: &str, share: f64) -> Found {
    if event.affected == 0 {
        return lacking(format!("`{name}` hit nobody"));
    }
    let whole = event.whole_by(share);
    if whole.is_none() && !event.is_over() {
        let lack = format!(
            "{} of {} were not whole again when the run ended, {} after `{name}` was over",
            figure::count(event.affected - event.recovered),
            figure::count(event.affected),
            figure::duration(micros(outcome.ended.since(event.cause_gone)))
        );
        return Found {
            samples: event.affected,
            ..lacking(lack)
        };
    }
    // Returns that only the ledger proved have no moment.
    let timed = whole.filter(|_| event.last_recovered != Offset::ALWAYS);
    Found {
        measured: timed.map(|timed| Measured::Micros(micros(timed))),
        samples: timed.map_or(0, |_| event.affected),
        lack: "no return was timed".to_owned(),
    }
}
