//! Refusals: what servers mean by the texts in which they say no.

/// Why a server said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many connections in too short a time.
    Throttle,
    /// Too many connections from one address.
    CloneLimit,
    /// Banned.
    Ban,
    /// Too many lines in too short a time.
    Flood,
    /// The client read too slowly.
    SendQ,
    /// The client sent more than the server would hold.
    RecvQ,
    /// No free nick was found.
    NickInUse,
    /// Password or account refused.
    Auth,
    /// The account is on another server, or under way to it.
    Elsewhere,
    /// Too many channels, or one that can't be joined.
    ChannelLimit,
    /// A message or change not allowed.
    CannotSend,
    /// Something else.
    Other,
}

impl Refusal {
    /// Returns what it is, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "too many connections in too short a time",
            Self::CloneLimit => "too many connections from one address",
            Self::Ban => "banned",
            Self::Flood => "too many lines in too short a time",
            Self::SendQ => "read too slowly",
            Self::RecvQ => "sent more than it would hold",
            Self::NickInUse => "no free nick",
            Self::Auth => "password or account refused",
            Self::Elsewhere => "the account is on another server",
            Self::ChannelLimit => "too many channels",
            Self::CannotSend => "not allowed to send",
            Self::Other => "without a reason that is known",
        }
    }
}

/// Words that tell refusals apart, in lower case, with the family of servers in whose texts they were read: the first that a text has
/// counts, so that the most telling stand first. `*` marks words of many servers.
const SIGNS: &[(&str, &str, Refusal)] = &[
    ("account has moved", "*", Refusal::Elsewhere),
    ("account is being moved", "*", Refusal::Elsewhere),
    ("account is not on this server", "*", Refusal::Elsewhere),
    ("accounts are being moved", "*", Refusal::Elsewhere),
    ("sendq", "InspIRCd, ircd-hybrid", Refusal::SendQ),
    ("send queue", "*", Refusal::SendQ),
    ("recvq", "InspIRCd", Refusal::RecvQ),
    ("receive queue", "*", Refusal::RecvQ),
    ("flood", "ircd-hybrid", Refusal::Flood),
    ("message rate", "*", Refusal::Flood),
    (
        "trying to (re)connect too fast",
        "ircd-hybrid",
        Refusal::Throttle,
    ),
    ("throttle", "*", Refusal::Throttle),
    ("reconnecting too fast", "*", Refusal::Throttle),
    ("connecting too fast", "*", Refusal::Throttle),
    ("too many times in too short", "InspIRCd", Refusal::Throttle),
    ("try again later", "*", Refusal::Throttle),
    ("please wait", "*", Refusal::Throttle),
    (
        "too many connections from your ip",
        "ngIRCd",
        Refusal::CloneLimit,
    ),
    (
        "no more connections allowed from your host",
        "InspIRCd",
        Refusal::CloneLimit,
    ),
    ("too many anonymous connections", "ZNC", Refusal::CloneLimit),
    ("too many connections", "*", Refusal::CloneLimit),
    ("no more connections allowed", "*", Refusal::CloneLimit),
    ("too many host connections", "*", Refusal::CloneLimit),
    ("too many user connections", "*", Refusal::CloneLimit),
    ("too many sessions", "*", Refusal::CloneLimit),
    ("clones", "*", Refusal::CloneLimit),
    ("session limit", "*", Refusal::CloneLimit),
    ("k-line", "ircd-hybrid, InspIRCd", Refusal::Ban),
    ("g-line", "InspIRCd", Refusal::Ban),
    ("z-line", "InspIRCd", Refusal::Ban),
    ("d-line", "ircd-hybrid", Refusal::Ban),
    ("k:line", "*", Refusal::Ban),
    ("klined", "*", Refusal::Ban),
    ("glined", "*", Refusal::Ban),
    ("banned", "*", Refusal::Ban),
    ("not authorized", "*", Refusal::Ban),
    ("not welcome", "*", Refusal::Ban),
    ("password", "*", Refusal::Auth),
    ("access denied", "*", Refusal::Auth),
    ("sasl", "*", Refusal::Auth),
    ("nickname", "*", Refusal::NickInUse),
    ("nick collision", "*", Refusal::NickInUse),
    ("ghost", "*", Refusal::NickInUse),
];

/// Returns what the text of an ERROR or of a refusing numeric means.
pub fn classify(text: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let found = SIGNS.iter().find(|(sign, _, _)| text.contains(sign));
    found.map_or(Refusal::Other, |(_, _, refusal)| *refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_hides_behind_an_earlier_one() {
        for (at, (sign, _, _)) in SIGNS.iter().enumerate() {
            let earlier = SIGNS[..at]
                .iter()
                .find(|(other, _, _)| sign.contains(other));
            assert_eq!(earlier, None, "{sign}");
            assert_eq!(*sign, sign.to_ascii_lowercase());
        }
    }

    #[track_caller]
    fn check(text: &str, want: Refusal) {
        assert_eq!(classify(text.as_bytes()), want, "{text}");
    }

    #[test]
    fn real_texts_mean_what_their_servers_mean() {
        check(
            "Connection refused, too many connections from your IP address",
            Refusal::CloneLimit,
        );
        check(
            "Closing link: (a@127.0.0.1) [No more connections allowed from your host via this connect class (local)]",
            Refusal::CloneLimit,
        );
        check(
            "Closing link: (a@127.0.0.1) [RecvQ exceeded]",
            Refusal::RecvQ,
        );
        check(
            "Your host is trying to (re)connect too fast -- throttled.",
            Refusal::Throttle,
        );
        check("Closing Link: 127.0.0.1 (Excess Flood)", Refusal::Flood);
        check(
            "Closing Link: 127.0.0.1 (Max SendQ exceeded)",
            Refusal::SendQ,
        );
        check(
            "Your IP range has been attempting to connect too many times in too short a duration. Wait a while, and you will be able to connect.",
            Refusal::Throttle,
        );
        check("Closing Link: host (K-lined)", Refusal::Ban);
        check(
            "Too many anonymous connections from your IP",
            Refusal::CloneLimit,
        );
        check(
            "Closing Link: host (This account has moved to another server)",
            Refusal::Elsewhere,
        );
        check("Invalid Password", Refusal::Auth);
        check("Closing Link: host (Quit: bye)", Refusal::Other);
    }
}
