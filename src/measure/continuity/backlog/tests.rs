//! A model bouncer that keeps its word, and ways in which one does not.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::measure::continuity::backlog::Backlog;
use crate::measure::continuity::backlog::Detached;
use crate::measure::continuity::backlog::Read;
use crate::measure::continuity::backlog::Recognised;
use crate::measure::continuity::backlog::SessionId;
use crate::measure::continuity::line::LineId;
use crate::measure::continuity::policy::BufferPolicy;
use crate::measure::continuity::policy::Forgets;
use crate::measure::continuity::policy::LineKind;
use crate::measure::continuity::policy::Starts;
use crate::measure::ledger::counts::Breach;
use crate::units::offset::Offset;

const SETTLE: Duration = Duration::from_secs(10);
/// Texts of one letter: what they say is said again and again.
const SHORT_TEXTS: u64 = 8;

type Counts = BTreeMap<Breach, u64>;

fn take(backlog: &mut Backlog, counts: &mut Counts) {
    for finding in backlog.take_findings() {
        *counts.entry(finding.breach).or_default() += 1;
    }
}

/// How a bouncer breaks its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// Leaves one line in twenty out of what it plays back.
    DropsReplay,
    /// Plays back twice.
    RepliesTwice,
    /// Loses what comes within half a second of an attach.
    LosesAtAttach,
    /// Stamps what it plays back two seconds late.
    ShiftsStamps,
    /// Swaps two lines that it plays back.
    SwapsTwo,
    /// Forgets the buffer before it plays it back.
    ForgetsAll,
}

/// A network, a bouncer and its user's clients, of one channel.
struct Scene {
    backlog: Backlog,
    counts: Counts,
    said: u64,
    turn: u64,
    policy: BufferPolicy,
    lie: Lie,
    rng: Xoshiro256PlusPlus,
    now: Offset,
    /// What the bouncer keeps, with its times.
    buffer: VecDeque<(LineId, Offset)>,
    clients: Vec<SessionId>,
    attached_at: Offset,
    next_session: u64,
}

impl Scene {
    fn new(policy: BufferPolicy, lie: Lie, seed: u64) -> Self {
        Self {
            backlog: Backlog::new(policy, SETTLE),
            counts: Counts::new(),
            said: 0,
            turn: 0,
            policy,
            lie,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            now: Offset::ZERO,
            buffer: VecDeque::new(),
            clients: Vec::new(),
            attached_at: Offset::ALWAYS,
            next_session: 0,
        }
    }

    fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn say(&mut self, kind: LineKind) {
        // A lie about a line that says nothing may be taken for one about another.
        let is_short = self.lie == Lie::None && self.rng.random_range(0..12) == 0;
        let line = LineId(if is_short && kind == LineKind::Message {
            self.rng.random_range(0..SHORT_TEXTS)
        } else {
            SHORT_TEXTS + self.said
        });
        let turn = self.turn;
        self.turn += u64::from(self.policy.keeps(kind));
        self.said += 1;
        self.backlog.handle_written(line, kind, self.now, turn);
        let is_lost = self.lie == Lie::LosesAtAttach
            && self.now < self.attached_at + Duration::from_millis(500);
        if is_lost {
            return;
        }
        let is_kept = self.clients.is_empty() || self.policy.forgets == Forgets::Never;
        if is_kept && self.policy.keeps(kind) {
            self.buffer.push_back((line, self.now));
            if self.buffer.len() > self.policy.lines_max as usize {
                self.buffer.pop_front();
            }
        }
        for &client in &self.clients {
            let read = Read {
                line,
                at: self.now,
                is_replayed: false,
                stamp: None,
            };
            self.backlog.handle_read(client, read);
        }
    }

    fn attach(&mut self) -> SessionId {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.attached_at = self.now;
        self.backlog.handle_attached(session, self.turn, self.now);
        let mut kept: Vec<(LineId, Offset)> = match self.policy.forgets {
            Forgets::OnAttach => self.buffer.drain(..).collect(),
            Forgets::Never => self.buffer.iter().copied().collect(),
        };
        match self.lie {
            Lie::DropsReplay => kept.retain(|_| self.rng.random_range(0..20) > 0),
            Lie::RepliesTwice => kept.extend(kept.clone()),
            Lie::SwapsTwo if kept.len() > 3 => kept.swap(1, 2),
            Lie::ForgetsAll => kept.clear(),
            _ => {}
        }
        for (line, at) in kept {
            let shift = Duration::from_secs(if self.lie == Lie::ShiftsStamps { 2 } else { 0 });
            let read = Read {
                line,
                at: self.now,
                is_replayed: true,
                stamp: Some(at + shift),
            };
            self.backlog.handle_read(session, read);
        }
        self.clients.push(session);
        session
    }

