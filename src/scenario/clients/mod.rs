//! What client programs send by themselves: one behaviour a program, mixed by share.

mod file;

use std::time::Duration;

use crate::place::Misread;
use crate::scenario::ClientBehaviour;
use crate::scenario::Reconnect;
use crate::scenario::clients::file::read;

/// The programs whose behaviour is known, each with the file that tells it.
const KNOWN: [(&str, &str); 6] = [
    ("irssi", include_str!("irssi.toml")),
    ("weechat", include_str!("weechat.toml")),
    ("hexchat", include_str!("hexchat.toml")),
    ("mobile", include_str!("mobile.toml")),
    ("web", include_str!("web.toml")),
    ("bot", include_str!("bot.toml")),
];

/// The name of the one behaviour of a run without a mix.
pub const PLAIN: &str = "plain";

/// What a client of a program sends without its user's doing, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// The program's name.
    pub name: String,
    /// How it is known.
    pub basis: Basis,
    /// Version, date and what was seen; or why it is assumed.
    pub source: String,
    /// How it registers.
    pub connect: Connect,
    /// What it does when it is welcome.
    pub welcome: Welcome,
    /// How fast its own lines follow each other.
    pub pace: Pace,
    /// What it asks about each channel that it has joined.
    pub queries: Vec<Query>,
    /// What it asks about its channels again and again.
    pub poll: Option<Poll>,
    /// How it makes sure of its server.
    pub ping: Ping,
    /// How it shows that its user types.
    pub typing: Option<Typing>,
    /// How it comes back.
    pub retry: Retry,
}

/// How a behaviour is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Recorded from the program.
    Recorded,
    /// Not recorded: taken from sources, documents or what is usual.
    Assumed,
    /// As the scenario's own keys say.
    Stated,
}

impl Basis {
    /// Returns its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Assumed => "assumed",
            Self::Stated => "stated",
        }
    }
}

/// How a client registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Capabilities asked for where the target offers them.
    pub capabilities: Vec<String>,
    /// How it asks for them.
    pub requests: Requests,
    /// When it says who it is.
    pub nick: NickWhen,
    /// A line sent behind the first, whatever the target makes of it.
    pub probe: Option<String>,
}

/// How a client asks for capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// A line for each, and none of the answers awaited.
    Each,
    /// One line for all, and its answer awaited.
    Together,
}

/// When a client sends NICK and USER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NickWhen {
    /// With its first line.
    AtOnce,
    /// When the negotiation of capabilities is over.
    AfterCaps,
}

/// What a client does when it is welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Time until its first line.
    pub after: Duration,
    /// The modes that it gives itself, such as `+i`.
    pub user_mode: Option<String>,
}

/// How fast a client's own lines follow each other: a user's messages wait for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two lines; zero for no limit.
    pub every: Duration,
    /// Lines that a rested client sends at once.
    pub burst: u32,
    /// Which goes first.
    pub order: Order,
}

/// Which of the waiting queries goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All of one channel, then the next channel.
    Channels,
    /// The first of all channels, then the second.
    Queries,
}

/// A question about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The words around the channel's name.
    pub line: ChannelLine,
    /// What is sent behind the channel's name where the target knows WHOX.
    pub whox: Option<String>,
    /// Most members of a channel that is asked about.
    pub members_max: Option<u32>,
    /// The capability without which it is not asked.
    pub needs: Option<KnownCap>,
}

/// How a client keeps asking about its channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// What it asks.
    pub query: Query,
    /// Time between two rounds over its channels.
    pub every: Duration,
    /// The capability with which it need not ask.
    pub unless: Option<KnownCap>,
}

/// A line about a channel: what stands before and behind its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLine {
    /// The command and what follows it, with the space before the name.
    pub before: String,
    /// What follows the name, with its space; may be empty.
    pub behind: String,
}

/// A capability on which a behaviour may depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownCap {
    /// `away-notify`.
    AwayNotify,
    /// `draft/chathistory`.
    ChatHistory,
    /// `message-tags`.
    MessageTags,
}

/// How a client makes sure of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Time between its PINGs.
    pub every: Duration,
    /// From its welcome to the first; `None` for anywhere in the first period, each client elsewhere.
    pub first: Option<Duration>,
    /// Least time from one of its own lines to a PING.
    pub quiet: Duration,
    /// How long it waits for the answer.
    pub timeout: Duration,
}

/// How a client shows that its user types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typing {
    /// How long before a message.
    pub lead: Duration,
}

/// How a client comes back after a connection that was not its to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Delay of the first try.
    pub first: Duration,
    /// By how much the delay grows with each try that fails; at least 1.
    pub growth: f64,
    /// Longest delay.
    pub longest: Duration,
    /// Whether each delay is spread over its later half, or is kept to the second.
    pub is_spread: bool,
    /// From when a delay counts.
    pub since: RetrySince,
}

/// From when the delay of a try counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetrySince {
    /// From the end of the connection.
    End,
    /// From when it was begun: who was connected for longer comes back at once.
    Connect,
}

