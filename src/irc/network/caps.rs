//! The capabilities a network offers and a client has taken (`IRCv3` capability negotiation).

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps(u32);

/// The names on the wire, each with its set of one.
const NAMED: [(&[u8], Caps); 17] = [
    (b"account-notify", Caps::ACCOUNT_NOTIFY),
    (b"account-tag", Caps::ACCOUNT_TAG),
    (b"away-notify", Caps::AWAY_NOTIFY),
    (b"batch", Caps::BATCH),
    (b"cap-notify", Caps::CAP_NOTIFY),
    (b"chghost", Caps::CHGHOST),
    (b"draft/chathistory", Caps::CHATHISTORY),
    (b"echo-message", Caps::ECHO_MESSAGE),
    (b"extended-join", Caps::EXTENDED_JOIN),
    (b"invite-notify", Caps::INVITE_NOTIFY),
    (b"labeled-response", Caps::LABELED_RESPONSE),
    (b"message-tags", Caps::MESSAGE_TAGS),
    (b"multi-prefix", Caps::MULTI_PREFIX),
    (b"sasl", Caps::SASL),
    (b"server-time", Caps::SERVER_TIME),
    (b"setname", Caps::SETNAME),
    (b"userhost-in-names", Caps::USERHOST_IN_NAMES),
];

impl Caps {
    /// No capability.
    pub const NONE: Self = Self(0);
    /// `server-time`: every line says when it was sent.
    pub const SERVER_TIME: Self = Self(1);
    /// `message-tags`: tags of other clients, and TAGMSG.
    pub const MESSAGE_TAGS: Self = Self(1 << 1);
    /// `batch`: netsplit and netjoin in batches.
    pub const BATCH: Self = Self(1 << 2);
    /// `echo-message`: own messages come back.
    pub const ECHO_MESSAGE: Self = Self(1 << 3);
    /// `multi-prefix`: all prefixes of a member, not only the highest.
    pub const MULTI_PREFIX: Self = Self(1 << 4);
    /// `userhost-in-names`: NAMES with `nick!user@host`.
    pub const USERHOST_IN_NAMES: Self = Self(1 << 5);
    /// `extended-join`: JOIN with account and real name.
    pub const EXTENDED_JOIN: Self = Self(1 << 6);
    /// `away-notify`: AWAY of fellow members.
    pub const AWAY_NOTIFY: Self = Self(1 << 7);
    /// `cap-notify`: told of capabilities that come and go.
    pub const CAP_NOTIFY: Self = Self(1 << 8);
    /// `sasl`: logging in before the registration ends.
    pub const SASL: Self = Self(1 << 10);
    /// `setname`: real names can change.
    pub const SETNAME: Self = Self(1 << 9);

    /// `account-notify`: ACCOUNT of fellow members who log in or out.
    pub const ACCOUNT_NOTIFY: Self = Self(1 << 11);
    /// `account-tag`: lines say to which account their sender is logged in.
    pub const ACCOUNT_TAG: Self = Self(1 << 12);
    /// `chghost`: CHGHOST of fellow members who get another host, instead of QUIT and JOIN.
    pub const CHGHOST: Self = Self(1 << 13);
    /// `draft/chathistory`: CHATHISTORY and its batches; on offer only where lines are kept.
    pub const CHATHISTORY: Self = Self(1 << 14);
    /// `invite-notify`: INVITEs to channels that one is on.
    pub const INVITE_NOTIFY: Self = Self(1 << 15);
    /// `labeled-response`: answers with the label of the question.
    pub const LABELED_RESPONSE: Self = Self(1 << 16);

    /// Returns every capability known here.
    pub fn all() -> Self {
        NAMED
            .iter()
            .fold(Self::NONE, |all, &(_, cap)| all.with(cap))
    }

    /// Returns the set of the capability called `name`, or `None` if there is none.
    pub fn named(name: &[u8]) -> Option<Self> {
        NAMED
            .iter()
            .find(|&&(known, _)| known == name)
            .map(|&(_, cap)| cap)
    }

    /// Returns this set and `other` together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns this set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Says whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the names of the set in alphabetical order.
    pub fn names(self) -> impl Iterator<Item = &'static [u8]> {
        NAMED
            .iter()
            .filter(move |&&(_, cap)| self.has(cap))
            .map(|&(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_own_set() {
        for (name, cap) in NAMED {
            assert_eq!(Caps::named(name), Some(cap));
            assert_eq!(cap.names().collect::<Vec<_>>(), [name]);
            assert!(!Caps::all().without(cap).has(cap));
        }
        assert_eq!(Caps::named(b"tls"), None);
        assert_eq!(Caps::all().names().count(), NAMED.len());
    }
}
