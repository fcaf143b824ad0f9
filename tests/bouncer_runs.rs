//! Runs against real bouncers that the program configures, starts and ends: clean where they keep their word, and nobody else is dialled.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "outside/bouncer.rs"]
mod bouncer;
#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "only who starts servers is of use to bouncers")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/process.rs"]
mod process;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;

use crate::bouncer::Ran;
use crate::bouncer::SCENARIO;
use crate::bouncer::check_clean;
use crate::bouncer::check_unbroken;
use crate::bouncer::folder;
use crate::bouncer::run;
use crate::bouncer::search_path;

#[test]
fn znc_keeps_its_word() {
    let many = [
        "--set",
        "bouncer.users=120",
        "--set",
        "bouncer.channels=60",
        "--set",
        "bouncer.attached=0.4",
    ];
    let Some(ran) = check_clean("znc", SCENARIO, &many) else {
        return;
    };
    let latency = &ran.result.as_ref().unwrap()["latency"];
    for way in ["message.up", "message.down", "message.through", "attach"] {
        assert!(
            latency[way]["response"]["count"].as_u64() > Some(0),
            "{way}"
        );
    }
}

#[test]
fn bip_keeps_its_word() {
    let many = ["--set", "bouncer.users=50", "--set", "bouncer.clients=1"];
    check_clean("bip", SCENARIO, &many);
}

#[test]
fn a_split_is_read_once_by_each_client() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let split = "\n[phase.split]\nkind = \"netsplit\"\nduring = \"steady\"\nat = \"8s\"\nheal_after = \"5s\"\nfraction = 0.3\n";
    let text = SCENARIO
        .replace("users = 200\n", "users = 3000\n")
        .replace("members_per_channel = 15", "members_per_channel = 400")
        .replace("[phase.away]", &format!("{split}[phase.away]"));
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let ran = run(folder.path(), &path, "znc", &text, &calm);
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    assert_eq!(ran.ledger("presence_missed"), 0, "{}", ran.told);
    assert_eq!(ran.ledger("duplicated"), 0, "{}", ran.told);
    let presence = &ran.result.as_ref().unwrap()["ledger"]["presence_seen"];
    assert!(presence.as_u64() > Some(2_000), "{presence}");
}

#[test]
fn a_network_with_room_for_all_but_one_locks_one_out() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let text = SCENARIO.replace(
        "clients = 2",
        "starts_cold = true\n[bouncer.network]\nsessions_per_address = 7",
    );
    let calm = [
        "--set",
        "phase.away.fraction=0.01",
        "--set",
        "phase.torn.fraction=0.01",
    ];
    let ran = run(folder.path(), &path, "znc", &text, &calm);
    assert_eq!(ran.code, Some(1), "{}", ran.told);
    assert_eq!(ran.bouncer()["locked_out"], 1, "{}", ran.told);
    let source = &ran.bouncer()["networks"][0]["sources"][0];
    assert_eq!(source["connections_max"], 7, "{source}");
    assert!(source["refused"].as_u64() > Some(0), "{source}");
    assert!(ran.told.contains("locked out: 1 of 8"), "{}", ran.told);
}

/// Writes a configuration of ZNC that dials our network and another one, and the roster that the run knows.
fn provision(folder: &Path, ours: &str, foreign: &str) -> PathBuf {
    let flags = [
        "provision",
        "znc",
        "--users",
        "9",
        "--network",
        &format!("net1={ours}"),
        "--network",
        &format!("zzz={foreign}"),
        "-o",
        "home",
    ];
    let output = command::splitstorm(folder, &flags);
    assert!(output.status.success(), "{output:?}");
    let roster = fs::read_to_string(folder.join("home/roster.csv")).unwrap();
    let known: Vec<&str> = roster
        .lines()
        .filter(|row| !row.contains(",zzz,"))
        .collect();
    fs::write(folder.join("known.csv"), known.join("\n") + "\n").unwrap();
    folder.join("home")
}

