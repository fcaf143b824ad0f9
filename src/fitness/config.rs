//! The keys of a configuration file in clear, and hashes of their values.

use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

use crate::units::hex;

/// Key of the hashes. It is no secret: the same value must have the same hash on every host, and a table made for plain SHA-256 is of no use.
const PUBLIC_KEY: &[u8] = b"splitstorm configuration value, schema 1\0";
/// Bytes kept of a hash: enough that no two values of a file are taken for one.
const HASH_BYTES: usize = 8;
/// Longest key taken for one.
const KEY_BYTES_MAX: usize = 64;
/// Most keys of one file.
const KEYS_MAX: usize = 20_000;
/// Deepest nesting followed.
const DEPTH_MAX: usize = 16;
/// What stands for the hash of a value that is left out.
pub const LEFT_OUT: &str = "left out";

/// Parts of names whose values are left out: short ones can be guessed from their hash.
const SECRETS: &[&str] = &[
    "pass", "secret", "key", "token", "cert", "salt", "hash", "cloak", "auth", "sasl",
];

/// Whether values under names that sound like secrets are hashed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are left out.
    LeftOut,
    /// They are hashed.
    Hashed,
}

/// Returns every key of a configuration with the hash of its value. Lines are read as `key = value`, `key value`, `key: value` or
/// `<tag key="value">`, within `[section]`, `<section name>` and `section {`; what is none of these is passed over. A key that stands
/// there again has its turn behind it: `Bind.port#2`.
pub fn keys(text: &str, secrets: Secrets) -> BTreeMap<String, String> {
    let mut reader = Reader {
        secrets,
        section: String::new(),
        path: Vec::new(),
        tag: None,
        found: BTreeMap::new(),
        turns: BTreeMap::new(),
    };
    let mut is_in_block = false;
    for line in text.lines() {
        let line = line.trim();
        // Keys and certificates in the middle of a file.
        if line.starts_with("-----BEGIN") {
            is_in_block = true;
        }
        if !is_in_block {
            reader.line(line);
        }
        if line.starts_with("-----END") {
            is_in_block = false;
        }
    }
    reader.found
}

struct Reader {
    secrets: Secrets,
    section: String,
    path: Vec<String>,
    tag: Option<String>,
    found: BTreeMap<String, String>,
    turns: BTreeMap<String, u32>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if line.is_empty()
            || ["#", ";", "//", "/*", "*"]
                .iter()
                .any(|mark| line.starts_with(mark))
        {
            return;
        }
        if self.tag.is_some() {
            self.attributes(line);
        } else if let Some(inner) = line.strip_prefix('[') {
            if let Some((name, _)) = inner.split_once(']') {
                name.trim().clone_into(&mut self.section);
            }
        } else if line.starts_with("</") {
            self.path.pop();
        } else if let Some(inner) = line.strip_prefix('<') {
            let (name, rest) = inner
                .split_once(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or((inner, ""));
            if rest.contains('=') || !line.contains('>') {
                self.tag = Some(name.to_owned());
                self.attributes(rest);
            } else {
                self.enter(inner.trim_end_matches('>'));
            }
        } else if line.starts_with('}') {
            self.path.pop();
        } else if let Some(name) = line.strip_suffix('{') {
            self.enter(name.trim_matches(|c: char| c.is_whitespace() || c == '"'));
        } else {
            self.pair(line);
        }
    }

    fn enter(&mut self, name: &str) {
        if self.path.len() < DEPTH_MAX {
            let name: String = name.chars().take(KEY_BYTES_MAX).collect();
            self.path.push(name.trim().to_owned());
        }
    }

