//! The configuration of a bouncer that somebody else wrote: where it would dial, before it is started.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;

use crate::drive::run::error::RunError;
use crate::scenario::bouncer::BouncerKind;

/// Checks that every network of a configuration is one of ours: a bouncer that is started dials all of them.
pub(super) fn check(
    kind: BouncerKind,
    home: &Path,
    allowed: &BTreeSet<SocketAddr>,
) -> Result<(), RunError> {
    let name = match kind {
        BouncerKind::Znc => "configs/znc.conf",
        BouncerKind::Bip => "bip.conf",
        BouncerKind::Soju => {
            let what =
                "a configuration of soju is in its database: start it, and name it with --target";
            return Err(RunError::NoRoster(what.to_owned()));
        }
    };
    let path = home.join(name);
    let text = fs::read_to_string(&path).map_err(|source| RunError::File {
        doing: "reading",
        path: path.clone(),
        source,
    })?;
    let dialled = match kind {
        BouncerKind::Znc => of_znc(&text),
        BouncerKind::Bip | BouncerKind::Soju => of_bip(&text),
    };
    let is_ours = |(host, port): &(String, String)| {
        let address = host.parse().ok().zip(port.parse().ok());
        address.is_some_and(|(ip, port)| allowed.contains(&SocketAddr::new(ip, port)))
    };
    match dialled.into_iter().find(|dialled| !is_ours(dialled)) {
        Some((host, port)) => Err(RunError::ForeignNetwork {
            path,
            address: if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            },
        }),
        None => Ok(()),
    }
}

/// Returns where a bouncer with a configuration takes clients on this machine.
pub(super) fn listens(kind: BouncerKind, home: &Path) -> Option<SocketAddr> {
    let (name, before) = match kind {
        BouncerKind::Znc => ("configs/znc.conf", "<Listener"),
        BouncerKind::Bip => ("bip.conf", ""),
        BouncerKind::Soju => return None,
    };
    let text = fs::read_to_string(home.join(name)).ok()?;
    let rest = text.get(text.find(before)?..)?;
    let mut lines = rest.lines().filter_map(|line| line.split_once('='));
    let (_, port) = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case("port"))?;
    let port = port.trim().trim_end_matches(';').parse().ok()?;
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Returns what the `Server` lines of a znc.conf say: a host and a port, with a `+` for TLS.
fn of_znc(text: &str) -> Vec<(String, String)> {
    let servers = text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let is_server = key.trim().eq_ignore_ascii_case("server");
        is_server.then(|| {
            let mut words = value.split_whitespace();
            let host = words.next().unwrap_or_default().to_owned();
            // ZNC's own default where no port is said.
            let port = words.next().unwrap_or("6667");
            (host, port.trim_start_matches('+').to_owned())
        })
    });
    servers.collect()
}

/// Returns what the `server` blocks of a bip.conf say. A block that can't be read is a host without a name, which is nobody's.
fn of_bip(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let text = lines.collect::<Vec<_>>().join("\n");
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut servers = Vec::new();
    for (at, word) in text.match_indices("server") {
        let before = text.get(..at).and_then(|before| before.bytes().last());
        let rest = text.get(at + word.len()..).unwrap_or_default().trim_start();
        let Some(block) = rest
            .strip_prefix('{')
            .filter(|_| !before.is_some_and(is_word))
        else {
            continue;
        };
        let block = block.split('}').next().unwrap_or_default();
        let value = |key: &str| {
            let mut fields = block.split(';').filter_map(|field| field.split_once('='));
            let found = fields.find(|(name, _)| name.trim() == key);
            found.map(|(_, value)| value.trim().trim_matches('"').to_owned())
        };
        let port = value("port").unwrap_or_else(|| "6667".to_owned());
        servers.push((value("host").unwrap_or_default(), port));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_where_clients_come() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("configs")).unwrap();
        let znc =
            "MaxBufferSize = 5\n<Listener l>\n\tHost = 127.0.0.1\n\tPort = 6701\n</Listener>\n";
        fs::write(home.path().join("configs/znc.conf"), znc).unwrap();
        let bip = "ip = \"127.0.0.1\";\nport = 6702;\nnetwork { server { port = 1; }; };\n";
        fs::write(home.path().join("bip.conf"), bip).unwrap();
        for (kind, want) in [
            (BouncerKind::Znc, Some("127.0.0.1:6701")),
            (BouncerKind::Bip, Some("127.0.0.1:6702")),
            (BouncerKind::Soju, None),
        ] {
            let want = want.map(|address| address.parse().unwrap());
            assert_eq!(listens(kind, home.path()), want);
        }
    }

    #[test]
    fn every_server_of_a_configuration_is_found() {
        let znc = "<Network one>\n\tServer = 127.0.0.1 6667\n\tserver=irc.example.test +6697 pw\n\tServer = bare\n";
        let pair = |host: &str, port: &str| (host.to_owned(), port.to_owned());
        assert_eq!(
            of_znc(znc),
            [
                pair("127.0.0.1", "6667"),
                pair("irc.example.test", "6697"),
                pair("bare", "6667")
            ]
        );
        let bip = "network {\n name = \"one\";\n server { host = \"127.0.0.1\"; port = 6700; };\n};\n\
            network { server\n{ host = \"::1\"; }; };\n# server { host = \"gone\"; }\n";
        assert_eq!(
            of_bip(bip),
            [pair("127.0.0.1", "6700"), pair("::1", "6667")]
        );
    }

    #[test]
    fn a_network_that_is_not_ours_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("configs")).unwrap();
        let ours = ["127.0.0.1:6667", "[::1]:6697"];
        let allowed = ours.map(|address| address.parse().unwrap()).into();
        let check = |server: &str| {
            let text = format!("Server = 127.0.0.1 6667\nServer = {server}\n");
            fs::write(home.path().join("configs/znc.conf"), text).unwrap();
            super::check(BouncerKind::Znc, home.path(), &allowed)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(check("127.0.0.1 6667"), None);
        assert_eq!(check("::1 +6697"), None);
        let told = check("::1 6698").unwrap();
        assert!(told.contains("[::1]:6698"), "{told}");
        for server in ["127.0.0.1 6668", "127.0.0.2 6667", "irc.example.test 6667"] {
            let told = check(server).unwrap();
            assert!(told.contains(&server.replace(' ', ":")), "{told}");
        }
    }
}
