//! How servers say no: to a connect, to a registration, and to whoever is banned.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::family::CloneLimit;
use crate::irc::wire::numeric::ERR_YOUREBANNEDCREEP;
use crate::units::offset::Offset;

/// The reason of bans that follow from too many connects. It holds none of the words by which clients know a throttle: a ban lasts.
const CONNECT_BAN_REASON: &[u8] = b"Excessive connections from your address";

/// Why a connection or a registration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooManyClients,
    TooManyUsers,
    TooManyOfIdent,
    TooFast,
    Banned,
    /// With this connect its source is banned: everybody from there goes.
    BannedNow,
}

impl Network {
    /// Holds a new connection against bans and limits; returns whether it is let in.
    pub(super) fn may_enter(&mut self, id: ClientId) -> bool {
        let Some((source, ix)) = self.ports.port(id).door() else {
            return true;
        };
        let (source, now) = (source.clone(), self.now);
        let host = self.directory.client(id).host.clone();
        let entered = self.doors.enter(&self.config.limits, now, &source, &host);
        if let Some(reason) = self.bans.against_host(&host).map(<[u8]>::to_vec) {
            self.saw.note_refusal(ix, Refusal::Banned);
            self.close_banned(id, &reason, None);
            return false;
        }
        let Err(refusal) = entered else {
            self.saw.note_entry(now, ix);
            self.ports.port_mut(id).set_let_in();
            return true;
        };
        self.saw.note_refusal(ix, refusal);
        match refusal {
            Refusal::Banned | Refusal::BannedNow => {
                let until = self.doors.banned_until(now, &source).unwrap_or(now);
                self.close_banned(id, CONNECT_BAN_REASON, Some(until));
                if refusal == Refusal::BannedNow {
                    self.close_source(&source, CONNECT_BAN_REASON, until);
                }
            }
            _ => self.refuse(id, refusal),
        }
        false
    }

    /// Holds a registration against bans and limits; returns whether it may be completed.
    pub(super) fn may_register(&mut self, id: ClientId) -> bool {
        let Some((source, ix)) = self.ports.port(id).door() else {
            return true;
        };
        let client = self.directory.client(id);
        let banned = self.bans.against_user(&client.user, &client.host);
        if let Some(reason) = banned.map(<[u8]>::to_vec) {
            self.saw.note_refusal(ix, Refusal::Banned);
            self.close_banned(id, &reason, None);
            return false;
        }
        let registered =
            self.doors
                .register(&self.config.limits, source, &client.user, &client.host);
        let Err(refusal) = registered else {
            self.saw.counts_mut(ix).registrations += 1;
            self.ports.port_mut(id).set_user();
            return true;
        };
        self.saw.note_refusal(ix, refusal);
        self.refuse(id, refusal);
        false
    }

    fn refuse(&mut self, id: ClientId, refusal: Refusal) {
        match refusal {
            Refusal::TooManyClients | Refusal::TooManyUsers => {
                match self.manners().denials.clone_limit {
                    CloneLimit::Reason(text) => self.drop_client(id, text.as_bytes()),
                    CloneLimit::Whole(text) => self.drop_unnamed(id, text),
                }
            }
            Refusal::TooManyOfIdent => self.drop_client(id, b"Too many user connections"),
            Refusal::TooFast => self.drop_unnamed(
                id,
                "Your host is trying to (re)connect too fast -- throttled.",
            ),
            Refusal::Banned | Refusal::BannedNow => {
                self.close_banned(id, CONNECT_BAN_REASON, None);
            }
        }
    }

    /// Closes a newcomer with an ERROR that says nothing of its link.
    fn drop_unnamed(&mut self, id: ClientId, text: &str) {
        self.ports
            .line(id)
            .command(b"ERROR")
            .trailing(text.as_bytes());
        self.depart(id, text.as_bytes());
        self.clear_deadline(id);
        self.ports.close(id);
    }

    /// Closes a client because of a ban: it reads 465 and ERROR, others a QUIT.
    pub(super) fn close_banned(&mut self, id: ClientId, reason: &[u8], until: Option<Offset>) {
        if let Some(ix) = self.ports.port(id).sighting() {
            self.saw.note_ban(self.now, ix, until);
        }
        if self.ports.port(id).is_let_in() && self.directory.client(id).stage != Stage::Gone {
            self.note(id, |counts| counts.closed_by_ban += 1);
        }
        let denials = &self.manners().denials;
        let numeric = denials.ban_numeric.with(reason);
        let farewell = denials.ban_reason.with(reason);
        self.ports
            .numeric(&self.directory, id, ERR_YOUREBANNEDCREEP)
            .trailing(&numeric);
        self.drop_client(id, &farewell);
    }
}
