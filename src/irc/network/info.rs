//! What the network says about itself: the welcome, 005, LUSERS, MOTD, VERSION, TIME, ADMIN, INFO.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::monitor::MONITOR_MAX;
use crate::irc::network::names::CASE_MAPPING;
use crate::irc::wire::numeric::ERR_NOMOTD;
use crate::irc::wire::numeric::RPL_ADMINEMAIL;
use crate::irc::wire::numeric::RPL_ADMINLOC1;
use crate::irc::wire::numeric::RPL_ADMINLOC2;
use crate::irc::wire::numeric::RPL_ADMINME;
use crate::irc::wire::numeric::RPL_CREATED;
use crate::irc::wire::numeric::RPL_ENDOFINFO;
use crate::irc::wire::numeric::RPL_ENDOFMOTD;
use crate::irc::wire::numeric::RPL_GLOBALUSERS;
use crate::irc::wire::numeric::RPL_INFO;
use crate::irc::wire::numeric::RPL_ISUPPORT;
use crate::irc::wire::numeric::RPL_LOCALUSERS;
use crate::irc::wire::numeric::RPL_LUSERCHANNELS;
use crate::irc::wire::numeric::RPL_LUSERCLIENT;
use crate::irc::wire::numeric::RPL_LUSERME;
use crate::irc::wire::numeric::RPL_LUSERUNKNOWN;
use crate::irc::wire::numeric::RPL_MOTD;
use crate::irc::wire::numeric::RPL_MOTDSTART;
use crate::irc::wire::numeric::RPL_MYINFO;
use crate::irc::wire::numeric::RPL_TIME;
use crate::irc::wire::numeric::RPL_VERSION;
use crate::irc::wire::numeric::RPL_WELCOME;
use crate::irc::wire::numeric::RPL_YOURHOST;
use crate::irc::wire::server_time;

const VERSION: &str = concat!("splitstorm-", env!("CARGO_PKG_VERSION"));

/// Most tokens in one 005: with the nick and the sentence they fill the 15 parameters.
const TOKENS_PER_LINE: usize = 13;

/// Longest line of the message of the day that fits with the longest names around it.
const MOTD_BYTES_MAX: usize = 350;

/// Returns the tokens of 005 for a configuration.
pub(super) fn tokens(config: &NetworkConfig) -> Vec<String> {
    let limits = &config.limits;
    let channels_max = limits.channels_per_user_max.map(|max| max.to_string());
    let targets_max = limits.targets_max;
    let mut tokens = vec![
        format!("AWAYLEN={}", limits.away_len),
        format!("CASEMAPPING={}", CASE_MAPPING.as_str()),
        format!("CHANLIMIT=#:{}", channels_max.unwrap_or_default()),
        "CHANMODES=b,k,l,imnpst".to_owned(),
        format!("CHANNELLEN={}", limits.channel_len),
        "CHANTYPES=#".to_owned(),
        format!("KICKLEN={}", limits.kick_len),
        "LINELEN=512".to_owned(),
        format!("MAXLIST=b:{}", limits.bans_max),
        format!("MODES={}", limits.modes_max),
        format!("MONITOR={MONITOR_MAX}"),
        format!("NETWORK={}", config.name.replace(' ', "\\x20")),
        format!("NICKLEN={}", limits.nick_len),
        "PREFIX=(ov)@+".to_owned(),
        "STATUSMSG=@+".to_owned(),
        format!(
            "TARGMAX=KICK:{targets_max},NOTICE:{targets_max},PRIVMSG:{targets_max},TAGMSG:{targets_max}"
        ),
        format!("TOPICLEN={}", limits.topic_len),
        format!("USERLEN={}", limits.user_len),
        "WHOX".to_owned(),
    ];
    if let Some(max) = limits.history_lines_max {
        tokens.push(format!("CHATHISTORY={max}"));
        tokens.push("MSGREFTYPES=timestamp".to_owned());
        tokens.sort();
    }
    tokens.extend_from_slice(&config.tokens);
    tokens
}

