//! The service that keeps accounts: SASL and `NickServ`, one login at a time, down when too many wait.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::irc::network::Network;
use crate::irc::network::caps::Caps;
use crate::irc::network::client::ClientId;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric::ERR_NOSUCHNICK;
use crate::irc::wire::numeric::ERR_SASLABORTED;
use crate::irc::wire::numeric::ERR_SASLALREADY;
use crate::irc::wire::numeric::ERR_SASLFAIL;
use crate::irc::wire::numeric::ERR_SASLTOOLONG;
use crate::irc::wire::numeric::RPL_LOGGEDIN;
use crate::irc::wire::numeric::RPL_SASLMECHS;
use crate::irc::wire::numeric::RPL_SASLSUCCESS;
use crate::irc::wire::scram::SaltedPassword;
use crate::units::offset::Offset;

/// The mechanisms on offer.
const MECHANISMS: &[u8] = b"PLAIN,SCRAM-SHA-256";
/// The service's nick.
const SERVICE: &[u8] = b"NickServ";
/// Who speaks for it.
const SERVICE_MASK: &[u8] = b"NickServ!services@services.splitstorm.test";
/// Longest answer of a client kept, in base64.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Length of a piece behind which another follows (`IRCv3` SASL 3.1).
const PIECE_BYTES: usize = 400;
/// Rounds of hashing that clients are asked for: the least that RFC 7677 allows.
const ROUNDS: u32 = 4_096;

/// How a network keeps accounts.
#[derive(Clone, Default)]
pub struct ServicesConfig {
    /// The password of each account.
    pub passwords: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How long the service works at one login.
    pub cost: Duration,
    /// How long a word takes to it and back.
    pub delay: Duration,
    /// Most logins that may wait; one more and it goes down, and forgets those that waited.
    pub queue_max: Option<u32>,
    /// How long it is down then.
    pub restart: Duration,
}

impl fmt::Debug for ServicesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords are nobody's to read.
        write!(f, "ServicesConfig({} accounts)", self.passwords.len())
    }
}

/// What became of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that were refused; who asked while the service was down is among them.
    pub refused: u64,
    /// How often too many waited, and the service went down and forgot them.
    pub outages: u64,
}

/// The service's state.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// Logins under way, by client.
    exchanges: HashMap<ClientId, Exchange>,
    /// Answers on their way, the earliest first.
    answers: VecDeque<(Offset, ClientId, Answer)>,
    busy_until: Offset,
    /// Until when it is down, if it is.
    down_until: Option<Offset>,
    /// What passwords were hashed to.
    hashed: HashMap<Vec<u8>, SaltedPassword>,
    login_count: u64,
    pub(super) logins: Logins,
}

/// A login of one client.
#[derive(Debug)]
struct Exchange {
    step: Step,
    answer: Vec<u8>,
}

#[derive(Debug)]
enum Step {
    Plain,
    First,
    Proof {
        account: Vec<u8>,
        /// All that was said before the proof.
        said: String,
        nonce: String,
    },
    Last {
        account: Vec<u8>,
    },
}

/// What the service has to say.
#[derive(Debug)]
enum Answer {
    Challenge(Vec<u8>),
    LoggedIn(Vec<u8>),
    Failed,
    Identified(Vec<u8>),
    Incorrect,
}

impl Services {
    /// Forgets a client that is gone.
    pub(super) fn forget(&mut self, id: ClientId) {
        self.exchanges.remove(&id);
        self.answers.retain(|(_, client, _)| *client != id);
    }

    /// Returns when it has something to do next.
    pub(super) fn next_due(&self) -> Option<Offset> {
        let answer = self.answers.front().map(|(due, ..)| *due);
        [answer, self.down_until].into_iter().flatten().min()
    }
}

impl Network {
    /// Begins to keep accounts.
    pub fn keep_accounts(&mut self, config: ServicesConfig) {
        self.config.services = Some(config);
    }

    /// Returns what became of logins, those before a restart included; `None` where it keeps no accounts.
    pub fn logins(&self) -> Option<Logins> {
        let services = self.config.services.as_ref();
        services.map(|_| self.services.logins)
    }

