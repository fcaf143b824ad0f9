//! The model bouncer on sockets, between networks of our own and clients: what the tests from end to end stand on.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "support/bouncer.rs"]
mod bouncer;
#[expect(dead_code, reason = "only who counts users asks for their number")]
#[path = "bouncers/client.rs"]
mod client;

use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use splitstorm::drive::clock::Clock;
use splitstorm::drive::listen::Listening;
use splitstorm::irc::network::config::NetworkConfig;
use splitstorm::measure::continuity::policy::BufferPolicy;
use splitstorm::measure::continuity::policy::Forgets;
use splitstorm::measure::continuity::policy::Starts;
use splitstorm::sim::bouncer::BouncerConfig;
use splitstorm::sim::bouncer::SeatConfig;
use splitstorm::sim::bouncer::Style;
use splitstorm::sim::bouncer::lie::Lie;
use splitstorm::sim::bouncer::lie::Lying;
use splitstorm::units::id::SeatId;
use splitstorm::units::id::Seed;

use crate::bouncer::Route;
use crate::bouncer::Served;
use crate::client::Client;

/// How long a bouncer may live, and how long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn listen(name: &str) -> Listening {
    let config = NetworkConfig {
        name: name.to_owned(),
        ..NetworkConfig::default()
    };
    let addresses = vec!["127.0.0.1:0".parse().unwrap()];
    Listening::start(config, addresses, None, Clock::start()).unwrap()
}

/// Starts a bouncer of one user on two networks, dialled from 127.0.0.2 and 127.0.0.3, and waits until it is in its channels.
fn serve(networks: &[&Listening; 2], lying: Option<Lying>) -> Served {
    let seats = [(0_u16, "one"), (1, "two")].map(|(network, name)| SeatConfig {
        user: "oak".to_owned(),
        network,
        network_name: name.to_owned(),
        nick: "oak".to_owned(),
        channels: vec!["#a".to_owned()],
        password: "bark".to_owned(),
    });
    let config = BouncerConfig {
        seats: seats.into(),
        policy: BufferPolicy {
            lines_max: 100,
            starts: Starts::AtOnce,
            forgets: Forgets::OnAttach,
            keeps_own: true,
            keeps_notices: true,
            keeps_queries: true,
            tells_siblings: true,
            marks_replay: true,
            survives_restart: false,
            pages_lines_max: 0,
        },
        style: Style::Znc,
        dial_every: Duration::from_millis(10),
        start_unix_micros: 0,
        lying,
    };
    let routes = networks.iter().zip(["127.0.0.2", "127.0.0.3"]);
    let routes = routes.map(|(network, from)| Route {
        address: network.addresses[0],
        from: Some(from.parse::<IpAddr>().unwrap()),
    });
    let served = Served::start(config, Seed(1), routes.collect(), PATIENCE);
    wait_until_ready(&served);
    served
}

fn wait_until_ready(served: &Served) {
    let began = Instant::now();
    while !served.ask(|bouncer| (0..2).all(|seat| bouncer.is_ready(SeatId(seat)))) {
        assert!(began.elapsed() < PATIENCE, "the users did not arrive");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn attach(served: &Served, network: &str) -> Client {
    let pass = format!("PASS oak/{network}:bark");
    let address = served.address.to_string();
    Client::log_in(&address, &[&pass, "NICK oak", "USER oak 0 * :oak"])
}

/// Returns a member of a network who is in #a.
fn member(network: &Listening, nick: &str) -> Client {
    let address = network.addresses[0].to_string();
    let user = format!("USER {nick} 0 * :{nick}");
    let mut client = Client::log_in(&address, &[&format!("NICK {nick}"), &user, "JOIN #a"]);
    client.wait_for(|line| line.contains(" 366 "));
    client
}

/// Waits until all that a member said has arrived everywhere.
fn settle(member: &mut Client, served: &Served) {
    member.send("PING :said");
    member.wait_for(|line| line.contains("PONG"));
    // The bouncer reads what the network wrote before it answered; a moment is left for the kernel.
    std::thread::sleep(Duration::from_millis(100));
    served.ask(|_| ());
}

#[test]
fn clients_are_played_back_what_they_missed_and_read_on() {
    let (one, two) = (listen("One"), listen("Two"));
    let served = serve(&[&one, &two], None);
    let mut ash = member(&one, "ash");
    ash.send("PRIVMSG #a :missed");
    settle(&mut ash, &served);
    let mut oak = attach(&served, "one");
    let join = oak.wait_for(|line| line.contains(" JOIN "));
    assert!(join.ends_with("@127.0.0.2 JOIN :#a\r\n"), "{join}");
    oak.wait_for(|line| line.contains("Buffer Playback..."));
    let missed = oak.wait_for(|line| line.starts_with(":ash!"));
    assert!(missed.ends_with("] missed\r\n"), "{missed}");
    oak.wait_for(|line| line.contains("Playback Complete."));
    ash.send("PRIVMSG #a :live");
    let live = oak.wait_for(|line| line.starts_with(":ash!"));
    assert!(live.ends_with(" PRIVMSG #a :live\r\n"), "{live}");
    // The other client is told what this one says, and so is the network.
    let mut sibling = attach(&served, "one");
    sibling.wait_for(|line| line.contains(" 366 "));
    oak.send("PRIVMSG #a :hello");
    ash.wait_for(|line| line.starts_with(":oak!") && line.ends_with("hello\r\n"));
    sibling.wait_for(|line| line.starts_with(":oak!") && line.ends_with("hello\r\n"));
    oak.send("QUIT");
    oak.wait_for(|line| line.starts_with("ERROR "));
    // The network goes and comes.
    one.take_down();
    sibling.wait_for(|line| line.contains("Disconnected from IRC"));
    sibling.send("PRIVMSG #a :in vain");
    sibling.wait_for(|line| line.contains("Your message to #a got lost"));
    one.bring_up();
    sibling.wait_for(|line| line.contains("Connected!"));
    sibling.wait_for(|line| line.contains(" JOIN "));
}

#[test]
fn a_bouncer_that_is_restarted_brings_its_users_back() {
    let (one, two) = (listen("One"), listen("Two"));
    let lying = Some(Lying {
        lie: Lie::DoubleLive,
        one_in: 1,
    });
    let served = serve(&[&one, &two], lying);
    served.restart();
    wait_until_ready(&served);
    let mut oak = attach(&served, "two");
    oak.wait_for(|line| line.contains(" 366 "));
    let mut ash = member(&two, "ash");
    ash.send("PRIVMSG #a :twice");
    for _ in 0..2 {
        oak.wait_for(|line| line.starts_with(":ash!") && line.ends_with("twice\r\n"));
    }
    let told = served.ask(|bouncer| bouncer.told().to_vec());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].text, b"twice");
}
