//! Real bouncers started with the configurations that the program writes: their users arrive upstream, and clients log in.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that is skipped says so"
)]

#[path = "bouncers/bouncer.rs"]
mod bouncer;
#[path = "bouncers/client.rs"]
mod client;
#[path = "outside/command.rs"]
mod command;
#[expect(dead_code, reason = "only who starts servers is of use to bouncers")]
#[path = "targets/launch.rs"]
mod launch;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/process.rs"]
mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use std::time::Instant;

use crate::bouncer::Bouncer;
use crate::bouncer::Family;
use crate::client::Client;

/// How long users may take to arrive upstream.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until a network has as many users, our own look at it apart.
fn wait_for_users(network: &str, count: usize) {
    let mut client = Client::log_in(network, &["NICK witness", "USER witness 0 * :witness"]);
    let began = Instant::now();
    loop {
        let online = client.user_count() - 1;
        if online == count {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{online} of {count} users arrived at {network}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Starts a bouncer of so many users on two networks of our own and a client of its first user; `pass` is how it logs in, with `@` for
/// the password.
fn check_bouncer(family: Family, users: usize, pass: &str) {
    let (_one, one) = network::listen("127.0.0.1:0", &["--name", "One"]);
    let (_two, two) = network::listen("127.0.0.1:0", &["--name", "Two"]);
    let networks = [("one", one.as_str()), ("two", two.as_str())];
    let Some(bouncer) = Bouncer::start(family, users, &networks) else {
        return;
    };
    for (_, network) in networks {
        wait_for_users(network, users);
    }
    let (user, channel) = bouncer.first_user();
    let pass = format!("PASS {}", pass.replace('@', &bouncer.password()));
    let hello = [
        pass.as_str(),
        &format!("NICK {user}"),
        &format!("USER {user} 0 * :{user}"),
    ];
    let mut client = Client::log_in(&bouncer.address, &hello);
    let join = client.wait_for(|line| line.contains(" JOIN ") && line.contains(&channel));
    assert!(join.starts_with(&format!(":{user}!")), "{join}");
    client.wait_for(|line| line.contains(" 366 ") && line.contains(&channel));
}

#[test]
fn znc_brings_all_users_upstream_and_lets_a_client_in() {
    check_bouncer(Family::Znc, 20, "u0000/one:@");
}

#[test]
fn bip_brings_all_users_upstream_and_lets_a_client_in() {
    check_bouncer(Family::Bip, 5, "u0000:@:one");
}

#[test]
fn a_password_is_in_a_private_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "provision",
        "znc",
        "--users",
        "3",
        "--network",
        "one=127.0.0.1:1",
        "-o",
        "z",
    ];
    let output = command::splitstorm(folder.path(), &flags);
    assert!(output.status.success(), "{output:?}");
    let z = folder.path().join("z");
    let secret = fs::read_to_string(z.join("secrets.env")).unwrap();
    let password = secret.trim().strip_prefix("BOUNCER_SECRET=").unwrap();
    assert_eq!(password.len(), 32);
    for file in ["secrets.env", "configs/znc.conf"] {
        let mode = fs::metadata(z.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let told = [output.stdout, output.stderr].concat();
    for file in ["configs/znc.conf", "roster.csv"] {
        let text = fs::read_to_string(z.join(file)).unwrap();
        assert!(!text.contains(password), "{file}");
    }
    assert!(!String::from_utf8(told).unwrap().contains(password));
    // What is there stays.
    let again = command::splitstorm(folder.path(), &flags);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(fs::read_to_string(z.join("secrets.env")).unwrap(), secret);
}

/// Checks that nothing is written, and that the program says why.
#[track_caller]
fn check_refused(flags: &[&str], want: &str) {
    let folder = tempfile::tempdir().unwrap();
    let roster = "user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n\
        oak,NO_SUCH_SECRET_A,,one,,#a,no,1,0\n\
        elm,NO_SUCH_SECRET_B,,one,,#a,no,1,0\n";
    fs::write(folder.path().join("r.csv"), roster).unwrap();
    let flags = [&["provision", "znc", "-o", "z"], flags].concat();
    let output = command::splitstorm(folder.path(), &flags);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(want), "{told}");
    assert!(!folder.path().join("z").exists());
}

#[test]
fn a_bouncer_is_pointed_at_no_host_that_nobody_allowed() {
    let users = ["--users", "1", "--network"];
    let off = [&users[..], &["one=192.0.2.1:6667"]].concat();
    check_refused(&off, "--allow-target 192.0.2.1");
    let public = [
        "one=irc.libera.chat:6667",
        "--allow-target",
        "irc.libera.chat",
    ];
    check_refused(&[&users[..], &public].concat(), "a public network's");
}

#[test]
fn passwords_and_networks_that_are_missing_are_named() {
    check_refused(
        &["--roster", "r.csv", "--network", "one=127.0.0.1:1"],
        "`NO_SUCH_SECRET_A`, `NO_SUCH_SECRET_B`",
    );
    check_refused(&["--users", "1"], "--network");
    check_refused(&["--network", "one=127.0.0.1:1"], "--users");
}

#[test]
fn a_roster_is_provisioned_with_the_passwords_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let model = [
        "roster",
        "model",
        "--users",
        "4",
        "--networks",
        "2",
        "-o",
        "r.csv",
    ];
    assert!(command::splitstorm(folder.path(), &model).status.success());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["provision", "bip", "--roster", "r.csv", "-o", "b"])
        .args([
            "--network",
            "net1=127.0.0.1:1",
            "--network",
            "net2=127.0.0.1:2",
        ])
        .current_dir(folder.path())
        .env("BOUNCER_SECRET", "needles")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let path = |name: &str| folder.path().join("b").join(name);
    assert!(!path("secrets.env").exists());
    let text = fs::read_to_string(path("bip.conf")).unwrap();
    assert_eq!(text.matches("user {").count(), 4);
    assert!(!text.contains("needles"));
    let limits = command::splitstorm(folder.path(), &["limits", "r.csv", "--json"]);
    let limits: serde_json::Value = serde_json::from_slice(&limits.stdout).unwrap();
    assert_eq!(limits["sessions"], 8);
}
