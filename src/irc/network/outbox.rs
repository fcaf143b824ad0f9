//! The bytes that wait for one client.

/// Room that an emptied outbox keeps: a few lines, so that the next ones need no allocation while 10,000 idle clients hold 10 MB at most.
const KEPT_BYTES_MAX: usize = 1 << 10;

/// Bytes that wait for one client, taken from the front. The network's `sendq_bytes_max` bounds them.
#[derive(Debug, Default)]
pub struct Outbox {
    buffer: Vec<u8>,
    taken: usize,
}

impl Outbox {
    /// Returns the bytes that wait.
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Returns how many bytes wait.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes `count` bytes from the front, at most all.
    pub fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.buffer.len());
        if self.taken == self.buffer.len() {
            self.clear();
        } else if self.taken > self.buffer.len() / 2 {
            // Moving less than what was taken keeps the cost per byte constant and the buffer within twice its content.
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Moves all bytes to the end of `out`.
    pub fn take_into(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
        self.clear();
    }

    /// Takes all bytes from the end but the first `kept`.
    pub(super) fn take_tail(&mut self, kept: usize) -> Vec<u8> {
        let end = (self.taken + kept).min(self.buffer.len());
        self.buffer.split_off(end)
    }

    pub(super) fn clear(&mut self) {
        self.taken = 0;
        if self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_in_which_they_came(steps in vec((0_usize..3000, 0_usize..3000), 0..40)) {
            let (mut outbox, mut naive, mut next) = (Outbox::default(), Vec::new(), 0_u8);
            for (pushed, taken) in steps {
                for _ in 0..pushed {
                    outbox.buffer().push(next);
                    naive.push(next);
                    next = next.wrapping_add(1);
                }
                outbox.consume(taken);
                naive.drain(..taken.min(naive.len()));
                prop_assert_eq!(outbox.as_slice(), &naive[..]);
                prop_assert_eq!(outbox.is_empty(), naive.is_empty());
                prop_assert!(outbox.taken * 2 <= outbox.buffer.len());
                prop_assert!(!naive.is_empty() || outbox.buffer.capacity() <= KEPT_BYTES_MAX);
            }
            let mut rest = Vec::new();
            outbox.take_into(&mut rest);
            prop_assert_eq!(rest, naive);
            prop_assert_eq!(outbox.len(), 0);
        }
    }
}
