//! Why something did not happen: the closed lists that every count of a result comes from.

/// Declares a closed list of reasons with its names and a count for each.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident, $(#[$counts_doc:meta])* $counts:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every reason, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name in results.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        $(#[$counts_doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $counts([u64; $name::ALL.len()]);

        impl $counts {
            /// Counts one more.
            pub fn add(&mut self, reason: $name) {
                self.0[reason as usize] += 1;
            }

            /// Returns how many there were for `reason`.
            pub fn count(&self, reason: $name) -> u64 {
                self.0[reason as usize]
            }

            /// Returns how many there were in all.
            pub fn total(&self) -> u64 {
                self.0.iter().sum()
            }

            /// Adds another part's counts.
            pub fn merge(&mut self, other: &Self) {
                for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
                    *mine += theirs;
                }
            }

            /// Returns every reason with its count.
            pub fn iter(&self) -> impl Iterator<Item = ($name, u64)> + '_ {
                $name::ALL.iter().map(|&reason| (reason, self.count(reason)))
            }
        }
    };
}

reasons! {
    /// Why a planned message was not sent: a hole.
    NotSent,
    /// Holes by reason.
    NotSentCounts {
        /// The user had no connection.
        Disconnected = "disconnected",
        /// The user's registration was under way.
        Registering = "registering",
        /// The user was not in the channel.
        NotJoined = "not_joined",
        /// The addressee of a private message was not online.
        PeerAbsent = "peer_absent",
        /// The message is longer than the target lets through.
        OverLimit = "over_limit",
        /// The connection's send queue was full: the target had stopped reading.
        QueueFull = "queue_full",
        /// The run ended first.
        Cancelled = "cancelled",
    }
}

reasons! {
    /// Why a target said no.
    Refused,
    /// Refusals by reason.
    RefusedCounts {
        /// Too many connections in too short a time.
        Throttle = "throttle",
        /// Too many connections from one address.
        CloneLimit = "clone_limit",
        /// The address or user is banned.
        Ban = "ban",
        /// Too many lines in too short a time.
        Flood = "flood",
        /// The receiver read too slowly.
        SendQ = "sendq",
        /// Too much was sent before the target had read it.
        RecvQ = "recvq",
        /// No free nick was found.
        NickInUse = "nick_in_use",
        /// The password or account was refused.
        Auth = "auth",
        /// The account is on another server, or under way to it.
        Elsewhere = "elsewhere",
        /// Too many channels, or a channel that can't be joined.
        ChannelLimit = "channel_limit",
        /// A message or change was not allowed.
        CannotSend = "cannot_send",
        /// The target delayed a sender on purpose.
        FakeLag = "fake_lag",
        /// Any other refusal.
        Other = "other",
    }
}

reasons! {
    /// How a connection ended that was not meant to.
    Disconnect,
    /// Ends of connections by reason.
    DisconnectCounts {
        /// The target closed it without a word.
        Eof = "eof",
        /// The target reset it.
        Reset = "reset",
        /// The target reset it before it had said anything.
        ResetBeforeFirstByte = "reset_before_first_byte",
        /// The target said ERROR and closed it.
        ErrorLine = "error_line",
        /// The target did not answer a PING in time.
        PingTimeout = "ping_timeout",
        /// The target did not take a connection or complete a registration in time.
        Timeout = "timeout",
        /// The login to an account was refused, and the client gave the connection up.
        LoginRefused = "login_refused",
        /// The target did not answer a login to an account in time.
        LoginTimeout = "login_timeout",
        /// The target sent a line longer than any may be.
        LineTooLong = "line_too_long",
        /// TLS was not agreed on, or was broken.
        Tls = "tls",
        /// Our own side ended it: no address or descriptor was left, or the machine refused.
        Local = "local",
    }
}

reasons! {
    /// Why the target's process came to its end, as far as can be told from outside.
    Crash,
    /// Ends of processes by reason.
    CrashCounts {
        /// It stood at its limit of descriptors.
        Limit = "limit",
        /// The kernel killed in its control group for want of memory, or it stood at the group's limit.
        Oom = "oom",
        /// No limit was near: a signal, a fault of its own, or an end that it was asked for.
        Unknown = "unknown",
    }
}
