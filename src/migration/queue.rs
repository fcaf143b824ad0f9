//! A queue of accounts: each worker takes the next one when it is done with the last; forward, then back if that is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::measure::migration::Move;
use crate::measure::migration::Standing;
use crate::measure::migration::Way;
use crate::units::id::AccountId;
use crate::units::offset::Offset;

/// Something the owner of a queue has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin to move an account; answered by [`Queue::handle_begun`] where it is known when it will have moved, and by
    /// [`Queue::handle_ended`].
    Begin(AccountId, Way),
    /// The time of a move is over: answered by [`Queue::handle_ended`].
    End(AccountId, Way),
}

#[derive(Clone, Copy, Debug)]
struct Moving {
    account: AccountId,
    way: Way,
    /// When it began, and how many accounts had gone that way by then.
    since: Offset,
    done_before: u64,
    /// When it will have moved, where that is known.
    until: Offset,
}

/// The queue of a migration.
#[derive(Clone, Debug)]
pub struct Queue {
    workers: usize,
    total: u64,
    way: Way,
    /// Accounts that are to go over, the next one last.
    waiting: Vec<AccountId>,
    /// Canaries still to be taken.
    canaries: usize,
    canary_wait: Duration,
    /// Nobody is taken before that.
    waits_until: Offset,
    moving: Vec<Moving>,
    /// Accounts on the new server, the last to come last: it goes back first.
    over: Vec<AccountId>,
    /// Accounts on the new server that could not be moved back.
    stuck: Vec<AccountId>,
    failed: u64,
    /// Moves of its present way that are over.
    done: u64,
    /// Those that nobody has taken note of.
    ended: Vec<Move>,
    is_held: bool,
    is_ceased: bool,
}

impl Queue {
    /// Returns a queue that has moved nobody. `order` is all accounts as they go, the first `canaries` of which are followed by a
    /// wait of `canary_wait`; those that an `earlier` queue has left on the new server stay there, and what it has under way goes on.
    pub fn new(
        (order, canaries): (Vec<AccountId>, usize),
        canary_wait: Duration,
        workers: u32,
        earlier: Option<Self>,
    ) -> Self {
        let total = order.len() as u64;
        let (over, moving) = earlier.map_or_else(Default::default, |earlier| {
            let over = [earlier.over, earlier.stuck].concat();
            (over, earlier.moving)
        });
        let under_way = moving.iter().map(|moving| moving.account);
        let apart: BTreeSet<AccountId> = over.iter().copied().chain(under_way).collect();
        let is_here = |account: &AccountId| !apart.contains(account);
        let canaries = order
            .iter()
            .take(canaries)
            .filter(|&account| is_here(account));
        let canaries = canaries.count();
        let mut waiting = order;
        waiting.retain(is_here);
        waiting.reverse();
        Self {
            workers: workers as usize,
            total,
            way: Way::Over,
            waiting,
            canaries,
            canary_wait,
            waits_until: Offset::ALWAYS,
            moving,
            over,
            stuck: Vec::new(),
            failed: 0,
            done: 0,
            ended: Vec::new(),
            is_held: false,
            is_ceased: false,
        }
    }

    /// Returns the next thing to do at `now`; `None` for nothing before [`Queue::next_due`].
    pub fn poll(&mut self, now: Offset) -> Option<Step> {
        if let Some(moving) = self.moving.iter_mut().find(|moving| moving.until <= now) {
            moving.until = Offset::NEVER;
            return Some(Step::End(moving.account, moving.way));
        }
        let may_take = !self.is_held && !self.is_ceased && now >= self.waits_until;
        if !may_take || self.moving.len() >= self.workers {
            return None;
        }
        let account = match self.way {
            Way::Over if self.canaries > 0 => {
                self.canaries -= 1;
                if self.canaries == 0 {
                    // Until the last of them has gone.
                    self.waits_until = Offset::NEVER;
                }
                self.waiting.pop()
            }
            Way::Over => self.waiting.pop(),
            Way::Back => self.over.pop(),
        }?;
        let way = self.way;
        self.moving.push(Moving {
            account,
            way,
            since: now,
            done_before: self.done,
            until: Offset::NEVER,
        });
        Some(Step::Begin(account, way))
    }

