//! Bans of servers (K-lines): masks of addresses, closing whoever they match, refusing whoever comes.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::mask;
use crate::irc::network::source::Prefix;
use crate::irc::network::source::Source;
use crate::irc::network::source::address_of;
use crate::units::offset::Offset;

/// Most bans by hand at once: each connect is held against all of them, and operators of large networks keep some hundred.
pub const BANS_MAX: usize = 1_000;

/// Whom a ban is for, as a person writes it: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/64`, `192.0.2.*`, `*.test`; with `user@` in front
/// only those of that user name, which may have `*` and `?` too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BanMask {
    /// `*` for anybody.
    user: Vec<u8>,
    host: HostMask,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostMask {
    Prefix(Prefix),
    Glob(Vec<u8>),
}

impl BanMask {
    fn parse(text: &str) -> Self {
        let (user, host) = text.split_once('@').unwrap_or(("*", text));
        Self {
            user: user.as_bytes().to_vec(),
            host: Prefix::parse(host).map_or_else(
                || HostMask::Glob(host.as_bytes().to_vec()),
                HostMask::Prefix,
            ),
        }
    }

    fn is_for_anybody(&self) -> bool {
        self.user == b"*"
    }

    fn matches_host(&self, host: &[u8]) -> bool {
        match &self.host {
            HostMask::Prefix(prefix) => {
                address_of(host).is_some_and(|address| prefix.contains(address))
            }
            HostMask::Glob(glob) => mask::matches(glob, host),
        }
    }

    fn matches(&self, user: &[u8], host: &[u8]) -> bool {
        mask::matches(&self.user, user) && self.matches_host(host)
    }

    /// Says whether it is for all of a source.
    fn covers(&self, source: &Source) -> bool {
        let covers_host = match (&self.host, source) {
            (HostMask::Prefix(prefix), Source::Prefix(other)) => prefix.covers(other),
            (HostMask::Glob(glob), _) => mask::matches(glob, source.to_string().as_bytes()),
            (HostMask::Prefix(_), Source::Name(_)) => false,
        };
        self.is_for_anybody() && covers_host
    }
}

/// A ban by hand.
#[derive(Clone, Debug)]
struct Ban {
    mask: BanMask,
    reason: Vec<u8>,
}

/// The bans by hand; those that follow from too many connects are [`crate::irc::network::doors::Doors`]'.
#[derive(Clone, Debug, Default)]
pub(super) struct Bans {
    rows: Vec<Ban>,
}

impl Bans {
    /// Returns the reason for which nobody from a host is let in, whatever its user name.
    pub(super) fn against_host(&self, host: &[u8]) -> Option<&[u8]> {
        let found = self
            .rows
            .iter()
            .find(|ban| ban.mask.is_for_anybody() && ban.mask.matches_host(host))?;
        Some(&found.reason)
    }

    /// Returns the reason for which a user is not let in.
    pub(super) fn against_user(&self, user: &[u8], host: &[u8]) -> Option<&[u8]> {
        let found = self.rows.iter().find(|ban| ban.mask.matches(user, host))?;
        Some(&found.reason)
    }
}

impl Network {
    /// Bans an address, a prefix or a mask, such as `192.0.2.1`, `2001:db8::/64`, `192.0.2.*` or `user@192.0.2.1` (a K-line): closes all
    /// clients whom it matches and refuses newcomers until [`Self::unban`]. Where the mask names a user, others of the address stay.
    ///
    /// Returns how many clients it closed, or `None` if there are [`BANS_MAX`] bans already.
    pub fn ban(&mut self, now: Offset, mask: &str, reason: &str) -> Option<u64> {
        self.tick(now);
        let mask = BanMask::parse(mask);
        self.bans.rows.retain(|ban| ban.mask != mask);
        if self.bans.rows.len() >= BANS_MAX {
            return None;
        }
        let reason = reason.as_bytes().to_vec();
        let ban = Ban {
            mask: mask.clone(),
            reason: reason.clone(),
        };
        self.bans.rows.push(ban);
        let ids: Vec<ClientId> = self.directory.ids().collect();
        let mut closed_count = 0;
        for id in ids {
            let client = self.directory.client(id);
            let is_meant = mask.matches(&client.user, &client.host)
                || mask.matches(&client.user, &client.address);
            if self.ports.is_open(id) && is_meant {
                self.close_banned(id, &reason, None);
                closed_count += 1;
            }
        }
        self.settle();
        Some(closed_count)
    }

    /// Lifts a ban, named as it was made, and the automatic bans of all sources within it. Returns whether there was any.
    pub fn unban(&mut self, mask: &str) -> bool {
        let mask = BanMask::parse(mask);
        let before = self.bans.rows.len();
        self.bans.rows.retain(|ban| ban.mask != mask);
        let lifted_count = self.doors.lift_bans(|source| mask.covers(source));
        self.bans.rows.len() < before || lifted_count > 0
    }

    /// Closes all clients of a source whose automatic ban has just begun.
    pub(super) fn close_source(&mut self, source: &Source, reason: &[u8], until: Offset) {
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            if self.ports.is_open(id) && self.ports.port(id).source() == Some(source) {
                self.close_banned(id, reason, Some(until));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, user: &str, host: &str, want: bool) {
        let mask = BanMask::parse(text);
        let got = mask.matches(user.as_bytes(), host.as_bytes());
        assert_eq!(got, want, "{text} on {user}@{host}");
    }

    #[test]
    fn masks_of_bans_are_addresses_prefixes_and_globs() {
        check("192.0.2.1", "a", "192.0.2.1", true);
        check("192.0.2.1", "a", "192.0.2.11", false);
        check("192.0.2.0/28", "a", "192.0.2.15", true);
        check("192.0.2.0/28", "a", "192.0.2.16", false);
        check("2001:db8::/64", "a", "2001:db8::5:6", true);
        check("192.0.2.*", "a", "192.0.2.200", true);
        check("*.test", "a", "alder.test", true);
        check("*.test", "a", "192.0.2.1", false);
        check("oak@192.0.2.1", "oak", "192.0.2.1", true);
        check("oak@192.0.2.1", "elm", "192.0.2.1", false);
        check("~*@192.0.2.1", "~elm", "192.0.2.1", true);
    }

    #[test]
    fn a_mask_covers_the_sources_within_it() {
        let covers =
            |text: &str, host: &str| BanMask::parse(text).covers(&Source::of(host.as_bytes(), 64));
        assert!(covers("2001:db8::/32", "2001:db8::1"));
        assert!(covers("192.0.2.1", "192.0.2.1"));
        assert!(covers("*", "alder.test"));
        assert!(!covers("2001:db8::1", "2001:db8::1"), "a part of it");
        assert!(!covers("oak@192.0.2.1", "192.0.2.1"));
        assert!(!covers("192.0.2.1", "alder.test"));
    }
}
