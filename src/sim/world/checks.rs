//! Checkers of a virtual run: what must hold whatever the shards believe.

use std::time::Duration;

use crate::irc::wire::message::Message;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::measure::ledger::counts::LedgerCounts;
use crate::measure::probe::Prober;
use crate::sim::world::World;
use crate::units::id::ChannelId;
use crate::units::id::UserId;

/// How long after the last fault everybody must be back: a few tries at the longest delay of the scenarios played here.
const BACK_WITHIN: Duration = Duration::from_secs(20);
impl World {
    /// Checker: nothing leaves before its time.
    pub(super) fn check_nothing_is_early(&mut self, bytes: &[u8]) {
        for line in bytes.split(|&byte| byte == b'\n') {
            let Ok(message) = Message::parse(line.strip_suffix(b"\r").unwrap_or(line)) else {
                continue;
            };
            let (Some(target), Some(text)) = (message.params.get(0), message.params.get(1)) else {
                continue;
            };
            if !message.is(b"PRIVMSG") {
                continue;
            }
            let (Some(channel), Some(header)) =
                (self.plan.names.channel(target), Prober::read(text))
            else {
                continue;
            };
            let key = MessageKey {
                channel: ChannelId(channel.0),
                index: header.index,
            };
            if header.modulus == Prober::MODULUS_FULL
                && self.intended.get(&key).is_none_or(|&at| at > self.now)
            {
                self.violations.push(format!(
                    "message {} of channel {channel} left at {}, before its time",
                    key.index, self.now
                ));
            }
        }
    }

    /// Checker: everybody is back within a bound after the faults have ended.
    pub(super) fn check_everybody_is_back(&mut self) {
        let since = self.now - BACK_WITHIN;
        if self.faults.window.1 > since {
            return;
        }
        let missing: Vec<UserId> = self
            .shards
            .iter()
            .flat_map(|shard| shard.not_whole(since))
            .collect();
        let (half_open, missing): (Vec<UserId>, Vec<UserId>) = missing
            .into_iter()
            .partition(|user| self.links[user.index()].is_deaf);
        // A half-open link is noticed by its PING alone.
        let noticed_by = self.faults.window.1 + self.plan.clients.notice_within();
        if !missing.is_empty() || (noticed_by < since && !half_open.is_empty()) {
            self.violations
                .push(format!("not back in time: {missing:?} {half_open:?}"));
        }
    }

    /// Checker: what was planned, sent, required and seen adds up.
    pub(super) fn check_sums(&mut self, ledger: &LedgerCounts) {
        let planned = self.intended.len() as u64;
        if ledger.planned != planned || ledger.sent + ledger.not_sent.total() != planned {
            self.violations.push(format!(
                "{planned} planned, but {} entered, {} sent and {} holes",
                ledger.planned,
                ledger.sent,
                ledger.not_sent.total()
            ));
        }
        if ledger.required != ledger.delivered + ledger.count(Breach::Lost) {
            self.violations.push(format!(
                "{} required, {} delivered, {} lost",
                ledger.required,
                ledger.delivered,
                ledger.count(Breach::Lost)
            ));
        }
        if ledger.presence_required != ledger.presence_seen + ledger.count(Breach::PresenceMissed) {
            self.violations.push(format!(
                "{} presence changes required, {} seen",
                ledger.presence_required, ledger.presence_seen
            ));
        }
    }
}
