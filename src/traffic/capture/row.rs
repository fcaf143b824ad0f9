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

/// An event with its names as numbers.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at_us: i64,
    pub(crate) kind: EventKind,
    pub(crate) channel: Option<NameId>,
    pub(crate) nick: NameId,
    pub(crate) peer: Option<NameId>,
    pub(crate) bytes: u32,
    pub(crate) detail: NameId,
    /// Whether an `other` event tells that the user is a member.
    pub(crate) is_membership: bool,
    pub(crate) text: Option<Box<str>>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            at_us: 0,
            kind: EventKind::Other,
            channel: None,
            nick: NameId(0),
            peer: None,
            bytes: 0,
            detail: NameId(0),
            is_membership: false,
            text: None,
        }
    }
}

/// The names of an import, each once; nicks that IRC holds equal are one name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    list: Vec<Box<str>>,
    ids: HashMap<Box<str>, NameId>,
}

impl Names {
    /// Returns how many names there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the number of a name, a new one if need be.
    pub(crate) fn id(&mut self, name: &str) -> NameId {
        let key: Box<str> = name.chars().map(pseudonym::folded).collect();
        if let Some(&known) = self.ids.get(&key) {
            return known;
        }
        let id = NameId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(name.into());
        self.ids.insert(key, id);
        id
    }

    /// Returns the number of a name that has one.
    pub(crate) fn find(&self, name: &str) -> Option<NameId> {
        let key: Box<str> = name.chars().map(pseudonym::folded).collect();
        self.ids.get(&key).copied()
    }

    /// Returns the name of a number.
    pub(crate) fn name(&self, id: NameId) -> &str {
        self.list.get(id.index()).map_or("", |name| name)
    }
}
