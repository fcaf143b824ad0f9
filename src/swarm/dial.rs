//! Users' connections over time: when they are made, given up, tried again.

use std::cmp::Reverse;

use crate::irc::session::SessionConfig;
use crate::irc::session::backoff::Backoff;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::scenario::clients::RetrySince;
use crate::swarm::Shard;
use crate::swarm::io::Io;
use crate::swarm::user::Link;
use crate::units::offset::Offset;

impl Shard {
    /// Schedules the next try of a user who is wanted and has no connection.
    pub(super) fn come_back_later(&mut self, local: usize, now: Offset) {
        if !self.users[local].is_wanted || self.is_over {
            return;
        }
        let retry = self.plan.clients.client(self.users[local].client).retry;
        let state = &mut self.users[local];
        // A draw of its own for each user and moment, so that any number of shards gives the same delays.
        let moment = u32::try_from(now.as_nanos() & 0xfff_ffff).unwrap_or(0);
        let draw = self
            .plan
            .streams
            .draw(StreamId::of_user(Purpose::Reconnect, moment, state.id));
        let backoff = Backoff {
            first: retry.first,
            growth: retry.growth,
            longest: retry.longest,
        };
        let mut delay = if retry.is_spread {
            backoff.spread(state.tries, draw)
        } else {
            backoff.whole(state.tries)
        };
        if retry.since == RetrySince::Connect {
            delay = delay.saturating_sub(now.since(state.connect_attempt));
        }
        state.tries = state.tries.saturating_add(1);
        state.reconnect_at = now + delay;
        self.arm(local);
    }

    pub(super) fn connect(&mut self, local: usize, now: Offset) {
        if let Some(at) = self.held_back_until(now) {
            self.users[local].reconnect_at = at;
            self.arm(local);
            return;
        }
        self.last_connect = now;
        let state = &mut self.users[local];
        state.link = Link::Connecting;
        state.reconnect_at = Offset::NEVER;
        state.connect_attempt = now;
        state.connect_by = now + self.plan.scenario.reconnect.connect_timeout;
        let user = state.id;
        let server = self.server_of(user, now);
        self.io.push_back(Io::Connect { user, server });
        self.arm(local);
    }

    /// Returns until when the caps hold a connect back, if they do.
    fn held_back_until(&self, now: Offset) -> Option<Offset> {
        let caps = self.caps?;
        let earliest = self.last_connect + caps.connect_spacing;
        if now < earliest {
            return Some(earliest);
        }
        let standing = self
            .users
            .iter()
            .filter(|state| state.link != Link::Down)
            .count();
        (standing >= caps.connections_max).then(|| now + caps.connect_spacing)
    }

    pub(super) fn close(&mut self, local: usize) {
        let state = &mut self.users[local];
        if state.link != Link::Down {
            state.close_by = Offset::NEVER;
            self.io.push_back(Io::Close { user: state.id });
        }
    }

    pub(super) fn flush(&mut self, local: usize) {
        let state = &mut self.users[local];
        if state.link == Link::Up && !state.has_flush_queued && !state.outbox.pending().is_empty() {
            state.has_flush_queued = true;
            self.io.push_back(Io::Flush { user: state.id });
        }
    }

    pub(super) fn handle_timer(&mut self, at: Offset, local: usize, now: Offset) {
        let state = &mut self.users[local];
        if state.timer_at != at {
            // A newer timer has taken its place.
            return;
        }
        state.timer_at = Offset::NEVER;
        if state.reconnect_at <= now {
            self.connect(local, now);
        } else if state.link == Link::Connecting && state.connect_by <= now {
            state.connect_by = Offset::NEVER;
            self.close(local);
        } else if state.close_by <= now {
            self.close(local);
        } else if let Some((channel, _)) = state.rejoin.filter(|&(_, at)| at <= now) {
            self.users[local].rejoin = None;
            self.join(local, &[channel], now);
        } else if self.users[local].chores.due() <= now {
            self.do_chores(local, now);
        } else if self.users[local]
            .session
            .next_timer(self.session_config(local))
            <= now
        {
            let heard = self.with_session(local, |session, cx| session.handle_timer(now, cx));
            self.hear(local, heard, now);
        }
        self.flush(local);
        self.arm(local);
    }

    fn session_config(&self, local: usize) -> &SessionConfig {
        &self.session_configs[usize::from(self.users[local].client.0)]
    }

    /// Makes sure that the user's next deadline is among the timers.
    pub(super) fn arm(&mut self, local: usize) {
        let state = &self.users[local];
        let connecting = if state.link == Link::Connecting {
            state.connect_by
        } else {
            Offset::NEVER
        };
        let session = if state.link == Link::Up {
            state.session.next_timer(self.session_config(local))
        } else {
            Offset::NEVER
        };
        let rejoin = state.rejoin.map_or(Offset::NEVER, |(_, at)| at);
        let deadline = state
            .reconnect_at
            .min(connecting)
            .min(state.close_by)
            .min(session)
            .min(state.chores.due())
            .min(rejoin);
        if deadline < state.timer_at
            && let Ok(index) = u32::try_from(local)
        {
            self.users[local].timer_at = deadline;
            self.timers.push(Reverse((deadline, index)));
        }
    }
}