    /// Returns the capabilities that are on offer now: that of logging in comes and goes with the service, and that of what was said
    /// needs lines that are kept.
    pub(super) fn offered_caps(&self) -> Caps {
        let is_up = self.config.services.is_some() && self.services.down_until.is_none();
        let mut offered = self.config.caps;
        if !is_up {
            offered = offered.without(Caps::SASL);
        }
        if self.config.limits.history_lines_max.is_none() {
            offered = offered.without(Caps::CHATHISTORY);
        }
        offered
    }

    /// Returns a list of capabilities as CAP LS shows it; with values to who asks for them.
    pub(super) fn shown_caps(caps: Caps, has_values: bool) -> Vec<u8> {
        let shown = caps.names().map(|name| {
            if has_values && name == b"sasl" {
                [name, MECHANISMS].join(&b'=')
            } else {
                name.to_vec()
            }
        });
        shown.collect::<Vec<_>>().join(&b' ')
    }

    pub(super) fn authenticate(&mut self, id: ClientId, message: &Message<'_>) {
        let Some(piece) = message.params.get(0) else {
            return self.fail_for_params(id, b"AUTHENTICATE");
        };
        if !self.offered_caps().has(Caps::SASL) || !self.ports.has(id, Caps::SASL) {
            self.services.logins.refused += 1;
            return self.fail(id, ERR_SASLFAIL, &[], "SASL authentication failed");
        }
        if self.directory.client(id).account.is_some() {
            let text = "You have already authenticated using SASL";
            return self.fail(id, ERR_SASLALREADY, &[], text);
        }
        if piece == b"*" {
            self.services.forget(id);
            return self.fail(id, ERR_SASLABORTED, &[], "SASL authentication aborted");
        }
        let Some(mut exchange) = self.services.exchanges.remove(&id) else {
            return self.begin_exchange(id, piece);
        };
        if piece != b"+" {
            exchange.answer.extend_from_slice(piece);
        }
        if exchange.answer.len() > ANSWER_BYTES_MAX || piece.len() > PIECE_BYTES {
            return self.fail(id, ERR_SASLTOOLONG, &[], "SASL message too long");
        }
        if piece.len() == PIECE_BYTES {
            self.services.exchanges.insert(id, exchange);
            return;
        }
        let answer = STANDARD.decode(std::mem::take(&mut exchange.answer));
        let reply = answer.map_or(Answer::Failed, |answer| {
            self.go_on_with(id, exchange.step, &answer)
        });
        self.answer_later(id, reply);
    }

    fn begin_exchange(&mut self, id: ClientId, mechanism: &[u8]) {
        let step = match mechanism.to_ascii_uppercase().as_slice() {
            b"PLAIN" => Step::Plain,
            b"SCRAM-SHA-256" => Step::First,
            _ => {
                let mut line = self.ports.numeric(&self.directory, id, RPL_SASLMECHS);
                line = line.param(MECHANISMS);
                line.trailing(b"are available SASL mechanisms");
                return self.fail(id, ERR_SASLFAIL, &[], "SASL authentication failed");
            }
        };
        let answer = Vec::new();
        self.services
            .exchanges
            .insert(id, Exchange { step, answer });
        self.answer_later(id, Answer::Challenge(Vec::new()));
    }

    /// Takes a client's whole answer.
    fn go_on_with(&mut self, id: ClientId, step: Step, answer: &[u8]) -> Answer {
        match step {
            Step::Plain => {
                let mut fields = answer.split(|&byte| byte == 0).skip(1);
                let (account, password) = (fields.next(), fields.next());
                match account.filter(|account| self.is_password(account, password)) {
                    Some(account) => Answer::LoggedIn(account.to_vec()),
                    None => Answer::Failed,
                }
            }
            Step::First => self.challenge(id, answer).unwrap_or(Answer::Failed),
            Step::Proof {
                account,
                said,
                nonce,
            } => self
                .verify(id, account, &said, &nonce, answer)
                .unwrap_or(Answer::Failed),
            Step::Last { account } => Answer::LoggedIn(account),
        }
    }

