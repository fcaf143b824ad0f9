//! `InspIRCd` over TLS, linked to Atheme services that keep accounts: both as their packages ship them.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::launch::Launched;
use crate::launch::Limits;
use crate::launch::Server;
use crate::launch::commands::unprivileged;
use crate::launch::free_port;
use crate::launch::hand_over;
use crate::launch::launch_with;
use crate::launch::skip_missing;
use crate::launch::unpacked;
use crate::papers::Account;
use crate::papers::Papers;
use crate::process::Process;
use crate::process::bound;

/// The package, and the folder below `target/` that it is unpacked to.
const PACKAGE: &str = "atheme-services";
/// How long services may take until they are linked.
const PATIENCE: Duration = Duration::from_secs(10);
/// What services log once they are.
const LINKED: &str = "finished synching with uplink";

/// A network whose users log in.
pub(crate) struct Network {
    /// Its address for `--target`.
    pub(crate) target: String,
    _server: Launched,
    _services: Process,
    _folder: TempDir,
}

/// Starts both with the accounts of the papers, or returns `None` where one is not installed and nobody insists on it.
pub(crate) fn launch(papers: &Papers) -> Option<Network> {
    if !unpacked::root(PACKAGE).exists() {
        skip_missing(PACKAGE);
        return None;
    }
    let (tls_port, link_port) = (free_port().to_string(), free_port().to_string());
    let words = [
        ("@PAPERS@", papers.folder().to_str().unwrap().to_owned()),
        ("@TLS_PORT@", tls_port.clone()),
        ("@LINK_PORT@", link_port.clone()),
    ];
    hand_over(papers.folder());
    let server = launch_with(Server::Inspircd, Limits::Serviced, &words)?;
    let folder = TempDir::new().unwrap();
    let services = serve(folder.path(), &link_port, &papers.accounts);
    Some(Network {
        target: format!("ircs://127.0.0.1:{tls_port}"),
        _server: server,
        _services: services,
        _folder: folder,
    })
}

/// Starts services in a folder, and waits until they are linked.
fn serve(folder: &Path, link_port: &str, accounts: &[Account]) -> Process {
    hand_over(folder);
    let root = unpacked::copy(PACKAGE, folder);
    let libraries = unpacked::libraries(&root);
    let modules = libraries.join("atheme/modules");
    let config = include_str!("atheme.conf")
        .replace("@MODULES@", modules.to_str().unwrap())
        .replace("@LINK_PORT@", link_port);
    fs::write(folder.join("atheme.conf"), config).unwrap();
    fs::write(folder.join("services.db"), database(accounts)).unwrap();
    let log = folder.join("log");
    let out = fs::File::create(folder.join("out")).unwrap();
    let child = unprivileged(bound("setpriv"))
        .arg(root.join("usr/bin/atheme-services"))
        .arg("-n")
        .arg("-c")
        .arg(folder.join("atheme.conf"))
        .arg("-D")
        .arg(folder)
        .arg("-l")
        .arg(&log)
        .arg("-p")
        .arg(folder.join("pid"))
        .env("LD_LIBRARY_PATH", libraries)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let services = Process(child);
    let began = Instant::now();
    let told = || fs::read_to_string(&log).unwrap_or_default();
    while !told().contains(LINKED) {
        let out = || fs::read_to_string(folder.join("out")).unwrap();
        assert!(began.elapsed() < PATIENCE, "{}{}", out(), told());
        std::thread::sleep(Duration::from_millis(50));
    }
    services
}

/// Returns a database of services with these accounts, as if they had registered long ago.
fn database(accounts: &[Account]) -> String {
    const LONG_AGO: u32 = 1_700_000_000;
    let mut text = "GRVER 1\nDBV 12\nCF +AFHORVabefhioqrstv\n".to_owned();
    for (number, account) in accounts.iter().enumerate() {
        let Account { name, password, .. } = account;
        // Passwords stand in clear where no module knows a cipher.
        let mail = format!("{name}@example.test");
        writeln!(
            text,
            "MU A{number:08} {name} {password} {mail} {LONG_AGO} {LONG_AGO} +s default\nMN {name} {name} {LONG_AGO} {LONG_AGO}"
        )
        .unwrap();
        if let Some(fingerprint) = &account.fingerprint {
            writeln!(text, "MCFP {name} {fingerprint}").unwrap();
        }
    }
    text
}
