//! A model bouncer that keeps its word, and ways in which one does not.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::measure::backlog::Backlog;
use crate::measure::backlog::BufferPolicy;
use crate::measure::backlog::Detached;
use crate::measure::backlog::Flaw;
use crate::measure::backlog::FlawCounts;
use crate::measure::backlog::Forgets;
use crate::measure::backlog::LineKind;
use crate::measure::backlog::Read;
use crate::measure::backlog::SessionId;
use crate::units::offset::Offset;

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
    policy: BufferPolicy,
    lie: Lie,
    rng: Xoshiro256PlusPlus,
    now: Offset,
    /// What the bouncer keeps: numbers and times.
    buffer: VecDeque<(u64, Offset)>,
    clients: Vec<SessionId>,
    attached_at: Offset,
    next_session: u64,
}

impl Scene {
    fn new(policy: BufferPolicy, lie: Lie, seed: u64) -> Self {
        Self {
            backlog: Backlog::new(policy),
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
        let number = self.backlog.handle_written(kind, self.now);
        let is_lost = self.lie == Lie::LosesAtAttach
            && self.now < self.attached_at + Duration::from_millis(500);
        if is_lost {
            return;
        }
        let is_kept = self.clients.is_empty() || self.policy.forgets == Forgets::Never;
        if is_kept && self.policy.keeps(kind) {
            self.buffer.push_back((number, self.now));
            if self.buffer.len() > self.policy.lines_max as usize {
                self.buffer.pop_front();
            }
        }
        for &client in &self.clients {
            if kind != LineKind::Own(client) {
                let read = Read {
                    number,
                    is_replayed: false,
                    stamp: None,
                };
                self.backlog.handle_read(client, read);
            }
        }
    }

    fn attach(&mut self) -> SessionId {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.attached_at = self.now;
        self.backlog.handle_attached(session);
        let mut kept: Vec<(u64, Offset)> = match self.policy.forgets {
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
        for (number, at) in kept {
            let shift = Duration::from_secs(if self.lie == Lie::ShiftsStamps { 2 } else { 0 });
            let read = Read {
                number,
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
    fn play(mut self) -> FlawCounts {
        for _ in 0..2_000 {
            let pause = self.rng.random_range(10..4_000);
            self.wait(pause);
            match self.rng.random_range(0..20) {
                0 if self.clients.len() < 2 => {
                    self.attach();
                }
                1 | 2 => {
                    if let Some(&client) = self.clients.first() {
                        self.detach(client, Detached::Fenced);
                    }
                }
                3 => {
                    if let Some(&client) = self.clients.last() {
                        self.say(LineKind::Own(client));
                    }
                }
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
        self.backlog.finish(self.now, Duration::from_secs(10));
        *self.backlog.counts()
    }
}

fn policies() -> [BufferPolicy; 3] {
    let znc = BufferPolicy {
        lines_max: 50,
        forgets: Forgets::OnAttach,
        keeps_own: false,
        keeps_notices: true,
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
            assert_eq!(counts, FlawCounts::default(), "{policy:?}, seed {seed}");
        }
    }
}

/// Checks that a lie is found under its own name, and no other flaw is, apart from those that it brings about.
#[track_caller]
fn check(lie: Lie, flaw: Flaw, also: &[Flaw]) {
    for policy in policies() {
        for seed in 0..5 {
            let counts = Scene::new(policy, lie, seed).play();
            assert!(
                counts.count(flaw) > 0,
                "{policy:?}, seed {seed}: {counts:?}"
            );
            for other in Flaw::ALL {
                let is_due = other == flaw || also.contains(&other);
                let count = counts.count(other);
                assert!(
                    is_due || count == 0,
                    "{policy:?}, seed {seed}: {count} {other:?}"
                );
            }
        }
    }
}

#[test]
fn each_lie_is_found_under_its_name() {
    check(Lie::DropsReplay, Flaw::Missing, &[]);
    check(Lie::RepliesTwice, Flaw::Duplicated, &[]);
    check(Lie::LosesAtAttach, Flaw::Missing, &[]);
    check(Lie::ShiftsStamps, Flaw::WrongTime, &[]);
    check(Lie::SwapsTwo, Flaw::Misordered, &[]);
    check(Lie::ForgetsAll, Flaw::Missing, &[]);
}

#[test]
fn what_is_torn_off_with_a_connection_is_lost_by_nobody() {
    let [policy, ..] = policies();
    let mut backlog = Backlog::new(policy);
    let second = Offset::from_secs;
    let read = |number| Read {
        number,
        is_replayed: false,
        stamp: None,
    };
    backlog.handle_attached(SessionId(0));
    for at in 0..4 {
        backlog.handle_written(LineKind::Message, second(at));
    }
    // The last was under way; the one before it is owed.
    backlog.handle_read(SessionId(0), read(0));
    backlog.handle_read(SessionId(0), read(1));
    backlog.handle_detached(SessionId(0), Detached::Dropped, second(4));
    backlog.handle_attached(SessionId(1));
    backlog.handle_written(LineKind::Message, second(20));
    backlog.handle_read(SessionId(1), read(4));
    backlog.finish(second(60), Duration::from_secs(10));
    assert_eq!(backlog.counts().count(Flaw::LostInDrop), 1);
    assert_eq!(backlog.counts().count(Flaw::Missing), 1);
}

#[test]
fn what_a_sibling_said_is_owed_to_the_other_client() {
    let [policy, ..] = policies();
    let mut backlog = Backlog::new(policy);
    let (one, other) = (SessionId(0), SessionId(1));
    backlog.handle_attached(one);
    backlog.handle_attached(other);
    for number in 0..3 {
        let kind = if number == 1 {
            LineKind::Own(one)
        } else {
            LineKind::Message
        };
        backlog.handle_written(kind, Offset::from_secs(1));
    }
    for number in [0, 2] {
        for session in [one, other] {
            let read = Read {
                number,
                is_replayed: false,
                stamp: None,
            };
            backlog.handle_read(session, read);
        }
    }
    backlog.finish(Offset::from_secs(60), Duration::from_secs(10));
    assert_eq!(backlog.counts().count(Flaw::Missing), 1);
}
