//! Ends of virtual connections: closed by either side, or struck by a fault.

use crate::irc::fault::link::LinkFault;
use crate::irc::network::CloseReason;
use crate::irc::network::client::ClientId;
use crate::irc::session::Closed;
use crate::sim::world::What;
use crate::sim::world::World;
use crate::units::id::UserId;

impl World {
    /// The network closes a client once everything for it is on its way.
    pub(super) fn close_client(&mut self, client: ClientId) {
        self.carry_down(client);
        self.network
            .handle_closed(self.now, client, CloseReason::Asked);
        if let Some((user, epoch)) = self.user_of.remove(&client)
            && self.is_current(user, epoch)
        {
            self.send_end(user, epoch);
        }
    }

    /// Sends the network's end of a user's connection on its way, unless nothing arrives there any more.
    pub(super) fn send_end(&mut self, user: UserId, epoch: u32) {
        let link = &mut self.links[user.index()];
        if !link.is_deaf {
            let at = link.down(self.now);
            self.push(at, What::UserEnd { user, epoch });
        }
    }

    /// Our side of a user's connection is gone at once; the network hears of it in time.
    pub(super) fn close_user(&mut self, user: UserId, closed: Closed) {
        let now = self.now;
        let link = &mut self.links[user.index()];
        let was_up = link.is_up;
        link.is_up = false;
        let (at, epoch) = (link.up(now), link.epoch);
        self.push(
            at,
            What::NetworkEnd {
                user,
                epoch,
                is_reset: closed == Closed::Reset,
            },
        );
        if was_up {
            self.shard(user).handle_closed(user, closed, now);
        } else {
            self.shard(user).handle_connect_failed(user, closed, now);
        }
    }

    pub(super) fn network_end(&mut self, user: UserId, epoch: u32, is_reset: bool) {
        let Some(client) = self.client_of(user, epoch) else {
            return;
        };
        // Bytes that still wait for it go with it, but the end does reach a side that only half closed.
        self.carry_down(client);
        self.user_of.remove(&client);
        self.network.handle_closed(
            self.now,
            client,
            if is_reset {
                CloseReason::Reset
            } else {
                CloseReason::Eof
            },
        );
        let link = &self.links[user.index()];
        if link.epoch == epoch && link.is_half_closed && link.is_up {
            self.send_end(user, epoch);
        }
    }

    pub(super) fn strike(&mut self, user: UserId) {
        let now = self.now;
        let link = &mut self.links[user.index()];
        if !link.is_up {
            return;
        }
        self.truth.link_faults += 1;
        match link.fault {
            Some(LinkFault::Stall { lasts, .. }) => link.stalled_until = now + lasts,
            Some(LinkFault::HalfOpen { .. }) => {
                link.is_deaf = true;
                self.truth.half_open.push(user);
            }
            Some(LinkFault::Reset { .. }) => {
                link.reset_epoch = Some(link.epoch);
                self.close_user(user, Closed::Reset);
            }
            None => {}
        }
    }
}
