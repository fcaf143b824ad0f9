//! An operator's talk with a module of a bouncer: commands, and whether each was done.

use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;

/// Behind the commands: who answers this has read them all.
const DONE: &[u8] = b"told";
/// Most bytes of an answer that are kept.
const ANSWER_BYTES_MAX: usize = 200;

/// One talk: commands sent at once, and their answers.
#[derive(Debug)]
pub struct Console {
    module: &'static str,
    is_welcome: bool,
    commands: usize,
    answers: usize,
    /// The first answer that says no.
    refusal: Option<String>,
    is_done: bool,
}

impl Console {
    /// Returns a talk with a module of which nothing is said yet.
    pub fn new(module: &'static str) -> Self {
        Self {
            module,
            is_welcome: false,
            commands: 0,
            answers: 0,
            refusal: None,
            is_done: false,
        }
    }

    /// Returns whether the bouncer has let the operator in. More than that it need not say.
    pub fn is_welcome(&self) -> bool {
        self.is_welcome
    }

    /// Adds the lines that give `commands` to `out`, and what tells that all were read.
    pub fn tell(&mut self, commands: &[Vec<u8>], out: &mut Vec<u8>) {
        for command in commands {
            self.commands += 1;
            for part in [b"PRIVMSG ", self.module.as_bytes(), b" :", command, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        for part in [b"PING :", DONE, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }

    /// Takes a line of the bouncer's.
    pub fn handle(&mut self, message: &Message<'_>) {
        let source = message.source.map_or(&b""[..], |source| source.nick);
        let last = message.params.last().unwrap_or_default();
        if message.numeric() == Some(numeric::RPL_WELCOME) {
            self.is_welcome = true;
        } else if message.is(b"PONG") {
            self.is_done |= last == DONE;
        } else if (message.is(b"PRIVMSG") || message.is(b"NOTICE"))
            && source.eq_ignore_ascii_case(self.module.as_bytes())
        {
            self.answers += 1;
            let is_refusal = [
                &b"Error"[..],
                b"Usage",
                b"Unknown command",
                b"Access denied",
                b"Could not",
                b"Setting failed",
                b"Failed",
            ]
            .iter()
            .any(|begin| last.starts_with(begin));
            if is_refusal {
                let kept = last.get(..ANSWER_BYTES_MAX).unwrap_or(last);
                self.refusal
                    .get_or_insert_with(|| String::from_utf8_lossy(kept).into_owned());
            }
        }
    }

    /// Returns how it ended, once it has: `Err` says why something was not done.
    pub fn end(&self) -> Option<Result<(), String>> {
        if !self.is_done {
            return None;
        }
        Some(match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None if self.answers < self.commands => Err(format!(
                "{} answered {} of {} commands",
                self.module, self.answers, self.commands
            )),
            None => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(lines: &[&str]) -> Option<Result<(), String>> {
        let mut console = Console::new("*panel");
        let mut out = Vec::new();
        console.tell(&[b"AddUser oak pw".to_vec(), b"Set x".to_vec()], &mut out);
        assert_eq!(
            out,
            b"PRIVMSG *panel :AddUser oak pw\r\nPRIVMSG *panel :Set x\r\nPING :told\r\n"
        );
        for line in lines {
            console.handle(&Message::parse(line.as_bytes()).unwrap());
        }
        console.end()
    }

    #[test]
    fn a_talk_is_over_when_the_last_command_was_read() {
        let added = ":*panel!znc@znc.in PRIVMSG operator :User oak added!";
        let set = ":*panel!znc@znc.in PRIVMSG operator :x = 1";
        let pong = ":irc.znc.in PONG irc.znc.in :told";
        assert_eq!(end(&[added, set]), None);
        assert_eq!(end(&[added, set, pong]), Some(Ok(())));
    }

    #[test]
    fn what_was_not_done_is_told_in_the_words_of_the_module() {
        let pong = ":irc.znc.in PONG irc.znc.in :told";
        let exists = ":*panel!znc@znc.in PRIVMSG operator :Error: User oak already exists!";
        let other = ":*status!znc@znc.in PRIVMSG operator :Error: not it";
        let told = end(&[other, exists, exists, pong]);
        assert_eq!(
            told,
            Some(Err("Error: User oak already exists!".to_owned()))
        );
        let told = end(&[":*status!znc@znc.in PRIVMSG operator :No such module", pong]);
        assert_eq!(
            told,
            Some(Err("*panel answered 0 of 2 commands".to_owned()))
        );
    }
}
