//! Keyed reading of a TOML document: every value has a place, every key must be known.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::value::Expected;

/// How like a known key an unknown one must be to be offered as the one meant (Jaro-Winkler, 0..1).
const NEAR_MIN: f64 = 0.75;
/// How much less like than the nearest key another one may be to be offered beside it.
const NEAR_BEHIND_MAX: f64 = 0.06;
/// Most near keys offered.
const NEAR_COUNT_MAX: usize = 3;

/// A document under reading, with the values that `--set` puts over it.
pub(crate) struct Document<'a> {
    path: &'a str,
    text: &'a str,
    overrides: &'a BTreeMap<String, String>,
    /// What the document is, for its errors.
    kind: &'static str,
    /// Full keys that some reader asked for: the known ones.
    asked: RefCell<Vec<String>>,
}

/// One table of a document.
pub(crate) struct Table<'a> {
    document: &'a Document<'a>,
    prefix: String,
    entries: Vec<Entry<'a>>,
    place: Place,
}

struct Entry<'a> {
    key: String,
    span: Range<usize>,
    value: &'a DeValue<'a>,
    value_span: Range<usize>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(
        path: &'a str,
        text: &'a str,
        overrides: &'a BTreeMap<String, String>,
    ) -> Self {
        Self {
            path,
            text,
            overrides,
            kind: "scenario",
            asked: RefCell::new(Vec::new()),
        }
    }

    /// Names what the document is where it is no scenario.
    pub(crate) fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Returns the error of the TOML parser as ours.
    pub(crate) fn syntax(&self, error: &toml::de::Error) -> Misread {
        let offset = error.span().map_or(0, |span| span.start);
        self.misread(
            format!(
                "expected TOML: {}",
                error.message().trim_end().replace('\n', ", ")
            ),
            offset,
        )
    }

    pub(crate) fn misread(&self, what: String, offset: usize) -> Misread {
        Misread::new(what, Place::in_text(self.path, self.text, offset)).with_excerpt(self.text)
    }

    pub(crate) fn root(&'a self, table: &'a DeTable<'a>) -> Table<'a> {
        Table::new(self, String::new(), table, 0)
    }

    /// Checks that every `--set` key was one that a reader asked for.
    pub(crate) fn finish(&self) -> Result<(), Misread> {
        for key in self.overrides.keys() {
            if !self.asked.borrow().contains(key) {
                let near = near(key, self.asked.borrow().iter().map(String::as_str));
                return Err(Misread::new(
                    format!("`{key}` is no key of this scenario"),
                    Place::file(format!("--set {key}")),
                )
                .with_help(near));
            }
        }
        Ok(())
    }
}

