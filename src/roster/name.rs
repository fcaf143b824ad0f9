//! Names in rosters, within what bouncers and networks take for one.

use std::fmt;

/// Longest name of a user, in bytes: it is a nick too, and `InspIRCd` and `ircd-hybrid` take 30; networks that take 9 cut it.
pub const USER_BYTES_MAX: usize = 30;

/// Longest name of a network, in bytes: it stands in logins beside a user's, and servers take passwords of a hundred bytes or more.
pub const NETWORK_BYTES_MAX: usize = 30;

/// Longest name of a channel, in bytes: `InspIRCd` takes 60, RFC 2812 lets 50.
pub const CHANNEL_BYTES_MAX: usize = 60;

/// Longest name of an environment variable here, in bytes: longer ones are mistakes.
pub const SECRET_ENV_BYTES_MAX: usize = 100;

/// What a text should have been: `what` it is and what to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// Such as `a user`.
    pub what: &'static str,
    /// What its letters are.
    pub help: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_one:path, $what:literal, $help:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Reads one.
            ///
            /// # Errors
            ///
            /// Returns what was expected.
            pub fn parse(text: &str) -> Result<Self, Unnamed> {
                if $is_one(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Unnamed { what: $what, help: $help })
                }
            }

            /// Returns it as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A user of a bouncer: its name there, its nick and its ident. ZNC, bip and soju take more letters, nicks fewer.
    User, is_user, "a user",
    "a letter, then letters, digits, `-` or `_`: 30 bytes at most, since it is the nick too"
}
name! {
    /// A network as a bouncer names it (ZNC: letters, digits, `-` and `_`).
    Network, is_network, "a network", "letters, digits, `-` or `_`: 30 bytes at most"
}
name! {
    /// A channel. No quotes, backslashes or angle brackets: the configurations of bouncers can't hold them all.
    Channel, is_channel, "a channel",
    "`#` or another sign of channels, then no space, comma, quote, backslash or angle bracket: 60 bytes at most"
}
name! {
    /// The name of an environment variable that holds a password.
    SecretEnv, is_secret_env, "the name of an environment variable",
    "a letter or `_`, then letters, digits or `_`, such as BOUNCER_SECRET; the password itself never stands in a roster"
}

fn is_user(text: &str) -> bool {
    text.len() <= USER_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(is_word)
}

fn is_network(text: &str) -> bool {
    text.len() <= NETWORK_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(is_word)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_channel(text: &str) -> bool {
    text.len() <= CHANNEL_BYTES_MAX
        && text.len() > 1
        && text.starts_with(['#', '&', '+', '!'])
        && !text.contains(|c: char| {
            c.is_control() || c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '\\' | '<' | '>')
        })
}

fn is_secret_env(text: &str) -> bool {
    text.len() <= SECRET_ENV_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(parse: impl Fn(&str) -> Result<T, Unnamed>, text: &str, want: bool) {
        assert_eq!(parse(text).is_ok(), want, "{text}");
    }

    #[test]
    fn names_keep_to_what_bouncers_and_networks_take() {
        for (text, want) in [
            ("oak", true),
            ("Oak_2-b", true),
            ("", false),
            ("2oak", false),
            ("oak/one", false),
            ("oak@phone", false),
            ("öak", false),
            ("oakoakoakoakoakoakoakoakoakoako", false),
        ] {
            check(User::parse, text, want);
        }
        for (text, want) in [("2net", true), ("net-1", true), ("", false), ("a.b", false)] {
            check(Network::parse, text, want);
        }
        for (text, want) in [
            ("#a", true),
            ("##c++", true),
            ("#ö", true),
            ("#", false),
            ("a", false),
            ("#a,#b", false),
            ("#a\"", false),
            ("#a\u{7}", false),
            ("#a>", false),
        ] {
            check(Channel::parse, text, want);
        }
        for (text, want) in [("PW_1", true), ("_p", true), ("", false), ("a-b", false)] {
            check(SecretEnv::parse, text, want);
        }
    }
}
