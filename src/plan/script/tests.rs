//! Tests of scripts: what a few lines of a trace become.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::plan::action::Action;
use crate::plan::action::LeaveHow;
use crate::plan::action::Planned;
use crate::plan::script::LeftOut;
use crate::plan::script::Script;
use crate::plan::script::ScriptError;
use crate::plan::script::ScriptOptions;
use crate::plan::script::clip::ClipOptions;
use crate::plan::script::clip::Clipping;
use crate::plan::script::clip::When;
use crate::scenario::phase::Cut;
use crate::traffic::trace::cause::LeaveCause;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;
use crate::traffic::trace::event::TraceMeta;
use crate::units::id::Seed;
use crate::units::id::UserId;
use crate::units::offset::Offset;
use crate::units::rate::Rate;

/// Returns the event of `seconds kind channel user peer`, `-` for nothing.
fn event(line: &str) -> Event {
    let words: Vec<&str> = line.split(' ').collect();
    let word = |index: usize| match words.get(index) {
        None | Some(&"-") => "",
        Some(word) => *word,
    };
    let kind = EventKind::from_word(word(1)).unwrap();
    Event {
        at_us: word(0).parse::<i64>().unwrap() * 1_000_000,
        kind,
        network: Arc::from("wood"),
        channel: Arc::from(word(2)),
        user: Arc::from(word(3)),
        peer: Arc::from(word(4)),
        bytes: if kind.is_talk() { 12 } else { 0 },
        detail: Arc::from(match (kind, word(4)) {
            (EventKind::Quit, "") => LeaveCause::Quit.as_str(),
            (EventKind::Quit, cause) => cause,
            _ => "",
        }),
        text: "".into(),
    }
}

struct Setting {
    tick_us: u32,
    clip: ClipOptions,
    speed: f64,
    loop_count: u32,
    seed: u64,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            tick_us: 1,
            clip: ClipOptions::default(),
            speed: 1.0,
            loop_count: 1,
            seed: 1,
        }
    }
}

fn script(lines: &[&str], setting: &Setting) -> Result<Script, ScriptError> {
    let meta = TraceMeta {
        tool: String::new(),
        zone: "UTC".to_owned(),
        tick_us: setting.tick_us,
        has_names: true,
        has_text: false,
        overlaps: Vec::new(),
    };
    let mut clipping = Clipping::new(&meta, setting.clip.clone());
    for line in lines {
        if !clipping.push(&event(line))? {
            break;
        }
    }
    let options = ScriptOptions {
        seed: Seed(setting.seed),
        speed: setting.speed,
        loop_count: setting.loop_count,
        ramp: Rate::per_second(10.0).unwrap(),
    };
    Script::new("t", clipping.finish()?, options)
}

/// Returns an action as `seconds what`, from the clip's beginning on.
fn told(script: &Script, planned: &Planned) -> String {
    let mut text = String::new();
    let secs = planned.at.as_secs_f64() - script.begins().as_secs_f64();
    let made = |is_synthetic: bool| if is_synthetic { "*" } else { "" };
    let outcome = match planned.action {
        Action::Arrive { user, .. } => write!(text, "{user} arrives"),
        Action::Leave {
            user,
            how,
            is_synthetic,
            ..
        } => {
            let how = if how == LeaveHow::Cut(Cut::Fin) {
                "drops"
            } else {
                "quits"
            };
            write!(text, "{user} {how}{}", made(is_synthetic))
        }
        Action::Join {
            user,
            channel,
            is_synthetic,
        } => write!(text, "{user} joins{} {channel}", made(is_synthetic)),
        Action::Part {
            user,
            channel,
            is_synthetic,
        } => write!(text, "{user} parts{} {channel}", made(is_synthetic)),
        Action::Rename { user } => write!(text, "{user} renames"),
        Action::Mode { user, .. } => write!(text, "{user} modes"),
        Action::Topic { user, .. } => write!(text, "{user} topics"),
        Action::Kick { user, victim, .. } => write!(text, "{user} kicks {victim}"),
        Action::Say { key, message, .. } => match message.to {
            Some(to) => write!(text, "{} tells {to}", message.sender),
            None => write!(
                text,
                "{} says {}:{}",
                message.sender, key.channel, key.index
            ),
        },
        Action::Unspoken { .. }
        | Action::Lose { .. }
        | Action::ReadBack { .. }
        | Action::Upheave { .. } => Ok(()),
    };
    outcome.unwrap();
    format!("{secs:.1} {text}")
}

fn all_told(script: &Script) -> Vec<String> {
    let actions = script.actions().iter();
    actions.map(|planned| told(script, planned)).collect()
}

#[track_caller]
fn check(lines: &[&str], setting: &Setting, want: &[&str]) {
    assert_eq!(all_told(&script(lines, setting).unwrap()), want);
}

