//! The changes of a channel's MODE, each with its parameter.

use crate::irc::wire::isupport::Isupport;
use crate::irc::wire::message::Params;

/// What a mode letter is to a channel, by `PREFIX` and `CHANMODES` of 005.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeKind {
    /// Marks a member; always with a nick.
    Prefix,
    /// A: a list; with a parameter, or without to ask for the list.
    List,
    /// B: always with a parameter.
    Always,
    /// C: with a parameter only when set.
    WhenSet,
    /// D: never with a parameter; also every letter the server did not name.
    Never,
}

impl ModeKind {
    /// Returns what `letter` is on the server that sent `isupport`.
    pub fn of(letter: u8, isupport: &Isupport) -> Self {
        let classes = &isupport.chan_modes;
        let kinds = [
            (&isupport.prefix.modes, Self::Prefix),
            (&classes.list, Self::List),
            (&classes.always, Self::Always),
            (&classes.when_set, Self::WhenSet),
        ];
        kinds
            .iter()
            .find(|(letters, _)| letters.contains(&letter))
            .map_or(Self::Never, |&(_, kind)| kind)
    }

    fn takes_param(self, sign: Sign) -> bool {
        match self {
            Self::Prefix | Self::List | Self::Always => true,
            Self::WhenSet => sign == Sign::Set,
            Self::Never => false,
        }
    }
}

/// Whether a mode is set or unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// `+`
    Set,
    /// `-`
    Unset,
}

/// One change of a channel's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange<'a> {
    /// Set or unset; a letter before any sign is set.
    pub sign: Sign,
    /// The letter.
    pub letter: u8,
    /// What the letter is.
    pub kind: ModeKind,
    /// Its parameter; `None` if it takes none or the line ran out of them.
    pub param: Option<&'a [u8]>,
}

/// The changes of a MODE, in order.
#[derive(Clone, Debug)]
pub struct ModeChanges<'a, 'i> {
    isupport: &'i Isupport,
    letters: &'a [u8],
    params: Params<'a>,
    next_param: usize,
    sign: Sign,
}

impl<'a, 'i> ModeChanges<'a, 'i> {
    /// Reads the changes whose letters stand in parameter `first`, and their parameters after it.
    ///
    /// For `MODE #c +o alder`, `first` is 1; for `324 nick #c +nt`, 2.
    pub fn new(isupport: &'i Isupport, params: &Params<'a>, first: usize) -> Self {
        Self {
            isupport,
            letters: params.get(first).unwrap_or_default(),
            params: *params,
            next_param: first + 1,
            sign: Sign::Set,
        }
    }
}

impl<'a> Iterator for ModeChanges<'a, '_> {
    type Item = ModeChange<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&letter, rest) = self.letters.split_first()?;
            self.letters = rest;
            match letter {
                b'+' => self.sign = Sign::Set,
                b'-' => self.sign = Sign::Unset,
                _ => return Some(self.change(letter)),
            }
        }
    }
}

impl<'a> ModeChanges<'a, '_> {
    fn change(&mut self, letter: u8) -> ModeChange<'a> {
        let kind = ModeKind::of(letter, self.isupport);
        let mut param = None;
        if kind.takes_param(self.sign) {
            param = self.params.get(self.next_param);
            self.next_param += usize::from(param.is_some());
        }
        ModeChange {
            sign: self.sign,
            letter,
            kind,
            param,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;
    use crate::irc::wire::message::Message;

    #[track_caller]
    fn check(line: &str, first: usize, want: &str) {
        let isupport = Isupport::default();
        let message = Message::parse(line.as_bytes()).unwrap();
        let got: Vec<String> = ModeChanges::new(&isupport, &message.params, first)
            .map(|change| {
                let sign = if change.sign == Sign::Set { '+' } else { '-' };
                let param = change.param.map(String::from_utf8_lossy);
                let letter = char::from(change.letter);
                format!(
                    "{sign}{letter}{}",
                    param.map(|p| format!("={p}")).unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(got.join(" "), want, "{line}");
    }

    #[test]
    fn each_letter_takes_its_parameter() {
        check("MODE #c +o alder", 1, "+o=alder");
        check(
            "MODE #c +ov-v alder birch cedar",
            1,
            "+o=alder +v=birch -v=cedar",
        );
        check("MODE #c +nlk-t 50 key", 1, "+n +l=50 +k=key -t");
        check("MODE #c -lk key", 1, "-l -k=key");
        check("MODE #c b", 1, "+b");
        check("MODE #c +bb *!*@a *!*@b", 1, "+b=*!*@a +b=*!*@b");
        check(":s 324 alder #c +ntl 9", 2, "+n +t +l=9");
    }

    #[test]
    fn bare_signs_and_missing_parameters_are_taken() {
        check("MODE #c +", 1, "");
        check("MODE #c", 1, "");
        check("MODE #c +oo alder", 1, "+o=alder +o");
        check("MODE #c +-+n", 1, "+n");
        check("MODE #c +X", 1, "+X");
    }

    proptest! {
        #[test]
        fn any_bytes_give_at_most_one_change_a_letter(text in vec(any::<u8>(), 0..80)) {
            let isupport = Isupport::default();
            let line = [b"MODE #c ", &text[..]].concat();
            let message = Message::parse(&line).unwrap();
            let letter_count = message.params.get(1).map_or(0, <[u8]>::len);
            let changes = ModeChanges::new(&isupport, &message.params, 1);
            proptest::prop_assert!(changes.count() <= letter_count);
        }
    }
}