impl<'a> Table<'a> {
    fn new(
        document: &'a Document<'a>,
        prefix: String,
        table: &'a DeTable<'a>,
        offset: usize,
    ) -> Self {
        let mut entries: Vec<Entry<'a>> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                span: key.span(),
                value: value.get_ref(),
                value_span: value.span(),
            })
            .collect();
        // The file's own order is the order of phases; the parser's map may not keep it.
        entries.sort_by_key(|entry| entry.span.start);
        Self {
            document,
            prefix,
            entries,
            place: Place::in_text(document.path, document.text, offset),
        }
    }

    /// Returns the place of the table itself.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Takes the value of `key` as `parse` reads it, from `--set` or from the file; `None` where it is in neither.
    pub(crate) fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<Option<T>, Misread> {
        Ok(self.optional_placed(key, parse)?.map(|(value, _)| value))
    }

    /// Takes a value as [`Table::optional`] does, with its place.
    pub(crate) fn optional_placed<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<Option<(T, Place)>, Misread> {
        let full = format!("{}{key}", self.prefix);
        let found = self
            .entries
            .iter()
            .position(|entry| entry.key == key)
            .map(|at| self.entries.remove(at));
        self.document.asked.borrow_mut().push(full.clone());
        if let Some(text) = self.document.overrides.get(&full) {
            let place = Place::file(format!("--set {full}"));
            return match parse(text) {
                Ok(value) => Ok(Some((value, place))),
                Err(expected) => Err(Misread::new(
                    format!("expected {}, found `{text}`", expected.what),
                    place,
                )
                .with_help(expected.help)),
            };
        }
        let Some(entry) = found else { return Ok(None) };
        let place = Place::in_text(
            self.document.path,
            self.document.text,
            entry.value_span.start,
        );
        let text = scalar_text(entry.value);
        match text.as_deref().map(&parse) {
            Some(Ok(value)) => Ok(Some((value, place))),
            Some(Err(expected)) => {
                Err(self.unexpected(&expected, &entry, &text.unwrap_or_default()))
            }
            None => {
                let expected = parse("").err().unwrap_or(Expected {
                    what: "a single value",
                    help: "",
                });
                Err(self.unexpected(&expected, &entry, entry.value.type_str()))
            }
        }
    }

    /// Takes the value of `key`, or `default`.
    pub(crate) fn with_default<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<T, Misread> {
        Ok(self.optional(key, parse)?.unwrap_or(default))
    }

    /// Takes the value of `key`, which must be there.
    pub(crate) fn required<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<T, Misread> {
        Ok(self.required_placed(key, parse)?.0)
    }

    /// Takes the value of `key`, which must be there, with its place.
    pub(crate) fn required_placed<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<(T, Place), Misread> {
        let help = parse("").err().map_or("", |expected| expected.help);
        self.optional_placed(key, parse)?.ok_or_else(|| {
            let table = self.prefix.trim_end_matches('.');
            let of = if table.is_empty() {
                format!("the {}", self.document.kind)
            } else {
                format!("[{table}]")
            };
            let mut misread = Misread::new(format!("{of} has no `{key}`"), self.place.clone())
                .with_help(format!("add `{key} = …`: {help}"));
            if !table.is_empty() {
                misread = misread.with_excerpt(self.document.text);
            }
            misread
        })
    }

    /// Takes a list of texts.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, Misread> {
        Ok(self.texts_placed(key)?.map(|(texts, _)| texts))
    }

    /// Takes a list of texts, with its place.
    pub(crate) fn texts_placed(
        &mut self,
        key: &str,
    ) -> Result<Option<(Vec<String>, Place)>, Misread> {
        let full = format!("{}{key}", self.prefix);
        self.document.asked.borrow_mut().push(full.clone());
        let found = self
            .entries
            .iter()
            .position(|entry| entry.key == key)
            .map(|at| self.entries.remove(at));
        if let Some(text) = self.document.overrides.get(&full) {
            let texts = text.split(',').map(str::trim);
            let texts = texts.filter(|item| !item.is_empty()).map(str::to_owned);
            return Ok(Some((
                texts.collect(),
                Place::file(format!("--set {full}")),
            )));
        }
        let Some(entry) = found else { return Ok(None) };
        let expected = Expected {
            what: "a list of texts",
            help: "write [\"one\", \"two\"]",
        };
        let Some(array) = entry.value.as_array() else {
            return Err(self.unexpected(&expected, &entry, entry.value.type_str()));
        };
        let texts = array
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<Vec<String>>>()
            .ok_or_else(|| self.unexpected(&expected, &entry, "another"))?;
        let place = Place::in_text(
            self.document.path,
            self.document.text,
            entry.value_span.start,
        );
        Ok(Some((texts, place)))
    }

    /// Takes the table `key`; an empty one stands in where it is missing, so that `--set` reaches its keys.
    pub(crate) fn table(&mut self, key: &str) -> Result<Table<'a>, Misread> {
        let prefix = format!("{}{key}.", self.prefix);
        let found = self
            .entries
            .iter()
            .position(|entry| entry.key == key)
            .map(|at| self.entries.remove(at));
        match found {
            None => Ok(Table {
                document: self.document,
                prefix,
                entries: Vec::new(),
                place: Place::file(self.document.path),
            }),
            Some(entry) => match entry.value.as_table() {
                Some(table) => Ok(Table::new(self.document, prefix, table, entry.span.start)),
                None => Err(self.unexpected(
                    &Expected {
                        what: "a table",
                        help: "write it as a [section]",
                    },
                    &entry,
                    entry.value.type_str(),
                )),
            },
        }
    }

    /// Takes the table `key` where there is one.
    pub(crate) fn table_if_any(&mut self, key: &str) -> Result<Option<Table<'a>>, Misread> {
        if self.entries.iter().any(|entry| entry.key == key) {
            self.table(key).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Takes the tables of `[[key]]`.
    pub(crate) fn tables(&mut self, key: &str) -> Result<Vec<Table<'a>>, Misread> {
        let Some(at) = self.entries.iter().position(|entry| entry.key == key) else {
            return Ok(Vec::new());
        };
        let entry = self.entries.remove(at);
        let expected = Expected {
            what: "a list of tables",
            help: "write each as a section in double brackets, such as [[slo]]",
        };
        let Some(array) = entry.value.as_array() else {
            return Err(self.unexpected(&expected, &entry, entry.value.type_str()));
        };
        let mut tables = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let Some(table) = item.get_ref().as_table() else {
                return Err(self.unexpected(&expected, &entry, item.get_ref().type_str()));
            };
            let mut offset = item.span().start;
            if let Some(first) = table.iter().map(|(key, _)| key.span().start).min() {
                offset = first;
            }
            tables.push(Table::new(
                self.document,
                format!("{}{key}.{index}.", self.prefix),
                table,
                offset,
            ));
        }
        Ok(tables)
    }

    /// Takes every entry that is left, as keys in the file's order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }

    /// Checks that no key is left that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Misread> {
        let Some(entry) = self.entries.first() else {
            return Ok(());
        };
        let asked = self.document.asked.borrow();
        let known = asked
            .iter()
            .filter_map(|full| full.strip_prefix(&self.prefix))
            .filter(|key| !key.contains('.'));
        let section = self.prefix.trim_end_matches('.');
        let of = if section.is_empty() {
            format!("a {}", self.document.kind)
        } else {
            format!("[{section}]")
        };
        Err(self
            .document
            .misread(
                format!("`{}` is no key of {of}", entry.key),
                entry.span.start,
            )
            .with_help(near(&entry.key, known)))
    }

    fn unexpected(&self, expected: &Expected, entry: &Entry<'_>, found: &str) -> Misread {
        self.document
            .misread(
                format!(
                    "expected {} for `{}`, found `{found}`",
                    expected.what, entry.key
                ),
                entry.value_span.start,
            )
            .with_help(expected.help)
    }
}

/// Returns the text of a scalar value, as a `--set` would give it.
fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Returns advice that names the known keys nearest to `key`, or all of them where none is near.
fn near<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let mut scored: Vec<(f64, &str)> = known
        .iter()
        .map(|name| (strsim::jaro_winkler(key, name), *name))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    let close: Vec<String> = scored
        .iter()
        .filter(|(score, _)| *score >= NEAR_MIN && *score >= best - NEAR_BEHIND_MAX)
        .take(NEAR_COUNT_MAX)
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    if close.is_empty() {
        format!(
            "known here: {}",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )
    } else {
        format!("did you mean {}?", close.join(" or "))
    }
}
