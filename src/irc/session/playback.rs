//! How bouncers play back what their user missed, what they say by themselves, and how one logs in: data of each kind of bouncer.
//!
//! What is said here of ZNC 1.8.2, bip 0.9.3 and soju 0.9.0 was read on their wires; ZNC's batches and its welcome without an upstream
//! in its source.

use std::fmt;

use crate::irc::session::refusal::Refusal;
use crate::irc::wire::message::Source;

/// Marks a line that was said before, and not to this connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// When it was said; `None` where the bouncer does not tell.
    pub stamp: Option<Stamp>,
}

/// When a line was said, by what the bouncer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Second of a day, in the bouncer's own time zone; 0 to 86,400, since a clock may show a leap second.
    ClockSecs(u32),
    /// Microseconds since 1970 UTC.
    UnixMicros(i64),
}

/// A kind of bouncer, as far as its clients can tell.
///
/// A line is played back if any one of its marks says so: it is inside of a batch, or of a channel's markers, or from the mask, or older
/// than the attach that it follows, or private and with the clock's prefix. Where there is no mark it is taken for a live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Playback {
    /// Its name.
    pub name: &'static str,
    /// Types of the batches of what is played back.
    pub batches: &'static [&'static str],
    /// User and host that the lines played back bear in place of their own.
    pub replayed_from: Option<Mask>,
    /// Whether talk that follows an attach at once is played back if its `time` tag is older than the attach. For connections without
    /// batches: a line that was under way while the client attached is taken for one of them.
    pub is_told_by_age: bool,
    /// The clock before a text that is played back to a client without `server-time`.
    pub prefix: Option<ClockPrefix>,
    /// Whether that prefix is all that tells private talk that is played back.
    pub is_private_told_by_prefix: bool,
    /// What stands before the text, and before its clock, of a private message that the user had sent: the line bears the other's nick.
    pub own_query: Option<&'static str>,
    /// What ends the playback of private talk, as if the other had said it, without user and host.
    pub query_end: Option<&'static str>,
    /// User and host that the user's own JOIN bears on an attach in place of its own.
    pub joins_from: Option<Mask>,
    /// Who speaks for the bouncer itself.
    pub speakers: &'static [Mask],
    /// What it says that means something; the first that fits counts.
    pub sayings: &'static [Saying],
    /// Whether it hands on the upstream's ERROR, and goes on.
    pub forwards_errors: bool,
    /// The server in whose name it welcomes a client whose upstream is not there, and says no more.
    pub idle_server: Option<&'static str>,
    /// How clients log in.
    pub login: LoginForm,
}

/// A source, or all that have user and host in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// The nick, or a server's name.
    Nick(&'static str),
    /// User and host.
    UserHost(&'static str, &'static str),
}

/// What stands around the clock before a text: `[` and `] ` in `[22:15:28] hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPrefix {
    /// Before it.
    pub before: &'static str,
    /// Behind it.
    pub after: &'static str,
}

/// Words of a bouncer, from their beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saying {
    /// How they begin.
    pub begins: &'static str,
    /// What they mean.
    pub meaning: Meaning,
}

/// What a bouncer means by words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What follows in the channel that this went to is played back.
    PlaybackBegins,
    /// No more is.
    PlaybackEnds,
    /// The upstream is gone.
    UpstreamLost,
    /// The upstream is back.
    UpstreamBack,
    /// Something was sent for which there is no upstream. Its target follows, if ` got lost` comes behind it.
    SentInVain,
    /// The client is not let in.
    TurnedAway(Refusal),
}

/// How a client says which user it is, and which network of the user's it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginForm {
    /// `PASS user/network:password`.
    SlashInPass,
    /// `PASS user:password:network`.
    ColonsInPass,
    /// `PASS password` and `USER user/network`.
    SlashInUser,
}

/// Who attaches, and to what.
#[derive(Clone, Copy)]
pub struct Attachment<'a> {
    /// The user's name at the bouncer.
    pub user: &'a [u8],
    /// The user's network; bip calls it a connection.
    pub network: &'a [u8],
    /// The user's password at the bouncer.
    pub password: &'a [u8],
}

impl fmt::Debug for Attachment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A password is nobody's to read.
        let [user, network] = [self.user, self.network].map(String::from_utf8_lossy);
        write!(f, "Attachment({user}, {network})")
    }
}

