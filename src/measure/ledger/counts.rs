//! The ledger's counters under the names of results.

use crate::measure::reason::NotSentCounts;

/// A way in which a delivery or a presence change went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Breach {
    /// Required, and not seen until `settle` after its acceptance.
    Lost,
    /// Seen again.
    Duplicated,
    /// Seen after a later message of the same sender to the same target.
    Reordered,
    /// Seen where forbidden, or under another target.
    Misdelivered,
    /// Seen under another source.
    Misattributed,
    /// The text differs.
    Corrupted,
    /// The text is a beginning of the message.
    Truncated,
    /// A fellow member's JOIN, PART, QUIT, NICK or KICK not seen.
    PresenceMissed,
    /// Seen after it was called lost.
    Late,
    /// Optional and not seen.
    Uncertain,
    /// The sender's own echo not seen, where it was agreed.
    EchoLost,
    /// Kept by a bouncer for a client who was not there, and not played back.
    BacklogMissing,
    /// Not played back, and there when it was read again.
    BacklogHidden,
    /// Played back twice, or after it had been read.
    BacklogDuplicated,
    /// Played back after what was written later.
    BacklogMisordered,
    /// Played back with another time than its own.
    BacklogWrongTime,
    /// One bouncer user's line in another's session.
    Leaked,
    /// Under way when a connection was torn off: lost by nobody's fault.
    LostInDrop,
}

impl Breach {
    /// Every breach, in the order of reports.
    pub const ALL: [Self; 18] = [
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::Misdelivered,
        Self::Misattributed,
        Self::Corrupted,
        Self::Truncated,
        Self::PresenceMissed,
        Self::Late,
        Self::Uncertain,
        Self::EchoLost,
        Self::BacklogMissing,
        Self::BacklogHidden,
        Self::BacklogDuplicated,
        Self::BacklogMisordered,
        Self::BacklogWrongTime,
        Self::Leaked,
        Self::LostInDrop,
    ];

    /// Those that must be zero unless the scenario tolerates them.
    pub const INTEGRITY: [Self; 9] = [
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::Misdelivered,
        Self::Misattributed,
        Self::Corrupted,
        Self::Truncated,
        Self::PresenceMissed,
        Self::EchoLost,
    ];

    /// Those that must be zero too where the target is a bouncer.
    pub const BOUNCER: [Self; 6] = [
        Self::BacklogMissing,
        Self::BacklogHidden,
        Self::BacklogDuplicated,
        Self::BacklogMisordered,
        Self::BacklogWrongTime,
        Self::Leaked,
    ];

    /// Returns the name in results and scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Misdelivered => "misdelivered",
            Self::Misattributed => "misattributed",
            Self::Corrupted => "corrupted",
            Self::Truncated => "truncated",
            Self::PresenceMissed => "presence_missed",
            Self::Late => "late",
            Self::Uncertain => "uncertain",
            Self::EchoLost => "echo_lost",
            Self::BacklogMissing => "backlog_missing",
            Self::BacklogHidden => "backlog_hidden",
            Self::BacklogDuplicated => "backlog_duplicated",
            Self::BacklogMisordered => "backlog_misordered",
            Self::BacklogWrongTime => "backlog_wrong_time",
            Self::Leaked => "leaked",
            Self::LostInDrop => "lost_in_drop",
        }
    }
}

/// Everything a ledger counts. Deliveries are one message at one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Messages planned with a speaker.
    pub planned: u64,
    /// Messages whose last byte the kernel took.
    pub sent: u64,
    /// Messages that found nobody present to speak; not among `planned`.
    pub unspoken: u64,
    /// Planned messages not sent, by reason.
    pub not_sent: NotSentCounts,
    /// Deliveries that the rule requires.
    pub required: u64,
    /// Required deliveries seen.
    pub delivered: u64,
    /// Optional deliveries seen.
    pub delivered_optional: u64,
    /// Own echoes seen, where agreed.
    pub echoes: u64,
    /// Presence changes of fellow members that had to be seen, once per observer.
    pub presence_required: u64,
    /// Those that were seen.
    pub presence_seen: u64,
    /// Messages of strangers, servers among them: not ours to judge.
    pub foreign: u64,
    breaches: [u64; Breach::ALL.len()],
}

impl LedgerCounts {
    /// Counts a breach.
    pub fn add(&mut self, breach: Breach) {
        self.breaches[breach as usize] += 1;
    }

    /// Returns how often `breach` occurred.
    pub fn count(&self, breach: Breach) -> u64 {
        self.breaches[breach as usize]
    }

    /// Returns the number that a tolerated share of `breach` is taken of.
    pub fn basis(&self, breach: Breach) -> u64 {
        match breach {
            Breach::PresenceMissed => self.presence_required,
            Breach::EchoLost => self.echoes + self.count(Breach::EchoLost),
            _ => self.required,
        }
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            planned,
            sent,
            unspoken,
            not_sent,
            required,
            delivered,
            delivered_optional,
            echoes,
            presence_required,
            presence_seen,
            foreign,
            breaches,
        } = self;
        *planned += other.planned;
        *sent += other.sent;
        *unspoken += other.unspoken;
        not_sent.merge(&other.not_sent);
        *required += other.required;
        *delivered += other.delivered;
        *delivered_optional += other.delivered_optional;
        *echoes += other.echoes;
        *presence_required += other.presence_required;
        *presence_seen += other.presence_seen;
        *foreign += other.foreign;
        for (mine, theirs) in breaches.iter_mut().zip(&other.breaches) {
            *mine += theirs;
        }
    }
}
