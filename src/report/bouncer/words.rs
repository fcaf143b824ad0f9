//! What is said of a bouncer to people, in every form of a report.

use crate::gate::figure;
use crate::report::bouncer::Bouncer;
use crate::report::bouncer::KINDS;
use crate::report::bouncer::Leak;
use crate::report::bouncer::Logins;
use crate::report::bouncer::Network;
use crate::report::bouncer::Return;
use crate::report::bouncer::Source;
use crate::report::layout::counted;

impl Bouncer {
    /// Returns who its users are, and when all of them were in.
    pub(crate) fn users_text(&self) -> String {
        let ready = match self.ready_in_us {
            Some(micros) => format!("all in after {}", figure::duration(micros)),
            None => format!(
                "{} of {} in at the end",
                figure::count(self.registered),
                figure::count(self.seats)
            ),
        };
        format!(
            "{} on {} · {} · {} · {ready}",
            counted(self.users, "user"),
            counted(self.networks.len() as u64, "network"),
            counted(self.seats, "seat"),
            counted(self.clients, "client")
        )
    }

    /// Returns what it played back.
    pub(crate) fn playback_text(&self) -> String {
        let played = self.playbacks;
        if played.sessions == 0 {
            return "nothing was played back".to_owned();
        }
        let pace = match played.lines_per_sec {
            Some(rate) => format!("{} a second", figure::three_digits(rate)),
            None => "with the welcome".to_owned(),
        };
        format!(
            "{} to {} · {pace}",
            counted(played.lines, "line"),
            counted(played.sessions, "session")
        )
    }

    /// Returns what was missing from playbacks for a while, if anything was.
    pub(crate) fn healed_text(&self) -> Option<String> {
        let rows = self.healed.iter().map(|row| {
            let lines = counted(row.lines, "line");
            format!("{lines} after {}", figure::duration(row.after_us))
        });
        let rows: Vec<String> = rows.collect();
        (!rows.is_empty())
            .then(|| format!("missing, and there when read again: {}", rows.join(", ")))
    }

    /// Returns what it cost, if its process was watched.
    pub(crate) fn cost_text(&self) -> Option<String> {
        let memory = self.rss_bytes_per_user.map(|bytes| {
            let kilobytes = figure::count(bytes.div_ceil(1_000));
            format!("{kilobytes} kB a user at its peak")
        });
        let cpu = self.cpu_micros_per_1000_lines.map(|micros| {
            let time = figure::duration(micros);
            format!("CPU {time} for 1,000 lines that clients read")
        });
        let costs: Vec<String> = memory.into_iter().chain(cpu).collect();
        (!costs.is_empty()).then(|| costs.join(" · "))
    }

    /// Returns for each kind of public network what it would have done, and for what: of the address that it likes least.
    pub(crate) fn fates(&self) -> impl Iterator<Item = (&'static str, String)> {
        KINDS.into_iter().map(|kind| (kind, self.fate(kind)))
    }

    fn fate(&self, kind: &str) -> String {
        let sources = self.networks.iter().flat_map(|network| {
            let sources = network.sources.iter();
            sources.map(move |source| (network, source))
        });
        // Of equals the first: it is the busiest.
        let worst = sources.rev().max_by_key(|(_, source)| source.fate(kind));
        let Some((network, source)) = worst else {
            return "saw nothing of it".to_owned();
        };
        let held = |wanted: bool| -> Vec<&str> {
            let held = source.held(kind);
            let held = held.filter(|(is_banned, _)| *is_banned == wanted);
            held.map(|(_, why)| why).collect()
        };
        let parts = [("ban", held(true)), ("refuse", held(false))];
        let parts = parts.into_iter().filter(|(_, held)| !held.is_empty());
        let parts: Vec<String> = parts
            .map(|(how, held)| format!("{how}: {}", held.join(" and ")))
            .collect();
        if parts.is_empty() {
            return "would let it in".to_owned();
        }
        let text = parts.join("; ");
        if self.networks.len() > 1 {
            format!("would {text} ({} on {})", source.address, network.network)
        } else {
            format!("would {text}")
        }
    }

