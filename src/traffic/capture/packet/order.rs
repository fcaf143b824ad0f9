//! One direction of a TCP connection in order: what came early waits, what came again is dropped, what never came is a
//! gap.

/// Bytes that wait in one direction before the gap before them is given up on: the largest windows in use by default.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What a waiting segment costs besides its bytes.
const SEGMENT_BYTES: usize = 64;

/// Segments that wait before a gap is given up on whose bytes the receiver has: the recording lacks them. (Three, since
/// a recording from several queues may hold a receipt before what it is for.)
const WAITING_SEGMENTS_MAX: usize = 3;

/// Time after which a gap is given up on whose bytes the receiver has.
const RECEIVED_GAP_US: i64 = 1_000_000;

/// What is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes, and when their packet was captured.
    Data(i64, &'a [u8]),
    /// So many bytes are missing.
    Gap(i64, u64),
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The sequence number of its SYN.
    initial: Option<u32>,
    /// The sequence number of the next byte, once anything was seen.
    next: Option<u32>,
    /// Bytes before the next byte.
    position: u64,
    /// What came early, by position.
    early: Vec<Early>,
    early_bytes: usize,
    /// The position of the end.
    end: Option<u64>,
}

#[derive(Debug)]
struct Early {
    position: u64,
    at_us: i64,
    bytes: Box<[u8]>,
}

impl Order {
    /// Returns whether a SYN with this sequence number begins another connection than this one.
    pub(super) fn is_other_syn(&self, sequence: u32) -> bool {
        match self.initial {
            Some(initial) => initial != sequence,
            None => self.next.is_some(),
        }
    }

    /// Notes the SYN.
    pub(super) fn begin(&mut self, sequence: u32) {
        if self.initial.is_none() {
            self.initial = Some(sequence);
            self.next = Some(sequence.wrapping_add(1));
        }
    }

    /// Returns whether its SYN was seen: its first byte is the first of the connection.
    pub(super) fn has_beginning(&self) -> bool {
        self.initial.is_some()
    }

