//! `capture counters` against servers that answer by heart: refusals, restarts, pages of metrics.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[path = "counters/counted.rs"]
mod counted;
#[path = "outside/network.rs"]
mod network;
#[path = "outside/process.rs"]
mod process;

use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;

use crate::counted::Counted;

/// Serves connection after connection, each by one of `answers`; the last serves all that follow. Returns its address.
fn serve(answers: Vec<fn(TcpStream)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            if let (Ok(stream), Some(answer)) = (stream, answers.get(index.min(answers.len() - 1)))
            {
                answer(stream);
            }
        }
    });
    address
}

/// Plays an IRC server that answers STATS by the given lines, each time with the next of them, and hangs up after the last.
fn play_irc(mut stream: TcpStream, stats: &[&str]) {
    let mut stats = stats.iter();
    let reader = BufReader::new(stream.try_clone().unwrap());
    for line in reader.lines().map_while(Result::ok) {
        let answer = match line.split(' ').next().unwrap_or_default() {
            "USER" => {
                ":irc.test 001 gauger0 :hello\r\n:irc.test 003 gauger0 :made\r\n:irc.test 422 gauger0 :no MOTD\r\n"
                    .to_owned()
            }
            "LUSERS" => ":irc.test 266 gauger0 12 20 :Current global users: 12, Max: 20\r\n".to_owned(),
            "STATS" => match stats.next() {
                Some(answer) => format!("PING :still there\r\n{answer}\r\n"),
                None => return,
            },
            _ => continue,
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const END: &str = ":irc.test 219 gauger0 m :End of STATS";

#[test]
fn a_server_that_dies_and_comes_back_with_fewer_is_told_as_restarted() {
    let address = serve(vec![
        |stream| {
            let first = format!(":irc.test 212 gauger0 JOIN 100 9 0\r\n{END}");
            let second = format!(":irc.test 212 gauger0 JOIN 103 9 0\r\n{END}");
            play_irc(stream, &[&first, &second]);
        },
        |stream| {
            let answer = format!(":irc.test 212 gauger0 JOIN 7 9 0\r\n{END}");
            play_irc(stream, &[answer.as_str(); 50]);
        },
    ]);
    let counted = Counted::start(&format!("irc://{address}"), &["--every", "1s"]);
    counted.wait(|counted| counted.text().contains(",JOIN,7,0.000"));
    let ended = counted.interrupt();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let joins: Vec<(u64, bool)> = ended
        .rows
        .iter()
        .filter(|row| row.1 == "JOIN")
        .map(|row| (row.2, row.3.is_empty()))
        .collect();
    assert_eq!(
        joins.get(..4).unwrap(),
        [(100, true), (103, false), (7, true), (7, false)]
    );
    assert!(ended.rows.iter().any(|row| row.1 == "users" && row.2 == 12));
    for said in [
        "warning: the server is lost",
        "the server answers again",
        "warning: the server was restarted",
        "warning: 1 restarts of the server",
        "warning: 1 times the server was lost",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    assert!(ended.own_pongs() >= 3, "{}", ended.stderr);
}

#[test]
fn a_server_that_tells_operators_alone_says_what_to_do() {
    let address = serve(vec![|stream| {
        play_irc(stream, &[":irc.test 481 gauger0 :Permission Denied"]);
    }]);
    let counted = Counted::start(&format!("irc://{address}"), &[]);
    let ended = counted.end();
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: the server tells its counters to operators alone (481)\n  help: become one: --oper-name NAME --oper-password-env VAR\n"
    );
    assert!(ended.rows.is_empty());
}

#[test]
fn a_page_of_metrics_is_read_for_its_counter_of_commands() {
    let address = serve(vec![|mut stream| {
        let mut request = [0; 512];
        let count = stream.read(&mut request).unwrap();
        assert!(request[..count].starts_with(b"GET /metrics HTTP/1.1\r\n"));
        let page =
            "# TYPE irc_commands_total counter\nirc_commands_total{command=\"JOIN\"} 5\nup 1\n";
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{page}\r\n0\r\n\r\n",
            page.len()
        );
    }]);
    let counted = Counted::start(
        &format!("http://{address}/metrics"),
        &["--every", "1s", "--for", "1s"],
    );
    let ended = counted.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let rows: Vec<(&str, u64, &str)> = ended
        .rows
        .iter()
        .map(|row| (row.1.as_str(), row.2, row.3.as_str()))
        .collect();
    assert_eq!(rows, [("JOIN", 5, ""), ("JOIN", 5, "0.000")]);
}

#[test]
fn off_this_machine_nothing_is_asked_unless_it_is_named() {
    let ended = Counted::start("irc://192.0.2.1:6667", &[]).end();
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("--allow-target 192.0.2.1"),
        "{}",
        ended.stderr
    );
}

/// Returns a trace of two days in which two people talk each hour.
fn two_days() -> String {
    let mut text = "# splitstorm trace, schema 1\n# tool=0.1.0\n# tz=UTC\n# tick_us=1000000\n# names=hashed\n# text=length\n\
        at_us,event,network,channel,user,peer,bytes,detail\n"
        .to_owned();
    for hour in 0..=48_u64 {
        for (secs, user) in [(0, "u1"), (30, "u2"), (60, "u1")] {
            let at_us = (1_704_067_200 + hour * 3_600 + secs) * 1_000_000;
            writeln!(text, "{at_us},message,n1,c1,{user},,20,").unwrap();
        }
    }
    text
}

/// Logs in and sends 20 JOINs with a MODE each, and 5 WHOs; returns once they were answered.
fn wander(address: &str, nick: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut lines = format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n");
    for number in 0..20 {
        write!(lines, "JOIN #{number}\r\nMODE #{number}\r\n").unwrap();
    }
    lines.push_str(&"WHO #1\r\n".repeat(5));
    lines.push_str("PING :done\r\n");
    stream.write_all(lines.as_bytes()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    answers
        .find(|line| line.as_ref().unwrap().contains("PONG"))
        .unwrap()
        .unwrap();
    stream
}

#[test]
fn what_the_simulated_network_counts_goes_into_a_profile() {
    let (_network, address) = network::listen("127.0.0.1:0", &[]);
    let counted = Counted::start(&format!("irc://{address}"), &["--every", "1s"]);
    counted.wait(|counted| counted.readings() >= 1);
    let clients = ["ash", "birch", "cedar", "dogwood", "elm"].map(|nick| wander(&address, nick));
    let before = counted.readings();
    counted.wait(|counted| counted.readings() >= before + 2);
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("trace.csv"), two_days()).unwrap();
    std::fs::write(path("counters.csv"), counted.text()).unwrap();
    let ended = counted.interrupt();
    drop(clients);
    assert_eq!(ended.gained().get("JOIN"), Some(&100), "{}", ended.stderr);
    assert_eq!(ended.gained().get("WHO"), Some(&25));
    let splitstorm = |arguments: &[&str]| {
        let output = process::bound(env!("CARGO_BIN_EXE_splitstorm"))
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let fit = [
        "profile",
        "fit",
        "trace.csv",
        "--counters",
        "counters.csv",
        "-o",
        "fitted",
    ];
    let (code, _, stderr) = splitstorm(&fit);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("hours of connections counted, 10 are needed"),
        "{stderr}"
    );
    let (_, page, _) = splitstorm(&["profile", "show", "fitted"]);
    let want = "commands  said_per_join 0, joins_per_connection_hour 0 (assumed), mode_per_join 1, who_per_join 0.25, names_per_join 0, pings_per_connection_hour 0 (assumed)\n";
    assert!(page.contains(want), "{page}");
    // The trace is of another time, so it can't be of the whole server that was counted.
    let (code, _, stderr) = splitstorm(&[&fit[..], &["--whole-server"]].concat());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("share none"), "{stderr}");
}
