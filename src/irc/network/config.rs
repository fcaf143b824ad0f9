//! What a simulated network is told at its start: names, capabilities, limits.

use std::time::Duration;

use crate::irc::network::caps::Caps;
use crate::irc::network::family::Family;
use crate::irc::network::services::ServicesConfig;
use crate::irc::network::source::IPV6_SOURCE_BITS;
use crate::irc::network::source::Prefix;

/// The network to simulate.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// The network's name, as in 005.
    pub name: String,
    /// The names of the servers. They form a star around the first; at least one.
    pub servers: Vec<String>,
    /// Whose manners its servers have.
    pub family: Family,
    /// The capabilities on offer; [`Family::caps`] are those of a family.
    pub caps: Caps,
    /// What the network refuses.
    pub limits: Limits,
    /// The message of the day; none gives 422.
    pub motd: Vec<String>,
    /// The password that PASS must bring, if any.
    pub password: Option<String>,
    /// How it keeps accounts, if it does.
    pub services: Option<ServicesConfig>,
    /// What its servers look up about newcomers.
    pub look_ups: LookUps,
    /// Tokens of 005 beside those that follow from the rest, such as `soju.im/SAFERATE`.
    pub tokens: Vec<String>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            name: "Splitstorm".to_owned(),
            servers: vec!["irc1.test".to_owned()],
            family: Family::default(),
            caps: Caps::all(),
            limits: Limits::default(),
            motd: Vec::new(),
            password: None,
            services: None,
            look_ups: LookUps::default(),
            tokens: Vec::new(),
        }
    }
}

/// The limits of a network. The default refuses only what no client does by accident; `None` switches a limit off.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest nick in bytes.
    pub nick_len: usize,
    /// Longest user name in bytes; longer ones are cut.
    pub user_len: usize,
    /// Longest channel name in bytes.
    pub channel_len: usize,
    /// Longest topic in bytes; longer ones are cut.
    pub topic_len: usize,
    /// Longest kick reason in bytes; longer ones are cut.
    pub kick_len: usize,
    /// Longest away reason in bytes; longer ones are cut.
    pub away_len: usize,
    /// Most channels of one user.
    pub channels_per_user_max: Option<usize>,
    /// How many bits of an IPv6 address make one source, 0 to 128; what is said here of an address holds for a source.
    pub ipv6_source_bits: u8,
    /// Most connections from one address at once, registered or not.
    pub clients_per_address_max: Option<u32>,
    /// Most registered users from one address at once; one more is refused as it registers.
    pub users_per_address_max: Option<u32>,
    /// Most registered users of one user name (ident) from one address at once.
    pub users_per_ident_max: Option<u32>,
    /// How often one address may connect.
    pub connect_throttle: Option<ConnectThrottle>,
    /// After how many connects an address is banned, and everybody from it closed.
    pub connect_ban: Option<ConnectBan>,
    /// Who has limits of its own, as networks grant them to bouncers (I-lines); the first that fits counts.
    pub exempt: Vec<Exemption>,
    /// How fast one client may send lines.
    pub flood: Option<FloodLimit>,
    /// Most bytes waiting for one client. A client that reads too slowly is closed with `SendQ exceeded`.
    pub sendq_bytes_max: usize,
    /// Most bytes of lines held back from one client ([`FloodResponse::Delay`]) before it is closed with `RecvQ exceeded`.
    pub recvq_bytes_max: usize,
    /// How many lines of each channel are kept for CHATHISTORY, at least one; with none there is no such command.
    pub history_lines_max: Option<u32>,
    /// Most targets of one PRIVMSG, NOTICE or TAGMSG.
    pub targets_max: usize,
    /// Most mode changes with a parameter in one MODE.
    pub modes_max: usize,
    /// Most bans of one channel.
    pub bans_max: usize,
    /// What becomes of a line over 512 bytes.
    pub long_line: LongLine,
    /// How long registration may take.
    pub registration_timeout: Option<Duration>,
    /// After how much silence a client is pinged.
    pub ping_interval: Option<Duration>,
    /// How long a pinged client may stay silent.
    pub ping_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            nick_len: 30,
            user_len: 11,
            channel_len: 64,
            topic_len: 307,
            kick_len: 255,
            away_len: 200,
            channels_per_user_max: None,
            ipv6_source_bits: IPV6_SOURCE_BITS,
            clients_per_address_max: None,
            users_per_address_max: None,
            users_per_ident_max: None,
            connect_throttle: None,
            connect_ban: None,
            exempt: Vec::new(),
            flood: None,
            sendq_bytes_max: 4 << 20,
            recvq_bytes_max: 8 << 10,
            history_lines_max: None,
            targets_max: 20,
            modes_max: 20,
            bans_max: 100,
            long_line: LongLine::Refuse,
            registration_timeout: Some(Duration::from_mins(1)),
            ping_interval: Some(Duration::from_mins(2)),
            ping_timeout: Duration::from_mins(2),
        }
    }
}

/// A limit on how often one address may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectThrottle {
    /// Most connects in one window.
    pub connects_max: u32,
    /// The length of the window, which begins with an address's first connect.
    pub window: Duration,
}

/// When an address that connects too often is banned by itself (`connectban`), as happened to gateways of bouncers that came back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectBan {
    /// Most connects in one window; the next one bans.
    pub connects_max: u32,
    /// The length of the window, which begins with an address's first connect.
    pub window: Duration,
    /// How long the ban lasts.
    pub lasts: Duration,
}

/// What a network grants to some addresses. Limits of user names and bans hold for them as for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Whose they are.
    pub prefix: Prefix,
    /// Most connections, and most users, of each address among them; instead of what holds for others. `None` is any number.
    pub clients_per_address_max: Option<u32>,
    /// Whether they may connect as often as they like too; often forgotten where it is granted to a bouncer to have many users.
    pub is_unthrottled: bool,
}

/// What servers look up about a newcomer, at the same time, before it may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookUps {
    /// How long the look-up of its host's name takes, which finds none: the address stays the host.
    pub host: Option<Duration>,
    /// The look-up of its user name.
    pub ident: Option<IdentLookUp>,
}

/// A look-up of a user name at the client's own host (RFC 1413).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentLookUp {
    /// How long it takes, or until servers give it up.
    pub takes: Duration,
    /// Whether it finds the name that USER gives. If not, the name gets a `~`, and other users of the address can't be told apart by it.
    pub is_answered: bool,
}

/// A limit on how fast one client may send lines: a burst at once, then one line per interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimit {
    /// Lines accepted at once.
    pub burst: u32,
    /// The time that earns one more line.
    pub line_interval: Duration,
    /// What becomes of the lines beyond.
    pub response: FloodResponse,
}

/// What a server does about a client that sends too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodResponse {
    /// Closes it: `Excess Flood`.
    Close,
    /// Works its lines off at the permitted pace (fake lag), up to the limit of the receive queue.
    Delay,
}

/// What a server does about a line over 512 bytes, tags apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongLine {
    /// Ignores it and says so: 417.
    Refuse,
    /// Cuts it silently.
    Cut,
    /// Closes the connection: `Request too long`.
    Close,
}
