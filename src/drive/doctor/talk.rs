//! What a target does with a client that talks: many lines at once, many channels, a line that is too long.

use std::thread;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::doctor::client;
use crate::drive::doctor::client::Client;
use crate::fitness::target::probe::Flood;
use crate::fitness::target::probe::LongLine;
use crate::fitness::target::probe::Reach;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::units::offset::Offset;

/// Lines sent at once: more than the allowances that servers ship, less than their queues hold.
const LINES: u64 = 30;
/// How long the answer behind them is waited for.
const FLOOD_PATIENCE: Duration = Duration::from_secs(12);
/// How often an idle connection beside them is looked at.
const BESIDE_EVERY: Duration = Duration::from_secs(1);
/// A client that is answered within that time pays for nothing any more.
const SETTLED: Duration = Duration::from_millis(250);
/// How long that is waited for each time it is asked.
const SETTLE_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked.
const SETTLE_TRIES: u32 = 3;
/// How long an answer to other things is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Channels named in one JOIN: each line may have a price.
const CHANNELS_PER_LINE: usize = 9;
/// Length of the line that is too long, its line ending included.
const LONG_BYTES: usize = 600;
/// Answers that refuse a JOIN, 405 apart.
const JOIN_REFUSALS: &[u16] = &[
    numeric::ERR_NOSUCHCHANNEL,
    numeric::ERR_TOOMANYTARGETS,
    numeric::ERR_UNAVAILRESOURCE,
    numeric::ERR_CHANNELISFULL,
    numeric::ERR_INVITEONLYCHAN,
    numeric::ERR_BANNEDFROMCHAN,
    numeric::ERR_BADCHANNELKEY,
    numeric::ERR_BADCHANMASK,
];

/// Waits until a client that has just logged in is answered at once: ngIRCd makes each pay for its login.
fn settle(client: &mut Client, clock: Clock) -> Result<(), String> {
    for _ in 0..SETTLE_TRIES {
        client.say("PING :settled");
        let began = clock.now();
        let mut is_answered = false;
        while !is_answered && clock.now().since(began) < SETTLE_PATIENCE {
            client.turn(|message| is_answered |= is_pong(message, b"settled"))?;
        }
        if is_answered && clock.now().since(began) < SETTLED {
            break;
        }
    }
    Ok(())
}

/// Sends many lines at once, once, and looks at an idle connection beside them.
pub(super) fn flood(talker: &mut Client, idle: &mut Client, clock: Clock) -> Flood {
    let mut flood = Flood {
        lines: LINES,
        ..Flood::default()
    };
    let settled = settle(idle, clock).and_then(|()| settle(talker, clock));
    if let Err(words) = settled {
        flood.closed = Some(words);
        return flood;
    }
    let nick = talker.heard.nick.clone();
    for number in 0..LINES {
        talker.say(&format!("PRIVMSG {nick} :flood-{number} of leaves"));
    }
    talker.say("PING :behind");
    let began = clock.now();
    let mut beside = Beside::default();
    loop {
        let after = clock.now().since(began);
        if after >= FLOOD_PATIENCE || flood.pong_ms.is_some() {
            break;
        }
        let turn = talker.turn(|message| {
            let after = clock.now().since(began);
            if is_own(message, &nick, b"flood-") {
                flood.carried_out_1s += u64::from(after < Duration::from_secs(1));
                flood.carried_out_10s += u64::from(after < Duration::from_secs(10));
            } else if is_pong(message, b"behind") {
                flood.pong_ms = Some(millis(after));
            }
        });
        if let Err(words) = turn {
            flood.closed = Some(words);
            break;
        }
        if beside.turn(idle, clock).is_err() {
            break;
        }
    }
    // Whoever is asked last is given the time to answer.
    let asked_last = clock.now();
    while beside.asked.is_some() && clock.now().since(asked_last) < BESIDE_EVERY {
        if beside.turn(idle, clock).is_err() {
            break;
        }
    }
    flood.idle_ms = beside
        .slowest
        .filter(|_| beside.asked.is_none())
        .map(millis);
    flood
}

/// An idle connection, asked now and then.
#[derive(Default)]
struct Beside {
    asked: Option<Offset>,
    next: Offset,
    slowest: Option<Duration>,
}