/// A program's share of the users.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What its clients do.
    pub client: Client,
    /// Share of the users; 0..=1.
    pub share: f64,
}

/// Returns the names of all programs whose behaviour is known.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Reads the behaviour of a program; `None` if there is none of that name.
///
/// # Errors
///
/// Returns what in its file is not as it should be.
pub fn find(name: &str) -> Option<Result<Client, Misread>> {
    let (name, text) = KNOWN.iter().find(|(known, _)| *known == name)?;
    Some(read(name, text))
}

impl Client {
    /// Returns what clients do without a mix: what the scenario says and no more, all of it at once.
    pub fn plain(behaviour: &ClientBehaviour, reconnect: &Reconnect) -> Self {
        let mut client = Self {
            name: PLAIN.to_owned(),
            basis: Basis::Stated,
            source: "the scenario's [client] and [reconnect]".to_owned(),
            connect: Connect {
                capabilities: vec!["multi-prefix".to_owned(), "server-time".to_owned()],
                requests: Requests::Each,
                nick: NickWhen::AtOnce,
                probe: None,
            },
            welcome: Welcome {
                after: Duration::ZERO,
                user_mode: None,
            },
            pace: Pace {
                every: Duration::ZERO,
                burst: 1,
                order: Order::Channels,
            },
            queries: vec![Query::plain("MODE ")],
            poll: None,
            ping: Ping {
                every: Duration::from_mins(1),
                first: None,
                quiet: Duration::ZERO,
                timeout: Duration::from_mins(1),
            },
            typing: None,
            retry: Retry {
                first: Duration::from_secs(1),
                growth: 2.0,
                longest: Duration::from_mins(1),
                is_spread: true,
                since: RetrySince::End,
            },
        };
        client.obey(behaviour, reconnect);
        client
    }

    /// Puts what the scenario says over what the program does.
    pub fn obey(&mut self, behaviour: &ClientBehaviour, reconnect: &Reconnect) {
        self.ask(behaviour.mode_on_join, "MODE ");
        self.ask(behaviour.who_on_join, "WHO ");
        if let Some(capabilities) = &behaviour.capabilities {
            self.connect.capabilities.clone_from(capabilities);
        }
        if let Some(every) = behaviour.ping_every {
            self.ping.every = every;
        }
        if let Some(first) = reconnect.first {
            self.retry.first = first;
            self.retry.since = RetrySince::End;
        }
        if let Some(longest) = reconnect.longest {
            self.retry.longest = longest;
        }
    }

    /// Makes sure that a command is asked about each channel, or that it is not.
    fn ask(&mut self, wanted: Option<bool>, before: &str) {
        let asks = self.queries.iter().any(|query| query.line.before == before);
        match wanted {
            Some(true) if !asks => self.queries.push(Query::plain(before)),
            Some(false) => self.queries.retain(|query| query.line.before != before),
            Some(true) | None => {}
        }
    }

    /// Returns the longest time in which a client notices that its server is gone without a word.
    pub fn notices_within(&self) -> Duration {
        self.ping.every.max(self.ping.first.unwrap_or_default()) + self.ping.timeout
    }
}

impl Query {
    fn plain(before: &str) -> Self {
        Self {
            line: ChannelLine {
                before: before.to_owned(),
                behind: String::new(),
            },
            whox: None,
            members_max: None,
            needs: None,
        }
    }
}

impl KnownCap {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::AwayNotify, Self::ChatHistory, Self::MessageTags];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwayNotify => "away-notify",
            Self::ChatHistory => "draft/chathistory",
            Self::MessageTags => "message-tags",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_program_can_be_read_and_says_how_it_is_known() {
        for name in names() {
            let client = find(name).unwrap().unwrap();
            assert_eq!(client.name, name);
            assert!(client.source.len() > 40, "{name}: {}", client.source);
            let want = if matches!(name, "irssi" | "weechat") {
                Basis::Recorded
            } else {
                Basis::Assumed
            };
            assert_eq!(client.basis, want, "{name}");
        }
        assert!(find("mirc").is_none());
    }

    #[test]
    fn what_the_scenario_says_goes_over_what_the_program_does() {
        let mut client = find("irssi").unwrap().unwrap();
        client.obey(
            &ClientBehaviour {
                mode_on_join: Some(false),
                who_on_join: Some(true),
                capabilities: Some(vec!["batch".to_owned()]),
                ping_every: Some(Duration::from_secs(7)),
                mix: Vec::new(),
            },
            &Reconnect {
                first: Some(Duration::from_secs(3)),
                longest: None,
                connect_timeout: Duration::ZERO,
                register_timeout: Duration::ZERO,
            },
        );
        let asked: Vec<&str> = client
            .queries
            .iter()
            .map(|query| query.line.before.as_str())
            .collect();
        assert_eq!(asked, ["WHO "]);
        assert_eq!(client.connect.capabilities, ["batch"]);
        assert_eq!(client.ping.every, Duration::from_secs(7));
        assert_eq!(client.retry.first, Duration::from_secs(3));
    }
}
