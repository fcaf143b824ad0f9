//! What a server says about itself in 005, with the defaults of the RFCs for what it does not say.

use crate::irc::wire::casemapping::CaseMapping;
use crate::irc::wire::message::Message;

/// Most entries kept of a list in 005 (`TARGMAX`, `CHANLIMIT`); servers in use send at most a dozen.
const ENTRIES_MAX: usize = 32;
/// Longest value kept of a token; a network's name and the mode letters are far shorter.
const VALUE_BYTES_MAX: usize = 128;

/// The parsed 005 of one server. A run keeps one per target, not one per user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isupport {
    /// Longest nick (`NICKLEN`); 9 by RFC 1459.
    pub nick_len: u32,
    /// Longest channel name (`CHANNELLEN`); 200 by RFC 1459.
    pub channel_len: u32,
    /// Longest topic (`TOPICLEN`), if the server says so.
    pub topic_len: Option<u32>,
    /// Longest kick reason (`KICKLEN`), if the server says so.
    pub kick_len: Option<u32>,
    /// Longest away reason (`AWAYLEN`), if the server says so.
    pub away_len: Option<u32>,
    /// Longest line, line ending included and tags not (`LINELEN`); 512.
    pub line_len: u32,
    /// Most mode changes with a parameter in one MODE (`MODES`), `None` for no limit; 3 by RFC 1459.
    pub modes: Option<u32>,
    /// Most channels of one user (`MAXCHANNELS`, or the first prefix of `CHANLIMIT`), if the server says so.
    pub max_channels: Option<u32>,
    /// How names fold (`CASEMAPPING`).
    pub case_mapping: CaseMapping,
    /// The modes that mark members (`PREFIX`); `(ov)@+` by RFC 1459.
    pub prefix: PrefixModes,
    /// The first bytes of channel names (`CHANTYPES`); `#&` by RFC 1459.
    pub chan_types: Vec<u8>,
    /// The classes of the other channel modes (`CHANMODES`).
    pub chan_modes: ChanModes,
    /// The member prefixes that a message may be addressed to (`STATUSMSG`).
    pub status_msg: Vec<u8>,
    /// Whether `WHO` takes the fields that it is to answer (`WHOX`).
    pub has_whox: bool,
    /// The network's name (`NETWORK`).
    pub network: Option<Vec<u8>>,
    /// Per command the most targets (`TARGMAX`), `None` for no limit; at most 32 entries.
    targ_max: Vec<(Vec<u8>, Option<u32>)>,
    /// `MAXTARGETS`, the older and coarser form.
    max_targets: Option<u32>,
    /// Per set of channel prefixes the most channels (`CHANLIMIT`), `None` for no limit; at most 32 entries.
    chan_limit: Vec<(Vec<u8>, Option<u32>)>,
}

/// The modes that mark members of a channel, highest first: letters and the symbols shown before nicks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixModes {
    /// The letters, such as `ov`.
    pub modes: Vec<u8>,
    /// The symbols in the same order, such as `@+`.
    pub symbols: Vec<u8>,
}

/// The classes of channel modes (`CHANMODES=A,B,C,D`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChanModes {
    /// A: lists; with a parameter, or without to ask for the list.
    pub list: Vec<u8>,
    /// B: always with a parameter.
    pub always: Vec<u8>,
    /// C: with a parameter only when set.
    pub when_set: Vec<u8>,
    /// D: never with a parameter.
    pub never: Vec<u8>,
}

impl Default for Isupport {
    fn default() -> Self {
        Self {
            nick_len: 9,
            channel_len: 200,
            topic_len: None,
            kick_len: None,
            away_len: None,
            line_len: 512,
            modes: Some(3),
            max_channels: None,
            case_mapping: CaseMapping::Rfc1459,
            prefix: PrefixModes {
                modes: b"ov".to_vec(),
                symbols: b"@+".to_vec(),
            },
            chan_types: b"#&".to_vec(),
            chan_modes: ChanModes {
                list: b"b".to_vec(),
                always: b"k".to_vec(),
                when_set: b"l".to_vec(),
                never: b"imnpst".to_vec(),
            },
            status_msg: Vec::new(),
            has_whox: false,
            network: None,
            targ_max: Vec::new(),
            max_targets: None,
            chan_limit: Vec::new(),
        }
    }
}

