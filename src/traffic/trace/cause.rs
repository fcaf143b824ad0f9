//! Reasons for which a session ends, as the texts of QUIT, PART and KICK tell them.

/// Why somebody left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaveCause {
    /// The user quit.
    Quit,
    /// The user left the channel and stayed on the network.
    Part,
    /// The server heard nothing for too long.
    PingTimeout,
    /// The connection broke: reset, read error, closed by the remote host without a QUIT.
    Reset,
    /// Two servers lost each other.
    Split,
    /// Somebody kicked the user out of the channel.
    Kicked,
    /// The server ended the connection: kill, ghost, network ban, flood or queue limit.
    KilledOrBanned,
    /// The host name changed, shown to members as QUIT and JOIN.
    ChangingHost,
    /// Nothing was said, or the capture ended first.
    Unknown,
}

impl LeaveCause {
    /// Every cause, in the order in which reports list them.
    pub const ALL: [Self; 9] = [
        Self::Quit,
        Self::Part,
        Self::PingTimeout,
        Self::Reset,
        Self::Split,
        Self::Kicked,
        Self::KilledOrBanned,
        Self::ChangingHost,
        Self::Unknown,
    ];

    /// Returns whether the user did not mean to leave: such sessions are the ones that mass events break.
    pub fn is_involuntary(self) -> bool {
        matches!(
            self,
            Self::PingTimeout | Self::Reset | Self::Split | Self::Unknown
        )
    }

    /// Returns the word for the cause in traces and profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Part => "part",
            Self::PingTimeout => "ping_timeout",
            Self::Reset => "reset",
            Self::Split => "split",
            Self::Kicked => "kicked",
            Self::KilledOrBanned => "killed",
            Self::ChangingHost => "changing_host",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the cause that `word` names, or `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    /// Returns the cause that the text of a QUIT tells.
    ///
    /// Texts without a known pattern count as [`LeaveCause::Quit`]: some networks show what users wrote without
    /// the prefix `Quit:`. Only a missing text is [`LeaveCause::Unknown`].
    pub fn of_quit(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Unknown;
        }
        let lower = text.to_ascii_lowercase();
        let starts = |pattern: &str| lower.starts_with(pattern);
        if starts("quit:") || starts("\"") || lower == "client quit" || lower == "quit" {
            Self::Quit
        } else if is_split(text) {
            Self::Split
        } else if starts("ping timeout") || starts("no ping response") {
            Self::PingTimeout
        } else if starts("changing host") || starts("host change") {
            Self::ChangingHost
        } else if BROKEN.iter().any(|pattern| starts(pattern)) {
            Self::Reset
        } else if ENDED.iter().any(|pattern| lower.contains(pattern)) {
            Self::KilledOrBanned
        } else {
            Self::Quit
        }
    }
}

/// Beginnings of QUIT texts by which ircds report a broken connection (hybrid, ratbox, charybdis, `InspIRCd`, `UnrealIRCd`, `ngIRCd`).
const BROKEN: [&str; 14] = [
    "read error",
    "write error",
    "remote host closed",
    "connection reset",
    "connection timed out",
    "connection closed",
    "connection refused",
    "broken pipe",
    "operation timed out",
    "no route to host",
    "software caused connection abort",
    "ssl",
    "eof from client",
    "client closed connection",
];

/// Parts of QUIT texts by which ircds report that the server ended the connection.
const ENDED: [&str; 13] = [
    "killed (",
    "killed by",
    "ghost",
    "k-lined",
    "g-lined",
    "z-lined",
    "akill",
    "banned",
    "excess flood",
    "max sendq",
    "sendq exceeded",
    "recvq exceeded",
    "nickname regained",
];

/// Returns whether `text` is the reason of a netsplit: exactly two server names.
fn is_split(text: &str) -> bool {
    let mut words = text.split(' ');
    let (Some(left), Some(right), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    is_server_name(left) && is_server_name(right) && left != right || text == "*.net *.split"
}

/// Returns whether `word` could name a server: letters, digits, hyphens and wildcards around inner dots.
fn is_server_name(word: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*'))
    };
    word.contains('.') && word.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: LeaveCause) {
        assert_eq!(LeaveCause::of_quit(text), want, "{text}");
    }

    #[test]
    fn quit_texts_tell_their_cause() {
        check("Quit: gone to lunch", LeaveCause::Quit);
        check("Client Quit", LeaveCause::Quit);
        check("my words without a prefix", LeaveCause::Quit);
        check("Ping timeout: 245 seconds", LeaveCause::PingTimeout);
        check("Read error: Connection reset by peer", LeaveCause::Reset);
        check("Remote host closed the connection", LeaveCause::Reset);
        check("Broken pipe", LeaveCause::Reset);
        check("*.net *.split", LeaveCause::Split);
        check("hub.example.net leaf-2.example.net", LeaveCause::Split);
        check("Changing host", LeaveCause::ChangingHost);
        check("Excess Flood", LeaveCause::KilledOrBanned);
        check(
            "Killed (NickServ (GHOST command used by alder))",
            LeaveCause::KilledOrBanned,
        );
        check("", LeaveCause::Unknown);
    }

    #[test]
    fn two_words_with_dots_are_no_split_unless_both_are_servers() {
        check("see example.org. bye.", LeaveCause::Quit);
        check("https://a.example b.example", LeaveCause::Quit);
        check("Quit: a.example b.example", LeaveCause::Quit);
        check("a.example a.example", LeaveCause::Quit);
    }

    #[test]
    fn every_word_names_its_cause() {
        for cause in LeaveCause::ALL {
            assert_eq!(LeaveCause::from_word(cause.as_str()), Some(cause));
        }
        assert_eq!(LeaveCause::from_word("sleepy"), None);
    }
}
