//! What clients of each program send by themselves, line by line and in time, held against what was recorded of the programs.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't be set up has failed; its figures are for people"
)]

#[path = "outside/lively.rs"]
mod lively;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use splitstorm::irc::network::config::Limits;
use splitstorm::irc::session::Closed;
use splitstorm::measure::ledger::counts::Breach;
use splitstorm::plan::Plan;
use splitstorm::plan::script::Script;
use splitstorm::plan::script::ScriptOptions;
use splitstorm::plan::script::clip::ClipOptions;
use splitstorm::plan::script::clip::Clipping;
use splitstorm::scenario::file;
use splitstorm::sim;
use splitstorm::sim::SimConfig;
use splitstorm::sim::faults::FaultPlan;
use splitstorm::swarm::Shard;
use splitstorm::swarm::credentials::Credentials;
use splitstorm::swarm::io::Io;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::event::EventKind;
use splitstorm::traffic::trace::event::TraceMeta;
use splitstorm::units::id::Seed;
use splitstorm::units::id::Sharding;
use splitstorm::units::id::UserId;
use splitstorm::units::offset::Offset;
use splitstorm::units::rate::Rate;

/// The user who is watched; the others have the same program.
const WATCHED: UserId = UserId(0);

/// What a server offers that offers all.
const OFFERED: &str = "account-notify away-notify batch cap-notify chghost draft/chathistory echo-message extended-join \
    invite-notify message-tags multi-prefix server-time setname userhost-in-names";

fn scenario_text(client: &str) -> String {
    format!(
        "profile = \"lively\"\nheat = 50.0\n[population]\nusers = 4\nchannels = 3\nmembers_per_channel = 4\n\
         [client]\nmix = {{ {client} = 1.0 }}\n[phase.steady]\nkind = \"steady\"\nduration = \"30min\"\n"
    )
}

fn plan(client: &str) -> Arc<Plan> {
    let text = scenario_text(client);
    let scenario = file::read("clients.toml", &text, &BTreeMap::new()).unwrap();
    let profile = lively::LIVELY.clone();
    (1..10_000)
        .map(|seed| Plan::new(scenario.clone(), profile.clone(), Seed(seed)).unwrap())
        .find(|plan| is_still(plan))
        .unwrap()
}

/// Returns whether the watched user does nothing but what its program does, in three channels, all the time.
fn is_still(plan: &Plan) -> bool {
    let person = &plan.population.people[WATCHED.index()];
    let stays: Vec<_> = plan.timeline.stays(WATCHED).collect();
    plan.population.channels(WATCHED).len() == 3
        && person.life.changes.is_empty()
        && person.is_online_at_start
        && stays.len() == 1
        && stays[0].to >= plan.timeline.ends
}

/// A server that says of everything what the programs wait for, and the clock around it.
struct Table {
    plan: Arc<Plan>,
    shard: Shard,
    now: Offset,
    /// What the server offers.
    caps: &'static str,
    has_whox: bool,
    /// Whether anybody listens.
    is_up: bool,
    /// When the watched user's connection was made.
    connected: Offset,
    /// What it sent, with the tenths of seconds since then.
    sent: Vec<String>,
    /// When it tried to connect.
    tries: Vec<Offset>,
}

impl Table {
    fn new(client: &str) -> Self {
        Self::of(plan(client))
    }

    fn of(plan: Arc<Plan>) -> Self {
        Self {
            shard: Shard::new(&plan, Sharding::WHOLE, Credentials::default()),
            plan,
            now: Offset::ZERO,
            caps: OFFERED,
            has_whox: true,
            is_up: true,
            connected: Offset::ZERO,
            sent: Vec::new(),
            tries: Vec::new(),
        }
    }

    /// Lets time pass.
    fn play(&mut self, until: Offset) {
        while self.now < until {
            self.shard.handle_due(self.now);
            while let Some(io) = self.shard.poll_io() {
                self.handle_io(io);
            }
            self.shard.take_facts();
            self.now = self.shard.next_due().max(self.now).min(until);
        }
    }

    /// Cuts everybody off and stops listening.
    fn go_down(&mut self) {
        self.is_up = false;
        self.tries.clear();
        for user in 0..self.plan.population.user_count() {
            self.shard
                .handle_closed(UserId(user), Closed::Eof, self.now);
        }
    }