impl Isupport {
    /// Takes the tokens of one 005 line. Tokens that are unknown or make no sense change nothing.
    pub fn handle_005(&mut self, message: &Message<'_>) {
        // The first parameter is the own nick; the last is the sentence `are supported by this server`, known by its spaces.
        for token in message.params.iter().skip(1) {
            if !token.contains(&b' ') {
                self.handle_token(token);
            }
        }
    }

    /// Returns the most targets of `command` in one line, or `None` if there is no limit.
    ///
    /// Where the server says nothing: 1, the safe choice, except for JOIN and PART, whose lists every server takes.
    pub fn targets_max(&self, command: &[u8]) -> Option<u32> {
        let named = self
            .targ_max
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(command));
        if let Some(&(_, max)) = named {
            return max;
        }
        if command.eq_ignore_ascii_case(b"JOIN") || command.eq_ignore_ascii_case(b"PART") {
            return None;
        }
        Some(self.max_targets.unwrap_or(1))
    }

    /// Returns the most channels of one user among those whose names begin with `prefix`, or `None` if no limit is known.
    pub fn channels_max(&self, prefix: u8) -> Option<u32> {
        let named = self
            .chan_limit
            .iter()
            .find(|(prefixes, _)| prefixes.contains(&prefix));
        let max = match named {
            Some(&(_, max)) => max,
            None => self.max_channels,
        };
        // ngIRCd writes its "no limit" as 0; a server without channels would not name a limit of them.
        max.filter(|&max| max > 0)
    }

    /// Says whether `target` is a channel rather than a nick.
    pub fn is_channel(&self, target: &[u8]) -> bool {
        target
            .first()
            .is_some_and(|first| self.chan_types.contains(first))
    }

    /// Returns the mode letter behind a member symbol, such as `o` for `@`.
    pub fn mode_of_symbol(&self, symbol: u8) -> Option<u8> {
        let at = self.prefix.symbols.iter().position(|&s| s == symbol)?;
        self.prefix.modes.get(at).copied()
    }

    fn handle_token(&mut self, token: &[u8]) {
        if let Some(name) = token.strip_prefix(b"-") {
            self.reset(name);
            return;
        }
        let (name, raw) = match token.iter().position(|&byte| byte == b'=') {
            Some(at) => (&token[..at], &token[at + 1..]),
            None => (token, &token[..0]),
        };
        let value = unescape(raw);
        let number = parse_number(&value);
        match name {
            b"NICKLEN" | b"MAXNICKLEN" => set_positive(&mut self.nick_len, number),
            b"CHANNELLEN" => set_positive(&mut self.channel_len, number),
            b"LINELEN" => set_positive(&mut self.line_len, number),
            b"TOPICLEN" => self.topic_len = number.or(self.topic_len),
            b"KICKLEN" => self.kick_len = number.or(self.kick_len),
            b"AWAYLEN" => self.away_len = number.or(self.away_len),
            b"MODES" if value.is_empty() => self.modes = None,
            b"MODES" => self.modes = number.or(self.modes),
            b"MAXTARGETS" => self.max_targets = number.or(self.max_targets),
            b"MAXCHANNELS" => self.max_channels = number.or(self.max_channels),
            b"CHANLIMIT" => {
                self.chan_limit = parse_pairs(&value);
                self.max_channels = self.chan_limit.first().and_then(|&(_, max)| max);
            }
            b"TARGMAX" => self.targ_max = parse_pairs(&value),
            b"CASEMAPPING" => {
                // Of the mappings beyond the three, all fold at least A to Z.
                self.case_mapping =
                    CaseMapping::from_isupport(&value).unwrap_or(CaseMapping::Ascii);
            }
            b"PREFIX" => {
                if let Some(prefix) = PrefixModes::parse(&value) {
                    self.prefix = prefix;
                }
            }
            b"CHANTYPES" => self.chan_types = value,
            b"CHANMODES" => self.chan_modes = ChanModes::parse(&value),
            b"STATUSMSG" => self.status_msg = value,
            b"WHOX" => self.has_whox = true,
            b"NETWORK" if !value.is_empty() => self.network = Some(value),
            _ => {}
        }
    }

    fn reset(&mut self, name: &[u8]) {
        let default = Self::default();
        match name {
            b"NICKLEN" | b"MAXNICKLEN" => self.nick_len = default.nick_len,
            b"CHANNELLEN" => self.channel_len = default.channel_len,
            b"LINELEN" => self.line_len = default.line_len,
            b"TOPICLEN" => self.topic_len = None,
            b"KICKLEN" => self.kick_len = None,
            b"AWAYLEN" => self.away_len = None,
            b"MODES" => self.modes = default.modes,
            b"MAXTARGETS" => self.max_targets = None,
            b"MAXCHANNELS" => self.max_channels = None,
            b"CHANLIMIT" => {
                self.chan_limit.clear();
                self.max_channels = None;
            }
            b"TARGMAX" => self.targ_max.clear(),
            b"CASEMAPPING" => self.case_mapping = default.case_mapping,
            b"PREFIX" => self.prefix = default.prefix,
            b"CHANTYPES" => self.chan_types = default.chan_types,
            b"CHANMODES" => self.chan_modes = default.chan_modes,
            b"STATUSMSG" => self.status_msg.clear(),
            b"NETWORK" => self.network = None,
            b"WHOX" => self.has_whox = false,
            _ => {}
        }
    }
}