impl Network {
    pub(super) fn welcome(&mut self, id: ClientId) {
        let server = self.server_name(id);
        let name = &self.config.name;
        let mask = String::from_utf8_lossy(&self.directory.client(id).mask).into_owned();
        let started = i64::try_from(self.start_unix_micros).unwrap_or(i64::MAX);
        let started = String::from_utf8_lossy(&server_time::format(started)).into_owned();
        let lines = [
            (
                RPL_WELCOME,
                format!("Welcome to the {name} IRC Network {mask}"),
            ),
            (
                RPL_YOURHOST,
                format!("Your host is {server}, running version {VERSION}"),
            ),
            (RPL_CREATED, format!("This server was created {started}")),
        ];
        for (number, text) in lines {
            self.tell(id, number, &text);
        }
        self.ports
            .numeric(&self.directory, id, RPL_MYINFO)
            .param(server.as_bytes())
            .param(VERSION.as_bytes())
            .param(b"iw")
            .param(b"biklmnopstv")
            .last(b"bklov");
        for tokens in self.tokens.chunks(TOKENS_PER_LINE) {
            let mut line = self.ports.numeric(&self.directory, id, RPL_ISUPPORT);
            for token in tokens {
                line = line.param(token.as_bytes());
            }
            line.trailing(b"are supported by this server");
        }
        self.lusers(id);
        self.motd(id);
    }

    pub(super) fn lusers(&mut self, id: ClientId) {
        let side = self.directory.side_of(id);
        let (mut users, mut invisible, mut unknown, mut servers) = (0, 0, 0, 0_u64);
        for server in self.directory.servers_of(side) {
            users += server.user_count;
            invisible += server.invisible_count;
            unknown += server.unknown_count;
            servers += 1;
        }
        let server = self.directory.server_of(id);
        let (local, local_max) = (server.user_count, server.user_count_max);
        let channels = self.channels.count(side) as u64;
        let (visible, max) = (users - invisible, self.user_count_max);
        let text =
            format!("There are {visible} users and {invisible} invisible on {servers} servers");
        self.tell(id, RPL_LUSERCLIENT, &text);
        self.ports
            .numeric(&self.directory, id, RPL_LUSERUNKNOWN)
            .number(unknown)
            .trailing(b"unknown connections");
        self.ports
            .numeric(&self.directory, id, RPL_LUSERCHANNELS)
            .number(channels)
            .trailing(b"channels formed");
        let links = servers - 1;
        self.tell(
            id,
            RPL_LUSERME,
            &format!("I have {local} clients and {links} servers"),
        );
        self.tell(
            id,
            RPL_LOCALUSERS,
            &format!("Current local users: {local}  Max: {local_max}"),
        );
        self.tell(
            id,
            RPL_GLOBALUSERS,
            &format!("Current global users: {users}  Max: {max}"),
        );
    }

    pub(super) fn motd(&mut self, id: ClientId) {
        if self.config.motd.is_empty() {
            return self.tell(id, ERR_NOMOTD, "MOTD File is missing");
        }
        let server = self.server_name(id);
        self.tell(
            id,
            RPL_MOTDSTART,
            &format!("- {server} Message of the Day - "),
        );
        for text in &self.config.motd {
            let text = text.as_bytes();
            let text = &text[..text.len().min(MOTD_BYTES_MAX)];
            self.ports
                .numeric(&self.directory, id, RPL_MOTD)
                .trailing(&[b"- ", text].concat());
        }
        self.tell(id, RPL_ENDOFMOTD, "End of /MOTD command.");
    }

    pub(super) fn version(&mut self, id: ClientId) {
        let server = self.server_name(id);
        self.ports
            .numeric(&self.directory, id, RPL_VERSION)
            .param(format!("{VERSION}.").as_bytes())
            .param(server.as_bytes())
            .trailing(b"a simulated network");
    }

    pub(super) fn time(&mut self, id: ClientId) {
        let server = self.server_name(id);
        let time = server_time::format(self.unix_micros());
        self.ports
            .numeric(&self.directory, id, RPL_TIME)
            .param(server.as_bytes())
            .trailing(&time);
    }

    pub(super) fn admin(&mut self, id: ClientId) {
        let server = self.server_name(id);
        self.ports
            .numeric(&self.directory, id, RPL_ADMINME)
            .param(server.as_bytes())
            .trailing(b"Administrative info");
        let name = self.config.name.clone();
        self.tell(id, RPL_ADMINLOC1, &name);
        self.tell(id, RPL_ADMINLOC2, "A simulated network");
        self.tell(id, RPL_ADMINEMAIL, "Nobody reads mail here");
    }

    pub(super) fn info(&mut self, id: ClientId) {
        self.tell(id, RPL_INFO, VERSION);
        self.tell(id, RPL_INFO, "A simulated IRC network for load tests");
        self.tell(id, RPL_ENDOFINFO, "End of /INFO list");
    }

    /// Sends a numeric that is one sentence.
    pub(super) fn tell(&mut self, id: ClientId, number: u16, text: &str) {
        self.ports
            .numeric(&self.directory, id, number)
            .trailing(text.as_bytes());
    }

    fn server_name(&self, id: ClientId) -> String {
        String::from_utf8_lossy(&self.directory.server_of(id).name).into_owned()
    }
}