    /// Notes when a move that has begun will be over.
    pub fn handle_begun(&mut self, account: AccountId, until: Offset) {
        let mut moving = self.moving.iter_mut();
        if let Some(moving) = moving.find(|moving| moving.account == account) {
            moving.until = until;
        }
    }

    /// Notes that a move is over: whether the account has moved, or is where it was.
    pub fn handle_ended(&mut self, account: AccountId, has_moved: bool, now: Offset) {
        let Some(index) = self
            .moving
            .iter()
            .position(|moving| moving.account == account)
        else {
            return;
        };
        let moving = self.moving.swap_remove(index);
        let way = moving.way;
        self.failed += u64::from(!has_moved);
        self.done += u64::from(way == self.way);
        self.ended.push(Move {
            way,
            done_before: moving.done_before,
            begun: moving.since,
            took: now.since(moving.since),
        });
        match (way, has_moved) {
            (Way::Over, true) => self.over.push(account),
            // Not tried again: it would be the next one for ever.
            (Way::Back, false) => self.stuck.push(account),
            // An earlier queue had it under way: it is the last to go.
            (Way::Back, true) if self.way == Way::Over => self.waiting.insert(0, account),
            (Way::Over, false) | (Way::Back, true) => {}
        }
        if self.waits_until == Offset::NEVER && self.moving.is_empty() {
            self.waits_until = now + self.canary_wait;
        }
    }

    /// Turns round: those who went over come back, the last of them first.
    pub fn roll_back(&mut self) {
        self.way = Way::Back;
        self.done = 0;
        self.is_ceased = false;
        self.waits_until = Offset::ALWAYS;
    }

