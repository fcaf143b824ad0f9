//! People behind connections: names that NICK joins are one person's.

use std::collections::HashMap;

use crate::traffic::trace::event::DETAIL_GUEST;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// People by the names that their connections had.
#[derive(Debug, Default)]
pub(crate) struct People<'a> {
    ids: HashMap<&'a str, usize>,
    parents: Vec<usize>,
}

/// Returns the people of a trace. A NICK through a name that a service hands out joins nothing.
pub(crate) fn of(events: &[Event]) -> People<'_> {
    let mut people = People::default();
    for event in events {
        let user = people.id(name_of(&event.user));
        if event.kind == EventKind::Nick && &*event.detail != DETAIL_GUEST {
            let peer = people.id(name_of(&event.peer));
            people.join(user, peer);
        }
    }
    people
}

/// Returns the name under which a connection was first seen, without the number that tells two such apart.
fn name_of(label: &str) -> &str {
    match label.rsplit_once('.') {
        Some((name, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => label,
    }
}

impl<'a> People<'a> {
    /// Returns the person to whom a connection belongs; `None` for a connection that never acts.
    pub(crate) fn person(&self, label: &str) -> Option<usize> {
        self.ids.get(name_of(label)).map(|&id| self.root(id))
    }

    fn id(&mut self, name: &'a str) -> usize {
        let next = self.parents.len();
        let id = *self.ids.entry(name).or_insert(next);
        if id == next {
            self.parents.push(next);
        }
        id
    }

    fn root(&self, mut id: usize) -> usize {
        while let Some(&parent) = self.parents.get(id)
            && parent != id
        {
            id = parent;
        }
        id
    }

    /// Makes two people one: the one who was seen first stands for both.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(parent) = self.parents.get_mut(one.max(other)) {
            *parent = one.min(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::profile::fit::examples;

    #[test]
    fn names_that_nick_joins_are_one_persons() {
        let events = examples::events(&[
            (0.0, "join", "alder", "", ""),
            (1.0, "nick", "alder", "birch", ""),
            (2.0, "join", "birch.2", "", ""),
            (3.0, "join", "cedar", "", ""),
        ]);
        let people = of(&events);
        assert_eq!(people.person("alder"), people.person("birch"));
        assert_eq!(people.person("alder"), people.person("birch.2"));
        assert_ne!(people.person("alder"), people.person("cedar"));
        assert_eq!(people.person("dogwood"), None);
    }

    #[test]
    fn guest_names_join_nobody() {
        let events = examples::events(&[
            (1.0, "nick", "alder", "Guest1", "guest"),
            (2.0, "nick", "birch", "Guest1", "guest"),
        ]);
        let people = of(&events);
        assert_ne!(people.person("alder"), people.person("birch"));
    }
}
