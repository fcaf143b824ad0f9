//! CHATHISTORY (`draft/chathistory`): the last lines of each channel, for members who ask.

use std::collections::VecDeque;

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::channels::ChannelIx;
use crate::irc::network::client::ClientId;
use crate::irc::network::relay::push_tags;
use crate::irc::wire::message::Message;
use crate::irc::wire::server_time;

/// A line that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    at_unix_micros: i64,
    /// As it was relayed, without tags.
    body: Vec<u8>,
    /// The account of who said it, escaped for a tag; empty for none.
    account: Vec<u8>,
}

/// The last lines of a channel, the oldest first; at most `history_lines_max`.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    lines: VecDeque<Kept>,
}

/// Which lines are asked for. Moments are microseconds since 1970.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// The last after a moment.
    Latest(i64),
    /// The last before a moment.
    Before(i64),
    /// The first after a moment.
    After(i64),
    /// Those on both sides of a moment.
    Around(i64),
    /// Between two moments, from the first of them on.
    Between(i64, i64),
}

impl History {
    fn push(&mut self, at_unix_micros: i64, body: &[u8], account: &[u8], lines_max: usize) {
        // The oldest line's buffers serve the newest: a full history costs no allocation.
        let mut kept = if self.lines.len() >= lines_max {
            self.lines.pop_front()
        } else {
            None
        }
        .unwrap_or_else(|| Kept {
            at_unix_micros,
            body: Vec::new(),
            account: Vec::new(),
        });
        kept.at_unix_micros = at_unix_micros;
        kept.body.clear();
        kept.body.extend_from_slice(body);
        kept.account.clear();
        kept.account.extend_from_slice(account);
        self.lines.push_back(kept);
    }

    /// Takes in the lines of the other half of a channel; what was said before they were parted counts once.
    pub(super) fn merge(&mut self, other: Self, lines_max: usize) {
        let mut lines: Vec<Kept> = self.lines.drain(..).chain(other.lines).collect();
        lines.sort_by_key(|kept| kept.at_unix_micros);
        let mut merged: VecDeque<Kept> = VecDeque::new();
        for kept in lines {
            let same_time = merged
                .iter()
                .rev()
                .take_while(|known| known.at_unix_micros == kept.at_unix_micros);
            if !same_time.into_iter().any(|known| *known == kept) {
                merged.push_back(kept);
            }
        }
        let past = merged.len().saturating_sub(lines_max);
        merged.drain(..past);
        self.lines = merged;
    }

    fn select(&self, wanted: Wanted, limit: usize) -> Vec<&Kept> {
        let lines = &self.lines;
        let first_from = |moment| lines.partition_point(|kept| kept.at_unix_micros < moment);
        let first_after = |moment| lines.partition_point(|kept| kept.at_unix_micros <= moment);
        let last = |begin: usize, end: usize| end.saturating_sub(limit).max(begin)..end;
        let first = |begin: usize, end: usize| begin..(begin + limit).min(end).max(begin);
        let range = match wanted {
            Wanted::Latest(after) => last(first_after(after), lines.len()),
            Wanted::Before(moment) => last(0, first_from(moment)),
            Wanted::After(moment) => first(first_after(moment), lines.len()),
            Wanted::Around(moment) => {
                let middle = first_from(moment);
                let begin = middle.saturating_sub(limit / 2);
                first(begin, lines.len())
            }
            Wanted::Between(from, to) if from <= to => first(first_after(from), first_from(to)),
            // Asked for backwards: those next to the first moment.
            Wanted::Between(from, to) => {
                let begin = first_after(to);
                last(begin, first_from(from).max(begin))
            }
        };
        lines.range(range).collect()
    }
}

impl Network {
    /// Keeps the relay's line as said on a channel, if lines are kept.
    pub(super) fn keep_line(&mut self, ix: ChannelIx) {
        let Some(lines_max) = self.config.limits.history_lines_max else {
            return;
        };
        let at = self.unix_micros();
        let (body, account) = self.relay.parts();
        let history = &mut self.channels.channel_mut(ix).history;
        history.push(at, body, account, lines_max.max(1) as usize);
    }

