//! Whether clients live and how fast they may send: pings, timeouts, held lines.

use std::time::Duration;

use memchr::memchr;

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::config::FloodResponse;
use crate::irc::network::ports::PortState;
use crate::units::offset::Offset;

/// The shortest time between two deadlines of a client, so that a limit of zero can't stop time.
const DEADLINE_GAP_MIN: Duration = Duration::from_millis(1);

impl Network {
    /// Puts the client's next deadline into the timers. It may turn out early: what was heard since is looked at when it is due,
    /// so that a line from a client costs no timer.
    pub(super) fn set_deadline(&mut self, id: ClientId) {
        let due = self.next_deadline(id);
        let at = due.max(self.now + DEADLINE_GAP_MIN);
        self.clear_deadline(id);
        if due < Offset::NEVER {
            self.ports.port_mut(id).deadline = at;
            self.timers.insert((at, id));
        }
    }

    pub(super) fn clear_deadline(&mut self, id: ClientId) {
        let port = self.ports.port_mut(id);
        let was = std::mem::replace(&mut port.deadline, Offset::NEVER);
        self.timers.remove(&(was, id));
    }

    pub(super) fn handle_deadline(&mut self, id: ClientId) {
        self.clear_deadline(id);
        self.release_held_lines(id);
        self.end_look_ups(id);
        if !self.ports.is_open(id) {
            return;
        }
        match self.directory.client(id).stage {
            Stage::Registering => self.check_registration(id),
            Stage::Registered => self.check_ping(id),
            Stage::Free | Stage::Gone => {}
        }
        if self.ports.is_open(id) {
            self.set_deadline(id);
        }
    }

    /// Says whether a line may be acted on now, and counts it; otherwise holds it back or closes the client.
    pub(super) fn admit(&mut self, id: ClientId, line: &[u8]) -> bool {
        let Some(flood) = self.config.limits.flood else {
            return true;
        };
        let now = self.now;
        let recvq_bytes_max = self.config.limits.recvq_bytes_max;
        let port = self.ports.port_mut(id);
        if port.state == PortState::Synthetic {
            return true;
        }
        if port.held.is_empty() && flood.next_at(port.paid_until) <= now {
            port.paid_until = flood.after_line(port.paid_until, now);
            return true;
        }
        if flood.response == FloodResponse::Close {
            self.note(id, |counts| counts.closed_by_flood += 1);
            self.drop_client(id, b"Excess Flood");
        } else if port.held.len() + line.len() >= recvq_bytes_max {
            self.note(id, |counts| counts.closed_by_flood += 1);
            self.drop_client(id, b"RecvQ exceeded");
        } else {
            let is_first = port.held.is_empty();
            port.held.extend_from_slice(line);
            port.held.push(b'\n');
            self.note(id, |counts| counts.lines_held += 1);
            if is_first {
                self.set_deadline(id);
            }
        }
        false
    }

    fn next_deadline(&self, id: ClientId) -> Offset {
        let port = self.ports.port(id);
        if port.state != PortState::Open {
            return Offset::NEVER;
        }
        let limits = &self.config.limits;
        let client = self.directory.client(id);
        let liveness = match (client.stage, port.pinged) {
            (Stage::Registering, _) => limits
                .registration_timeout
                .map(|max| client.signed_on + max),
            (_, Some(pinged)) => Some(pinged + limits.ping_timeout),
            (_, None) => limits.ping_interval.map(|interval| port.heard + interval),
        };
        let held = limits
            .flood
            .filter(|_| !port.held.is_empty())
            .map(|flood| flood.next_at(port.paid_until));
        [liveness, held, self.next_look_up(id)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Offset::NEVER)
    }

    fn release_held_lines(&mut self, id: ClientId) {
        let Some(flood) = self.config.limits.flood else {
            return;
        };
        let held = std::mem::take(&mut self.ports.port_mut(id).held);
        let mut rest = &held[..];
        while let Some(end) = memchr(b'\n', rest) {
            let now = self.now;
            let port = self.ports.port_mut(id);
            if port.state != PortState::Open || flood.next_at(port.paid_until) > now {
                break;
            }
            port.paid_until = flood.after_line(port.paid_until, now);
            let line = &rest[..end];
            rest = &rest[end + 1..];
            self.act_on(id, line);
        }
        if self.ports.is_open(id) {
            self.ports.port_mut(id).held = rest.to_vec();
        }
    }

    fn check_registration(&mut self, id: ClientId) {
        let since = self.directory.client(id).signed_on;
        let max = self.config.limits.registration_timeout;
        if max.is_some_and(|max| self.now.since(since) >= max) {
            self.note(id, |counts| counts.registrations_timed_out += 1);
            self.drop_client(id, b"Registration timeout");
        }
    }

    fn check_ping(&mut self, id: ClientId) {
        let Some(interval) = self.config.limits.ping_interval else {
            return;
        };
        let (now, timeout) = (self.now, self.config.limits.ping_timeout);
        let port = self.ports.port_mut(id);
        if port.pinged.is_some_and(|pinged| port.heard > pinged) {
            port.pinged = None;
        }
        let silence = now.since(port.heard);
        match port.pinged {
            Some(pinged) if now.since(pinged) >= timeout => {
                let text = format!("Ping timeout: {} seconds", silence.as_secs());
                self.drop_client(id, text.as_bytes());
            }
            None if silence >= interval => {
                port.pinged = Some(now);
                self.ports
                    .line(id)
                    .command(b"PING")
                    .trailing(&self.directory.server_of(id).name);
            }
            _ => {}
        }
    }
}