impl Beside {
    fn turn(&mut self, idle: &mut Client, clock: Clock) -> Result<(), String> {
        let now = clock.now();
        if self.asked.is_none() && now >= self.next {
            idle.say("PING :beside");
            self.asked = Some(now);
            self.next = now + BESIDE_EVERY;
        }
        let mut answered = false;
        idle.turn(|message| answered |= is_pong(message, b"beside"))?;
        if answered && let Some(asked) = self.asked.take() {
            self.slowest = self.slowest.max(Some(clock.now().since(asked)));
        }
        Ok(())
    }
}

/// Joins channels, as many as wanted or until that is refused. `None` if nothing came of it.
pub(super) fn channels(
    client: &mut Client,
    wanted: u64,
    spacing: Duration,
    clock: Clock,
) -> Option<Reach> {
    let types = &client.visit().isupport.chan_types;
    let prefix = if types.contains(&b'#') {
        b'#'
    } else {
        *types.first()?
    };
    let names: Vec<String> = ('a'..='y')
        .take(usize::try_from(wanted).unwrap_or(0))
        .map(|letter| format!("{}storm-{letter}", char::from(prefix)))
        .collect();
    let mut joining = Joining {
        nick: client.heard.nick.clone().into_bytes(),
        reach: Reach::default(),
        is_through: false,
    };
    for names in names.chunks(CHANNELS_PER_LINE) {
        client.say(&format!("JOIN {}", names.join(",")));
        client.turn(|message| joining.hear(message)).ok()?;
        thread::sleep(spacing);
    }
    client.say("PING :joined");
    let began = clock.now();
    let mut is_over = false;
    while !is_over && clock.now().since(began) < PATIENCE {
        // What was joined until a connection is closed stands.
        is_over = client.turn(|message| joining.hear(message)).is_err()
            || joining.is_through
            || joining.reach.refused.is_some();
    }
    let reach = joining.reach;
    (reach.allowed > 0 || reach.refused.is_some()).then_some(reach)
}

/// A client that joins channels.
struct Joining {
    nick: Vec<u8>,
    reach: Reach,
    is_through: bool,
}

impl Joining {
    fn hear(&mut self, message: &Message<'_>) {
        let is_own = || {
            message
                .source
                .is_some_and(|source| source.nick == self.nick)
        };
        match message.numeric() {
            // What is taken behind the first refusal is another matter.
            None if message.is(b"JOIN") && is_own() => {
                self.reach.allowed += u64::from(self.reach.refused.is_none());
            }
            Some(number)
                if number == numeric::ERR_TOOMANYCHANNELS || JOIN_REFUSALS.contains(&number) =>
            {
                let words = client::text(message.params.last().unwrap_or_default());
                let words = client::shortened(&format!("{number} {words}"));
                self.reach.refused.get_or_insert(words);
            }
            _ => self.is_through |= is_pong(message, b"joined"),
        }
    }
}

/// Sends a line that is too long.
pub(super) fn long_line(client: &mut Client, clock: Clock) -> LongLine {
    let nick = client.heard.nick.clone();
    let head = format!("PRIVMSG {nick} :");
    let filling = LONG_BYTES.saturating_sub(head.len() + b"\r\n".len());
    client.say(&format!("{head}{}", "x".repeat(filling)));
    client.say("PING :long");
    let mut outcome = None;
    let mut is_through = false;
    let began = clock.now();
    while !is_through && outcome.is_none() && clock.now().since(began) < PATIENCE {
        let turn = client.turn(|message| {
            if message.numeric() == Some(numeric::ERR_INPUTTOOLONG) {
                outcome.get_or_insert(LongLine::Refused);
            } else if is_own(message, &nick, b"xxx") {
                let left = message.params.last().unwrap_or_default().len();
                let bytes = (head.len() + left + b"\r\n".len()) as u64;
                outcome.get_or_insert(if left < filling {
                    LongLine::Cut(bytes)
                } else {
                    LongLine::Whole
                });
            }
            is_through |= is_pong(message, b"long");
        });
        if let Err(words) = turn {
            outcome.get_or_insert(LongLine::Closed(words));
        }
    }
    outcome.unwrap_or(LongLine::Ignored)
}

/// Returns whether a line is a client's own message back, with a text that begins like that.
fn is_own(message: &Message<'_>, nick: &str, text: &[u8]) -> bool {
    message.is(b"PRIVMSG")
        && message.params.get(0) == Some(nick.as_bytes())
        && message
            .params
            .get(1)
            .is_some_and(|param| param.starts_with(text))
}

fn is_pong(message: &Message<'_>, token: &[u8]) -> bool {
    message.is(b"PONG") && message.params.iter().any(|param| param == token)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