    fn detach(&mut self, session: SessionId, how: Detached) {
        self.clients.retain(|&client| client != session);
        self.backlog.handle_detached(session, how, self.now);
    }

    /// Plays some hours of one or two clients who come and go.
    fn play(mut self) -> Counts {
        for _ in 0..2_000 {
            let pause = self.rng.random_range(10..4_000);
            self.wait(pause);
            self.backlog.settle(self.now);
            take(&mut self.backlog, &mut self.counts);
            match self.rng.random_range(0..20) {
                0 if self.clients.len() < 2 => {
                    self.attach();
                }
                1 | 2 => {
                    if let Some(&client) = self.clients.first() {
                        self.detach(client, Detached::Fenced);
                    }
                }
                3 => self.say(LineKind::Presence),
                4 => self.say(LineKind::Notice),
                _ => self.say(LineKind::Message),
            }
        }
        self.attach();
        self.wait(1);
        self.say(LineKind::Message);
        self.wait(1_000);
        self.say(LineKind::Message);
        self.wait(20_000);
        self.backlog.finish(self.now);
        take(&mut self.backlog, &mut self.counts);
        self.counts
    }
}

fn policies() -> [BufferPolicy; 3] {
    let znc = BufferPolicy {
        lines_max: 50,
        starts: Starts::AtOnce,
        forgets: Forgets::OnAttach,
        keeps_own: false,
        keeps_notices: true,
        keeps_queries: true,
        tells_siblings: true,
        marks_replay: true,
        survives_restart: false,
        pages_lines_max: 0,
    };
    [
        znc,
        BufferPolicy {
            keeps_notices: false,
            lines_max: 500,
            ..znc
        },
        BufferPolicy {
            forgets: Forgets::Never,
            keeps_own: true,
            ..znc
        },
    ]
}

#[test]
fn an_honest_bouncer_has_no_flaw() {
    for policy in policies() {
        for seed in 0..20 {
            let counts = Scene::new(policy, Lie::None, seed).play();
            assert_eq!(counts, Counts::new(), "{policy:?}, seed {seed}");
        }
    }
}

/// Checks that a lie is found under its own name, and under no other.
#[track_caller]
fn check(lie: Lie, breaches: &[Breach]) {
    for policy in policies() {
        for seed in 0..5 {
            let counts = Scene::new(policy, lie, seed).play();
            // What others do in the channel gets lost with what they say.
            let found = counts.keys().copied();
            let mut found: Vec<Breach> = found
                .filter(|&breach| breach != Breach::PresenceMissed)
                // What is told again to the next client was missing for a while.
                .map(|breach| match (policy.forgets, breach) {
                    (Forgets::Never, Breach::BacklogHidden) => Breach::BacklogMissing,
                    _ => breach,
                })
                .collect();
            found.dedup();
            assert_eq!(found, breaches, "{policy:?}, seed {seed}: {counts:?}");
        }
    }
}

#[test]
fn each_lie_is_found_under_its_name() {
    check(Lie::DropsReplay, &[Breach::BacklogMissing]);
    check(Lie::RepliesTwice, &[Breach::BacklogDuplicated]);
    check(Lie::ShiftsStamps, &[Breach::BacklogWrongTime]);
    check(Lie::SwapsTwo, &[Breach::BacklogMisordered]);
    check(Lie::ForgetsAll, &[Breach::BacklogMissing]);
}

#[test]
fn what_gets_lost_as_a_client_attaches_is_lost_to_it_and_to_later_playbacks() {
    let [clears, _, keeps] = policies();
    // A client that read that it is in the channel is attached: what is lost from then on is no backlog.
    let found = |policy| {
        let counts = Scene::new(policy, Lie::LosesAtAttach, 0).play();
        (
            counts.contains_key(&Breach::Lost),
            counts.contains_key(&Breach::BacklogMissing),
        )
    };
    assert_eq!(found(clears), (true, false));
    assert_eq!(found(keeps), (true, true));
}

