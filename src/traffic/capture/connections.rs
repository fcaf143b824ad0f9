//! Connections behind nicks: who acts in an event, kept across NICK.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use crate::traffic::capture::row::NameId;
use crate::traffic::capture::row::Row;
use crate::traffic::trace::event::EventKind;

/// Connections that are known to be there, in order of time. Each event comes once: what several logs tell is dropped before.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    live: HashMap<NameId, Connection>,
    labels: HashSet<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Connection {
    label: Arc<str>,
    channels: Vec<NameId>,
}

/// Who takes part in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parties {
    /// The connection that acts.
    pub(crate) user: Arc<str>,
    /// The other one; empty if there is none, or nobody known.
    pub(crate) peer: Arc<str>,
}

impl Connections {
    /// Returns who takes part in `row`, and remembers what it changes. `shown` gives the name for a nick.
    pub(crate) fn handle(
        &mut self,
        row: &Row,
        shown: &mut dyn FnMut(NameId) -> Arc<str>,
    ) -> Parties {
        let nick = row.nick;
        let mut peer: Arc<str> = Arc::from("");
        let user = match row.kind {
            EventKind::Join => self.join(row, shown),
            EventKind::Quit => self.quit(row, shown),
            EventKind::Nick => {
                if let Some(new) = row.peer {
                    peer = shown(new);
                    self.rename(row, new, shown)
                } else {
                    self.label(nick, shown)
                }
            }
            EventKind::Part => {
                let user = self.label(nick, shown);
                self.leave(nick, row.channel);
                user
            }
            EventKind::Kick => {
                if let Some(victim) = row.peer {
                    peer = self.label(victim, shown);
                    self.leave(victim, row.channel);
                }
                self.label(nick, shown)
            }
            // A service or a server changes modes without being there.
            EventKind::Mode | EventKind::Topic => {
                peer = self.known(row.peer);
                self.label(nick, shown)
            }
            EventKind::Message | EventKind::Action | EventKind::Notice => {
                peer = match row.peer {
                    // Somebody is addressed in private: they need not be known.
                    Some(addressee) if row.channel.is_none() => self.label(addressee, shown),
                    other => self.known(other),
                };
                self.appear(nick, row.channel, shown)
            }
            EventKind::Other if row.is_membership => self.appear(nick, row.channel, shown),
            EventKind::Other => self.label(nick, shown),
        };
        Parties { user, peer }
    }

    /// Returns the label of a nick that is known to be there; empty else.
    fn known(&self, nick: Option<NameId>) -> Arc<str> {
        nick.and_then(|nick| self.live.get(&nick))
            .map_or_else(|| Arc::from(""), |connection| Arc::clone(&connection.label))
    }

    /// Returns the label of a nick, there or not.
    fn label(&self, nick: NameId, shown: &mut dyn FnMut(NameId) -> Arc<str>) -> Arc<str> {
        match self.live.get(&nick) {
            Some(connection) => Arc::clone(&connection.label),
            None => shown(nick),
        }
    }

    /// Returns the label of a nick that is there, as a new connection if it was not known.
    fn appear(
        &mut self,
        nick: NameId,
        channel: Option<NameId>,
        shown: &mut dyn FnMut(NameId) -> Arc<str>,
    ) -> Arc<str> {
        if !self.live.contains_key(&nick) {
            let name = shown(nick);
            let mut label = Arc::clone(&name);
            let mut count = 1_u32;
            // A connection that began under this nick and changed it still has the label.
            while self.labels.contains(&label) {
                count += 1;
                label = Arc::from(format!("{name}.{count}"));
            }
            self.labels.insert(Arc::clone(&label));
            let connection = Connection {
                label,
                channels: Vec::new(),
            };
            self.live.insert(nick, connection);
        }
        let Some(connection) = self.live.get_mut(&nick) else {
            return shown(nick);
        };
        if let Some(channel) = channel
            && !connection.channels.contains(&channel)
        {
            connection.channels.push(channel);
        }
        Arc::clone(&connection.label)
    }

    fn join(&mut self, row: &Row, shown: &mut dyn FnMut(NameId) -> Arc<str>) -> Arc<str> {
        let is_member = |connection: &Connection| {
            row.channel
                .is_some_and(|channel| connection.channels.contains(&channel))
        };
        // Nobody joins a channel twice: the old connection went unseen.
        if self.live.get(&row.nick).is_some_and(is_member) {
            self.close(row.nick);
        }
        self.appear(row.nick, row.channel, shown)
    }

    fn quit(&mut self, row: &Row, shown: &mut dyn FnMut(NameId) -> Arc<str>) -> Arc<str> {
        match self.close(row.nick) {
            Some(connection) => connection.label,
            None => shown(row.nick),
        }
    }

    fn rename(
        &mut self,
        row: &Row,
        new: NameId,
        shown: &mut dyn FnMut(NameId) -> Arc<str>,
    ) -> Arc<str> {
        self.appear(row.nick, row.channel, shown);
        let Some(connection) = self.live.remove(&row.nick) else {
            return shown(row.nick);
        };
        let label = Arc::clone(&connection.label);
        if row.nick != new {
            self.close(new);
        }
        self.live.insert(new, connection);
        label
    }

