//! Rows of an import: events whose names are numbers, and the names.

use std::collections::HashMap;

use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::pseudonym;

/// A name in the import's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameId(pub(crate) u32);

impl NameId {
    /// Returns the position in the table.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A log's place: one channel as one logger saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceId(pub(crate) u32);

/// An event with its names as numbers.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at_us: i64,
    pub(crate) kind: EventKind,
    pub(crate) source: SourceId,
    pub(crate) channel: Option<NameId>,
    pub(crate) nick: NameId,
    pub(crate) peer: Option<NameId>,
    pub(crate) bytes: u32,
    pub(crate) detail: NameId,
    /// Whether an `other` event tells that the user is a member.
    pub(crate) is_membership: bool,
    /// Tells texts apart where several loggers tell them; zero where there is but one.
    pub(crate) text_hash: u64,
    pub(crate) text: Option<Box<str>>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            at_us: 0,
            kind: EventKind::Other,
            source: SourceId(0),
            channel: None,
            nick: NameId(0),
            peer: None,
            bytes: 0,
            detail: NameId(0),
            is_membership: false,
            text_hash: 0,
            text: None,
        }
    }
}

/// The name that is empty, which every table holds first.
pub(crate) const NAMELESS: NameId = NameId(0);

/// The names of an import, each once; nicks that IRC holds equal are one name.
#[derive(Debug)]
pub(crate) struct Names {
    list: Vec<Box<str>>,
    ids: HashMap<Box<[u8]>, NameId>,
    /// Room for the name that is looked up.
    folded: Vec<u8>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            list: vec![Box::from("")],
            ids: HashMap::from([(Box::default(), NAMELESS)]),
            folded: Vec::new(),
        }
    }
}

impl Names {
    /// Returns how many names there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the number of a name, a new one if need be.
    pub(crate) fn id(&mut self, name: &[u8]) -> NameId {
        if let Some(known) = self.find(name) {
            return known;
        }
        let id = NameId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(String::from_utf8_lossy(name).into());
        self.ids.insert(self.folded.as_slice().into(), id);
        id
    }

    /// Returns the number of a name that has one.
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<NameId> {
        self.folded.clear();
        self.folded
            .extend(name.iter().map(|&byte| pseudonym::folded_byte(byte)));
        self.ids.get(self.folded.as_slice()).copied()
    }

    /// Returns the name of a number.
    pub(crate) fn name(&self, id: NameId) -> &str {
        self.list.get(id.index()).map_or("", |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicks_that_irc_holds_equal_are_one_name() {
        let mut names = Names::default();
        let alder = names.id(b"Alder[m]");
        assert_eq!(names.id(b"alder{M}"), alder);
        assert_eq!(names.find(b"birch"), None);
        assert_ne!(names.id(b"birch"), alder);
        assert_eq!(names.name(alder), "Alder[m]");
        assert_eq!((names.id(b""), names.name(NAMELESS)), (NAMELESS, ""));
    }
}