    /// Reads `key="value" …` of the tag that is open; a `>` outside of quotes closes it.
    fn attributes(&mut self, text: &str) {
        let Some(tag) = self.tag.clone() else { return };
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if rest.starts_with('>') || rest.starts_with("/>") {
                self.tag = None;
                return;
            }
            let Some((key, after)) = rest.split_once('=') else {
                if rest.ends_with('>') {
                    self.tag = None;
                }
                return;
            };
            let after = after.trim_start();
            let (value, behind) = if let Some(quoted) = after.strip_prefix('"') {
                // A value over several lines ends with this one: what follows is no key by its shape.
                quoted.split_once('"').unwrap_or((quoted, ""))
            } else {
                let end = after
                    .find(|c: char| c.is_whitespace() || c == '>')
                    .unwrap_or(after.len());
                after.split_at(end)
            };
            self.put(&format!("{tag}.{}", key.trim()), key.trim(), value);
            rest = behind.trim_start();
        }
    }

    fn pair(&mut self, line: &str) {
        let split = match line.split_once('=') {
            Some((key, value)) if is_key(key.trim()) => Some((key.trim(), value)),
            _ => line
                .split_once(char::is_whitespace)
                .map(|(key, value)| (key.trim_end_matches(':'), value)),
        };
        if let Some((key, value)) = split {
            self.put(key, key, value);
        }
    }

    fn put(&mut self, name: &str, key: &str, value: &str) {
        let value = value.trim().trim_end_matches([';', ',']).trim();
        let value = value.trim_matches(['"', '\'']);
        if !is_key(key) || value.is_empty() || self.found.len() >= KEYS_MAX {
            return;
        }
        let mut whole = String::new();
        let sections = Some(&self.section).filter(|section| !section.is_empty());
        for part in sections.into_iter().chain(&self.path) {
            whole.push_str(part);
            whole.push('.');
        }
        whole.push_str(name);
        let turn = self.turns.entry(whole.clone()).or_insert(0);
        *turn += 1;
        if *turn > 1 {
            whole = format!("{whole}#{turn}");
        }
        let hash = if self.secrets == Secrets::LeftOut && is_secret(key) {
            LEFT_OUT.to_owned()
        } else {
            hash(value)
        };
        self.found.insert(whole, hash);
    }
}

/// Returns the hash of a value.
fn hash(value: &str) -> String {
    let digest = Sha256::new()
        .chain_update(PUBLIC_KEY)
        .chain_update(value)
        .finalize();
    hex::text(digest.get(..HASH_BYTES).unwrap_or_default())
}

fn is_key(key: &str) -> bool {
    key.len() <= KEY_BYTES_MAX
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|part| key.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the keys found, and that those of the same number have the same hash.
    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let found = keys(text, Secrets::LeftOut);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, want);
    }

    #[test]
    fn keys_are_found_in_every_dialect() {
        check(
            "[Global]\n\tName = oak.example\n# Old = 1\n[Limits]\nMaxConnections = 500\n",
            &["Global.Name", "Limits.MaxConnections"],
        );
        check(
            "<bind address=\"\" port=\"6667\" type=clients>\n<bind port=6697\n  ssl=\"openssl\">\n<die value=\"x > y\">\n",
            &[
                "bind.port",
                "bind.port#2",
                "bind.ssl",
                "bind.type",
                "die.value",
            ],
        );
        check(
            "MaxBufferSize = 50\n<Listener main>\n\tPort = 6697\n</Listener>\nSkin = none\n",
            &["Listener main.Port", "MaxBufferSize", "Skin"],
        );
        check(
            "listen {\n  port = 6667;\n};\nset {\n  throttle {\n    connections 3;\n  }\n}\n",
            &["listen.port", "set.throttle.connections"],
        );
        check("server:\n  max-sendq: 96k\n", &["max-sendq"]);
    }

    #[test]
    fn equal_values_have_equal_hashes_and_no_value_is_told() {
        let text = "a = 5000\nb 5000;\nc = \"5000\"\nd = 5001\n";
        let found = keys(text, Secrets::LeftOut);
        assert_eq!(found["a"], found["b"]);
        assert_eq!(found["a"], found["c"]);
        assert_ne!(found["a"], found["d"]);
        assert!(!format!("{found:?}").contains("5000"));
        // A promise: hashes of two versions of the tool compare.
        assert_eq!(found["a"], hash("5000"));
        assert_eq!(found["a"].len(), 2 * HASH_BYTES);
    }

    #[test]
    fn secrets_are_left_out_unless_asked_for() {
        let text = "Password = abc\nKeyFile = /x\nSslCert: y\nname oak\n";
        let found = keys(text, Secrets::LeftOut);
        for key in ["Password", "KeyFile", "SslCert"] {
            assert_eq!(found[key], LEFT_OUT, "{key}");
        }
        assert_ne!(found["name"], LEFT_OUT);
        assert_ne!(keys(text, Secrets::Hashed)["Password"], LEFT_OUT);
    }

    #[test]
    fn a_key_in_the_middle_of_a_file_is_passed_over() {
        check(
            "a = 1\n-----BEGIN PRIVATE KEY-----\nMIIabc def=\nq = 2\n-----END PRIVATE KEY-----\nb = 2\n",
            &["a", "b"],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,300}") {
            let _ = keys(&text, Secrets::Hashed);
        }

        #[test]
        fn any_markup_is_read_without_panic(text in "[<>=\"a{}\\[\\]\n/ #;]{0,80}") {
            let _ = keys(&text, Secrets::Hashed);
        }
    }
}