    pub(super) fn chathistory(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(lines_max) = self.config.limits.history_lines_max else {
            return self.unknown_command(id, message.command);
        };
        let subcommand = message.params.get(0).unwrap_or_default();
        let subcommand = subcommand.to_ascii_uppercase();
        let (Some(target), Some(first)) = (message.params.get(1), message.params.get(2)) else {
            return self.fail_history(
                id,
                b"NEED_MORE_PARAMS",
                &[&subcommand],
                "Missing parameters",
            );
        };
        let is_between = subcommand == b"BETWEEN";
        let limit = message.params.get(3 + usize::from(is_between));
        let limit = limit
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse::<usize>().ok());
        let Some(wanted) = wanted(&subcommand, first, message.params.get(3)) else {
            return self.fail_history(id, b"INVALID_PARAMS", &[&subcommand], "Unknown selection");
        };
        let Some(limit) = limit else {
            return self.fail_history(id, b"INVALID_PARAMS", &[&subcommand], "Unknown limit");
        };
        let found = self.channels.find(self.directory.side_of(id), target);
        let Some(ix) = found.filter(|&ix| self.channels.member(&self.directory, ix, id).is_some())
        else {
            let text = "Messages could not be retrieved";
            return self.fail_history(id, b"INVALID_TARGET", &[&subcommand, target], text);
        };
        self.send_history(id, ix, wanted, limit.min(lines_max as usize));
    }

    fn send_history(&mut self, id: ClientId, ix: ChannelIx, wanted: Wanted, limit: usize) {
        self.history_count += 1;
        let reference = format!("history{}", self.history_count);
        let channel = self.channels.channel(ix);
        let caps = self.ports.port(id).caps;
        let has_batch = caps.has(Caps::BATCH);
        let server = &self.directory.server_of(id).name;
        if has_batch {
            self.ports
                .line(id)
                .source(server)
                .command(b"BATCH")
                .param(format!("+{reference}").as_bytes())
                .param(b"chathistory")
                .last(&channel.name);
        }
        for kept in channel.history.select(wanted, limit) {
            let time = server_time::format(kept.at_unix_micros);
            let tags: [(bool, &[u8], &[u8]); 3] = [
                (has_batch, b"batch=", reference.as_bytes()),
                (caps.has(Caps::SERVER_TIME), b"time=", &time),
                (
                    caps.has(Caps::ACCOUNT_TAG) && !kept.account.is_empty(),
                    b"account=",
                    &kept.account,
                ),
            ];
            let out = self.ports.buffer(id);
            push_tags(out, &tags);
            out.extend_from_slice(&kept.body);
        }
        if has_batch {
            self.ports
                .line(id)
                .source(server)
                .command(b"BATCH")
                .last(format!("-{reference}").as_bytes());
        }
    }

    fn fail_history(&mut self, id: ClientId, code: &[u8], about: &[&[u8]], text: &str) {
        let mut line = self
            .ports
            .line(id)
            .source(&self.directory.server_of(id).name)
            .command(b"FAIL")
            .param(b"CHATHISTORY")
            .param(code);
        for part in about.iter().filter(|part| !part.is_empty()) {
            line = line.param(&part[..part.len().min(100)]);
        }
        line.trailing(text.as_bytes());
    }
}

fn wanted(subcommand: &[u8], first: &[u8], second: Option<&[u8]>) -> Option<Wanted> {
    Some(match subcommand {
        b"LATEST" if first == b"*" => Wanted::Latest(i64::MIN),
        b"LATEST" => Wanted::Latest(moment(first)?),
        b"BEFORE" => Wanted::Before(moment(first)?),
        b"AFTER" => Wanted::After(moment(first)?),
        b"AROUND" => Wanted::Around(moment(first)?),
        b"BETWEEN" => Wanted::Between(moment(first)?, moment(second?)?),
        _ => return None,
    })
}

/// Reads `timestamp=…`; messages have no ids here, and 005 says so.
fn moment(text: &[u8]) -> Option<i64> {
    server_time::parse(text.strip_prefix(b"timestamp=")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(times: &[i64], lines_max: usize) -> History {
        let mut history = History::default();
        for &at in times {
            history.push(at, at.to_string().as_bytes(), b"", lines_max);
        }
        history
    }

    #[track_caller]
    fn check(wanted: Wanted, limit: usize, want: &[i64]) {
        let history = history(&[10, 20, 30, 40, 50], 5);
        let got: Vec<i64> = history
            .select(wanted, limit)
            .iter()
            .map(|kept| kept.at_unix_micros)
            .collect();
        assert_eq!(got, want, "{wanted:?} {limit}");
    }

    #[test]
    fn lines_are_selected_next_to_what_is_named_and_without_it() {
        check(Wanted::Latest(i64::MIN), 2, &[40, 50]);
        check(Wanted::Latest(40), 9, &[50]);
        check(Wanted::Before(30), 9, &[10, 20]);
        check(Wanted::Before(30), 1, &[20]);
        check(Wanted::After(30), 1, &[40]);
        check(Wanted::After(50), 1, &[]);
        check(Wanted::Around(30), 3, &[20, 30, 40]);
        check(Wanted::Around(10), 3, &[10, 20, 30]);
        check(Wanted::Between(10, 50), 9, &[20, 30, 40]);
        check(Wanted::Between(10, 50), 2, &[20, 30]);
        check(Wanted::Between(50, 10), 2, &[30, 40]);
        check(Wanted::Between(20, 20), 2, &[]);
        check(Wanted::Latest(i64::MIN), 0, &[]);
    }

    #[test]
    fn a_full_history_loses_its_oldest_line_and_halves_share_what_was_said_before() {
        let full = history(&[10, 20, 30], 2);
        assert_eq!(full.lines.len(), 2);
        assert_eq!(full.lines[0].body, b"20");
        let mut near = history(&[10, 20, 40], 5);
        near.merge(history(&[10, 20, 30], 5), 3);
        let times: Vec<i64> = near.lines.iter().map(|kept| kept.at_unix_micros).collect();
        assert_eq!(times, [20, 30, 40]);
    }
}
