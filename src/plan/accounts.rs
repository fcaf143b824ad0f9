//! The accounts that a migration moves: each user's own, or those of a bouncer's users.

use crate::plan::Plan;
use crate::plan::seats::Holder;
use crate::units::id::AccountId;
use crate::units::id::UserId;

impl Plan {
    /// Returns how many accounts there are. They stand in the order in which they signed up.
    pub fn account_count(&self) -> u32 {
        match &self.seats {
            Some(seats) => u32::try_from(seats.holders().len()).unwrap_or(u32::MAX),
            None => self.population.user_count(),
        }
    }

    /// Returns the name of an account: a user's name.
    pub fn account_name(&self, account: AccountId) -> Vec<u8> {
        if let Some(holder) = self.holder(account) {
            return holder.user.clone().into_bytes();
        }
        let mut name = Vec::new();
        self.names.push_nick(UserId(account.0), 0, &mut name);
        name
    }

    /// Returns in how many channels an account's user is.
    pub fn account_channels(&self, account: AccountId) -> usize {
        match self.holder(account) {
            Some(holder) => holder.channel_count,
            None => self.population.channels(UserId(account.0)).len(),
        }
    }

    fn holder(&self, account: AccountId) -> Option<&Holder> {
        self.seats.as_ref()?.holders().get(account.index())
    }
}