    fn handle_io(&mut self, io: Io) {
        let now = self.now;
        match io {
            Io::Connect { user, .. } => {
                if user == WATCHED {
                    self.tries.push(now);
                }
                if self.is_up {
                    if user == WATCHED {
                        self.connected = now;
                    }
                    self.shard.handle_connected(user, now);
                } else {
                    self.shard.handle_connect_failed(user, Closed::Reset, now);
                }
            }
            Io::Flush { user } => {
                let bytes = self.shard.outgoing(user).to_vec();
                self.shard.handle_accepted(user, bytes.len(), now);
                for line in String::from_utf8(bytes).unwrap().lines() {
                    if user == WATCHED {
                        self.note(line);
                    }
                    self.answer(user, line);
                }
            }
            Io::Close { user } | Io::Finish { user } => {
                self.shard.handle_closed(user, Closed::Local, now);
            }
            Io::Reset { .. } | Io::Abandon { .. } | Io::Upheave { .. } => {}
        }
    }

    /// Takes a line down as it would stand in a recording, with channels by their order, and without what users do.
    fn note(&mut self, line: &str) {
        if ["PRIVMSG", "NOTICE", "PONG", "TOPIC", "KICK", "PART", "QUIT"]
            .iter()
            .any(|command| line.starts_with(command))
        {
            return;
        }
        let mut line = line.to_owned();
        for (place, &channel) in self.plan.population.channels(WATCHED).iter().enumerate() {
            let name = self.plan.names.channel_text(channel);
            line = line.replace(&name, &format!("#{place}"));
        }
        line = line.replace(&self.plan.names.nick_text(WATCHED), "me");
        if let Some(token) = line.find(" :storm-") {
            line.truncate(token);
        }
        let tenths = self.now.since(self.connected).as_millis() / 100;
        self.sent
            .push(format!("{}.{} {line}", tenths / 10, tenths % 10));
    }

    fn answer(&mut self, user: UserId, line: &str) {
        let nick = self.plan.names.nick_text(user);
        let words: Vec<&str> = line.split(' ').collect();
        let whox = if self.has_whox { " WHOX" } else { "" };
        let answer = match (words[0], words.get(1).copied().unwrap_or_default()) {
            ("CAP", "LS") => format!(":s CAP * LS :{}", self.caps),
            ("CAP", "REQ") => format!(":s CAP * ACK {}", words[2..].join(" ")),
            ("JOIN", ":") => ":s 451 * :You have not registered".to_owned(),
            // Nobody registers before the negotiation is over, which all these programs begin.
            ("CAP", "END") if nick_is_known(&self.sent) || user != WATCHED => {
                format!(
                    ":s 001 {nick} :hi\n:s 005 {nick} NICKLEN=30{whox} :are\n:s 376 {nick} :End"
                )
            }
            ("USER", _) if self.sent.iter().any(|sent| sent.contains("CAP END")) => {
                format!(
                    ":s 001 {nick} :hi\n:s 005 {nick} NICKLEN=30{whox} :are\n:s 376 {nick} :End"
                )
            }
            ("JOIN", list) => {
                let joins = list
                    .split(',')
                    .map(|name| format!(":{nick}!u@h JOIN {name}"));
                joins.collect::<Vec<_>>().join("\n")
            }
            ("PING", token) => format!(":s PONG s {token}"),
            ("MODE", target) => format!(":s 324 {nick} {target} +"),
            _ => return,
        };
        for line in answer.lines() {
            self.shard.handle_line(user, line.as_bytes(), self.now);
        }
    }
}

fn nick_is_known(sent: &[String]) -> bool {
    sent.iter().any(|line| line.contains(" NICK "))
}

/// Checks what a client of a program sends by itself within so many seconds of its connect.
#[track_caller]
fn check(client: &str, seconds: u64, want: &[&str]) {
    let mut table = Table::new(client);
    table.play(Offset::from_secs(1));
    let until = table.connected + Duration::from_secs(seconds);
    table.play(until);
    assert_eq!(table.sent, want);
}

