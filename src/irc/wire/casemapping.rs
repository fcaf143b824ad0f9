//! Which nicks and channel names are the same: the casemappings of 005.

/// How a server folds letters in nicks and channel names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaseMapping {
    /// Only `A` to `Z`.
    Ascii,
    /// Also `[ ] \ ^` to `{ } | ~`; what a server that says nothing means (RFC 2812, 2.2).
    #[default]
    Rfc1459,
    /// Also `[ ] \` to `{ } |`, but not `^` to `~`.
    Rfc1459Strict,
}

impl CaseMapping {
    /// Reads the value of the 005 token `CASEMAPPING`, or returns `None` if it is none of the three.
    pub fn from_isupport(value: &[u8]) -> Option<Self> {
        match value.to_ascii_lowercase().as_slice() {
            b"ascii" => Some(Self::Ascii),
            b"rfc1459" => Some(Self::Rfc1459),
            b"strict-rfc1459" | b"rfc1459-strict" => Some(Self::Rfc1459Strict),
            _ => None,
        }
    }

    /// Returns the value as 005 has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Rfc1459 => "rfc1459",
            Self::Rfc1459Strict => "strict-rfc1459",
        }
    }

    /// Returns the byte in lower case.
    pub const fn lower(self, byte: u8) -> u8 {
        // In ASCII each folded range lies 32 below its lower case: A-Z, A-Z[\], A-Z[\]^.
        let last = match self {
            Self::Ascii => b'Z',
            Self::Rfc1459Strict => b']',
            Self::Rfc1459 => b'^',
        };
        if byte >= b'A' && byte <= last {
            byte + 32
        } else {
            byte
        }
    }

    /// Says whether two names are the same.
    pub fn eq(self, a: &[u8], b: &[u8]) -> bool {
        a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|(&a, &b)| a == b || self.lower(a) == self.lower(b))
    }

    /// Replaces the content of `out` by `name` in lower case.
    pub fn fold_into(self, name: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend(name.iter().map(|&byte| self.lower(byte)));
    }

    /// Returns `name` in lower case.
    pub fn fold(self, name: &[u8]) -> Vec<u8> {
        name.iter().map(|&byte| self.lower(byte)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    const ALL: [CaseMapping; 3] = [
        CaseMapping::Ascii,
        CaseMapping::Rfc1459,
        CaseMapping::Rfc1459Strict,
    ];

    /// The twin: the pairs as the specification lists them.
    fn naive(mapping: CaseMapping, byte: u8) -> u8 {
        let pairs: &[(u8, u8)] = match mapping {
            CaseMapping::Ascii => &[],
            CaseMapping::Rfc1459Strict => &[(b'[', b'{'), (b']', b'}'), (b'\\', b'|')],
            CaseMapping::Rfc1459 => &[(b'[', b'{'), (b']', b'}'), (b'\\', b'|'), (b'^', b'~')],
        };
        pairs
            .iter()
            .find(|&&(upper, _)| upper == byte)
            .map_or(byte.to_ascii_lowercase(), |&(_, lower)| lower)
    }

    #[test]
    fn every_byte_folds_as_the_specification_lists_it() {
        for mapping in ALL {
            for byte in 0..=u8::MAX {
                assert_eq!(
                    mapping.lower(byte),
                    naive(mapping, byte),
                    "{mapping:?} {byte}"
                );
            }
        }
    }

    #[test]
    fn values_of_005_are_read_and_written() {
        for mapping in ALL {
            let value = mapping.as_str().as_bytes();
            assert_eq!(CaseMapping::from_isupport(value), Some(mapping));
        }
        assert_eq!(
            CaseMapping::from_isupport(b"RFC1459"),
            Some(CaseMapping::Rfc1459)
        );
        assert_eq!(CaseMapping::from_isupport(b"rfc8265"), None);
    }

    proptest! {
        #[test]
        fn names_are_the_same_when_their_folds_are(a in vec(any::<u8>(), 0..6), b in vec(any::<u8>(), 0..6)) {
            for mapping in ALL {
                prop_assert_eq!(mapping.eq(&a, &b), mapping.fold(&a) == mapping.fold(&b));
                let mut folded = b"rest".to_vec();
                mapping.fold_into(&a, &mut folded);
                prop_assert_eq!(mapping.fold(&folded), mapping.fold(&a));
                proptest::prop_assert!(mapping.eq(&a, &folded));
            }
        }
    }
}