    fn is_password(&self, account: &[u8], password: Option<&[u8]>) -> bool {
        let services = self.config.services.as_ref();
        let known = services.and_then(|services| services.passwords.get(account));
        known.is_some() && known.map(Vec::as_slice) == password
    }

    /// Answers the first message of SCRAM with a salt.
    fn challenge(&mut self, id: ClientId, first: &[u8]) -> Option<Answer> {
        let first = std::str::from_utf8(first).ok()?.strip_prefix("n,,")?;
        let (account, nonce) = first.strip_prefix("n=")?.split_once(",r=")?;
        let account = account.replace("=2C", ",").replace("=3D", "=").into_bytes();
        let services = self.config.services.as_ref()?;
        let password = services.passwords.get(&account)?;
        let salt = [b"splitstorm/", &account[..]].concat();
        if !self.services.hashed.contains_key(&account) {
            let hashed = SaltedPassword::new(password, &salt, ROUNDS);
            self.services.hashed.insert(account.clone(), hashed);
        }
        self.services.login_count += 1;
        let nonce = format!("{nonce}{:x}", self.services.login_count);
        let challenge = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(salt));
        let said = format!("{first},{challenge}");
        let step = Step::Proof {
            account,
            said,
            nonce,
        };
        self.expect(id, step);
        Some(Answer::Challenge(challenge.into_bytes()))
    }

    /// Looks at the proof of SCRAM and answers it with the service's own.
    fn verify(
        &mut self,
        id: ClientId,
        account: Vec<u8>,
        said: &str,
        nonce: &str,
        last: &[u8],
    ) -> Option<Answer> {
        let (last, proof) = std::str::from_utf8(last).ok()?.split_once(",p=")?;
        let said = format!("{said},{last}");
        let hashed = self.services.hashed.get(&account)?;
        let is_right = last == format!("c=biws,r={nonce}")
            && STANDARD.decode(proof).ok()? == hashed.proof(said.as_bytes());
        let signature = STANDARD.encode(hashed.signature(said.as_bytes()));
        if !is_right {
            return None;
        }
        self.expect(id, Step::Last { account });
        Some(Answer::Challenge(format!("v={signature}").into_bytes()))
    }

    fn expect(&mut self, id: ClientId, step: Step) {
        let answer = Vec::new();
        self.services
            .exchanges
            .insert(id, Exchange { step, answer });
    }

    /// Takes a private message to the service; returns whether it was one.
    pub(super) fn message_service(&mut self, id: ClientId, target: &[u8], text: &[u8]) -> bool {
        if self.config.services.is_none() || !target.eq_ignore_ascii_case(SERVICE) {
            return false;
        }
        if self.services.down_until.is_some() {
            self.fail(id, ERR_NOSUCHNICK, &[target], "No such nick");
            return true;
        }
        let mut words = text.split(|&byte| byte == b' ');
        if words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(b"IDENTIFY"))
        {
            let account = words.next().unwrap_or_default();
            let reply = if self.is_password(account, words.next()) {
                Answer::Identified(account.to_vec())
            } else {
                Answer::Incorrect
            };
            self.answer_later(id, reply);
        }
        true
    }

    /// Puts an answer behind those that wait. The end of a login is what the service has to work for.
    fn answer_later(&mut self, id: ClientId, answer: Answer) {
        let Some(config) = &self.config.services else {
            return;
        };
        let cost = match answer {
            Answer::Challenge(_) => Duration::ZERO,
            _ => config.cost,
        };
        let waiting = self.services.answers.len();
        if config.queue_max.is_some_and(|max| waiting >= max as usize) {
            return self.go_down(config.restart);
        }
        let delay = config.delay;
        self.services.busy_until = self.services.busy_until.max(self.now) + cost;
        let due = self.services.busy_until + delay;
        self.services.answers.push_back((due, id, answer));
        self.serve_accounts();
    }

    fn go_down(&mut self, restart: Duration) {
        self.services.logins.outages += 1;
        self.services.answers.clear();
        self.services.exchanges.clear();
        self.services.busy_until = self.now + restart;
        self.services.down_until = Some(self.now + restart);
        self.tell_of_sasl(b"DEL", b"sasl");
    }

    /// Does what the service has to do by now.
    pub(super) fn serve_accounts(&mut self) {
        if self
            .services
            .down_until
            .is_some_and(|until| until <= self.now)
        {
            self.services.down_until = None;
            self.tell_of_sasl(b"NEW", &[b"sasl", MECHANISMS].join(&b'='));
        }
        while let Some((due, ..)) = self.services.answers.front()
            && *due <= self.now
        {
            if let Some((_, id, answer)) = self.services.answers.pop_front() {
                self.tell_answer(id, answer);
            }
        }
    }

    fn tell_answer(&mut self, id: ClientId, answer: Answer) {
        let logins = &mut self.services.logins;
        match answer {
            Answer::LoggedIn(_) | Answer::Identified(_) => logins.succeeded += 1,
            Answer::Failed | Answer::Incorrect => logins.refused += 1,
            Answer::Challenge(_) => {}
        }
        match answer {
            Answer::Challenge(challenge) => {
                let text = STANDARD.encode(challenge).into_bytes();
                let text = if text.is_empty() { b"+".to_vec() } else { text };
                self.ports
                    .line(id)
                    .command(b"AUTHENTICATE")
                    .param(&text)
                    .end();
            }
            Answer::LoggedIn(account) => {
                self.note_account(id, account);
                let line = self.ports.numeric(&self.directory, id, RPL_SASLSUCCESS);
                line.trailing(b"SASL authentication successful");
            }
            Answer::Failed => self.fail(id, ERR_SASLFAIL, &[], "SASL authentication failed"),
            Answer::Identified(account) => {
                self.note_account(id, account);
                self.tell_from_service(id, b"You are now identified.");
            }
            Answer::Incorrect => self.tell_from_service(id, b"Password incorrect."),
        }
    }

    fn note_account(&mut self, id: ClientId, account: Vec<u8>) {
        let client = self.directory.client_mut(id);
        if !client.is_registered() && !client.nick.is_empty() && !client.user.is_empty() {
            client.rebuild_mask();
        }
        let mask = client.mask.clone();
        let line = self.ports.numeric(&self.directory, id, RPL_LOGGEDIN);
        let text = [b"You are now logged in as ", &account[..]].concat();
        // Before it says who it is there is no mask.
        let mask = if mask.is_empty() { &b"*"[..] } else { &mask };
        line.param(mask).param(&account).trailing(&text);
        self.change_account(id, Some(account));
    }

    fn tell_from_service(&mut self, id: ClientId, text: &[u8]) {
        let to = self.directory.client(id).addressee();
        let line = self.ports.line(id).source(SERVICE_MASK).command(b"NOTICE");
        line.param(to).trailing(text);
    }

    /// Offers other capabilities from now on, as servers do whose modules come and go. Those who take `cap-notify` read CAP NEW and CAP
    /// DEL; who had taken one that went has it no more.
    pub fn offer_caps(&mut self, now: Offset, caps: Caps) {
        self.tick(now);
        let was = self.offered_caps();
        self.config.caps = caps;
        let is = self.offered_caps();
        let (gone, new) = (was.without(is), is.without(was));
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            if !self.ports.is_open(id) {
                continue;
            }
            let is_told = self.ports.has(id, Caps::CAP_NOTIFY);
            let port = self.ports.port_mut(id);
            port.caps = port.caps.without(gone);
            for (subcommand, caps) in [(&b"DEL"[..], gone), (b"NEW", new)] {
                if is_told && caps != Caps::NONE {
                    let text = Self::shown_caps(caps, subcommand == b"NEW");
                    self.send_caps(id, subcommand, &text);
                }
            }
        }
        self.settle();
    }

    /// Tells those who want to know that the capability came or went.
    fn tell_of_sasl(&mut self, subcommand: &[u8], text: &[u8]) {
        let ids: Vec<ClientId> = self.directory.ids().collect();
        for id in ids {
            if self.ports.is_open(id) && self.ports.has(id, Caps::CAP_NOTIFY) {
                self.send_caps(id, subcommand, text);
            }
        }
    }
}