impl PrefixModes {
    fn parse(value: &[u8]) -> Option<Self> {
        // An empty value is legal: the server marks no members.
        if value.is_empty() {
            return Some(Self {
                modes: Vec::new(),
                symbols: Vec::new(),
            });
        }
        let inner = value.strip_prefix(b"(")?;
        let close = inner.iter().position(|&byte| byte == b')')?;
        let (modes, symbols) = (&inner[..close], &inner[close + 1..]);
        (modes.len() == symbols.len()).then(|| Self {
            modes: modes.to_vec(),
            symbols: symbols.to_vec(),
        })
    }
}

impl ChanModes {
    fn parse(value: &[u8]) -> Self {
        let mut classes = value.split(|&byte| byte == b',').map(<[u8]>::to_vec);
        let mut next = || classes.next().unwrap_or_default();
        Self {
            list: next(),
            always: next(),
            when_set: next(),
            never: next(),
        }
    }
}

fn set_positive(field: &mut u32, number: Option<u32>) {
    if let Some(number) = number.filter(|&number| number > 0) {
        *field = number;
    }
}

fn parse_number(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Reads `name:number,name:,…`; an empty number is no limit, anything else that is no number skips its entry.
fn parse_pairs(value: &[u8]) -> Vec<(Vec<u8>, Option<u32>)> {
    value
        .split(|&byte| byte == b',')
        .filter_map(|entry| {
            let colon = entry.iter().position(|&byte| byte == b':')?;
            let (name, number) = (&entry[..colon], &entry[colon + 1..]);
            let max = if number.is_empty() {
                None
            } else {
                Some(parse_number(number)?)
            };
            (!name.is_empty()).then(|| (name.to_vec(), max))
        })
        .take(ENTRIES_MAX)
        .collect()
}

/// Returns the value with its `\xHH` escapes undone; a backslash that begins none stands for itself.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let raw = &raw[..raw.len().min(VALUE_BYTES_MAX)];
    let mut value = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        if let Some(decoded) = escaped_byte(&raw[at..]) {
            value.push(decoded);
            at += 4;
        } else {
            value.push(byte);
            at += 1;
        }
    }
    value
}