/// What a client sends to attach.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// The parameter of PASS.
    pub pass: Vec<u8>,
    /// The first parameter of USER.
    pub user: Vec<u8>,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hello({})", String::from_utf8_lossy(&self.user))
    }
}

impl LoginForm {
    /// Returns what a client sends to attach.
    pub fn hello(self, attachment: &Attachment<'_>) -> Hello {
        let Attachment {
            user,
            network,
            password,
        } = *attachment;
        let network_of_user = [user, network].join(&b'/');
        match self {
            Self::SlashInPass => Hello {
                pass: [&network_of_user, password].join(&b':'),
                user: user.to_vec(),
            },
            Self::ColonsInPass => Hello {
                pass: [user, password, network].join(&b':'),
                user: user.to_vec(),
            },
            Self::SlashInUser => Hello {
                pass: password.to_vec(),
                user: network_of_user,
            },
        }
    }
}

impl Mask {
    /// Returns whether a source is one of these.
    pub fn has(self, source: &Source<'_>) -> bool {
        match self {
            Self::Nick(nick) => source.nick == nick.as_bytes(),
            Self::UserHost(user, host) => {
                source.user == Some(user.as_bytes()) && source.host == Some(host.as_bytes())
            }
        }
    }
}

impl ClockPrefix {
    /// Returns the second of the day before a text, and the text behind it, or `None` if the text has no such prefix.
    pub fn split(self, text: &[u8]) -> Option<(u32, &[u8])> {
        let rest = text.strip_prefix(self.before.as_bytes())?;
        let (&[h1, h2, b':', m1, m2, b':', s1, s2], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let number = |tens: u8, ones: u8| {
            let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
            is_number.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        };
        let (hour, minute, second) = (number(h1, h2)?, number(m1, m2)?, number(s1, s2)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let text = rest.strip_prefix(self.after.as_bytes())?;
        Some((hour * 3600 + minute * 60 + second, text))
    }
}

impl Playback {
    /// ZNC 1.8. Markers around a channel's lines unless the client has `server-time`, batches for who has `batch`, neither for who has
    /// the first alone. Private talk has no markers ever.
    pub const ZNC: Self = Self {
        name: "znc",
        batches: &["znc.in/playback", "chathistory"],
        replayed_from: None,
        is_told_by_age: true,
        prefix: Some(ClockPrefix {
            before: "[",
            after: "] ",
        }),
        is_private_told_by_prefix: true,
        own_query: None,
        query_end: None,
        joins_from: None,
        // `*status`, `***` and every module.
        speakers: &[Mask::UserHost("znc", "znc.in")],
        sayings: &[
            Saying::new("Buffer Playback...", Meaning::PlaybackBegins),
            Saying::new("Playback Complete.", Meaning::PlaybackEnds),
            Saying::new("Disconnected from IRC", Meaning::UpstreamLost),
            Saying::new(
                "You are currently disconnected from IRC",
                Meaning::UpstreamLost,
            ),
            Saying::new("Connected!", Meaning::UpstreamBack),
            Saying::new("Your message to ", Meaning::SentInVain),
            Saying::new("Your notice to ", Meaning::SentInVain),
            Saying::new("Your CTCP to ", Meaning::SentInVain),
        ],
        forwards_errors: false,
        idle_server: Some("irc.znc.in"),
        login: LoginForm::SlashInPass,
    };

    /// bip 0.9, which knows no capabilities. With `backlog_timestamp = "none"` there is no clock, and the mask tells all the same.
    pub const BIP: Self = Self {
        name: "bip",
        batches: &[],
        replayed_from: Some(Mask::UserHost("bip", "b.i.p")),
        is_told_by_age: false,
        prefix: Some(ClockPrefix {
            before: "",
            after: "> ",
        }),
        is_private_told_by_prefix: false,
        own_query: Some("\x02->\x02"),
        query_end: Some("End of backlog"),
        joins_from: Some(Mask::UserHost("bip", "bip.bip.bip")),
        // The second is what it calls itself before there is an upstream to speak for.
        speakers: &[Mask::Nick("-bip"), Mask::Nick("irc.bip.net")],
        sayings: &[
            Saying::new("End of backlog", Meaning::PlaybackEnds),
            Saying::new("Server disconnected", Meaning::UpstreamLost),
            Saying::new("ERROR Proxy not connected", Meaning::SentInVain),
            Saying::new(
                "ERROR Proxy not yet connected",
                Meaning::TurnedAway(Refusal::Other),
            ),
        ],
        forwards_errors: true,
        idle_server: None,
        login: LoginForm::ColonsInPass,
    };

    /// soju 0.9. Clients should ask for `batch`: to others it plays back without any mark of its own. With `server-time` alone the lines
    /// are stamped, but nothing of the attach is, so that there is no age to tell them by.
    pub const SOJU: Self = Self {
        name: "soju",
        batches: &["chathistory"],
        replayed_from: None,
        is_told_by_age: false,
        prefix: None,
        is_private_told_by_prefix: false,
        own_query: None,
        query_end: None,
        joins_from: None,
        speakers: &[Mask::Nick("BouncerServ")],
        sayings: &[
            Saying::new("disconnected from ", Meaning::UpstreamLost),
            Saying::new("failed connecting/registering to ", Meaning::UpstreamLost),
            Saying::new("connected to ", Meaning::UpstreamBack),
        ],
        forwards_errors: false,
        idle_server: None,
        login: LoginForm::SlashInUser,
    };

    /// Every kind of bouncer that is known.
    pub const ALL: [Self; 3] = [Self::ZNC, Self::BIP, Self::SOJU];

    /// Returns whether a line is the bouncer's own.
    pub fn is_speaker(&self, source: &Source<'_>) -> bool {
        self.speakers.iter().any(|mask| mask.has(source))
    }

    /// Returns what words of the bouncer's own mean, if they mean anything.
    pub(super) fn saying(&self, text: &[u8]) -> Option<&'static Saying> {
        let mut sayings = self.sayings.iter();
        sayings.find(|saying| text.starts_with(saying.begins.as_bytes()))
    }

    /// Returns whether a line ends the playback of private talk in the other's name.
    pub(super) fn is_query_end(&self, source: &Source<'_>, text: &[u8]) -> bool {
        let is_bare = source.user.is_none() && source.host.is_none();
        is_bare && self.query_end.is_some_and(|end| text == end.as_bytes())
    }
}

impl Saying {
    const fn new(begins: &'static str, meaning: Meaning) -> Self {
        Self { begins, meaning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefix: Option<ClockPrefix>, text: &str, want: Option<(u32, &str)>) {
        let got = prefix.unwrap().split(text.as_bytes());
        let want = want.map(|(secs, text)| (secs, text.as_bytes()));
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn a_clock_before_a_text_is_read_and_taken_off() {
        let znc = Playback::ZNC.prefix;
        check(znc, "[00:00:00] hi", Some((0, "hi")));
        check(znc, "[23:59:60]  two", Some((86_400, " two")));
        check(znc, "[07:08:09] ", Some((25_689, "")));
        let bip = Playback::BIP.prefix;
        check(
            bip,
            "19:05:51> [07:08:09] x",
            Some((68_751, "[07:08:09] x")),
        );
        for text in [
            "",
            "[",
            "[07:08:09]",
            "[07:08:09]x",
            "[24:00:00] x",
            "[07:60:00] x",
            "[7:08:09] x",
            "[+7:08:09] x",
            "07:08:09> x",
        ] {
            check(znc, text, None);
        }
        check(bip, "[07:08:09] x", None);
        check(bip, "27-11-2026 19:05:51> x", None);
    }

    #[test]
    fn no_saying_hides_behind_an_earlier_one() {
        for playback in Playback::ALL {
            for (at, saying) in playback.sayings.iter().enumerate() {
                let earlier = playback.sayings[..at].iter();
                let hides = earlier.filter(|other| saying.begins.starts_with(other.begins));
                assert_eq!(hides.count(), 0, "{}: {}", playback.name, saying.begins);
            }
        }
    }

    #[test]
    fn each_bouncer_is_told_user_network_and_password_in_its_own_form() {
        let attachment = Attachment {
            user: b"oak",
            network: b"one",
            password: b"b:rk",
        };
        let told = Playback::ALL.map(|playback| {
            let Hello { pass, user } = playback.login.hello(&attachment);
            [pass, user].map(|text| String::from_utf8(text).unwrap())
        });
        assert_eq!(told[0], ["oak/one:b:rk", "oak"]);
        assert_eq!(told[1], ["oak:b:rk:one", "oak"]);
        assert_eq!(told[2], ["b:rk", "oak/one"]);
        let hello = Playback::ZNC.login.hello(&attachment);
        let shown = format!("{attachment:?} {hello:?}");
        assert_eq!(shown, "Attachment(oak, one) Hello(oak)");
    }
}
