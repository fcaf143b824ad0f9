//! What a run against a bouncer came to, for people: its users, what it cost, and what the networks thought of it.

use std::io;
use std::io::Write;

use crate::gate::figure;
use crate::report::bouncer::Bouncer;
use crate::report::layout::Columns;
use crate::report::layout::elided;
use crate::report::layout::printable;
use crate::report::paint::Tone;
use crate::report::result::RunResult;
use crate::report::text::Page;
use crate::report::text::compact;

/// Addresses shown of each network.
const SOURCES_SHOWN_MAX: usize = 4;
/// Events shown of each network.
const RETURNS_SHOWN_MAX: usize = 4;
/// Width of an address or a network's name in tables: the longest IPv4 address.
const NAME_WIDTH_MAX: usize = 15;

impl<W: Write> Page<'_, W> {
    pub(super) fn bouncer(&mut self, result: &RunResult) -> io::Result<()> {
        let Some(bouncer) = &result.bouncer else {
            return Ok(());
        };
        self.heading("Bouncer")?;
        self.label("size", &bouncer.users_text())?;
        self.label("playback", &bouncer.playback_text())?;
        if let Some(dropped) = result.ledger.dropped_text() {
            self.label("", &dropped)?;
        }
        if let Some(healed) = bouncer.healed_text() {
            self.label("hidden", &healed)?;
        }
        if let Some(cost) = bouncer.cost_text() {
            self.label("cost", &cost)?;
        }
        self.seen(bouncer)?;
        for network in &bouncer.networks {
            let events = network.returns.iter();
            for event in events.take(RETURNS_SHOWN_MAX) {
                let text = format!("{}: {}", network.network, event.text());
                self.label("queue", &text)?;
            }
            self.further(network.returns.len().saturating_sub(RETURNS_SHOWN_MAX))?;
        }
        for (what, text) in bouncer.befell() {
            self.label(what, &text)?;
        }
        for (kind, fate) in bouncer.fates() {
            self.label(kind, &fate)?;
        }
        for locked_out in bouncer.locked_out() {
            self.bullet("✗", Tone::Bad, &format!("locked out: {locked_out}"))?;
        }
        if let Some(leak) = &bouncer.leak {
            self.bullet("✗", Tone::Bad, &format!("leaked: {}", leak.text()))?;
        }
        Ok(())
    }

    /// Writes what each network saw of each address.
    fn seen(&mut self, bouncer: &Bouncer) -> io::Result<()> {
        let mut columns = Columns::new(2, 8);
        columns.push(
            [
                "network",
                "from",
                "connects",
                "in a second",
                "at once",
                "joined",
                "refused",
                "banned",
            ]
            .map(str::to_owned),
        );
        for network in &bouncer.networks {
            for source in network.sources.iter().take(SOURCES_SHOWN_MAX) {
                columns.push([
                    elided(&printable(&network.network), NAME_WIDTH_MAX),
                    elided(&printable(&source.address), NAME_WIDTH_MAX),
                    compact(source.connects),
                    compact(source.connects_per_sec_max),
                    compact(source.connections_max),
                    compact(source.registered),
                    compact(source.refused),
                    source.banned_text(),
                ]);
            }
        }
        self.rows(&columns)?;
        let networks = bouncer.networks.iter();
        let left_out =
            networks.map(|network| network.sources.len().saturating_sub(SOURCES_SHOWN_MAX));
        self.further(left_out.sum())
    }

    fn further(&mut self, left_out: usize) -> io::Result<()> {
        if left_out == 0 {
            return Ok(());
        }
        self.label("", &format!("and {} more", figure::count(left_out as u64)))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::catalogue::bounced;
    use crate::report::layout::WIDTH_MAX;
    use crate::report::paint::Paint;
    use crate::report::result::RunResult;
    use crate::report::text::write;

    /// Lines of the section, at most, where nobody was lost and nobody locked out.
    const LINES_MAX: usize = 12;

    fn rendered(result: &RunResult) -> String {
        let mut out = Vec::new();
        write(result, Paint::Plain, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_fit_the_width_however_many_and_long() {
        let mut result = bounced();
        let bouncer = result.bouncer.as_mut().unwrap();
        let network = &mut bouncer.networks[0];
        network.network = "n".repeat(30);
        let source = network.sources[0].clone();
        network.sources[0].connects = u64::MAX;
        network.sources.resize(32, source);
        let event = network.returns[0];
        network.returns.resize(64, event);
        let other = network.clone();
        bouncer.networks.push(other);
        let text = rendered(&result);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH_MAX, "{line}");
        }
        assert!(text.contains("and 56 more\n"), "{text}");
        assert!(text.contains("and 60 more\n"), "{text}");
    }

    #[test]
    fn a_plain_run_takes_few_lines() {
        let mut result = bounced();
        let bouncer = result.bouncer.as_mut().unwrap();
        bouncer.leak = None;
        bouncer.networks[0].locked_out = 0;
        bouncer.networks[0].sources.truncate(1);
        bouncer.networks[0].returns.clear();
        bouncer.networks[0].half_open = 0;
        bouncer.networks[0].logins = None;
        bouncer.healed.clear();
        let text = rendered(&result);
        let (_, section) = text.split_once("\nBouncer\n").unwrap();
        let (section, _) = section.split_once("\n\n").unwrap();
        assert!(section.lines().count() < LINES_MAX, "{section}");
    }
}
