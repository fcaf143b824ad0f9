//! A network of one server, and the same events counted by who sees all and by recorded connections.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;

use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Dialogues;
use crate::traffic::capture::dialogue::Direction;
use crate::traffic::capture::dialogue::tests::shown;

/// Users of the network; the first ones are recorded.
const USERS: usize = 7;
const CHANNELS: usize = 3;

/// A network whose server handles one line after the other, and lines on their way to recorded clients.
struct Network {
    recorded: usize,
    nicks: Vec<String>,
    online: Vec<bool>,
    /// Who is in which channel, in the order in which they joined.
    inside: Vec<(usize, usize)>,
    /// What recorded clients know: their own JOIN was told.
    knows: BTreeSet<(usize, usize)>,
    ways: Vec<VecDeque<(String, Option<usize>)>>,
    dialogues: Dialogues,
    renames: usize,
    /// What the server saw, as often as it saw it.
    all: BTreeMap<String, i32>,
    counted: BTreeMap<String, i32>,
    log: Vec<String>,
}

impl Network {
    fn new(recorded: usize) -> Self {
        let mut network = Self {
            recorded,
            nicks: (0..USERS).map(|user| format!("u{user}")).collect(),
            online: vec![false; USERS],
            inside: Vec::new(),
            knows: BTreeSet::new(),
            ways: vec![VecDeque::new(); recorded],
            dialogues: Dialogues::new(),
            renames: 0,
            all: BTreeMap::new(),
            counted: BTreeMap::new(),
            log: Vec::new(),
        };
        for user in 0..USERS {
            network.connect(user);
        }
        network
    }

    fn read(&mut self, user: usize, direction: Direction, line: &str) {
        self.log.push(format!("{user} {direction:?} {line}"));
        let id = ConnectionId(u32::try_from(user).unwrap());
        let counted = &mut self.counted;
        self.dialogues
            .read_line(id, direction, line.as_bytes(), &mut |event| {
                *counted.entry(shown(&event)).or_default() += 1;
            });
    }

    fn connect(&mut self, user: usize) {
        self.online[user] = true;
        if user < self.recorded {
            let nick = self.nicks[user].clone();
            self.read(user, Direction::Up, &format!("NICK {nick}"));
            self.read(user, Direction::Down, &format!(":s.x 001 {nick} :hi"));
        }
    }

    /// Hands lines that are on their way to their recorded client.
    fn deliver(&mut self, user: usize, count: usize) {
        for _ in 0..count {
            let Some((line, joined)) = self.ways[user].pop_front() else {
                return;
            };
            self.read(user, Direction::Down, &line);
            if let Some(channel) = joined {
                self.knows.insert((user, channel));
            }
        }
    }

    fn settle(&mut self) {
        for user in 0..self.recorded {
            self.deliver(user, usize::MAX);
        }
    }

    /// Has everything told if a user who is to leave observes a channel: who observes next begins where they end. Returns whether.
    fn settle_observer(&mut self, user: usize) -> bool {
        let observer = |channel: usize| {
            let mut members = self.inside.iter().filter(|entry| entry.1 == channel);
            members
                .find(|entry| entry.0 < self.recorded)
                .map(|entry| entry.0)
        };
        let is_observer = (0..CHANNELS).any(|channel| observer(channel) == Some(user));
        if is_observer {
            self.settle();
        }
        is_observer
    }

    fn is_in(&self, user: usize, channel: usize) -> bool {
        self.inside.contains(&(user, channel))
    }

    /// Puts a line on its way to the recorded members of a channel.
    fn relay(&mut self, channel: usize, except: Option<usize>, line: &str) -> bool {
        let mut is_seen = false;
        for user in 0..self.recorded {
            if self.is_in(user, channel) {
                is_seen = true;
                if Some(user) != except {
                    self.ways[user].push_back((line.to_owned(), None));
                }
            }
        }
        is_seen
    }

    /// Puts a line on its way to all recorded users who share a channel with `user`, themselves included or not.
    fn relay_to_peers(&mut self, user: usize, with_own: bool, line: &str) -> bool {
        let mut is_seen = false;
        for peer in 0..self.recorded {
            let shares =
                (0..CHANNELS).any(|channel| self.is_in(user, channel) && self.is_in(peer, channel));
            if self.online[peer] && if peer == user { with_own } else { shares } {
                is_seen = true;
                self.ways[peer].push_back((line.to_owned(), None));
            }
        }
        is_seen
    }

    fn count(&mut self, is_seen: bool, event: String) {
        if is_seen {
            self.log.push(format!("  = {event}"));
            *self.all.entry(event).or_default() += 1;
        }
    }

