//! Targets over TLS, and users who log in to accounts: what works, and how each thing that can be wrong is told.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "outside/fit.rs"]
mod fit;
#[path = "outside/ledger.rs"]
mod ledger;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/play.rs"]
mod play;
#[path = "outside/playing.rs"]
mod playing;
#[path = "outside/process.rs"]
mod process;
#[path = "outside/slot.rs"]
mod slot;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use serde_json::Value;
use tempfile::TempDir;

use crate::fit::fit;
use crate::ledger::check_whole;
use crate::ledger::number;
use crate::network::listen;
use crate::play::play;
use crate::playing::Played;
use crate::process::Process;
use crate::slot::Slot;

/// More than a scenario of the tests has users.
const ACCOUNTS: u32 = 200;

/// An authority and what it vouches for, as files.
struct Papers {
    folder: TempDir,
}

impl Papers {
    /// Makes an authority, and for this machine a certificate that is good and one that has expired.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let papers = Self { folder };
        fs::write(papers.path("ca.pem"), authority.pem()).unwrap();
        papers.vouch("good", &authority, 2050);
        papers.vouch("expired", &authority, 2020);
        let mut accounts = "account,password\n".to_owned();
        for number in 0..ACCOUNTS {
            writeln!(accounts, "alder{number},bark{number}").unwrap();
        }
        fs::write(papers.path("accounts.csv"), &accounts).unwrap();
        fs::write(papers.path("wrong.csv"), accounts.replace("bark1", "moss1")).unwrap();
        papers
    }

    fn vouch(&self, name: &str, authority: &CertifiedIssuer<'_, KeyPair>, until: i32) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.folder.path();
        path.join(name).to_str().unwrap().to_owned()
    }

    /// Starts a network with one of the certificates, which keeps the accounts.
    fn network(&self, certificate: &str) -> (Process, String) {
        let (cert, key) = (format!("{certificate}.pem"), format!("{certificate}.key"));
        let flags = [
            "--tls-cert",
            &self.path(&cert),
            "--tls-key",
            &self.path(&key),
            "--accounts",
            &self.path("accounts.csv"),
        ];
        let (process, address) = listen("127.0.0.1:0", &flags);
        (process, format!("ircs://{address}"))
    }
}

/// Plays a scenario, again where this machine was too busy for it.
fn steadily(scenario: &str, target: &str, flags: &[&str]) -> Played {
    fit(|| play(scenario, target, flags), Played::is_strained)
}

/// Returns how often something was done and timed.
#[track_caller]
fn count(played: &Played, operation: &str) -> u64 {
    let timed = &played.result["latency"][operation]["service"]["count"];
    timed.as_u64().unwrap_or_default()
}

/// Plays a scenario whose users have accounts.
fn log_in(papers: &Papers, target: &str, accounts: &str, sets: &[&str]) -> Played {
    let ca = papers.path("ca.pem");
    let file = format!("accounts.file={}", papers.path(accounts));
    let mut flags = vec!["--ca", &ca, "--set", &file];
    flags.extend(sets.iter().flat_map(|set| ["--set", set]));
    steadily("accounts", target, &flags)
}

#[test]
fn everybody_is_served_over_tls_and_sessions_are_resumed_if_asked_for() {
    let _slot = Slot::take();
    let papers = Papers::new();
    let (_network, target) = papers.network("good");
    for resumption in ["target.tls_resumption=false", "target.tls_resumption=true"] {
        let flags = ["--ca", &papers.path("ca.pem"), "--set", resumption];
        let played = steadily("server", &target, &flags);
        assert_eq!(played.reasons(), [""; 0], "{resumption}: {}", played.stderr);
        check_whole(&played, &[]);
        let (tcp, tls) = (count(&played, "connect.tcp"), count(&played, "connect.tls"));
        // As many come back after the mass event as left.
        assert!(tls == tcp && tls > 40, "{resumption}: {tls} of {tcp}");
    }
}

#[test]
fn what_is_wrong_with_tls_is_told_before_anybody_is_loaded() {
    let _slot = Slot::take();
    let papers = Papers::new();
    let (_good, good) = papers.network("good");
    let (_expired, expired) = papers.network("expired");
    let ca = papers.path("ca.pem");
    let plain = good.replace("ircs://", "irc://");
    let cases: [(&str, &[&str], &str); 4] = [
        (&good, &[], "UnknownIssuer"),
        (&expired, &["--ca", &ca], "expired"),
        (&plain, &[], "irc:// says or TLS as ircs:// says"),
        (
            &good,
            &["--ca", &papers.path("good.key")],
            "expected a certificate in PEM",
        ),
    ];
    for (target, flags, told) in cases {
        let played = play("server", target, flags);
        let code = if told.contains("PEM") { 2 } else { 5 };
        assert_eq!(played.code, code, "{}", played.stderr);
        assert!(played.stderr.contains(told), "{}", played.stderr);
        assert_eq!(played.result, Value::Null);
        assert!(!played.out.join("result.json").exists());
    }
}

#[test]
fn users_log_in_to_their_accounts_in_every_way() {
    let _slot = Slot::take();
    let papers = Papers::new();
    let (_network, target) = papers.network("good");
    for way in ["PLAIN", "SCRAM-SHA-256", "NickServ"] {
        let login = format!("accounts.login={way}");
        let played = log_in(&papers, &target, "accounts.csv", &[&login]);
        assert_eq!(played.code, 0, "{way}: {}", played.stderr);
        check_whole(&played, &[]);
        let logins = count(&played, "login");
        let registered = count(&played, "connect.registered");
        assert!(
            logins == registered && logins >= 40,
            "{way}: {logins} of {registered}"
        );
    }
}

#[test]
fn a_wrong_password_is_a_refusal_that_is_counted() {
    let _slot = Slot::take();
    let papers = Papers::new();
    let (_network, target) = papers.network("good");
    for way in ["PLAIN", "SCRAM-SHA-256"] {
        let login = format!("accounts.login={way}");
        let played = log_in(&papers, &target, "wrong.csv", &[&login]);
        let refused = number(&played, "refused.auth");
        let ended = number(&played, "disconnects.login_refused");
        assert!(refused > 0 && refused == ended, "{way}: {refused}, {ended}");
        // Users 1 and 10 to 19 are kept out, the others are served.
        let registered = count(&played, "connect.registered");
        assert!(registered >= 20, "{way}: {registered}");
    }
}

#[test]
fn what_is_wrong_with_accounts_is_told_at_its_place() {
    let papers = Papers::new();
    fs::write(papers.path("few.csv"), "account,password\nalder,bark\n").unwrap();
    fs::write(papers.path("odd.csv"), "account,passwort\nalder,bark\n").unwrap();
    for (file, told) in [
        ("few.csv", "1 accounts for "),
        ("odd.csv", "odd.csv:"),
        ("none.csv", "found no `"),
    ] {
        let flag = format!("accounts.file={}", papers.path(file));
        let scenario = play::scenario("accounts");
        let played = playing::Playing::start(&scenario, &["--set", &flag]).end();
        assert_eq!(played.code, 2, "{}", played.stderr);
        assert!(played.stderr.contains(told), "{}", played.stderr);
        assert!(!played.stderr.contains("bark"), "{}", played.stderr);
    }
}
