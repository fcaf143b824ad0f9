//! Which program each user has: a draw of its own, the same for every shard.

use std::time::Duration;

use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::scenario::clients::Client;
use crate::scenario::clients::Share;
use crate::units::id::UserId;

/// The programs of a run's users, each with its part of all draws.
#[derive(Clone, Debug)]
pub struct Clients {
    shares: Vec<Share>,
    /// The first draw that is beyond each program's part, but for the last: its part has no end.
    ends: Vec<u64>,
}

/// The place of a program among a run's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIx(pub u8);

impl Clients {
    /// Returns the programs of a mix.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or more than 256.
    pub fn new(shares: Vec<Share>) -> Self {
        assert!(
            (1..=256).contains(&shares.len()),
            "{} programs",
            shares.len()
        );
        let whole: f64 = shares.iter().map(|share| share.share).sum();
        let mut sum = 0.0;
        let ends = shares
            .iter()
            .take(shares.len() - 1)
            .map(|share| {
                sum += share.share / whole;
                draw_at(sum)
            })
            .collect();
        Self { shares, ends }
    }

    /// Returns which program a user has.
    pub fn of(&self, user: UserId, streams: &Streams) -> ClientIx {
        if self.ends.is_empty() {
            return ClientIx(0);
        }
        let draw = streams.draw(StreamId::of_user(Purpose::Client, 0, user));
        let place = self.ends.partition_point(|&end| end <= draw);
        ClientIx(u8::try_from(place).unwrap_or(0))
    }

    /// Returns a program.
    ///
    /// # Panics
    ///
    /// Panics if it is of another run.
    pub fn client(&self, ix: ClientIx) -> &Client {
        &self.shares[usize::from(ix.0)].client
    }

    /// Returns every program with its share.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Returns how many of the first `user_count` users have each program.
    pub fn user_counts(&self, user_count: u32, streams: &Streams) -> Vec<u32> {
        let mut counts = vec![0; self.shares.len()];
        if let ([count], []) = (&mut counts[..], &self.ends[..]) {
            *count = user_count;
            return counts;
        }
        for user in 0..user_count {
            let ClientIx(ix) = self.of(UserId(user), streams);
            if let Some(count) = counts.get_mut(usize::from(ix)) {
                *count += 1;
            }
        }
        counts
    }

    /// Returns the longest time in which any of them notices that its server is gone without a word.
    pub fn notice_within(&self) -> Duration {
        let times = self.shares.iter();
        times
            .map(|share| share.client.notices_within())
            .max()
            .unwrap_or_default()
    }
}

/// Returns the draw below which a share of all draws lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0..=1 of 2^53 is a whole number that fits, and a cast of more is held at the end"
)]
fn draw_at(share: f64) -> u64 {
    // 53 bits are what a share has.
    ((share * 9_007_199_254_740_992.0) as u64).saturating_mul(1 << 11)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::file;
    use crate::units::id::Seed;

    fn clients(mix: &str) -> Clients {
        let text = format!(
            "profile = \"p\"\n[population]\nusers = 10\nchannels = 5\n[client]\n{mix}\n[phase.ramp]\nkind = \"ramp\"\nrate = \"5/s\"\n"
        );
        Clients::new(
            file::read("a.toml", &text, &BTreeMap::new())
                .unwrap()
                .clients(),
        )
    }

    #[test]
    fn users_have_programs_by_their_shares() {
        let streams = Streams::new(Seed(3));
        let mixed = clients("mix = { irssi = 0.3, weechat = 0.3, mobile = 0.3, bot = 0.1 }");
        let counts = mixed.user_counts(20_000, &streams);
        // Three standard deviations of 20,000 draws with a share of 0.3 are 195.
        for (count, want) in counts.iter().zip([6_000, 6_000, 6_000, 2_000]) {
            assert!(count.abs_diff(want) < 200, "{counts:?}");
        }
        assert_eq!(counts.iter().sum::<u32>(), 20_000);
    }

    #[test]
    fn without_a_mix_everybody_has_the_plain_one() {
        let plain = clients("");
        assert_eq!(plain.user_counts(7, &Streams::new(Seed(3))), [7]);
        assert_eq!(plain.client(ClientIx(0)).name, "plain");
    }

    #[test]
    fn a_whole_share_is_for_all_draws() {
        assert_eq!(
            (draw_at(0.0), draw_at(0.5), draw_at(1.0)),
            (0, 1 << 63, u64::MAX)
        );
    }
}