#[test]
fn who_joins_connects_before_it() {
    check(
        &["10 join #a alder", "11 message #a alder", "12 quit - alder"],
        &Setting::default(),
        &[
            "-2.0 0 arrives",
            "0.0 0 joins 0",
            "1.0 0 says 0:0",
            "2.0 0 quits",
        ],
    );
}

#[test]
fn who_acts_without_a_join_was_there_from_the_start() {
    check(
        &[
            "10 message #a alder",
            "11 join #b alder",
            "12 nick - birch birch_",
            "13 kick #b alder cedar",
        ],
        &Setting::default(),
        &[
            "-5.3 0 arrives",
            "-5.3 0 joins* 0",
            "-5.2 1 arrives",
            "-5.1 2 arrives",
            "-5.1 2 joins* 1",
            "0.0 0 says 0:0",
            "1.0 0 joins 1",
            "2.0 1 renames",
            "3.0 0 kicks 2",
        ],
    );
}

#[test]
fn who_acts_after_a_quit_or_a_kick_joins_just_before() {
    check(
        &[
            "10 message #a alder",
            "10 message #a birch",
            "20 quit - alder reset",
            "21 message #a alder",
            "30 kick #a alder birch",
            "31 message #a birch",
        ],
        &Setting::default(),
        &[
            "-5.2 0 arrives",
            "-5.2 0 joins* 0",
            "-5.1 1 arrives",
            "-5.1 1 joins* 0",
            "0.0 0 says 0:0",
            "0.0 1 says 0:1",
            "10.0 0 drops",
            "10.0 0 arrives",
            "10.0 0 joins* 0",
            "11.0 0 says 0:2",
            "20.0 0 kicks 1",
            "21.0 1 joins* 0",
            "21.0 1 says 0:3",
        ],
    );
}

#[test]
fn a_clip_knows_who_was_there_from_what_came_before_it() {
    let lines = [
        "0 join #a alder",
        "1 join #a birch",
        "2 join #b birch",
        "3 part #b birch",
        "4 join #a cedar",
        "5 quit - cedar",
        "6 join #b elder",
        "7 part #b elder",
        "60 message #a alder",
        "70 join #a cedar",
        "80 message #a alder",
        "90 message #a alder",
    ];
    let setting = Setting {
        clip: ClipOptions {
            from: Some(When::After(Duration::from_secs(50))),
            to: Some(When::At(80_000_000)),
            channel: None,
        },
        ..Setting::default()
    };
    check(
        &lines,
        &setting,
        &[
            "-5.2 0 arrives",
            "-5.2 0 joins* 0",
            "-5.1 1 arrives",
            "-5.1 1 joins* 0",
            "10.0 0 says 0:0",
            "18.0 2 arrives",
            "20.0 2 joins 0",
        ],
    );
    let script = script(&lines, &setting).unwrap();
    assert_eq!(script.span_us(), (50_000_000, 80_000_000));
    assert_eq!(script.ends().since(script.begins()).as_secs(), 31);
}

#[test]
fn one_channel_has_its_members_alone() {
    let setting = Setting {
        clip: ClipOptions {
            channel: Some("#b".to_owned()),
            ..ClipOptions::default()
        },
        ..Setting::default()
    };
    let lines = [
        "0 message #a alder",
        "1 message #b birch",
        "2 nick - alder alder_",
        "3 nick - birch birch_",
        "4 message - alder birch",
    ];
    check(
        &lines,
        &setting,
        &[
            "-5.1 0 arrives",
            "-5.1 0 joins* 0",
            "1.0 0 says 0:0",
            "3.0 0 renames",
        ],
    );
    let elsewhere = Setting {
        clip: ClipOptions {
            channel: Some("#c".to_owned()),
            ..ClipOptions::default()
        },
        ..Setting::default()
    };
    assert!(matches!(
        script(&lines, &elsewhere),
        Err(ScriptError::UnknownChannel { .. })
    ));
}

#[test]
fn a_seam_brings_everybody_back_to_where_they_were() {
    let setting = Setting {
        loop_count: 2,
        ..Setting::default()
    };
    check(
        &[
            "0 message #a alder",
            "1 join #b alder",
            "2 join #a birch",
            "3 part #a cedar",
            "4 quit - elder",
        ],
        &setting,
        &[
            "-5.3 0 arrives",
            "-5.3 0 joins* 0",
            "-5.2 2 arrives",
            "-5.2 2 joins* 0",
            "-5.1 3 arrives",
            "0.0 0 says 0:0",
            "0.0 1 arrives",
            "1.0 0 joins 1",
            "2.0 1 joins 0",
            "3.0 2 parts 0",
            "4.0 3 quits",
            "4.0 0 parts* 1",
            "4.0 1 quits*",
            "4.0 2 joins* 0",
            "4.0 3 arrives",
            "9.1 0 says 0:1",
            "9.1 1 arrives",
            "10.1 0 joins 1",
            "11.1 1 joins 0",
            "12.1 2 parts 0",
            "13.1 3 quits",
        ],
    );
}