    /// Returns who is locked out, of each network that has somebody.
    pub(crate) fn locked_out(&self) -> impl Iterator<Item = String> {
        let networks = self.networks.iter();
        networks
            .filter(|network| network.locked_out > 0)
            .map(Network::locked_out_text)
    }
}

impl Bouncer {
    /// Returns what else befell it on each network, if anything did: what it is, and how often.
    pub(crate) fn befell(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.networks.iter().flat_map(|network| {
            let name = &network.network;
            let logins = network.logins.map(Logins::text);
            let logins = logins.map(|text| ("accounts", format!("{name}: {text}")));
            let left = counted(network.half_open, "connection");
            let left = (network.half_open > 0).then(|| {
                (
                    "half-open",
                    format!("{name}: {left} accepted and left alone"),
                )
            });
            logins.into_iter().chain(left)
        })
    }
}

impl Logins {
    fn text(self) -> String {
        let mut text = counted(self.succeeded, "login");
        if self.refused > 0 {
            text = format!("{text} · {} refused", figure::count(self.refused));
        }
        if self.outages > 0 {
            let times = counted(self.outages, "time");
            text = format!("{text} · the service went down {times}");
        }
        text
    }
}

impl Leak {
    /// Says that it was.
    pub(crate) fn text(&self) -> String {
        let channel = self.channel.as_deref();
        let channel = channel.map_or_else(String::new, |channel| format!(" in {channel}"));
        let at = figure::duration(self.at_us.unsigned_abs());
        format!(
            "a line of another user came to a client of {}{channel}, {at} into the run",
            self.receiver
        )
    }
}

impl Network {
    fn locked_out_text(&self) -> String {
        let since = match (self.locked_out_since_us, self.locked_out_for_us) {
            (Some(since), Some(lasted)) => format!(
                "since {}, for {} until the run's end",
                figure::duration(since.unsigned_abs()),
                figure::duration(lasted)
            ),
            _ => "never were in".to_owned(),
        };
        let connects = counted(self.connects_per_sec_max(), "connect");
        let refused = self.sum(|source| source.refused);
        let refused = (refused > 0).then(|| format!(", {} refused", figure::count(refused)));
        let banned = self.sources.iter().filter_map(|source| source.banned_us);
        let banned = banned.max();
        let banned = banned.map(|micros| format!(", banned for {}", figure::duration(micros)));
        format!(
            "{} of {} on {}: {since}; at most {connects} in a second{}{}",
            figure::count(self.locked_out),
            counted(self.seats, "seat"),
            self.network,
            refused.unwrap_or_default(),
            banned.unwrap_or_default()
        )
    }
}

impl Source {
    /// Returns for how long it was banned.
    pub(crate) fn banned_text(&self) -> String {
        self.banned_us
            .map_or_else(|| "–".to_owned(), figure::duration)
    }
}

impl Return {
    /// Returns how those who were lost at once came back.
    pub(crate) fn text(&self) -> String {
        let took = self.first_in_us.zip(self.last_in_us);
        let took = took.map(|(first, last)| {
            let (first, last) = (figure::duration(first), figure::duration(last));
            format!(" after {first} to {last}")
        });
        let rate = self.returns_per_sec;
        let rate = rate.map(|rate| format!(" · {} a second", figure::three_digits(rate)));
        let never = Some(self.never).filter(|never| *never > 0);
        let never = never.map(|never| format!(" · {} never", figure::count(never)));
        format!(
            "{} lost at {}, {} back{}{}{}",
            counted(self.lost, "seat"),
            figure::duration(self.lost_at_us.unsigned_abs()),
            figure::count(self.returned),
            took.unwrap_or_default(),
            rate.unwrap_or_default(),
            never.unwrap_or_default()
        )
    }
}
