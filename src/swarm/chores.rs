//! What clients send by themselves once they are welcome, in their programs' order and pace.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::irc::session::Taken;
use crate::irc::wire::compose::Line;
use crate::plan::action::Action;
use crate::plan::action::Planned;
use crate::scenario::clients::Client;
use crate::scenario::clients::Order;
use crate::scenario::clients::Query;
use crate::swarm::Shard;
use crate::swarm::manners;
use crate::units::id::ChannelId;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// What one client is to send by itself.
#[derive(Debug)]
pub(crate) struct Chores {
    waiting: VecDeque<Chore>,
    /// When a rested client would be rested again: each line moves it on by the time between two.
    rested_at: Offset,
    /// By how much a line may go before that: what a burst allows.
    credit: Duration,
    /// When it next asks about all of its channels.
    poll_at: Offset,
    notice: Option<Notice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chore {
    task: Task,
    channel: ChannelId,
}

/// What there is to do, in the order in which a program that asks query by query does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    UserMode,
    Join,
    /// A query about a channel, by its place among the program's.
    Query(u8),
    Poll,
}

/// That a user types, to be shown before the message.
#[derive(Clone, Copy, Debug)]
struct Notice {
    at: Offset,
    channel: ChannelId,
    to: Option<UserId>,
}

impl Default for Chores {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            rested_at: Offset::ALWAYS,
            credit: Duration::ZERO,
            poll_at: Offset::NEVER,
            notice: None,
        }
    }
}

impl Chores {
    /// Forgets everything: the connection is over.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.poll_at = Offset::NEVER;
        self.notice = None;
    }

    /// Returns when there is next something to do; `NEVER` for nothing.
    pub(crate) fn due(&self) -> Offset {
        let notice = self.notice.map_or(Offset::NEVER, |notice| notice.at);
        self.line_due().min(self.poll_at).min(notice)
    }

    fn line_due(&self) -> Offset {
        if self.waiting.is_empty() {
            Offset::NEVER
        } else {
            self.rested_at - self.credit
        }
    }

    fn push(&mut self, task: Task, channel: ChannelId) {
        self.waiting.push_back(Chore { task, channel });
    }

    fn pop(&mut self, order: Order) -> Option<Chore> {
        let place = match order {
            Order::Channels => 0,
            Order::Queries => {
                let tasks = self.waiting.iter().map(|chore| chore.task);
                // The first of the least.
                let least = tasks.enumerate().min_by_key(|&(_, task)| task);
                least.map_or(0, |(place, _)| place)
            }
        };
        self.waiting.remove(place)
    }

    /// Notes that a line of its own goes at `now`; the next follows `every` later.
    fn spend(&mut self, every: Duration, now: Offset) {
        self.rested_at = self.rested_at.max(now) + every;
    }
}

impl Shard {
    fn client(&self, local: usize) -> &Client {
        self.plan.clients.client(self.users[local].client)
    }

    /// Begins what a client does when it is welcome; the JOIN of its channels is part of it.
    pub(super) fn begin_chores(&mut self, local: usize, now: Offset) {
        let plan = Arc::clone(&self.plan);
        let client = plan.clients.client(self.users[local].client);
        let state = &mut self.users[local];
        let chores = &mut state.chores;
        chores.clear();
        chores.credit = client.pace.every * client.pace.burst.saturating_sub(1);
        chores.rested_at = now + client.welcome.after + chores.credit;
        if let Some(poll) = &client.poll {
            let is_told = poll
                .unless
                .is_some_and(|cap| state.session.has_taken(manners::taken(cap)));
            if !is_told {
                chores.poll_at = now + poll.every;
            }
        }
        if !client.ping.quiet.is_zero() {
            let quiet_at = now + client.welcome.after + client.ping.quiet;
            state.session.postpone_ping(quiet_at);
        }
        if client.welcome.user_mode.is_some() {
            chores.push(Task::UserMode, ChannelId(0));
        }
        // A script has its own times, and users without a program's ways wait for nothing.
        let is_unhurried = !client.welcome.after.is_zero() || !state.chores.waiting.is_empty();
        if plan.script().is_none() && is_unhurried {
            state.chores.push(Task::Join, ChannelId(0));
        } else {
            self.join_all(local, now);
        }
        self.do_chores(local, now);
    }

    /// Does what is due of a client's own.
    pub(super) fn do_chores(&mut self, local: usize, now: Offset) {
        if !self.users[local].session.is_online() {
            self.users[local].chores.clear();
            return;
        }
        let plan = Arc::clone(&self.plan);
        let client = plan.clients.client(self.users[local].client);
        self.poll_if_due(local, client, now);
        while self.users[local].chores.line_due() <= now {
            let Some(chore) = self.users[local].chores.pop(client.pace.order) else {
                break;
            };
            self.do_chore(local, client, chore, now);
        }
        self.show_typing_if_due(local, now);
        self.flush(local);
        self.arm(local);
    }