    /// Returns whether all bytes up to its end were seen or given up on.
    pub(super) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| end <= self.position)
    }

    /// Returns whether its end was seen.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Returns what is held for it.
    pub(super) fn held_bytes(&self) -> usize {
        self.early_bytes + self.early.capacity() * size_of::<Early>()
    }

    /// Returns whether anything waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.early.is_empty()
    }

    /// Takes the bytes of a segment and hands on what is in order. Returns how many bytes had come before.
    pub(super) fn push(
        &mut self,
        sequence: u32,
        at_us: i64,
        bytes: &[u8],
        hand: &mut dyn FnMut(Piece<'_>),
    ) -> u64 {
        if bytes.is_empty() {
            return 0;
        }
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead <= 0 {
            let known = (ahead.unsigned_abs() as usize).min(bytes.len());
            let fresh = bytes.get(known..).unwrap_or_default();
            if !fresh.is_empty() {
                self.pass(fresh.len());
                hand(Piece::Data(at_us, fresh));
                self.catch_up(hand);
            }
            return known as u64;
        }
        let position = self.position + u64::from(ahead.unsigned_abs());
        let at = self
            .early
            .partition_point(|early| early.position < position);
        let is_known = self
            .early
            .get(at)
            .is_some_and(|early| early.position == position && early.bytes.len() >= bytes.len());
        if is_known {
            return bytes.len() as u64;
        }
        let cost = bytes.len() + SEGMENT_BYTES;
        self.early_bytes += cost;
        let bytes = bytes.into();
        self.early.insert(
            at,
            Early {
                position,
                at_us,
                bytes,
            },
        );
        while self.early_bytes > WAITING_BYTES_MAX {
            self.give_up(hand);
        }
        0
    }

    /// Notes that the other side has received up to this sequence number: what is missing before it, and is not here
    /// soon, was not recorded.
    pub(super) fn acknowledge(
        &mut self,
        sequence: u32,
        at_us: i64,
        hand: &mut dyn FnMut(Piece<'_>),
    ) {
        let (Some(first), Some(next)) = (self.early.first(), self.next) else {
            return;
        };
        let received = i64::from(sequence.wrapping_sub(next).cast_signed());
        let gap = i64::try_from(first.position - self.position).unwrap_or(i64::MAX);
        let is_late = self.early.len() >= WAITING_SEGMENTS_MAX
            || at_us.saturating_sub(first.at_us) >= RECEIVED_GAP_US;
        if received >= gap && is_late {
            self.give_up(hand);
        }
    }

    /// Notes that the direction ends with this sequence number.
    pub(super) fn end(&mut self, sequence: u32) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead >= 0 && self.end.is_none() {
            self.end = Some(self.position + u64::from(ahead.unsigned_abs()));
        }
    }

    /// Gives up on all gaps: nothing will come any more.
    pub(super) fn finish(&mut self, hand: &mut dyn FnMut(Piece<'_>)) {
        while !self.early.is_empty() {
            self.give_up(hand);
        }
    }

    /// Gives up on the first gap.
    fn give_up(&mut self, hand: &mut dyn FnMut(Piece<'_>)) {
        if let Some(first) = self.early.first() {
            let gap = first.position.saturating_sub(self.position);
            hand(Piece::Gap(first.at_us, gap));
            self.pass(usize::try_from(gap).unwrap_or(usize::MAX));
            self.catch_up(hand);
        }
    }

    /// Hands on what came early and is now in order.
    fn catch_up(&mut self, hand: &mut dyn FnMut(Piece<'_>)) {
        let mut count = 0;
        let mut passed = self.position;
        for early in &self.early {
            if early.position > passed {
                break;
            }
            count += 1;
            let known = usize::try_from(passed - early.position).unwrap_or(usize::MAX);
            if let Some(fresh) = early.bytes.get(known..).filter(|fresh| !fresh.is_empty()) {
                passed += fresh.len() as u64;
                hand(Piece::Data(early.at_us, fresh));
            }
        }
        for early in self.early.drain(..count) {
            let cost = early.bytes.len() + SEGMENT_BYTES;
            self.early_bytes -= cost;
        }
        if self.early.is_empty() {
            // Most connections never need it again.
            self.early = Vec::new();
        }
        self.pass(usize::try_from(passed - self.position).unwrap_or(usize::MAX));
    }

    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    fn pass(&mut self, count: usize) {
        self.position += count as u64;
        self.next = self.next.map(|next| next.wrapping_add(count as u32));
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::proptest;

    use super::*;

    /// Pushes segments of (position, text) after a SYN numbered 4,294,967,290, and shows what comes out.
    fn ordered(segments: &[(u32, &[u8])]) -> (Vec<u8>, u64, u64) {
        let mut order = Order::default();
        order.begin(u32::MAX - 5);
        let (mut text, mut gaps, mut repeated) = (Vec::new(), 0, 0);
        let mut hand = |piece: Piece<'_>| match piece {
            Piece::Data(_, bytes) => text.extend_from_slice(bytes),
            Piece::Gap(_, count) => {
                gaps += count;
                text.push(b'_');
            }
        };
        for (position, bytes) in segments {
            let sequence = (u32::MAX - 4).wrapping_add(*position);
            repeated += order.push(sequence, 0, bytes, &mut hand);
        }
        order.finish(&mut hand);
        assert_eq!(order.held_bytes(), 0);
        (text, gaps, repeated)
    }

    #[track_caller]
    fn check(segments: &[(u32, &str)], want: &str, gaps: u64, repeated: u64) {
        let segments: Vec<(u32, &[u8])> = segments
            .iter()
            .map(|&(position, text)| (position, text.as_bytes()))
            .collect();
        let found = ordered(&segments);
        assert_eq!(String::from_utf8_lossy(&found.0), want);
        assert_eq!((found.1, found.2), (gaps, repeated));
    }

    #[test]
    fn segments_come_out_in_order_and_once() {
        check(&[(0, "abc"), (3, "def"), (6, "ghi")], "abcdefghi", 0, 0);
        check(&[(0, "abc"), (6, "ghi"), (3, "def")], "abcdefghi", 0, 0);
        check(&[(3, "def"), (6, "ghi"), (0, "abc")], "abcdefghi", 0, 0);
        check(&[(0, "abc"), (0, "abc"), (1, "bcde")], "abcde", 0, 5);
        check(
            &[(0, "a"), (4, "ef"), (4, "ef"), (1, "bcde")],
            "abcdef",
            0,
            2,
        );
        check(
            &[(0, "a"), (4, "ef"), (4, "efg"), (1, "bcd")],
            "abcdefg",
            0,
            0,
        );
    }

    #[test]
    fn what_never_comes_is_a_gap() {
        check(&[(0, "abc"), (5, "fgh")], "abc_fgh", 2, 0);
        check(&[(0, "a"), (3, "d"), (5, "f")], "a_d_f", 3, 0);
    }

    #[test]
    fn a_gap_is_given_up_on_when_too_much_waits() {
        let mut order = Order::default();
        let mut gaps = 0;
        let mut hand = |piece: Piece<'_>| gaps += u32::from(matches!(piece, Piece::Gap(..)));
        order.begin(0);
        let bytes = [b'a'; 1_000];
        for number in 1..=300 {
            order.push(1 + number * 1_000, 0, &bytes, &mut hand);
            assert!(order.early_bytes <= WAITING_BYTES_MAX);
        }
        assert_eq!(gaps, 1);
    }

    #[test]
    fn a_gap_is_given_up_on_when_the_receiver_has_its_bytes() {
        let mut order = Order::default();
        let mut gaps = 0;
        let mut hand = |piece: Piece<'_>| gaps += u32::from(matches!(piece, Piece::Gap(..)));
        order.begin(0);
        order.push(11, 0, b"abc", &mut hand);
        order.acknowledge(14, 10, &mut hand);
        order.acknowledge(1, RECEIVED_GAP_US, &mut hand);
        assert_eq!(order.early_bytes, 3 + SEGMENT_BYTES);
        order.acknowledge(11, RECEIVED_GAP_US, &mut hand);
        assert_eq!(order.held_bytes(), 0);
        assert_eq!(gaps, 1);
    }

    proptest! {
        #[test]
        fn any_cut_and_any_order_gives_the_text(
            cuts in vec((0_u32..200, 1_usize..60), 0..40),
            order in Just((0_u32..20).collect::<Vec<u32>>()).prop_shuffle(),
        ) {
            let text: Vec<u8> = (0..200_u8).collect();
            let whole = order.iter().map(|&number| (number * 10, 10_usize));
            let segments: Vec<(u32, &[u8])> = cuts
                .iter()
                .copied()
                .chain(whole)
                .map(|(at, count)| {
                    let from = at as usize;
                    (at, &text[from..(from + count).min(text.len())])
                })
                .collect();
            let (found, gaps, _) = ordered(&segments);
            proptest::prop_assert_eq!(found, text);
            proptest::prop_assert_eq!(gaps, 0);
        }
    }
}