    /// Takes the moves that are over since the last time.
    pub fn take_ended(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.ended)
    }

    /// Takes no account any more.
    pub fn cease(&mut self) {
        self.is_ceased = true;
    }

    /// Takes no account until it is let go on.
    pub fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Returns when [`Queue::poll`] next has something to do by itself.
    pub fn next_due(&self) -> Offset {
        let moves = self.moving.iter().map(|moving| moving.until).min();
        let has_worker = self.moving.len() < self.workers && !self.is_held && !self.is_ceased;
        let has_next = match self.way {
            Way::Over => !self.waiting.is_empty(),
            Way::Back => !self.over.is_empty(),
        };
        let next = if has_worker && has_next {
            self.waits_until
        } else {
            Offset::NEVER
        };
        moves.unwrap_or(Offset::NEVER).min(next)
    }

    /// Returns whether there is nothing left to move, and nothing under way.
    pub fn is_done(&self) -> bool {
        let is_empty = match self.way {
            Way::Over => self.waiting.is_empty(),
            Way::Back => self.over.is_empty(),
        };
        is_empty && self.moving.is_empty()
    }

    /// Returns how far it has come.
    pub fn standing(&self) -> Standing {
        let back = self.moving.iter().filter(|moving| moving.way == Way::Back);
        Standing {
            total: self.total,
            moved: (self.over.len() + self.stuck.len() + back.count()) as u64,
            moving: self.moving.len() as u64,
            failed: self.failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn queue(count: u32, canaries: usize, workers: u32) -> Queue {
        let order = (0..count).map(AccountId).collect();
        Queue::new((order, canaries), SECOND * 10, workers, None)
    }

    /// Lets every move take a second, those of `failing` in vain; returns when which move ended, and when all were.
    fn play(queue: &mut Queue, mut now: Offset, failing: &[u32]) -> (Vec<(i64, u32)>, i64) {
        let mut ended = Vec::new();
        loop {
            while let Some(step) = queue.poll(now) {
                match step {
                    Step::Begin(account, _) => queue.handle_begun(account, now + SECOND),
                    Step::End(account, _) => {
                        queue.handle_ended(account, !failing.contains(&account.0), now);
                        ended.push((now.as_micros() / 1_000_000, account.0));
                    }
                }
            }
            let next = queue.next_due();
            if next == Offset::NEVER {
                return (ended, now.as_micros() / 1_000_000);
            }
            now = next.max(now);
        }
    }

    #[test]
    fn workers_take_the_next_account_when_they_are_done_with_the_last() {
        let mut queue = queue(5, 0, 2);
        let (ended, at) = play(&mut queue, Offset::ZERO, &[]);
        assert_eq!(ended, [(1, 0), (1, 1), (2, 2), (2, 3), (3, 4)]);
        assert!(queue.is_done() && at == 3);
        let all = Standing {
            total: 5,
            moved: 5,
            ..Standing::default()
        };
        assert_eq!(queue.standing(), all);
    }

    #[test]
    fn canaries_go_first_and_are_looked_at() {
        let (ended, _) = play(&mut queue(4, 2, 1), Offset::ZERO, &[]);
        assert_eq!(ended, [(1, 0), (2, 1), (13, 2), (14, 3)]);
        let (ended, _) = play(&mut queue(4, 2, 3), Offset::ZERO, &[]);
        assert_eq!(ended, [(1, 0), (1, 1), (12, 2), (12, 3)]);
    }

    #[test]
    fn who_came_last_goes_back_first_and_whoever_was_under_way_comes_over_before() {
        let mut queue = queue(6, 0, 2);
        play_until(&mut queue, 2);
        queue.roll_back();
        let (ended, at) = play(&mut queue, Offset::from_secs(2), &[]);
        // The two that were under way arrive; then all go back.
        assert_eq!(
            ended,
            [
                (3, 4),
                (3, 5),
                (4, 5),
                (4, 4),
                (5, 3),
                (5, 2),
                (6, 1),
                (6, 0)
            ]
        );
        assert!(queue.is_done() && at == 6);
        assert_eq!(queue.standing().moved, 0);
    }

    fn play_until(queue: &mut Queue, secs: i64) {
        for now in (0..=secs).map(Offset::from_secs) {
            while let Some(step) = queue.poll(now) {
                match step {
                    Step::Begin(account, _) => queue.handle_begun(account, now + SECOND),
                    Step::End(account, _) => queue.handle_ended(account, true, now),
                }
            }
        }
    }

    #[test]
    fn what_fails_is_counted_and_left_where_it_was() {
        let mut queue = queue(3, 0, 1);
        play(&mut queue, Offset::ZERO, &[1]);
        let standing = queue.standing();
        assert_eq!((standing.moved, standing.failed), (2, 1));
        queue.roll_back();
        let (ended, _) = play(&mut queue, Offset::from_secs(9), &[2]);
        assert_eq!(ended, [(10, 2), (11, 0)]);
        let standing = queue.standing();
        assert_eq!((standing.moved, standing.failed), (1, 2));
        let order = (0..3).map(AccountId).collect();
        let again = Queue::new((order, 0), SECOND, 1, Some(queue));
        assert_eq!(again.standing().moved, 1);
        assert_eq!(
            play(&mut again.clone(), Offset::ZERO, &[]).0,
            [(1, 0), (2, 1)]
        );
    }

    #[test]
    fn what_an_earlier_queue_has_under_way_goes_on() {
        let mut earlier = queue(3, 0, 1);
        play_until(&mut earlier, 1);
        earlier.roll_back();
        // The second arrives, and is on its way back when the next queue begins.
        play_until(&mut earlier, 2);
        let order = (0..3).map(AccountId).collect();
        let mut again = Queue::new((order, 1), SECOND, 1, Some(earlier));
        let (ended, _) = play(&mut again, Offset::from_secs(2), &[]);
        let mut accounts: Vec<u32> = ended.iter().map(|&(_, account)| account).collect();
        assert_eq!((ended[0], accounts.len()), ((3, 1), 3));
        accounts.sort_unstable();
        assert_eq!(accounts, [1, 1, 2]);
        assert_eq!(again.standing().moved, 3);
    }

    #[test]
    fn a_queue_that_is_held_or_has_ceased_takes_nobody() {
        let mut queue = queue(3, 0, 1);
        play_until(&mut queue, 0);
        queue.hold(true);
        let (ended, _) = play(&mut queue, Offset::ZERO, &[]);
        assert_eq!(ended, [(1, 0)]);
        queue.hold(false);
        queue.cease();
        assert_eq!(play(&mut queue, Offset::from_secs(1), &[]).0, []);
        assert!(!queue.is_done());
    }
}
