//! The resolved scenario: every value that a run used, defaults and `--set` included, as a file that can be run again.

use std::fmt::Write;

use crate::scenario::Scenario;
use crate::scenario::accounts::AccountSource;
use crate::scenario::clients::Client;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Pace;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::RestartOf;
use crate::scenario::phase::Returns;
use crate::scenario::value::curve_point_text;
use crate::scenario::value::duration_text;
use crate::scenario::value::quoted;
use crate::scenario::value::week_second_text;

impl Scenario {
    /// Returns the scenario as the text of a scenario file with nothing left to defaults.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_toml(&mut out);
        out
    }

    fn write_toml(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# Resolved from {} by splitstorm {}.",
            self.name,
            env!("CARGO_PKG_VERSION")
        )?;
        writeln!(out, "profile = {}", quoted(&self.profile))?;
        if let Some(starts) = self.starts {
            writeln!(out, "starts = {}", quoted(&week_second_text(starts)))?;
        }
        writeln!(
            out,
            "heat = {:?}\nsettle = {}",
            self.heat,
            quoted(&duration_text(self.settle))
        )?;
        writeln!(out, "warm_up = {}", quoted(&duration_text(self.warm_up)))?;
        if let Some(length) = self.max_length {
            writeln!(out, "max_length = {}", quoted(&duration_text(length)))?;
        }
        let population = &self.population;
        writeln!(out, "\n[population]\nusers = {}", population.users)?;
        // Behind a bouncer they are its users'.
        if self.bouncer.is_none() {
            writeln!(out, "channels = {}", population.channels)?;
        }
        writeln!(
            out,
            "members_per_channel = {:?}\nprivate_share = {:?}",
            population.members_per_channel, population.private_share
        )?;
        self.write_client(out)?;
        writeln!(
            out,
            "\n[target]\nspread_sources = {}\ntls_resumption = {}",
            self.target.spread_sources, self.target.resumes_tls
        )?;
        if let Some(name) = &self.target.password_env {
            writeln!(out, "password_env = {}", quoted(name))?;
        }
        if let Some(bouncer) = &self.bouncer {
            bouncer.write(out)?;
        }
        self.write_accounts(out)?;
        for phase in &self.phases {
            writeln!(
                out,
                "\n[phase.{}]\nkind = {}",
                quoted(&phase.name),
                quoted(phase.kind.name())
            )?;
            match phase.begins {
                Begins::AtStart => {}
                Begins::OnDemand => writeln!(out, "on_demand = true")?,
                Begins::After(id, at) => {
                    writeln!(
                        out,
                        "after = {}\nat = {}",
                        quoted(&self.phase(id).name),
                        quoted(&duration_text(at))
                    )?;
                }
                Begins::During(id, at) => {
                    writeln!(
                        out,
                        "during = {}\nat = {}",
                        quoted(&self.phase(id).name),
                        quoted(&duration_text(at))
                    )?;
                }
            }
            self.write_kind(phase, out)?;
        }
        for slo in &self.slos {
            writeln!(
                out,
                "\n[[slo]]\ncheck = {}\nmin_samples = {}",
                quoted(&slo.check),
                slo.min_samples
            )?;
        }
        for abort in &self.aborts {
            let (lasts, delay) = (duration_text(abort.lasts), duration_text(abort.delay));
            writeln!(
                out,
                "\n[[abort]]\ncheck = {}\nmin_samples = {}\nfor = {}\ndelay = {}\nhard = {}",
                quoted(&abort.condition.check),
                abort.condition.min_samples,
                quoted(&lasts),
                quoted(&delay),
                abort.is_hard
            )?;
            if let Some(then) = abort.then {
                writeln!(out, "then = {}", quoted(&self.phase(then).name))?;
            }
        }
        if !self.tolerances.is_empty() {
            writeln!(out, "\n[tolerate]")?;
            for tolerance in &self.tolerances {
                writeln!(out, "{} = {:?}", tolerance.counter, tolerance.share)?;
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// Writes what a phase does.
    fn write_kind(&self, phase: &Phase, out: &mut String) -> std::fmt::Result {
        let mut put = |key: &str, value: String| writeln!(out, "{key} = {value}");
        let span = |duration| quoted(&duration_text(duration));
        match &phase.kind {
            PhaseKind::Ramp {
                pace: Pace::Curve(points),
            } => {
                let points: Vec<String> = points
                    .iter()
                    .map(|&point| quoted(&curve_point_text(point)))
                    .collect();
                put("curve", format!("[{}]", points.join(", ")))?;
            }
            PhaseKind::Ramp {
                pace: Pace::Rate(rate),
            }
            | PhaseKind::Quit { rate } => put("rate", quoted(&rate.to_string()))?,
            PhaseKind::Steady { duration } | PhaseKind::Quiet { duration } => {
                put("duration", span(*duration))?;
            }
            PhaseKind::Netsplit {
                far,
                fraction,
                heal_after,
                by,
                heal,
            } => {
                if let Some(server) = self.far_server(*far) {
                    put("server", quoted(&server.name))?;
                }
                put("fraction", format!("{fraction:?}"))?;
                put("heal_after", span(*heal_after))?;
                put("by", quoted(by.name()))?;
                put("heal", quoted(heal.name()))?;
            }
            PhaseKind::MassDisconnect {
                fraction,
                how,
                returns,
            } => {
                put("fraction", format!("{fraction:?}"))?;
                put("how", quoted(how.name()))?;
                put("returns", quoted(returns.name()))?;
                put("reconnect_after", span(returns.begin_after()))?;
                match *returns {
                    Returns::Even { over, .. } => put("reconnect_over", span(over))?,
                    Returns::AtOnce { .. } => {}
                    Returns::Backoff { within } => put("reconnect_over", span(within))?,
                    Returns::Outage { within, speed, .. } => {
                        put("reconnect_over", span(within))?;
                        put("speed", format!("{speed:?}"))?;
                    }
                }
            }
            PhaseKind::Restart { lasts, of } => {
                put("lasts", span(*lasts))?;
                if *of != RestartOf::Target {
                    put("of", quoted(of.name()))?;
                }
            }
            PhaseKind::Migrate { migration } => {
                if let Some(server) = self.far_server(migration.to) {
                    put("to", quoted(&server.name))?;
                }
                let mut keys = migration.keys().into_iter();
                keys.try_for_each(|(key, value)| put(&key, value))?;
            }
            PhaseKind::RollBack { roll_back } => {
                put("of", quoted(&self.phase(roll_back.of).name))?;
                let mut keys = roll_back.keys().into_iter();
                keys.try_for_each(|(key, value)| put(&key, value))?;
            }
            PhaseKind::NickStorm { fraction, over } => {
                put("fraction", format!("{fraction:?}"))?;
                put("over", span(*over))?;
            }
            PhaseKind::JoinStorm {
                fraction,
                over,
                stay,
            } => {
                put("fraction", format!("{fraction:?}"))?;
                put("over", span(*over))?;
                put("stay", span(*stay))?;
            }
            PhaseKind::ReadBack {
                fraction,
                by,
                over,
                again,
            } => {
                put("fraction", format!("{fraction:?}"))?;
                put("over", span(*over))?;
                put("by", quoted(by.name()))?;
                let again: Vec<String> = again.iter().map(|&after| span(after)).collect();
                put("again", format!("[{}]", again.join(", ")))?;
            }
        }
        let begin = match phase.kind {
            PhaseKind::Netsplit { .. } => "split_command",
            _ => "command",
        };
        let commands = &phase.commands;
        for (key, command) in [(begin, &commands.begin), ("heal_command", &commands.end)] {
            if let Some(command) = command {
                put(key, quoted(command))?;
            }
        }
        Ok(())
    }

    fn write_accounts(&self, out: &mut String) -> std::fmt::Result {
        let Some(accounts) = &self.accounts else {
            let bouncer = self.bouncer.as_ref();
            return match bouncer.filter(|bouncer| bouncer.network.has_accounts) {
                Some(_) => self.write_services(out),
                None => Ok(()),
            };
        };
        match &accounts.source {
            AccountSource::Csv { path, .. } => {
                writeln!(out, "\n[accounts]\nfile = {}", quoted(path))?;
            }
            AccountSource::Pattern { name, password_env } => {
                writeln!(out, "\n[accounts]\npattern = {}", quoted(name))?;
                if let Some(variable) = password_env {
                    writeln!(out, "password_env = {}", quoted(variable))?;
                }
            }
        }
        writeln!(
            out,
            "login = {}\nrequired = {}",
            quoted(accounts.way.name()),
            accounts.is_required
        )?;
        self.write_services(out)
    }

    fn write_services(&self, out: &mut String) -> std::fmt::Result {
        let services = &self.services;
        writeln!(
            out,
            "\n[services]\ncost = {}\ndelay = {}\nrestart = {}",
            quoted(&duration_text(services.cost)),
            quoted(&duration_text(services.delay)),
            quoted(&duration_text(services.restart))
        )?;
        match services.queue {
            Some(queue) => writeln!(out, "queue = {queue}"),
            None => Ok(()),
        }
    }

    /// Writes `[client]` and `[reconnect]`. Without a mix they are whole; with one, what they leave out is the programs' way.
    fn write_client(&self, out: &mut String) -> std::fmt::Result {
        let (client, reconnect) = (&self.client, &self.reconnect);
        let plain = Client::plain(client, reconnect);
        let is_plain = client.mix.is_empty();
        let asks = |before: &str| {
            let mut queries = plain.queries.iter();
            is_plain.then(|| queries.any(|query| query.line.before == before))
        };
        writeln!(out, "\n[client]")?;
        if let Some(is_asked) = asks("MODE ").or(client.mode_on_join) {
            writeln!(out, "mode_on_join = {is_asked}")?;
        }
        if let Some(is_asked) = asks("WHO ").or(client.who_on_join) {
            writeln!(out, "who_on_join = {is_asked}")?;
        }
        if is_plain || client.capabilities.is_some() {
            let names = plain.connect.capabilities.iter();
            let names: Vec<String> = names.map(|name| quoted(name)).collect();
            writeln!(out, "capabilities = [{}]", names.join(", "))?;
        }
        if is_plain || client.ping_every.is_some() {
            let every = duration_text(plain.ping.every);
            writeln!(out, "ping_every = {}", quoted(&every))?;
        }
        if !is_plain {
            let shares = client.mix.iter();
            let shares: Vec<String> = shares
                .map(|share| format!("{} = {:?}", share.client.name, share.share))
                .collect();
            writeln!(out, "mix = {{ {} }}", shares.join(", "))?;
        }
        writeln!(out, "\n[reconnect]")?;
        let retry = plain.retry;
        for (key, value) in [
            ("first", reconnect.first.or(is_plain.then_some(retry.first))),
            (
                "longest",
                reconnect.longest.or(is_plain.then_some(retry.longest)),
            ),
            ("connect_timeout", Some(reconnect.connect_timeout)),
            ("register_timeout", Some(reconnect.register_timeout)),
        ] {
            if let Some(value) = value {
                writeln!(out, "{key} = {}", quoted(&duration_text(value)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::scenario::file::read;

    #[test]
    fn a_resolved_scenario_resolves_to_itself() {
        let text = "profile = \"p\"\nstarts = \"Tue 20:00\"\n[population]\nusers = 10\nchannels = 5\n[phase.ramp]\nkind = \"ramp\"\nrate = \"90/min\"\n\
            [phase.\"odd name\"]\nkind = \"steady\"\nduration = \"1.5s\"\n[phase.split]\nkind = \"netsplit\"\nduring = \"odd name\"\nat = \"1s\"\nheal_after = \"1s\"\nsplit_command = \"cut it\"\n\
            [phase.mass]\nkind = \"mass_disconnect\"\nhow = \"silent\"\nreturns = \"outage\"\n[phase.again]\nkind = \"restart\"\nlasts = \"3s\"\ncommand = \"do it\"\n\
            [phase.up]\nkind = \"ramp\"\ncurve = [\"30s 10%\", \"2min 100%\"]\n[phase.nicks]\nkind = \"nick_storm\"\n[phase.joins]\nkind = \"join_storm\"\n[phase.hush]\nkind = \"quiet\"\nduration = \"1s\"\n[phase.end]\nkind = \"quit\"\nrate = \"5/s\"\n[[slo]]\ncheck = \"message.response.p99 < 1s\"\n[[abort]]\ncheck = \"message.pending_age.max < 5s\"\nfor = \"3s\"\nhard = true\n[tolerate]\nlost = \"1%\"\n";
        let once = read("x.toml", text, &BTreeMap::new()).unwrap().to_toml();
        let twice = read("x.toml", &once, &BTreeMap::new()).unwrap().to_toml();
        assert_eq!(once, twice);
        assert!(once.contains("duration = \"1500ms\""), "{once}");
        let mixed =
            format!("{text}[client]\nmix = {{ web = 0.25, bot = 0.75 }}\nping_every = \"9s\"\n");
        let once = read("x.toml", &mixed, &BTreeMap::new()).unwrap().to_toml();
        let twice = read("x.toml", &once, &BTreeMap::new()).unwrap().to_toml();
        assert_eq!(once, twice);
        let client = "[client]\nping_every = \"9s\"\nmix = { web = 0.25, bot = 0.75 }\n\n[reconnect]\nconnect_timeout";
        assert!(once.contains(client), "{once}");
    }
}
