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

/// Words that tell refusals apart, most telling first. Servers' texts, lower case.
const SIGNS: &[(&[&str], Refusal)] = &[
    (
        &[
            "account has moved",
            "account is being moved",
            "account is not on this server",
            "accounts are being moved",
        ],
        Refusal::Elsewhere,
    ),
    (&["sendq", "send queue", "max sendq"], Refusal::SendQ),
    (&["recvq", "receive queue"], Refusal::RecvQ),
    (&["flood", "message rate"], Refusal::Flood),
    (
        &[
            "throttle",
            "trying to (re)connect too fast",
            "reconnecting too fast",
            "connecting too fast",
            "too many times in too short",
            "try again later",
            "please wait",
        ],
        Refusal::Throttle,
    ),
    (
        &[
            "too many connections from your ip",
            "too many connections",
            "no more connections allowed from your host",
            "no more connections allowed",
            "too many host connections",
            "too many user connections",
            "too many anonymous connections",
            "too many sessions",
            "clones",
            "session limit",
        ],
        Refusal::CloneLimit,
    ),
    (
        &[
            "k-line",
            "g-line",
            "z-line",
            "k:line",
            "d-line",
            "klined",
            "glined",
            "banned",
            "not authorized",
            "not welcome",
        ],
        Refusal::Ban,
    ),
    (&["password", "access denied", "sasl"], Refusal::Auth),
    (&["nickname", "nick collision", "ghost"], Refusal::NickInUse),
];

/// Returns what the text of an ERROR or of a refusing numeric means.
pub fn classify(text: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let found = SIGNS
        .iter()
        .find(|(signs, _)| signs.iter().any(|sign| text.contains(sign)));
    found.map_or(Refusal::Other, |(_, refusal)| *refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

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
