//! A short log, its trace, the trace's replay through a tap, and the comparison of what was told with what was played.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::event::EventKind;
use splitstorm::traffic::trace::read::TraceReader;
use tempfile::TempDir;

use crate::tapped::Tapped;

/// Everything that a script can do. Cedar and elder are there before it; elder, the first in its channel, is its operator.
const LOG: &str = "\
1700000000 :alder!a@h JOIN #wood
1700000000 :alder!a@h PRIVMSG #wood :early
1700000001 :birch!b@h JOIN #wood
1700000001 :birch!b@h PRIVMSG #wood :good morning, everybody
1700000002 :cedar!c@h PRIVMSG #wood :I was here before
1700000002 :alder!a@h PRIVMSG #wood :hello birch
1700000002 :alder!a@h NICK alder_away
1700000003 :alder_away!a@h PRIVMSG #wood :back
1700000003 :birch!b@h NOTICE #wood :noted
1700000004 :birch!b@h PART #wood :off
1700000005 :birch!b@h JOIN #wood
1700000005 :birch!b@h JOIN #grove
1700000005 :birch!b@h PRIVMSG #grove :I am here, too
1700000005 :cedar!c@h QUIT :Ping timeout: 240 seconds
1700000006 :elder!e@h PRIVMSG #grove :\u{1}ACTION waves\u{1}
1700000006 :elder!e@h MODE #grove +nt
1700000006 :elder!e@h TOPIC #grove :spring
1700000007 :elder!e@h KICK #grove birch :enough
1700000008 :birch!b@h JOIN #grove
1700000008 :birch!b@h PRIVMSG #grove :hello elder, nice to see you
1700000008 :cedar!c@h JOIN #wood
1700000009 :cedar!c@h PRIVMSG #wood :sorry, the network
1700000010 :birch!b@h QUIT :Quit: bye
1700000011 :elder!e@h PRIVMSG #grove :bye
1700000011 :irc.example.net NOTICE #wood :a server speaks
";

/// Events of the log's users.
const EVENTS: u64 = 24;

/// Replays the log against `upstream` through a tap, and checks that all of it was sent and the same was told.
pub(crate) fn check_verbatim(upstream: &str) {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("wood.raw");
    let trace = folder.path().join("wood.csv");
    std::fs::write(&log, LOG).unwrap();
    let imported = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["capture", "import"])
        .arg(&log)
        .arg("-o")
        .arg(&trace)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let tap = Tapped::start(&[], upstream, &[]);
    let out = folder.path().join("out");
    let replayed = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_splitstorm")])
        .arg("replay")
        .arg(&trace)
        .args(["--target", &format!("irc://{}", tap.address), "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&replayed.stdout).into_owned();
    let ended = tap.end("-INT");
    assert_eq!(replayed.status.code(), Some(0), "{told}{replayed:?}");
    let text = std::fs::read_to_string(out.join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    let events = result["replay"]["events"].as_object().unwrap();
    let sum = |key: &str| -> u64 {
        let counts = events.values().map(|event| event[key].as_u64().unwrap());
        counts.sum()
    };
    assert_eq!((sum("planned"), sum("sent")), (EVENTS, EVENTS), "{told}");
    assert_eq!(result["replay"]["synthetic_joins"], 2, "{told}");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    check_same(&read(&trace), &ended.events().0);
}

/// Checks that the tapped trace has the events of the replayed one, connection by connection in their order, and beside them
/// only the JOINs of who was there before and the QUITs at the end.
#[track_caller]
fn check_same(replayed: &[Event], tapped: &[Event]) {
    let (told, heard) = (Told::new(replayed), Told::new(tapped));
    assert_eq!(told.talk, heard.talk);
    assert_eq!(told.by_user.len(), 4);
    let mut joins = 0;
    for (user, told) in &told.by_user {
        let mut heard = heard.by_user[user].as_slice();
        for event in told {
            if heard.first() != Some(event) && heard[0].0 == EventKind::Join {
                joins += 1;
                heard = &heard[1..];
            }
            assert_eq!(
                heard.first(),
                Some(event),
                "user {user}: {told:?} {heard:?}"
            );
            heard = &heard[1..];
        }
        let rest = heard.iter().map(|event| event.0);
        assert!(rest.eq(heard.iter().map(|_| EventKind::Quit)) && heard.len() < 2);
    }
    assert_eq!(joins, 2);
}

/// What of an event a replay keeps: its kind, its channel, the length of its text.
type Kept = (EventKind, Option<usize>, u32);

/// What a trace tells, names replaced by their order.
struct Told {
    /// Who says what, in the order of all.
    talk: Vec<(usize, Kept)>,
    by_user: BTreeMap<usize, Vec<Kept>>,
}

impl Told {
    /// Names are numbered in the order in which they first occur in talk.
    fn new(events: &[Event]) -> Self {
        let (mut users, mut channels) = (Vec::new(), Vec::new());
        for event in events.iter().filter(|event| event.kind.is_talk()) {
            for (names, name) in [(&mut users, &event.user), (&mut channels, &event.channel)] {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        let mut told = Self {
            talk: Vec::new(),
            by_user: BTreeMap::new(),
        };
        for event in events {
            let Some(user) = users.iter().position(|user| *user == event.user) else {
                continue;
            };
            let channel = channels.iter().position(|name| *name == event.channel);
            // A server tells of modes only where they change something; that they were sent, the result tells.
            if matches!(event.kind, EventKind::Other | EventKind::Mode) {
                continue;
            }
            let bytes = if event.kind.is_talk() { event.bytes } else { 0 };
            let kept = (event.kind, channel, bytes);
            told.by_user.entry(user).or_default().push(kept);
            if event.kind.is_talk() {
                told.talk.push((user, kept));
            }
        }
        told
    }
}

fn read(path: &Path) -> Vec<Event> {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = TraceReader::open("trace", file).unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        events.push(event);
    }
    events
}