#[test]
fn speed_divides_the_distances_and_not_the_time_to_connect() {
    let setting = Setting {
        speed: 10.0,
        ..Setting::default()
    };
    check(
        &["0 join #a alder", "100 join #a birch"],
        &setting,
        &[
            "-2.0 0 arrives",
            "0.0 0 joins 0",
            "8.0 1 arrives",
            "10.0 1 joins 0",
        ],
    );
}

#[test]
fn what_nobody_can_send_is_left_out_with_its_reason() {
    let script = script(
        &[
            "0 other #a irc.example.net",
            "0 mode #a irc.example.net",
            "1 message #a alder",
            "2 join #a alder",
            "3 part #b birch",
            "3 part #b birch",
            "4 message - alder NickServ",
            "5 quit - birch",
            "5 quit - birch",
            "6 message - alder birch",
            "7 mode - alder",
            "8 nick - alder alder_",
            "8 nick - alder alder_",
        ],
        &Setting::default(),
    )
    .unwrap();
    let counts = script.counts();
    let want = [
        ((EventKind::Message, LeftOut::Stranger), 1),
        ((EventKind::Message, LeftOut::Absent), 1),
        ((EventKind::Part, LeftOut::NotThere), 1),
        ((EventKind::Quit, LeftOut::Repeated), 1),
        ((EventKind::Nick, LeftOut::Repeated), 1),
        ((EventKind::Mode, LeftOut::Server), 1),
        ((EventKind::Mode, LeftOut::NoChannel), 1),
        ((EventKind::Other, LeftOut::NoAction), 1),
        ((EventKind::Join, LeftOut::AlreadyThere), 1),
    ];
    assert_eq!(counts.left_out, BTreeMap::from(want));
    assert_eq!(counts.clip.values().sum::<u64>(), 13);
    assert_eq!(counts.synthetic_joins, 2);
    let told = script.actions().iter().filter(|planned| {
        !matches!(
            planned.action,
            Action::Arrive { .. }
                | Action::Join {
                    is_synthetic: true,
                    ..
                }
        )
    });
    assert_eq!(told.count(), 13 - 9);
}

#[test]
fn private_messages_have_a_book_of_their_own() {
    let script = script(
        &["0 message - alder birch", "1 message - birch alder"],
        &Setting::default(),
    )
    .unwrap();
    assert_eq!(script.channel_count(), 0);
    assert_eq!(script.members(), [vec![UserId(0), UserId(1)]]);
    assert_eq!(
        all_told(&script)[2..],
        ["0.0 0 tells 1", "1.0 1 tells 0"].map(str::to_owned)
    );
}

#[test]
fn a_coarse_clock_is_spread_in_order_and_by_the_seed() {
    let lines: Vec<String> = (0..200)
        .map(|index| format!("{} message #a u{}", index / 50, index % 7))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let coarse = |seed| Setting {
        tick_us: 1_000_000,
        seed,
        ..Setting::default()
    };
    let one = script(&lines, &coarse(1)).unwrap();
    let says: Vec<&Planned> = one
        .actions()
        .iter()
        .filter(|planned| matches!(planned.action, Action::Say { .. }))
        .collect();
    assert!(says.is_sorted_by_key(|planned| planned.at));
    for (index, planned) in says.iter().enumerate() {
        let Action::Say { key, message, .. } = planned.action else {
            continue;
        };
        assert_eq!(key.index as usize, index);
        assert_eq!(message.sender.index(), index % 7);
        let second = planned.at.since(one.begins()).as_secs();
        assert_eq!(usize::try_from(second).unwrap(), index / 50);
    }
    let (again, other) = (
        script(&lines, &coarse(1)).unwrap(),
        script(&lines, &coarse(2)).unwrap(),
    );
    assert_eq!(one.actions(), again.actions());
    assert_ne!(one.actions(), other.actions());
    // The digest is of what is played, not of how.
    assert_eq!(one.digest(), other.digest());
}

#[test]
fn nothing_to_play_is_an_error() {
    let empty = script(&["0 other #a x"], &Setting::default());
    assert_eq!(empty.unwrap_err(), ScriptError::Empty);
    let setting = Setting {
        clip: ClipOptions {
            from: Some(When::At(5)),
            to: Some(When::At(5)),
            channel: None,
        },
        ..Setting::default()
    };
    let empty = script(&["0 message #a alder"], &setting);
    assert_eq!(empty.unwrap_err(), ScriptError::Empty);
    assert!(
        Offset::ZERO
            < script(&["0 message #a alder"], &Setting::default())
                .unwrap()
                .ends()
    );
}
