//! A roster of nobody: as many users as asked for, in channels that they share as people share popular ones.

use jiff::Span;
use jiff::civil::Date;
use jiff::civil::date;
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::roster::CHANNELS_MAX;
use crate::roster::CLIENTS_MAX;
use crate::roster::Clash;
use crate::roster::ROWS_MAX;
use crate::roster::Roster;
use crate::roster::Row;
use crate::roster::name::Channel;
use crate::roster::name::Network;
use crate::roster::name::SecretEnv;
use crate::roster::name::Unnamed;
use crate::roster::name::User;
use crate::units::id::Seed;

/// Most channels of a network: each user draws a number for each.
pub const MODEL_CHANNELS_MAX: u32 = 10_000;

/// The variable with the password that all users of a model share.
pub const SECRET_ENV: &str = "BOUNCER_SECRET";

/// When the first users of a model signed up, and over how many days they all did: ten years. Assumed.
const SIGN_UP_FROM: Date = date(2012, 1, 1);
const SIGN_UP_DAYS: f64 = 3_652.0;

/// The stream of sign-ups; those of users on networks count from zero.
const SIGN_UPS: u64 = u64::MAX;

/// What a model is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// How many users.
    pub users: u32,
    /// The networks; every user is on each.
    pub networks: Vec<Network>,
    /// Channels of each network.
    pub channels: u32,
    /// Channels of a user on a network.
    pub per_user: u32,
    /// The share of users with a client there, 0..=1.
    pub attached_share: f64,
    /// How many clients a user has.
    pub clients: u32,
    /// The number from which every draw follows.
    pub seed: Seed,
}

/// Why there is no such model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A number is out of its range.
    #[error("expected {what}, found {found}")]
    Range {
        /// What was expected.
        what: String,
        /// What was asked for.
        found: String,
    },
    /// Two networks have one name.
    #[error(transparent)]
    Clash(#[from] Clash),
}

impl From<Unnamed> for ModelError {
    fn from(unnamed: Unnamed) -> Self {
        Self::Range {
            what: unnamed.what.to_owned(),
            found: unnamed.help.to_owned(),
        }
    }
}

impl Model {
    /// Returns the roster of this model: the same for the same model. A user's channels do not depend on how many users there are.
    ///
    /// Channel number `r`, counted from one, weighs 1 / r (Zipf), and a user draws its channels by weight without putting any back.
    ///
    /// # Errors
    ///
    /// Returns which number is out of its range.
    pub fn roster(&self) -> Result<Roster, ModelError> {
        self.check()?;
        let secret_env = SecretEnv::parse(SECRET_ENV)?;
        let width = self.users.saturating_sub(1).to_string().len().max(4);
        let names: Result<Vec<Channel>, Unnamed> = (1..=self.channels)
            .map(|rank| Channel::parse(&format!("#c{rank:04}")))
            .collect();
        let names = names?;
        let mut roster = Roster::default();
        for (number, signed_up) in (0..self.users).zip(self.sign_ups()) {
            let user = User::parse(&format!("u{number:0width$}"))?;
            for (index, network) in (0u64..).zip(&self.networks) {
                let mut rng = self.stream(u64::from(number) << 16 | index);
                let is_attached = unit(&mut rng) < self.attached_share;
                roster.push(Row {
                    user: user.clone(),
                    secret_env: secret_env.clone(),
                    signed_up: Some(signed_up),
                    network: network.clone(),
                    egress: None,
                    channels: self.draw(&names, &mut rng),
                    is_attached,
                    clients: self.clients,
                    history_bytes: 0,
                })?;
            }
        }
        Ok(roster)
    }

    fn check(&self) -> Result<(), ModelError> {
        let rows = u64::from(self.users) * self.networks.len() as u64;
        let per_user_max = u64::from(self.channels).min(CHANNELS_MAX as u64);
        for (what, found, most) in [
            ("rows (users × networks)", rows, ROWS_MAX as u64),
            ("channels", self.channels.into(), MODEL_CHANNELS_MAX.into()),
            ("channels per user", self.per_user.into(), per_user_max),
            ("clients", self.clients.into(), CLIENTS_MAX.into()),
        ] {
            if found > most {
                let what = format!("at most {most} {what}");
                let found = found.to_string();
                return Err(ModelError::Range { what, found });
            }
        }
        if (0.0..=1.0).contains(&self.attached_share) {
            return Ok(());
        }
        Err(ModelError::Range {
            what: "a share from 0 to 1 of attached users".to_owned(),
            found: self.attached_share.to_string(),
        })
    }