fn live(number: u64, at: Offset) -> Read {
    Read {
        line: LineId(number),
        at,
        is_replayed: false,
        stamp: None,
    }
}

#[test]
fn what_is_torn_off_with_a_connection_is_lost_by_nobody() {
    let [policy, ..] = policies();
    let mut backlog = Backlog::new(policy, SETTLE);
    let second = Offset::from_secs;
    backlog.handle_attached(SessionId(0), 0, second(0));
    for (number, at) in (0..4).zip(0..) {
        backlog.handle_written(LineId(number), LineKind::Message, second(at), number);
    }
    // The last was under way; the one before it is owed.
    backlog.handle_read(SessionId(0), live(0, second(0)));
    backlog.handle_read(SessionId(0), live(1, second(1)));
    let torn = Offset::from_micros(12_500_000);
    backlog.handle_detached(SessionId(0), Detached::Dropped, torn);
    backlog.handle_attached(SessionId(1), 4, second(19));
    backlog.handle_written(LineId(4), LineKind::Message, second(20), 4);
    backlog.handle_read(SessionId(1), live(4, second(20)));
    backlog.finish(second(60));
    let mut counts = Counts::new();
    take(&mut backlog, &mut counts);
    let want = [(Breach::BacklogMissing, 1), (Breach::LostInDrop, 1)];
    assert_eq!(counts, want.into());
}

#[test]
fn what_is_excused_is_owed_to_none_of_several_clients() {
    let [policy, ..] = policies();
    let mut backlog = Backlog::new(policy, SETTLE);
    for session in 0..3 {
        backlog.handle_attached(SessionId(session), 0, Offset::ZERO);
    }
    let (line, kind) = (LineId(7), LineKind::Own(SessionId(0)));
    backlog.handle_written(line, kind, Offset::from_secs(1), 0);
    backlog.excuse(line);
    backlog.finish(Offset::from_secs(60));
    let mut counts = Counts::new();
    take(&mut backlog, &mut counts);
    assert_eq!(counts, Counts::new());
}

#[test]
fn what_a_sibling_said_is_owed_to_the_other_client() {
    let [policy, ..] = policies();
    let mut backlog = Backlog::new(policy, SETTLE);
    let (one, other) = (SessionId(0), SessionId(1));
    backlog.handle_attached(one, 0, Offset::ZERO);
    backlog.handle_attached(other, 0, Offset::ZERO);
    for number in 0..3 {
        let at = Offset::from_secs(1);
        backlog.handle_written(LineId(number), LineKind::Own(one), at, 0);
    }
    for number in [0, 2] {
        backlog.handle_read(other, live(number, Offset::from_secs(1)));
    }
    assert_eq!(
        backlog.handle_read(other, live(7, Offset::from_secs(1))),
        Recognised::Unknown
    );
    backlog.settle(Offset::from_secs(20));
    let mut counts = Counts::new();
    take(&mut backlog, &mut counts);
    assert_eq!(counts, [(Breach::Lost, 1)].into());
}

fn replayed(number: u64, at: Offset) -> Read {
    Read {
        is_replayed: true,
        ..live(number, at)
    }
}

/// Returns a bouncer that tells everything again, and to which ten lines were written that nobody has read.
fn keeping(lines_max: u32) -> Backlog {
    let [_, _, keeps] = policies();
    let policy = BufferPolicy { lines_max, ..keeps };
    let mut backlog = Backlog::new(policy, SETTLE);
    for number in 0..10 {
        backlog.handle_written(LineId(number), LineKind::Message, Offset::ZERO, number);
    }
    backlog
}

/// Plays lines back to a session that attaches at that second and leaves when they have settled.
fn play_back(backlog: &mut Backlog, session: u64, secs: i64, lines: impl Iterator<Item = u64>) {
    let (session, at) = (SessionId(session), Offset::from_secs(secs));
    backlog.handle_attached(session, 10, at);
    for line in lines {
        let read = backlog.handle_read(session, replayed(line, at));
        assert!(
            matches!(read, Recognised::Written { .. }),
            "{line}: {read:?}"
        );
    }
    backlog.handle_detached(session, Detached::Fenced, at + 2 * SETTLE);
}

#[track_caller]
fn check_kept(mut backlog: Backlog, want: &[(Breach, u64)]) {
    backlog.finish(Offset::from_secs(10_000));
    let mut counts = Counts::new();
    take(&mut backlog, &mut counts);
    let want: Counts = want.iter().copied().collect();
    assert_eq!(counts, want);
}

