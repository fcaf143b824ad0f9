//! How often each command was used at a server, and STATS, which tells it.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::RPL_ENDOFSTATS;
use crate::irc::wire::numeric::RPL_STATSCOMMANDS;

/// Every command that the network knows. The frequent ones stand first: the list is searched in order, for each line.
const COMMANDS: [&[u8]; 33] = [
    b"PRIVMSG",
    b"PING",
    b"PONG",
    b"JOIN",
    b"MODE",
    b"NICK",
    b"USER",
    b"CAP",
    b"QUIT",
    b"PART",
    b"NOTICE",
    b"WHO",
    b"TAGMSG",
    b"PASS",
    b"TOPIC",
    b"KICK",
    b"INVITE",
    b"NAMES",
    b"LIST",
    b"WHOIS",
    b"USERHOST",
    b"ISON",
    b"AWAY",
    b"SETNAME",
    b"MOTD",
    b"LUSERS",
    b"VERSION",
    b"TIME",
    b"ADMIN",
    b"INFO",
    b"STATS",
    b"MONITOR",
    b"CHATHISTORY",
];

/// How often each command was used at one server, by the place of its name.
#[derive(Clone, Debug)]
pub(super) struct CommandCounts([u64; COMMANDS.len()]);

impl Default for CommandCounts {
    fn default() -> Self {
        Self([0; COMMANDS.len()])
    }
}

impl CommandCounts {
    /// Counts a command, in capitals; one that nobody knows is not counted.
    pub(super) fn note(&mut self, command: &[u8]) {
        let place = COMMANDS.iter().position(|known| *known == command);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count += 1;
        }
    }

    /// Returns the commands that were used, by name.
    fn used(&self) -> Vec<(&'static [u8], u64)> {
        let mut used: Vec<_> = COMMANDS.into_iter().zip(self.0).collect();
        used.retain(|(_, count)| *count > 0);
        used.sort_unstable();
        used
    }
}

impl Network {
    /// Answers STATS: `m` with the commands used at the client's server, any other letter with nothing.
    pub(super) fn stats(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(letter) = message
            .params
            .get(0)
            .and_then(|query| query.get(..1))
            .map(<[u8]>::to_ascii_lowercase)
        else {
            return self.fail_for_params(id, b"STATS");
        };
        if letter == b"m" {
            for (command, count) in self.directory.server_of(id).commands.used() {
                self.ports
                    .numeric(&self.directory, id, RPL_STATSCOMMANDS)
                    .param(command)
                    .number(count)
                    .end();
            }
        }
        self.ports
            .numeric(&self.directory, id, RPL_ENDOFSTATS)
            .param(&letter)
            .trailing(b"End of /STATS report");
    }
}
