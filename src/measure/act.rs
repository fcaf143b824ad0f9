//! Acts: everything that users do on purpose, by kind, how many were due and how many were sent.

use std::time::Duration;

use crate::measure::distribution::Distribution;

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A PRIVMSG.
    Message,
    /// A PRIVMSG that carries a CTCP ACTION.
    Action,
    /// A NOTICE.
    Notice,
    /// A JOIN of one channel.
    Join,
    /// A PART of one channel.
    Part,
    /// A QUIT, or the end of a connection without a word.
    Quit,
    /// A NICK.
    Nick,
    /// A KICK.
    Kick,
    /// A MODE of a channel.
    Mode,
    /// A TOPIC.
    Topic,
}

impl Act {
    /// Every act, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Message,
        Self::Action,
        Self::Notice,
        Self::Join,
        Self::Part,
        Self::Quit,
        Self::Nick,
        Self::Kick,
        Self::Mode,
        Self::Topic,
    ];

    /// Returns the name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Action => "action",
            Self::Notice => "notice",
            Self::Join => "join",
            Self::Part => "part",
            Self::Quit => "quit",
            Self::Nick => "nick",
            Self::Kick => "kick",
            Self::Mode => "mode",
            Self::Topic => "topic",
        }
    }
}

/// How many acts of each kind were due and sent, and how late.
#[derive(Clone, Debug, Default)]
pub struct ActCounts {
    planned: [u64; Act::ALL.len()],
    sent: [u64; Act::ALL.len()],
    /// Sent − intended of every act that was sent.
    pub lateness: Distribution,
}

impl ActCounts {
    /// Counts an act that is due.
    pub fn add_planned(&mut self, act: Act) {
        self.planned[act as usize] += 1;
    }

    /// Counts an act that was sent, `late` after its intended time.
    pub fn add_sent(&mut self, act: Act, late: Duration) {
        self.sent[act as usize] += 1;
        self.lateness.record(late);
    }

    /// Counts acts that were done as soon as they could be: nothing says when they were due.
    pub fn add_done(&mut self, act: Act, count: usize) {
        self.planned[act as usize] += count as u64;
        self.sent[act as usize] += count as u64;
    }

    /// Returns how many were due.
    pub fn planned(&self, act: Act) -> u64 {
        self.planned[act as usize]
    }

    /// Returns how many were sent.
    pub fn sent(&self, act: Act) -> u64 {
        self.sent[act as usize]
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.planned.iter_mut().zip(other.planned) {
            *mine += theirs;
        }
        for (mine, theirs) in self.sent.iter_mut().zip(other.sent) {
            *mine += theirs;
        }
        self.lateness.merge(&other.lateness);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_by_kind() {
        let (mut one, mut other) = (ActCounts::default(), ActCounts::default());
        one.add_planned(Act::Join);
        one.add_sent(Act::Join, Duration::from_millis(3));
        other.add_planned(Act::Join);
        other.add_planned(Act::Topic);
        one.merge(&other);
        assert_eq!((one.planned(Act::Join), one.sent(Act::Join)), (2, 1));
        assert_eq!((one.planned(Act::Topic), one.sent(Act::Topic)), (1, 0));
        assert_eq!(one.lateness.quantiles().count, 1);
    }

    #[test]
    fn every_act_has_its_place() {
        for (index, act) in Act::ALL.into_iter().enumerate() {
            assert_eq!(act as usize, index, "{}", act.name());
        }
    }
}
