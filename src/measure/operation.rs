//! The operations whose latency is measured.

/// Something a user does and waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// From the intended connect to the TCP handshake's end.
    ConnectTcp,
    /// From the intended connect to the TLS handshake's end.
    ConnectTls,
    /// From a server's word that it looks up the client's name to its word that it has.
    ConnectLookup,
    /// From the intended connect to the end of registration.
    ConnectRegistered,
    /// From the first word about an account to its being logged in to.
    Login,
    /// From JOIN to its own echo.
    Join,
    /// From a channel message to each receiver.
    Message,
    /// From a client's channel message to the network behind the bouncer.
    MessageUp,
    /// From a network's channel message to each of a bouncer's clients.
    MessageDown,
    /// From a client's channel message through bouncer, network and bouncer to each other user's clients.
    MessageThrough,
    /// From the intended connect to a bouncer to being in every channel again.
    Attach,
    /// From a bouncer's welcome to the last line that it plays back.
    Playback,
    /// From a private message to its receiver.
    Private,
    /// From a message to its sender's own echo, where echo-message was agreed.
    Echo,
    /// From PING to its PONG.
    Ping,
    /// From NICK to its own echo.
    Nick,
    /// From PART to its own echo.
    Part,
    /// From QUIT to the end of the connection.
    Quit,
    /// From KICK to its own echo.
    Kick,
    /// From MODE to its own echo.
    Mode,
    /// From TOPIC to its own echo.
    Topic,
    /// From any line, a message or another, to who saw it, while the target held its sender back (fake lag): no latency of the
    /// target's, and part of no other operation.
    Held,
}

impl Operation {
    /// Every operation, in the order of reports.
    pub const ALL: [Self; 22] = [
        Self::ConnectTcp,
        Self::ConnectTls,
        Self::ConnectLookup,
        Self::ConnectRegistered,
        Self::Login,
        Self::Join,
        Self::Message,
        Self::MessageUp,
        Self::MessageDown,
        Self::MessageThrough,
        Self::Attach,
        Self::Playback,
        Self::Private,
        Self::Echo,
        Self::Ping,
        Self::Nick,
        Self::Part,
        Self::Quit,
        Self::Kick,
        Self::Mode,
        Self::Topic,
        Self::Held,
    ];

    /// Returns the name in results and conditions.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectTcp => "connect.tcp",
            Self::ConnectTls => "connect.tls",
            Self::ConnectLookup => "connect.lookup",
            Self::ConnectRegistered => "connect.registered",
            Self::Login => "login",
            Self::Join => "join",
            Self::Message => "message",
            Self::MessageUp => "message.up",
            Self::MessageDown => "message.down",
            Self::MessageThrough => "message.through",
            Self::Attach => "attach",
            Self::Playback => "playback",
            Self::Private => "private",
            Self::Echo => "echo",
            Self::Ping => "ping",
            Self::Nick => "nick",
            Self::Part => "part",
            Self::Quit => "quit",
            Self::Kick => "kick",
            Self::Mode => "mode",
            Self::Topic => "topic",
            Self::Held => "held",
        }
    }

    /// Returns the operation's place in [`Operation::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_place_in_the_list() {
        for (index, operation) in Operation::ALL.iter().enumerate() {
            assert_eq!(operation.index(), index);
        }
    }
}
