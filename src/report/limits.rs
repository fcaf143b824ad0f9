//! Which of the target's limits bit, how often, and the setting that lifts each.

use serde::Deserialize;
use serde::Serialize;

use crate::fitness::target::advice;
use crate::measure::interval::Interval;
use crate::measure::operation::Operation;
use crate::measure::reason::Refused;
use crate::measure::welcome;
use crate::measure::welcome::WelcomeWait;

/// A limit that bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The reason under which it is counted among refusals, or the operation that waited for it.
    pub reason: String,
    /// How often it bit.
    pub count: u64,
    /// What lifts it, by the target's family.
    pub advice: String,
}

/// Returns the limits of a target of `family` that were met. Refusals that no setting lifts are not among them.
pub(super) fn met(observed: &Interval, family: &str) -> Vec<Limit> {
    let refused = observed.refused.iter().filter(|(_, count)| *count > 0);
    let refused = refused.filter_map(|(why, count)| Some((why.name(), count, topic(why)?)));
    let waits = match welcome::wait_of(observed) {
        Some(WelcomeWait::LookUp(_)) => Some(Operation::ConnectLookup),
        Some(WelcomeWait::Unknown(_)) => Some(Operation::ConnectRegistered),
        Some(WelcomeWait::Tick) | None => None,
    };
    let waits = waits.map(|operation| {
        let count = observed.times(operation).service.count();
        (operation.name(), count, advice::LOOK_UPS)
    });
    let met = refused.chain(waits);
    met.map(|(reason, count, topic)| Limit {
        reason: reason.to_owned(),
        count,
        advice: advice::of(topic, family),
    })
    .collect()
}

/// Returns what settings are about that lift a reason to refuse; `None` for reasons that are no limit's.
fn topic(why: Refused) -> Option<&'static str> {
    match why {
        Refused::Throttle => Some(advice::CONNECTS),
        Refused::CloneLimit => Some(advice::CONNECTIONS),
        Refused::Flood | Refused::RecvQ | Refused::FakeLag => Some(advice::FLOOD),
        Refused::SendQ => Some(advice::SENDQ),
        Refused::ChannelLimit => Some(advice::CHANNELS),
        Refused::Ban
        | Refused::NickInUse
        | Refused::Auth
        | Refused::Elsewhere
        | Refused::CannotSend
        | Refused::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_bit_come_with_their_setting() {
        let mut observed = Interval::new();
        for why in [
            Refused::FakeLag,
            Refused::CloneLimit,
            Refused::FakeLag,
            Refused::Auth,
        ] {
            observed.refused.add(why);
        }
        let met = met(&observed, "ngIRCd");
        let told: Vec<(&str, u64)> = met
            .iter()
            .map(|limit| (&*limit.reason, limit.count))
            .collect();
        assert_eq!(told, [("clone_limit", 1), ("fake_lag", 2)]);
        assert!(met[0].advice.contains("MaxConnectionsIP"), "{met:?}");
        assert!(met[1].advice.contains("MaxPenaltyTime"), "{met:?}");
    }
}
