//! Which message of the plan a received text is, by its digits, its place and its check.

use crate::measure::ledger::Ledger;
use crate::measure::ledger::MessageKey;
use crate::measure::ledger::arrival::Arrival;
use crate::measure::ledger::arrival::ArrivalTarget;
use crate::measure::ledger::record::Record;
use crate::measure::probe::ProbeHeader;
use crate::measure::probe::ProbeId;
use crate::measure::probe::Prober;
use crate::units::id::ChannelId;
use crate::units::id::UserId;

/// Shortest text that tells by itself, with its check (18 bits) and what filler it has, which of many channels it belongs to.
const SEARCH_BYTES_MIN: usize = 6;
/// Most channels tried for a text that is in the wrong place; beyond it the text counts as corrupted.
const SEARCH_CHANNELS_MAX: u32 = 65_536;

impl Ledger {
    /// Returns which message the text claims to be, by its digits and its place.
    pub(super) fn identify(
        &self,
        local: usize,
        arrival: &Arrival<'_>,
        header: ProbeHeader,
    ) -> Option<MessageKey> {
        match arrival.target {
            ArrivalTarget::Channel(channel) => self.identify_in(local, channel, arrival, header),
            ArrivalTarget::Receiver => self.identify_private(local, arrival, header),
        }
    }

    fn identify_in(
        &self,
        local: usize,
        channel: ChannelId,
        arrival: &Arrival<'_>,
        header: ProbeHeader,
    ) -> Option<MessageKey> {
        let book = &self.books[self.book(channel)?];
        if header.modulus == Prober::MODULUS_FULL {
            return book
                .resolve(header.index, header.modulus)
                .map(|index| MessageKey { channel, index });
        }
        // Too few digits: the oldest message of that sender and length that this receiver has not seen.
        let keys = (book.oldest()..book.end()).map(|index| MessageKey { channel, index });
        self.oldest_unseen(local, keys, arrival, header)
    }

    /// Looks among the private messages planned for the receiver: for the one that checks, else for one that could be it.
    fn identify_private(
        &self,
        local: usize,
        arrival: &Arrival<'_>,
        header: ProbeHeader,
    ) -> Option<MessageKey> {
        let private = &self.members.users[local].private;
        if header.modulus < Prober::MODULUS_FULL {
            return self.oldest_unseen(local, private.iter().copied(), arrival, header);
        }
        let mut claimed = None;
        let checks = |key: &MessageKey| {
            let record = self.record(*key)?;
            let id = ProbeId {
                sender: record.planned.sender,
                channel: key.channel,
                index: key.index,
            };
            Some(
                self.config
                    .prober
                    .verify(id, record.planned.bytes, arrival.text),
            )
        };
        let mut keys = private
            .iter()
            .filter(|key| key.index % header.modulus == header.index);
        let right = keys.find(|key| {
            claimed = Some(**key);
            checks(key) == Some(true)
        });
        right.copied().or(claimed)
    }

    /// Returns the first of `keys` that fits the arrival's digits, sender and length and was not seen; if all were, the last.
    fn oldest_unseen(
        &self,
        local: usize,
        keys: impl Iterator<Item = MessageKey>,
        arrival: &Arrival<'_>,
        header: ProbeHeader,
    ) -> Option<MessageKey> {
        let is_private = arrival.target == ArrivalTarget::Receiver;
        let mut last = None;
        for key in keys.filter(|key| key.index % header.modulus == header.index) {
            let fits = self.record(key).is_some_and(|record| {
                record.planned.to.is_some() == is_private
                    && Some(record.planned.sender) == arrival.from
                    && usize::from(record.planned.bytes) == arrival.text.len()
            });
            if fits {
                last = Some(key);
                if !self.is_seen(local, key, is_private) {
                    break;
                }
            }
        }
        last
    }

    pub(super) fn record(&self, key: MessageKey) -> Option<&Record> {
        self.books[self.book(key.channel)?].get(key.index)
    }

    /// Looks for the channel in whose stream `sender` was to say `text`.
    pub(super) fn search(&self, sender: UserId, text: &[u8]) -> Option<MessageKey> {
        if text.len() < SEARCH_BYTES_MIN {
            return None;
        }
        let bytes = u16::try_from(text.len()).ok()?;
        let header = Prober::read(text)?;
        (0..self.config.channel_count.min(SEARCH_CHANNELS_MAX)).find_map(|channel| {
            let channel = ChannelId(channel);
            let index = match self.book(channel) {
                Some(book) => self.books[book].resolve(header.index, header.modulus)?,
                None => header.index,
            };
            let id = ProbeId {
                sender,
                channel,
                index,
            };
            self.config
                .prober
                .is_exactly(id, bytes, text)
                .then_some(MessageKey { channel, index })
        })
    }
}