    /// Lets a user do something; `number` makes texts differ.
    fn act(&mut self, user: usize, deed: u8, channel: usize, other: usize, number: usize) {
        let is_recorded = user < self.recorded;
        if !self.online[user] {
            // Its nick may be remembered as one who left: everybody is up to date before it returns.
            self.settle();
            self.connect(user);
            return;
        }
        let may_act =
            self.is_in(user, channel) && (!is_recorded || self.knows.contains(&(user, channel)));
        let (nick, peer) = (self.nicks[user].clone(), self.nicks[other].clone());
        let source = format!(":{nick}!x@h");
        match deed {
            0 | 1 if !self.is_in(user, channel) => {
                if is_recorded {
                    // Who is first in a channel is first told so.
                    self.settle();
                }
                self.inside.push((user, channel));
                let line = format!("{source} JOIN #c{channel}");
                let is_seen = self.relay(channel, Some(user), &line) || is_recorded;
                self.count(is_seen, format!("join {nick} [#c{channel}] [] []"));
                if is_recorded {
                    self.ways[user].push_back((line, Some(channel)));
                    let members: Vec<usize> = (0..USERS)
                        .filter(|&member| self.is_in(member, channel))
                        .collect();
                    let names: Vec<&str> = members
                        .iter()
                        .map(|&member| self.nicks[member].as_str())
                        .collect();
                    let names = names.join(" ");
                    self.ways[user]
                        .push_back((format!(":s.x 353 {nick} = #c{channel} :{names}"), None));
                    if members
                        .iter()
                        .all(|&member| member == user || member >= self.recorded)
                    {
                        for name in names.split(' ') {
                            self.count(true, format!("other {name} [#c{channel}] [] [names]"));
                        }
                    }
                }
            }
            2..=4 if may_act => {
                let text = format!("t{}", number % 3);
                if is_recorded {
                    self.read(user, Direction::Up, &format!("PRIVMSG #c{channel} :{text}"));
                }
                let line = format!("{source} PRIVMSG #c{channel} :{text}");
                let is_seen = self.relay(channel, Some(user), &line);
                self.count(is_seen, format!("message {nick} [#c{channel}] [] [{text}]"));
            }
            5 if other != user && self.online[other] => {
                if is_recorded {
                    self.read(user, Direction::Up, &format!("PRIVMSG {peer} :psst"));
                }
                if other < self.recorded {
                    let line = format!("{source} PRIVMSG {peer} :psst");
                    self.ways[other].push_back((line, None));
                }
                let is_seen = is_recorded || other < self.recorded;
                self.count(is_seen, format!("message {nick} [] [{peer}] [psst]"));
            }
            6 if may_act => {
                let line = format!("{source} MODE #c{channel} +o {peer}");
                let is_seen = self.relay(channel, None, &line);
                self.count(is_seen, format!("mode {nick} [#c{channel}] [] [+o {peer}]"));
            }
            7 if may_act => {
                let is_observer = self.settle_observer(user);
                let line = format!("{source} PART #c{channel}");
                let is_seen = self.relay(channel, None, &line);
                self.leave(user, channel);
                if is_observer {
                    self.settle();
                }
                self.count(is_seen, format!("part {nick} [#c{channel}] [] []"));
            }
            8 if may_act && self.is_in(other, channel) && other != user => {
                let is_observer = self.settle_observer(other);
                let line = format!("{source} KICK #c{channel} {peer} :no");
                let is_seen = self.relay(channel, None, &line);
                self.leave(other, channel);
                if is_observer {
                    self.settle();
                }
                self.count(is_seen, format!("kick {nick} [#c{channel}] [{peer}] [no]"));
            }
            9 => {
                self.renames += 1;
                let new = format!("u{user}_{}", self.renames % 2);
                if new != nick {
                    // No connection is more than one departure of a nick behind.
                    self.settle();
                    let line = format!("{source} NICK {new}");
                    let is_seen = self.relay_to_peers(user, is_recorded, &line);
                    self.nicks[user].clone_from(&new);
                    if is_recorded {
                        // What it says before it is told would count under its old nick.
                        self.deliver(user, usize::MAX);
                    }
                    self.count(is_seen, format!("nick {nick} [] [{new}] []"));
                }
            }
            10 => {
                // A connection that lags behind both coming and going can't tell which QUIT it tells.
                self.settle();
                let is_spoken = number.is_multiple_of(2) || !is_recorded;
                let text = if is_spoken { "bye" } else { "" };
                if is_recorded && is_spoken {
                    self.read(user, Direction::Up, "QUIT :bye");
                }
                let is_seen = self.relay_to_peers(user, false, &format!("{source} QUIT :{text}"));
                for channel in 0..CHANNELS {
                    self.leave(user, channel);
                }
                self.online[user] = false;
                if is_recorded {
                    let id = ConnectionId(u32::try_from(user).unwrap());
                    let counted = &mut self.counted;
                    self.dialogues.close(id, &mut |event| {
                        *counted.entry(shown(&event)).or_default() += 1;
                    });
                }
                self.count(
                    is_seen || is_recorded,
                    format!("quit {nick} [] [] [{text}]"),
                );
            }
            _ => {}
        }
    }

    fn leave(&mut self, user: usize, channel: usize) {
        self.inside.retain(|&entry| entry != (user, channel));
        self.knows.remove(&(user, channel));
    }
}

proptest! {
    #[test]
    fn recorded_connections_count_what_one_who_sees_all_counts(
        recorded in 1..5_usize,
        deeds in vec((0..USERS, 0..11_u8, 0..CHANNELS, 0..USERS, any::<[u8; 4]>()), 0..150),
    ) {
        let mut network = Network::new(recorded);
        for (number, (user, deed, channel, other, delivered)) in deeds.into_iter().enumerate() {
            network.act(user, deed, channel, other, number);
            for (user, &count) in delivered.iter().enumerate().take(recorded) {
                network.deliver(user, usize::from(count % 4));
            }
        }
        network.settle();
        proptest::prop_assert_eq!(&network.counted, &network.all, "{}", network.log.join("\n"));
    }
}