fn escaped_byte(text: &[u8]) -> Option<u8> {
    let &[b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    fn after(lines: &[&str]) -> Isupport {
        let mut isupport = Isupport::default();
        for line in lines {
            isupport.handle_005(&Message::parse(line.as_bytes()).unwrap());
        }
        isupport
    }

    #[test]
    fn a_limit_of_no_channels_is_none() {
        let line = b":irc1.ngircd.test 005 alder CHANLIMIT=#&+:0 :are supported on this server";
        let mut isupport = Isupport::default();
        isupport.handle_005(&Message::parse(line).unwrap());
        assert_eq!(isupport.channels_max(b'#'), None);
    }

    #[test]
    fn inspircd_is_understood() {
        let isupport = after(&[
            ":irc1.test 005 cedar AWAYLEN=200 CASEMAPPING=rfc1459 CHANLIMIT=#:20 CHANMODES=b,k,Hl,MRimnprst CHANNELLEN=64 \
             CHANTYPES=# ELIST=CMNTU EXTBAN=,RU HOSTLEN=64 KEYLEN=32 KICKLEN=255 LINELEN=512 :are supported by this server",
            ":irc1.test 005 cedar MAXLIST=b:100 MAXTARGETS=20 MODES=20 MONITOR=30 NAMELEN=128 NAMESX NETWORK=Test NICKLEN=30 \
             PREFIX=(ov)@+ SAFELIST STATUSMSG=@+ TOPICLEN=307 UHNAMES :are supported by this server",
        ]);
        assert_eq!(isupport.nick_len, 30);
        assert_eq!(isupport.channel_len, 64);
        assert_eq!(isupport.topic_len, Some(307));
        assert_eq!(isupport.kick_len, Some(255));
        assert_eq!(isupport.away_len, Some(200));
        assert_eq!(isupport.modes, Some(20));
        assert_eq!(isupport.max_channels, Some(20));
        assert_eq!(isupport.channels_max(b'#'), Some(20));
        assert_eq!(isupport.targets_max(b"PRIVMSG"), Some(20));
        assert_eq!(isupport.targets_max(b"JOIN"), None);
        assert_eq!(isupport.chan_types, b"#");
        assert_eq!(isupport.chan_modes.when_set, b"Hl");
        assert_eq!(isupport.status_msg, b"@+");
        assert_eq!(isupport.network.as_deref(), Some(&b"Test"[..]));
    }

    #[test]
    fn ngircd_is_understood() {
        let isupport = after(&[
            ":irc1.test 005 cedar RFC2812 IRCD=ngIRCd CHARSET=UTF-8 CASEMAPPING=ascii PREFIX=(qaohv)~&@%+ CHANTYPES=#&+ \
             CHANMODES=beI,k,l,imMnOPQRstVz CHANLIMIT=#&+:0 :are supported on this server",
        ]);
        assert_eq!(isupport.case_mapping, CaseMapping::Ascii);
        assert_eq!(isupport.prefix.modes, b"qaohv");
        assert_eq!(isupport.mode_of_symbol(b'%'), Some(b'h'));
        assert_eq!(isupport.mode_of_symbol(b'!'), None);
        assert_eq!(isupport.channels_max(b'&'), None);
        assert!(isupport.is_channel(b"+c"));
        assert!(!isupport.is_channel(b"cedar"));
        assert!(!isupport.is_channel(b""));
    }

    #[test]
    fn targmax_names_commands_and_an_empty_number_is_no_limit() {
        let isupport = after(&[
            ":s 005 x TARGMAX=NAMES:1,PRIVMSG:4,MONITOR:,KICK:x,: MAXTARGETS=9 :are supported",
        ]);
        assert_eq!(isupport.targets_max(b"names"), Some(1));
        assert_eq!(isupport.targets_max(b"PRIVMSG"), Some(4));
        assert_eq!(isupport.targets_max(b"MONITOR"), None);
        assert_eq!(isupport.targets_max(b"KICK"), Some(9));
    }

    #[test]
    fn a_negated_token_brings_the_default_back() {
        let set = ":s 005 x NICKLEN=30 MODES= PREFIX=(qo)~@ NETWORK=a TOPICLEN=7 CHANLIMIT=#:1 TARGMAX=X:1 :are supported";
        let unset = ":s 005 x -NICKLEN -MODES -PREFIX -NETWORK -TOPICLEN -CHANLIMIT -TARGMAX :are supported";
        assert_ne!(after(&[set]), Isupport::default());
        assert_eq!(after(&[set]).modes, None);
        assert_eq!(after(&[set, unset]), Isupport::default());
    }

    #[test]
    fn hex_escapes_are_undone() {
        let isupport = after(&[r":s 005 x NETWORK=Two\x20Trees\x3d\xZZ\ :are supported"]);
        assert_eq!(isupport.network.as_deref(), Some(&br"Two Trees=\xZZ\"[..]));
    }

    #[test]
    fn nonsense_changes_nothing() {
        let line = ":s 005 x NICKLEN=many NICKLEN=0 PREFIX=(ov)@ PREFIX=ov LINELEN= FOO= =x = - -FOO TOPICLEN=-1 MODES=x :ok so";
        assert_eq!(after(&[line]), Isupport::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(line in vec(any::<u8>(), 0..200)) {
            let mut whole = b":s 005 x PREFIX=(".to_vec();
            whole.extend_from_slice(&line);
            if let Ok(message) = Message::parse(&whole) {
                Isupport::default().handle_005(&message);
            }
        }
    }
}