    fn do_chore(&mut self, local: usize, client: &Client, chore: Chore, now: Offset) {
        match chore.task {
            Task::Join => self.join_all(local, now),
            Task::UserMode => {
                if let Some(mode) = &client.welcome.user_mode {
                    let state = &mut self.users[local];
                    Line::with_command(state.outbox.tail(), b"MODE")
                        .param(state.session.nick())
                        .param(mode.as_bytes())
                        .end();
                    self.spend_line(local, now);
                }
            }
            Task::Query(place) => {
                if let Some(query) = client.queries.get(usize::from(place)) {
                    self.ask(local, query, chore.channel, now);
                }
            }
            Task::Poll => {
                if let Some(poll) = &client.poll {
                    self.ask(local, &poll.query, chore.channel, now);
                }
            }
        }
    }

    /// Notes that a line of a client's own is on its way: the next waits for its turn, and a PING for quiet.
    pub(super) fn spend_line(&mut self, local: usize, now: Offset) {
        let client = self.client(local);
        let (every, quiet) = (client.pace.every, client.ping.quiet);
        let state = &mut self.users[local];
        state.chores.spend(every, now);
        if !quiet.is_zero() {
            state.session.postpone_ping(now + quiet);
        }
    }

    /// Asks what the client's program asks about a channel that it has joined, at once or in its turn.
    pub(super) fn ask_about(&mut self, local: usize, channel: ChannelId, now: Offset) {
        let plan = Arc::clone(&self.plan);
        let client = plan.clients.client(self.users[local].client);
        for (place, query) in (0u8..).zip(&client.queries) {
            if client.pace.every.is_zero() {
                self.ask(local, query, channel, now);
            } else if self.may_ask(local, query, channel) {
                let chores = &mut self.users[local].chores;
                chores.push(Task::Query(place), channel);
            }
        }
        if !client.pace.every.is_zero() {
            self.do_chores(local, now);
        }
    }

    /// Returns whether a channel is small enough, and the target able, for a query.
    fn may_ask(&self, local: usize, query: &Query, channel: ChannelId) -> bool {
        let session = &self.users[local].session;
        let is_able = query
            .needs
            .is_none_or(|cap| session.has_taken(manners::taken(cap)));
        // The members planned stand for those that a client counts from NAMES.
        is_able
            && query
                .members_max
                .is_none_or(|most| self.plan.population.members(channel).len() <= most as usize)
    }

    fn ask(&mut self, local: usize, query: &Query, channel: ChannelId, now: Offset) {
        let user = self.users[local].id;
        if !self.ledger.is_joined(user, channel) || !self.may_ask(local, query, channel) {
            return;
        }
        let out = self.users[local].outbox.tail();
        out.extend_from_slice(query.line.before.as_bytes());
        self.plan.names.push_channel(channel, out);
        match &query.whox {
            Some(fields) if self.isupport.has_whox => {
                out.push(b' ');
                out.extend_from_slice(fields.as_bytes());
            }
            _ => out.extend_from_slice(query.line.behind.as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
        self.spend_line(local, now);
    }

    fn poll_if_due(&mut self, local: usize, client: &Client, now: Offset) {
        let Some(poll) = &client.poll else { return };
        let state = &mut self.users[local];
        if now < state.chores.poll_at {
            return;
        }
        state.chores.poll_at = now + poll.every;
        // A client that is still busy with what it asked before asks no more.
        if !state.chores.waiting.is_empty() {
            return;
        }
        let user = state.id;
        for &channel in self.plan.population.channels(user) {
            if self.ledger.is_joined(user, channel) {
                self.users[local].chores.push(Task::Poll, channel);
            }
        }
    }

    /// Sees a message coming: where the client shows that its user types, it is to do so a little before.
    pub(super) fn foresee(&mut self, planned: &Planned) {
        let Action::Say { key, message, .. } = planned.action else {
            return;
        };
        let Some(local) = self.sharding.local(message.sender) else {
            return;
        };
        let Some(typing) = self.client(local).typing else {
            return;
        };
        let state = &mut self.users[local];
        if state.session.has_taken(Taken::Tags) && state.chores.notice.is_none() {
            state.chores.notice = Some(Notice {
                at: planned.at - typing.lead,
                channel: key.channel,
                to: message.to,
            });
            self.arm(local);
        }
    }

    fn show_typing_if_due(&mut self, local: usize, now: Offset) {
        let state = &mut self.users[local];
        let Some(notice) = state.chores.notice.take_if(|notice| notice.at <= now) else {
            return;
        };
        let is_heard = match notice.to {
            None => self.ledger.is_joined(self.users[local].id, notice.channel),
            Some(to) => self.peers[to.index()].is_online,
        };
        if !is_heard {
            return;
        }
        let mut target = std::mem::take(&mut self.scratch);
        target.clear();
        match notice.to {
            None => self.plan.names.push_channel(notice.channel, &mut target),
            Some(to) => self.push_nick(to, &mut target),
        }
        let out = self.users[local].outbox.tail();
        out.extend_from_slice(b"@+typing=active TAGMSG ");
        out.extend_from_slice(&target);
        out.extend_from_slice(b"\r\n");
        self.scratch = target;
    }
}
