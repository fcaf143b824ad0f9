//! A table from folded names to ids.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use siphasher::sip::SipHasher13;

use crate::irc::wire::casemapping::CaseMapping;

/// How the network folds nicks and channel names.
pub(super) const CASE_MAPPING: CaseMapping = CaseMapping::Rfc1459;

/// Longest name looked up; the limits of nicks and channel names lie below.
pub(super) const NAME_BYTES_MAX: usize = 512;

/// A table from names, whatever their case, to ids. Its order can't be seen; its hash has a fixed key, so that runs repeat.
#[derive(Debug)]
pub(super) struct NameTable<T> {
    map: HashMap<Box<[u8]>, T, BuildHasherDefault<SipHasher13>>,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self {
            map: HashMap::default(),
        }
    }
}

impl<T: Copy> NameTable<T> {
    pub(super) fn find(&self, name: &[u8]) -> Option<T> {
        let mut buffer = [0; NAME_BYTES_MAX];
        self.map.get(fold(name, &mut buffer)?).copied()
    }

    /// Adds a name that the caller has found to be free and within [`NAME_BYTES_MAX`].
    pub(super) fn insert(&mut self, name: &[u8], id: T) {
        self.map
            .insert(CASE_MAPPING.fold(name).into_boxed_slice(), id);
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        let mut buffer = [0; NAME_BYTES_MAX];
        if let Some(folded) = fold(name, &mut buffer) {
            self.map.remove(folded);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

fn fold<'b>(name: &[u8], buffer: &'b mut [u8; NAME_BYTES_MAX]) -> Option<&'b [u8]> {
    let folded = buffer.get_mut(..name.len())?;
    for (to, &from) in folded.iter_mut().zip(name) {
        *to = CASE_MAPPING.lower(from);
    }
    Some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        let mut table = NameTable::default();
        table.insert(b"Alder[1]", 7);
        assert_eq!(table.find(b"aLDER{1}"), Some(7));
        assert_eq!(table.find(b"alder"), None);
        assert_eq!(table.find(&[b'x'; NAME_BYTES_MAX + 1]), None);
        table.remove(b"ALDER{1]");
        assert_eq!(table.len(), 0);
    }
}