    fn stream(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.0);
        rng.set_stream(stream);
        rng
    }

    /// Returns a date for each user, never before that of the user before.
    fn sign_ups(&self) -> Vec<Date> {
        let mut rng = self.stream(SIGN_UPS);
        let mut sum = 0.0;
        let mut sums = Vec::new();
        // The sums of exponential gaps, over the sum with one gap more, are as sorted uniform draws.
        for _ in 0..=self.users {
            sum += exponential(&mut rng);
            sums.push(sum);
        }
        sums.pop();
        sums.into_iter()
            .map(|at| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a share of some thousand days"
                )]
                let days = (at / sum * SIGN_UP_DAYS) as i64;
                SIGN_UP_FROM.saturating_add(Span::new().days(days))
            })
            .collect()
    }

    /// Returns a user's channels, by rank. The smallest exponential draws, each over its channel's weight, are a draw by weight
    /// without putting back (Efraimidis and Spirakis, 2006).
    fn draw(&self, names: &[Channel], rng: &mut ChaCha8Rng) -> Vec<Channel> {
        let mut keys: Vec<(f64, u32)> = (1..=self.channels)
            .map(|rank| (exponential(rng) * f64::from(rank), rank))
            .collect();
        let count = self.per_user as usize;
        if count > 0 && count < keys.len() {
            keys.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0));
        }
        keys.truncate(count);
        let mut ranks: Vec<u32> = keys.into_iter().map(|(_, rank)| rank).collect();
        ranks.sort_unstable();
        let name = |rank: u32| names.get(rank as usize - 1).cloned();
        ranks.into_iter().filter_map(name).collect()
    }
}

/// Returns a draw in [0, 1) of 53 bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits are held exactly")]
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns a draw of the exponential distribution with mean one.
fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -libm::log(1.0 - unit(rng))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::roster::file;

    fn model(users: u32, seed: u64) -> Model {
        Model {
            users,
            networks: vec![
                Network::parse("net1").unwrap(),
                Network::parse("net2").unwrap(),
            ],
            channels: 50,
            per_user: 5,
            attached_share: 0.4,
            clients: 1,
            seed: Seed(seed),
        }
    }

    fn bytes(model: &Model) -> Vec<u8> {
        let mut bytes = Vec::new();
        file::write(&model.roster().unwrap(), Some(model.seed), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes_and_they_read_back() {
        let model = model(50, 7);
        assert_eq!(bytes(&model), bytes(&model));
        assert_ne!(
            bytes(&model),
            bytes(&Model {
                seed: Seed(8),
                ..model.clone()
            })
        );
        assert_eq!(
            file::read("r.csv", &bytes(&model)).unwrap(),
            model.roster().unwrap()
        );
    }

    #[test]
    fn users_keep_their_channels_when_more_come_and_signed_up_in_order() {
        let (few, many) = (
            model(50, 7).roster().unwrap(),
            model(500, 7).roster().unwrap(),
        );
        for (a, b) in few.rows().iter().zip(many.rows()) {
            assert_eq!((&a.user, &a.channels), (&b.user, &b.channels));
        }
        assert!(many.rows().is_sorted_by_key(|row| row.signed_up));
    }

    #[test]
    fn popular_channels_are_shared_by_many() {
        let roster = model(1_000, 1).roster().unwrap();
        let mut members: BTreeMap<&str, u32> = BTreeMap::new();
        for channel in roster.rows().iter().flat_map(|row| &row.channels) {
            *members.entry(channel.as_str()).or_default() += 1;
        }
        assert_eq!(members.values().sum::<u32>(), 2 * 1_000 * 5);
        // Within three standard deviations of 2,000 rows, and of the 20,000 draws behind the shares.
        let share = |name: &str| f64::from(members[name]) / 2_000.0;
        assert!(
            (share("#c0001") - SHARE_FIRST).abs() < 0.031,
            "{}",
            share("#c0001")
        );
        assert!(
            (share("#c0050") - SHARE_LAST).abs() < 0.014,
            "{}",
            share("#c0050")
        );
        let attached = roster.rows().iter().filter(|row| row.is_attached).count();
        assert!((733..=867).contains(&attached), "{attached}");
    }

    /// Shares of users in the first and the last of fifty channels of which each draws five: of 20,000 draws one after the other,
    /// by another program.
    const SHARE_FIRST: f64 = 0.749;
    const SHARE_LAST: f64 = 0.026;

    #[test]
    fn a_model_out_of_range_is_refused() {
        let base = model(1, 1);
        for (wrong, want) in [
            (
                Model {
                    users: 500_001,
                    ..base.clone()
                },
                "expected at most 1000000 rows (users × networks), found 1000002",
            ),
            (
                Model {
                    per_user: 51,
                    ..base.clone()
                },
                "expected at most 50 channels per user, found 51",
            ),
            (
                Model {
                    attached_share: 1.5,
                    ..base
                },
                "expected a share from 0 to 1 of attached users, found 1.5",
            ),
        ] {
            assert_eq!(wrong.roster().unwrap_err().to_string(), want);
        }
    }
}
