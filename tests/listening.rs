//! The simulated network on sockets does in time what it has to do later, though nothing else happens to anybody.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use splitstorm::drive::clock::Clock;
use splitstorm::drive::listen::Listening;
use splitstorm::irc::network::config::FloodLimit;
use splitstorm::irc::network::config::FloodResponse;
use splitstorm::irc::network::config::Limits;
use splitstorm::irc::network::config::NetworkConfig;

#[test]
fn lines_that_are_held_back_are_answered_when_their_time_comes() {
    let config = NetworkConfig {
        limits: Limits {
            flood: Some(FloodLimit {
                burst: 4,
                line_interval: Duration::from_millis(100),
                response: FloodResponse::Delay,
            }),
            ..Limits::default()
        },
        servers: vec!["hub.test".to_owned()],
        ..NetworkConfig::default()
    };
    let addresses = vec!["127.0.0.1:0".parse().unwrap()];
    let network = Listening::start(config, addresses, None, Clock::start()).unwrap();
    let mut stream = TcpStream::connect(network.addresses[0]).unwrap();
    // Far less than the thread sleeps by itself, and far more than ten lines are held back.
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
        .write_all(b"NICK oak\r\nUSER oak 0 * :oak\r\n")
        .unwrap();
    for number in 0..10 {
        stream
            .write_all(format!("PING {number}\r\n").as_bytes())
            .unwrap();
    }
    let mut lines = BufReader::new(stream).lines();
    let last = lines.find(|line| line.as_ref().is_ok_and(|line| line.ends_with(" :9")));
    assert!(last.is_some_and(|line| line.unwrap().contains(" PONG ")));
    network.stop().unwrap();
}