    fn leave(&mut self, nick: NameId, channel: Option<NameId>) {
        if let Some(connection) = self.live.get_mut(&nick) {
            connection.channels.retain(|&known| Some(known) != channel);
        }
    }

    /// Forgets the connection of a nick.
    fn close(&mut self, nick: NameId) -> Option<Connection> {
        let connection = self.live.remove(&nick)?;
        self.labels.remove(&connection.label);
        Some(connection)
    }
}

/// Returns whether a nick is one that a service or web client hands out: it tells nothing about a person.
pub(crate) fn is_guest(nick: &[u8]) -> bool {
    // An ircd's own identifiers, given to those who lose a nick, begin with a digit; nicks never do.
    if nick.first().is_some_and(u8::is_ascii_digit) {
        return true;
    }
    let handed_out: [&[u8]; 8] = [
        b"guest",
        b"webchat",
        b"mib_",
        b"kiwi_",
        b"kiwi-",
        b"irc-user",
        b"anon",
        b"qwebirc",
    ];
    handed_out.iter().any(|prefix| {
        nick.split_at_checked(prefix.len())
            .is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(prefix) && rest.iter().any(u8::is_ascii_digit)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handles rows of (seconds, kind, nick, peer, channel) and shows each as `user>peer`.
    fn parties(rows: &[(i64, EventKind, &'static str, &'static str, u32)]) -> Vec<String> {
        let mut names: Vec<&'static str> = vec![""];
        let mut id = |name: &'static str| {
            let at = names.iter().position(|known| *known == name);
            let at = at.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            NameId(u32::try_from(at).unwrap())
        };
        let rows: Vec<Row> = rows
            .iter()
            .map(|&(secs, kind, nick, peer, channel)| Row {
                at_us: secs * 1_000_000,
                kind,
                nick: id(nick),
                peer: (!peer.is_empty()).then(|| id(peer)),
                channel: (channel > 0).then_some(NameId(1_000 + channel)),
                ..Row::default()
            })
            .collect();
        let mut connections = Connections::default();
        let mut shown = |id: NameId| Arc::from(names[id.index()]);
        rows.iter()
            .map(|row| connections.handle(row, &mut shown))
            .map(|parties| format!("{}>{}", parties.user, parties.peer))
            .collect()
    }

    #[test]
    fn a_connection_keeps_its_label_across_nicks() {
        use EventKind::Join;
        use EventKind::Message;
        use EventKind::Nick;
        use EventKind::Quit;
        let found = parties(&[
            (0, Join, "alder", "", 1),
            (1, Nick, "alder", "birch", 1),
            (2, Message, "birch", "", 1),
            (3, Quit, "birch", "", 1),
            (99, Join, "birch", "", 1),
        ]);
        assert_eq!(
            found,
            ["alder>", "alder>birch", "alder>", "alder>", "birch>"]
        );
    }

    #[test]
    fn two_connections_that_began_under_one_nick_are_told_apart() {
        use EventKind::Join;
        use EventKind::Nick;
        use EventKind::Quit;
        let found = parties(&[
            (0, Join, "alder", "", 1),
            (1, Nick, "alder", "birch", 1),
            (2, Join, "alder", "", 1),
            (3, Quit, "birch", "", 1),
            (4, Quit, "alder", "", 1),
            (50, Join, "alder", "", 1),
        ]);
        assert_eq!(
            found,
            [
                "alder>",
                "alder>birch",
                "alder.2>",
                "alder>",
                "alder.2>",
                "alder>"
            ]
        );
    }

    #[test]
    fn who_is_in_two_channels_is_one_connection() {
        use EventKind::Join;
        use EventKind::Message;
        use EventKind::Nick;
        use EventKind::Quit;
        let found = parties(&[
            (0, Join, "alder", "", 1),
            (1, Join, "alder", "", 2),
            (2, Nick, "alder", "birch", 1),
            (3, Message, "birch", "", 2),
            (4, Quit, "birch", "", 1),
        ]);
        assert_eq!(
            found,
            ["alder>", "alder>", "alder>birch", "alder>", "alder>"]
        );
    }

    #[test]
    fn services_act_without_being_there() {
        use EventKind::Message;
        use EventKind::Mode;
        let found = parties(&[
            (0, Mode, "oak", "alder", 1),
            (1, Message, "alder", "oak", 1),
            (2, Mode, "oak", "alder", 1),
        ]);
        assert_eq!(found, ["oak>", "alder>", "oak>alder"]);
    }

    #[test]
    fn guests_are_told_by_their_nick() {
        for nick in ["Guest86829", "6A4ABKBTE", "webchat_12", "mib_a1b2"] {
            assert!(is_guest(nick.as_bytes()), "{nick}");
        }
        for nick in ["alder", "guest", "guesswork", "anonymoose", "birch2"] {
            assert!(!is_guest(nick.as_bytes()), "{nick}");
        }
    }
}