#[test]
fn a_bouncer_with_a_network_that_is_not_ours_is_not_started() {
    let folder = folder();
    let Some(path) = search_path("znc", folder.path()) else {
        return;
    };
    let foreign = TcpListener::bind("127.66.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let address = foreign.local_addr().unwrap().to_string();
    let ours = format!("127.0.0.1:{}", launch::free_port());
    provision(folder.path(), &ours, &address);
    let text = SCENARIO.replace(
        "users = 8\n",
        &format!("roster = \"known.csv\"\nhome = \"home\"\nlisten = \"{ours}\"\n"),
    );
    let ran = run(folder.path(), &path, "znc", &text, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains(&address), "{}", ran.told);
    // Nobody has knocked.
    assert!(foreign.accept().is_err());
}

#[test]
fn a_bouncer_that_is_not_installed_is_named_with_how_to_get_it() {
    let folder = folder();
    let ran = run(folder.path(), "/nonexistent", "znc", SCENARIO, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains("apt-get install"), "{}", ran.told);
    let ran = run(folder.path(), "/nonexistent", "soju", SCENARIO, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.told);
    assert!(ran.told.contains("soju-utils"), "{}", ran.told);
}

/// A small run: every part of it is short, and some of its clients come back to what they missed.
const SMALL: &str = r#"
profile = "PROFILE"
settle = "4s"
heat = 4
[population]
users = 100
members_per_channel = 15
[bouncer]
kind = "KIND"
users = 6
channels = 6
channels_per_user = 3
attached = 0.8
clients = 2
[phase.attach]
kind = "ramp"
rate = "8/s"
[phase.steady]
kind = "steady"
after = "attach"
duration = "16s"
[phase.away]
kind = "mass_disconnect"
during = "steady"
at = "2s"
fraction = 0.7
how = "fin"
reconnect_after = "3s"
reconnect_over = "2s"
"#;

/// Runs a small scenario with keys of `[bouncer.network]`.
fn run_small(kind: &str, bouncer: &str, network: &str, flags: &[&str]) -> Option<Ran> {
    let folder = folder();
    let path = search_path(kind, folder.path())?;
    let text = SMALL.replace("clients = 2\n", &format!("clients = 2\n{bouncer}"));
    let text = format!("{text}[bouncer.network]\n{network}");
    let ran = run(folder.path(), &path, kind, &text, flags);
    check_unbroken(&ran, folder.path());
    Some(ran)
}

#[test]
fn znc_logs_in_to_networks_over_tls_and_ipv6_that_look_everybody_up() {
    let network = "tls = true\nipv6 = true\naccounts = true\nlook_up_host = \"300ms\"\nlook_up_ident = \"600ms\"\n\
        sessions_per_ident = 1\nipv6_bits = 128\n[services]\ncost = \"50ms\"\n";
    let Some(ran) = run_small("znc", "", network, &[]) else {
        return;
    };
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    assert!(ran.ledger("delivered") > 500, "{}", ran.told);
    let network = &ran.bouncer()["networks"][0];
    assert_eq!(network["sources"][0]["address"], "::1", "{network}");
    assert_eq!(network["logins"]["succeeded"], 6, "{network}");
    assert_eq!(network["locked_out"], 0, "{network}");
}

#[test]
fn bip_dials_over_tls_and_ipv6() {
    let network = "tls = true\nipv6 = true\nlink_delay = \"100ms\"\n";
    let Some(ran) = run_small("bip", "", network, &[]) else {
        return;
    };
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    assert!(ran.ledger("delivered") > 500, "{}", ran.told);
    assert_eq!(ran.bouncer()["locked_out"], 0, "{}", ran.told);
}

#[test]
fn an_outage_of_a_service_of_accounts_locks_users_out() {
    // Three seconds a login, and a user a second: the third is one too many that waits.
    let network = "accounts = true\n[services]\ncost = \"3s\"\nqueue = 2\nrestart = \"5s\"\n";
    let Some(ran) = run_small("znc", "starts_cold = true\n", network, &[]) else {
        return;
    };
    assert_eq!(ran.code, Some(1), "{}", ran.told);
    assert!(ran.told.contains("the service went down"), "{}", ran.told);
    assert!(ran.told.contains("locked out: "), "{}", ran.told);
    let network = &ran.bouncer()["networks"][0];
    let locked_out = network["locked_out"].as_u64().unwrap();
    assert!(locked_out > 0, "{}", ran.told);
    assert_eq!(
        network["logins"]["succeeded"].as_u64(),
        Some(6 - locked_out),
        "{}",
        ran.told
    );
}

#[test]
fn nothing_is_falsely_lost_on_bad_links() {
    let links = "link_delay = \"150ms\"\nlink_bytes_per_sec = 4000\n";
    let Some(ran) = run_small("znc", "", links, &[]) else {
        return;
    };
    assert!(matches!(ran.code, Some(0 | 4)), "{}", ran.told);
    assert!(ran.ledger("delivered") > 500, "{}", ran.told);
    // ZNC 1.8.2 waits for ever for a welcome that does not come: who is on such a link stays out.
    let half_open = format!("{links}half_open = 0.3\n");
    // This seed has one such link among the first six.
    let flags = ["--seed", "5"];
    let Some(ran) = run_small("znc", "starts_cold = true\n", &half_open, &flags) else {
        return;
    };
    assert!(ran.ledger("delivered") > 300, "{}", ran.told);
    let network = &ran.bouncer()["networks"][0];
    let left_alone = network["half_open"].as_u64().unwrap();
    assert_eq!(left_alone, 1, "{}", ran.told);
    assert_eq!(network["locked_out"].as_u64(), Some(left_alone));
    assert!(ran.told.contains("accepted and left alone"), "{}", ran.told);
}