#[test]
fn irssi_takes_its_time() {
    check(
        "irssi",
        165,
        &[
            "0.0 CAP LS 302",
            "0.0 JOIN :",
            "0.0 CAP REQ :multi-prefix extended-join setname invite-notify away-notify chghost account-notify server-time",
            "0.0 CAP END",
            "0.0 NICK me",
            "0.0 USER me 0 * :splitstorm virtual user",
            "2.4 MODE me +i",
            "4.9 JOIN #0,#1,#2",
            "7.4 MODE #0",
            "9.9 MODE #1",
            "12.4 MODE #2",
            "14.9 WHO #0 %tcuhnfdar,743",
            "17.4 WHO #1 %tcuhnfdar,743",
            "19.9 WHO #2 %tcuhnfdar,743",
            "22.4 MODE #0 b",
            "24.9 MODE #1 b",
            "27.4 MODE #2 b",
            "32.8 PING",
            "93.8 PING",
            "154.8 PING",
        ],
    );
}

#[test]
fn weechat_joins_at_once_and_asks_channel_by_channel() {
    check(
        "weechat",
        130,
        &[
            "0.0 CAP LS 302",
            "0.0 NICK me",
            "0.0 USER me 0 * :splitstorm virtual user",
            "0.0 CAP REQ :account-notify away-notify cap-notify chghost extended-join invite-notify message-tags multi-prefix server-time setname userhost-in-names",
            "0.0 CAP END",
            "0.0 JOIN #0,#1,#2",
            "2.0 MODE #0",
            "4.0 WHO #0 %cuhsnfdar",
            "6.0 MODE #1",
            "8.0 WHO #1 %cuhsnfdar",
            "10.0 MODE #2",
            "12.0 WHO #2 %cuhsnfdar",
            "60.0 PING",
            "120.0 PING",
        ],
    );
}

/// Checks when a client of a program tries to come back, in seconds from the end of a connection that stood so long.
#[track_caller]
fn check_tries(client: &str, stood: i64, want: &[u64]) {
    let mut table = Table::new(client);
    table.play(Offset::from_secs(stood));
    table.go_down();
    let cut = table.now;
    table.play(Offset::from_secs(stood + 1_000));
    let tries: Vec<u64> = table
        .tries
        .iter()
        .map(|at| at.since(cut).as_secs())
        .collect();
    assert_eq!(tries, want);
}

#[test]
fn irssi_comes_back_five_minutes_after_it_last_connected() {
    check_tries("irssi", 330, &[0, 300, 600, 900]);
    check_tries("irssi", 60, &[240, 540, 840]);
}

#[test]
fn weechat_waits_twice_as_long_each_time() {
    // 10 s, 20 s, 40 s and so on up to 10 min.
    check_tries("weechat", 330, &[10, 30, 70, 150, 310, 630]);
}

#[test]
fn what_the_target_can_not_do_is_not_asked_of_it() {
    let mut table = Table::new("web");
    table.caps = "multi-prefix";
    table.has_whox = false;
    table.play(Offset::from_secs(25));
    let want = [
        "0.0 CAP LS 302",
        "0.0 NICK me",
        "0.0 USER me 0 * :splitstorm virtual user",
        "0.0 CAP REQ :multi-prefix",
        "0.0 CAP END",
        "0.0 JOIN #0,#1,#2",
        "0.0 MODE #0",
        "0.0 WHO #0",
        "0.0 MODE #1",
        "0.0 WHO #1",
        "0.0 MODE #2",
        "0.0 WHO #2",
    ];
    assert_eq!(table.sent, want);
}

#[test]
fn history_is_asked_for_and_away_users_are_polled_where_that_is_the_way() {
    let mut table = Table::new("mobile");
    table.play(Offset::from_secs(10));
    assert!(
        table
            .sent
            .contains(&"0.0 CHATHISTORY LATEST #2 * 100".to_owned())
    );
    let mut table = Table::new("hexchat");
    table.caps = "multi-prefix";
    table.play(Offset::from_secs(125));
    let polled = |at: &str| {
        let mut lines = table.sent.iter();
        lines.any(|line| line == &format!("{at} WHO #0 %chtsunfra,152"))
    };
    assert!(polled("60.0") && polled("120.0"), "{:#?}", table.sent);
}