#[test]
fn the_end_of_what_is_told_again_may_be_missing_too_where_nothing_is_said_behind_it() {
    let mut backlog = keeping(50);
    play_back(&mut backlog, 0, 100, 0..7);
    play_back(&mut backlog, 1, 300, 0..10);
    let healed: Vec<u64> = backlog.take_healed().map(|after| after.as_secs()).collect();
    assert_eq!(healed, [200; 3]);
    check_kept(backlog, &[(Breach::BacklogHidden, 3)]);
    let mut backlog = keeping(50);
    play_back(&mut backlog, 0, 100, 0..10);
    play_back(&mut backlog, 1, 300, 0..7);
    check_kept(backlog, &[(Breach::BacklogMissing, 3)]);
}

#[test]
fn talk_is_remembered_as_long_as_the_buffer_has_it_whatever_comes_and_goes_between() {
    let mut backlog = keeping(50);
    play_back(&mut backlog, 0, 100, 0..10);
    for line in 1_000..2_000 {
        let at = Offset::from_secs(200);
        backlog.handle_written(LineId(line), LineKind::Presence, at, 10);
    }
    backlog.handle_written(LineId(10), LineKind::Message, Offset::from_secs(900), 10);
    play_back(&mut backlog, 1, 1_000, 0..11);
    check_kept(backlog, &[]);
}

#[test]
fn who_is_torn_off_before_it_was_told_anything_misses_nothing_of_what_is_told_again() {
    for how in [Detached::Dropped, Detached::Vanished] {
        let mut backlog = keeping(50);
        let at = Offset::from_secs(100);
        backlog.handle_attached(SessionId(0), 10, at);
        backlog.handle_detached(SessionId(0), how, at);
        play_back(&mut backlog, 1, 1_000, 0..10);
        check_kept(backlog, &[]);
    }
}

#[test]
fn what_went_down_with_the_network_is_not_owed_the_next_time_either() {
    let mut backlog = keeping(50);
    let at = Offset::from_secs(90);
    backlog.handle_written(LineId(10), LineKind::Message, at, 10);
    backlog.handle_upstream_lost(at);
    for (session, secs) in [(0, 100), (1, 300), (2, 500)] {
        play_back(&mut backlog, session, secs, 0..10);
    }
    check_kept(backlog, &[(Breach::LostInDrop, 1)]);
}

#[test]
fn what_one_client_lacks_and_another_was_told_since_was_missing_for_as_long() {
    let mut backlog = keeping(50);
    let first = Offset::from_secs(100);
    backlog.handle_attached(SessionId(0), 10, first);
    for line in 3..10 {
        backlog.handle_read(SessionId(0), replayed(line, first));
    }
    play_back(&mut backlog, 1, 105, 0..10);
    backlog.handle_detached(SessionId(0), Detached::Fenced, Offset::from_secs(400));
    let healed: Vec<u64> = backlog.take_healed().map(|after| after.as_secs()).collect();
    assert_eq!(healed, [5; 3]);
    check_kept(backlog, &[(Breach::BacklogHidden, 3)]);
}

#[test]
fn a_line_of_a_slow_link_may_be_told_with_the_networks_own_time() {
    let [policy, ..] = policies();
    let check = |stamped: Option<i64>, told: i64, want: usize| {
        let (mut backlog, line) = (Backlog::new(policy, SETTLE), LineId(1));
        backlog.handle_written(line, LineKind::Message, Offset::from_secs(20), 0);
        backlog.handle_stamp(stamped.map(Offset::from_secs));
        backlog.handle_attached(SessionId(1), 1, Offset::from_secs(30));
        let read = Read {
            line,
            at: Offset::from_secs(30),
            is_replayed: true,
            stamp: Some(Offset::from_secs(told)),
        };
        backlog.handle_read(SessionId(1), read);
        assert_eq!(backlog.take_findings().count(), want, "{stamped:?}, {told}");
    };
    for (stamped, told, want) in [
        (None, 20, 0),
        (None, 14, 1),
        (Some(14), 14, 0),
        (Some(14), 17, 0),
        (Some(14), 21, 0),
        (Some(14), 12, 1),
        (Some(14), 22, 1),
        // A clock that is ahead excuses nothing.
        (Some(25), 25, 1),
    ] {
        check(stamped, told, want);
    }
}