/// Returns a replay in which the watched user says something after ten seconds.
fn scripted(client: &str) -> Arc<Plan> {
    let meta = TraceMeta {
        tool: String::new(),
        zone: "UTC".to_owned(),
        tick_us: 1_000,
        has_names: true,
        has_text: false,
        overlaps: Vec::new(),
    };
    let mut clipping = Clipping::new(&meta, ClipOptions::default());
    for (secs, kind) in [
        (0, EventKind::Join),
        (10, EventKind::Message),
        (12, EventKind::Message),
    ] {
        let event = Event {
            at_us: secs * 1_000_000,
            kind,
            network: "wood".into(),
            channel: "#alder".into(),
            user: "u0".into(),
            peer: "".into(),
            bytes: 20,
            detail: "".into(),
            text: "".into(),
        };
        clipping.push(&event).unwrap();
    }
    let options = ScriptOptions {
        seed: Seed(1),
        speed: 1.0,
        loop_count: 1,
        ramp: Rate::per_second(20.0).unwrap(),
    };
    let script = Script::new("wood", clipping.finish().unwrap(), options).unwrap();
    let text = scenario_text(client);
    let scenario = file::read("clients.toml", &text, &BTreeMap::new()).unwrap();
    Plan::of_script(scenario, script)
}

#[test]
fn who_types_is_shown_two_seconds_before_the_message() {
    let mut table = Table::of(scripted("mobile"));
    table.play(Offset::from_secs(20));
    let shown = table.sent.iter().filter(|line| line.contains("TAGMSG"));
    let shown: Vec<&String> = shown.collect();
    // The second message comes while the first is still being typed: one notice does for both.
    assert!(matches!(shown[..], [_] | [_, _]), "{:#?}", table.sent);
    assert!(
        shown[0].ends_with(" @+typing=active TAGMSG #0"),
        "{shown:?}"
    );
}

const STORM: &str = r#"
profile = "lively"
heat = 3.0
[population]
users = 500
channels = 750
members_per_channel = 6
[client]
[phase.ramp]
kind = "ramp"
rate = "100/s"
[phase.steady]
kind = "steady"
duration = "280s"
"#;

/// Later than an irssi in nine channels has asked all.
const MASS: &str = r#"
[phase.mass]
kind = "mass_disconnect"
during = "steady"
at = "120s"
fraction = 1.0
"#;

const MIX: &str = "mix = { irssi = 0.3, weechat = 0.3, hexchat = 0.1, mobile = 0.2, bot = 0.1 }";

/// The commands that a client sends because it returns.
const RETURN: [&str; 7] = ["CAP", "NICK", "USER", "JOIN", "MODE", "WHO", "CHATHISTORY"];

/// Returns the lines that a storm of 500 users costs: what is sent by themselves, and received, with it more than without.
fn storm_lines(client: &str) -> (u64, u64) {
    let scenario = STORM.replace("[client]", &format!("[client]\n{client}"));
    let lines = |scenario: &str| {
        let scenario = file::read("storm.toml", scenario, &BTreeMap::new()).unwrap();
        let plan = Plan::new(scenario, lively::LIVELY.clone(), Seed(1)).unwrap();
        let faults = FaultPlan::none(Seed(1));
        let config = SimConfig {
            shard_count: 1,
            faults,
            limits: Limits::default(),
        };
        let outcome = sim::run(&plan, &config);
        assert_eq!(outcome.violations, Vec::<String>::new());
        for breach in Breach::INTEGRITY {
            let evidence = outcome.exemplars.of(breach).into_iter().next();
            let count = outcome.ledger.count(breach);
            assert_eq!(count, 0, "{}: {evidence:?}", breach.name());
        }
        let lines = outcome.lines_sent.iter();
        // What a return asks for; PINGs and notices of typing come and go with time.
        let own = lines.filter(|(name, _)| RETURN.contains(name));
        let sent: u64 = own.map(|(_, count)| count).sum();
        (sent, outcome.total.lines)
    };
    let with = lines(&format!("{scenario}{MASS}"));
    let without = lines(&scenario);
    println!("{client}: {with:?} with a storm, {without:?} without");
    (with.0 - without.0, with.1 - without.1)
}

#[test]
fn a_storm_of_programs_sends_more_than_one_of_users() {
    let bare = storm_lines("mode_on_join = false");
    let plain = storm_lines("");
    let mixed = storm_lines(MIX);
    println!(
        "sent and received in a storm of 500 users: {bare:?} bare, {plain:?} with MODE, {mixed:?} of programs"
    );
    assert!(mixed.0 * 5 > plain.0 * 6, "{mixed:?} against {plain:?}");
    assert!(mixed.0 > bare.0 * 2, "{mixed:?} against {bare:?}");
}
