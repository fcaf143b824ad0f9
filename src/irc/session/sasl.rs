//! Logging in to an account by SASL: PLAIN, EXTERNAL and SCRAM-SHA-256, from the client's side.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::irc::wire::scram::SaltedPassword;

/// Longest piece of base64 in one AUTHENTICATE (`IRCv3` SASL 3.1).
pub const PIECE_BYTES_MAX: usize = 400;
/// Longest challenge kept: what no server of these mechanisms comes near.
const CHALLENGE_BYTES_MAX: usize = 8 * 1024;
/// Most rounds of hashing that a server may ask for: RFC 5802 asks for 4,096, some for 100,000; more would be the generator's work.
const ROUNDS_MAX: u32 = 200_000;
/// What a client without channel binding says of it, and the same in base64.
const HEADER: &str = "n,,";
const HEADER_BASE64: &str = "biws";

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Account and password in clear.
    Plain,
    /// The certificate that the connection shows.
    External,
    /// A proof of the password, which is not sent (RFC 7677).
    ScramSha256,
}

impl Mechanism {
    /// Every mechanism.
    pub const ALL: [Self; 3] = [Self::Plain, Self::External, Self::ScramSha256];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::External => "EXTERNAL",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }
}

/// An account and its password.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The account.
    pub account: &'a [u8],
    /// Its password; empty where the connection's certificate is enough.
    pub password: &'a [u8],
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A password is nobody's to read.
        write!(f, "Login({})", String::from_utf8_lossy(self.account))
    }
}

/// Why an exchange can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What a password was hashed to. A client may keep it, and spare itself the rounds at its next login (RFC 5802, 5.1).
#[derive(Clone, Debug)]
pub(super) struct Salted {
    salt: Vec<u8>,
    rounds: u32,
    hashed: SaltedPassword,
}

/// One login under way.
#[derive(Debug)]
pub(super) struct Exchange {
    mechanism: Mechanism,
    /// The challenge's pieces so far, in base64.
    challenge: Vec<u8>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Nothing is said yet.
    First,
    /// SCRAM: our first message without its header is said.
    Proof { first: String, nonce: String },
    /// SCRAM: our proof is said, and this is theirs to give.
    Verify { signature: [u8; 32] },
    /// All is said.
    Done,
}

impl Exchange {
    pub(super) fn new(mechanism: Mechanism) -> Self {
        Self {
            mechanism,
            challenge: Vec::new(),
            step: Step::First,
        }
    }

    /// Takes the parameter of an AUTHENTICATE and returns the answer, or `None` while the challenge is not whole. `nonce` need be
    /// no secret, only another at each login.
    pub(super) fn answer(
        &mut self,
        piece: &[u8],
        login: Login<'_>,
        nonce: u64,
        salted: &mut Option<Box<Salted>>,
    ) -> Result<Option<Vec<u8>>, Broken> {
        if piece != b"+" {
            self.challenge.extend_from_slice(piece);
        }
        if self.challenge.len() > CHALLENGE_BYTES_MAX {
            return Err(Broken);
        }
        if piece.len() == PIECE_BYTES_MAX {
            return Ok(None);
        }
        let challenge = std::mem::take(&mut self.challenge);
        let challenge = STANDARD.decode(challenge).map_err(|_| Broken)?;
        self.respond(&challenge, login, nonce, salted).map(Some)
    }

    fn respond(
        &mut self,
        challenge: &[u8],
        login: Login<'_>,
        nonce: u64,
        salted: &mut Option<Box<Salted>>,
    ) -> Result<Vec<u8>, Broken> {
        match (
            self.mechanism,
            std::mem::replace(&mut self.step, Step::Done),
        ) {
            (Mechanism::Plain, Step::First) => {
                Ok([login.account, login.account, login.password].join(&0))
            }
            (Mechanism::External, Step::First) => Ok(login.account.to_vec()),
            (Mechanism::ScramSha256, Step::First) => {
                let account = String::from_utf8_lossy(login.account);
                let account = account.replace('=', "=3D").replace(',', "=2C");
                let nonce = format!("storm{nonce:016x}");
                let first = format!("n={account},r={nonce}");
                let message = format!("{HEADER}{first}").into_bytes();
                self.step = Step::Proof { first, nonce };
                Ok(message)
            }
            (_, Step::Proof { first, nonce }) => {
                let server_first = std::str::from_utf8(challenge).map_err(|_| Broken)?;
                let asked = Asked::read(server_first, &nonce).ok_or(Broken)?;
                let password = &salted_password(login.password, &asked, salted);
                let last = format!("c={HEADER_BASE64},r={}", asked.nonce);
                let all = format!("{first},{server_first},{last}");
                let proof = password.proof(all.as_bytes());
                let signature = password.signature(all.as_bytes());
                self.step = Step::Verify { signature };
                Ok(format!("{last},p={}", STANDARD.encode(proof)).into_bytes())
            }
            (_, Step::Verify { signature }) => {
                let given = challenge.strip_prefix(b"v=").ok_or(Broken)?;
                let given = STANDARD.decode(given).map_err(|_| Broken)?;
                if given == signature {
                    Ok(Vec::new())
                } else {
                    Err(Broken)
                }
            }
            (_, Step::Done) => Err(Broken),
        }
    }
}

/// What a server asks for in SCRAM.
struct Asked<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: u32,
}

impl<'a> Asked<'a> {
    fn read(message: &'a str, own_nonce: &str) -> Option<Self> {
        let mut fields = message.split(',');
        let mut field = |name: &str| fields.next()?.strip_prefix(name);
        let nonce = field("r=").filter(|nonce| nonce.starts_with(own_nonce))?;
        let salt = STANDARD.decode(field("s=")?).ok()?;
        let rounds = field("i=")?.parse().ok()?;
        (1..=ROUNDS_MAX).contains(&rounds).then_some(Self {
            nonce,
            salt,
            rounds,
        })
    }
}

fn salted_password(
    password: &[u8],
    asked: &Asked<'_>,
    known: &mut Option<Box<Salted>>,
) -> SaltedPassword {
    if let Some(known) = known
        && known.salt == asked.salt
        && known.rounds == asked.rounds
    {
        return known.hashed.clone();
    }
    let hashed = SaltedPassword::new(password, &asked.salt, asked.rounds);
    *known = Some(Box::new(Salted {
        salt: asked.salt.clone(),
        rounds: asked.rounds,
        hashed: hashed.clone(),
    }));
    hashed
}

/// Returns an answer as the parameters of one AUTHENTICATE after the other.
pub(super) fn pieces(answer: &[u8]) -> Vec<Vec<u8>> {
    let text = STANDARD.encode(answer).into_bytes();
    let mut pieces: Vec<Vec<u8>> = text.chunks(PIECE_BYTES_MAX).map(<[u8]>::to_vec).collect();
    // The end is told by a piece that is not full.
    if text.len().is_multiple_of(PIECE_BYTES_MAX) {
        pieces.push(b"+".to_vec());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Login<'_> = Login {
        account: b"user",
        password: b"pencil",
    };

    fn said(exchange: &mut Exchange, challenge: &str, kept: &mut Option<Box<Salted>>) -> String {
        let piece = if challenge.is_empty() {
            "+".to_owned()
        } else {
            STANDARD.encode(challenge)
        };
        let answer = exchange.answer(piece.as_bytes(), LOGIN, 7, kept);
        answer.map_or_else(
            |Broken| "broken".to_owned(),
            |answer| String::from_utf8(answer.unwrap()).unwrap(),
        )
    }

    #[test]
    fn a_password_is_proved_as_the_standard_has_it() {
        // RFC 7677, 3: its nonce takes the place of ours.
        let mut exchange = Exchange::new(Mechanism::ScramSha256);
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        exchange.step = Step::Proof {
            first: format!("n=user,r={nonce}"),
            nonce,
        };
        let mut kept = None;
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            said(&mut exchange, first, &mut kept),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(kept.is_some());
        let last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(said(&mut exchange, last, &mut kept), "");
        assert_eq!(said(&mut exchange, last, &mut kept), "broken");
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let mut kept = None;
        let mut exchange = Exchange::new(Mechanism::ScramSha256);
        assert_eq!(
            said(&mut exchange, "", &mut kept),
            "n,,n=user,r=storm0000000000000007"
        );
        let first = "r=storm0000000000000007x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert!(said(&mut exchange, first, &mut kept).starts_with("c=biws,r="));
        assert_eq!(said(&mut exchange, "v=AAAA", &mut kept), "broken");
    }

    #[test]
    fn what_no_server_says_breaks_an_exchange() {
        let ask = |challenge: &str| {
            let mut exchange = Exchange::new(Mechanism::ScramSha256);
            said(&mut exchange, "", &mut None);
            said(&mut exchange, challenge, &mut None)
        };
        for wrong in [
            "r=another,s=AAAA,i=4096",
            "r=storm0000000000000007x,s=!,i=4096",
            "r=storm0000000000000007x,s=AAAA,i=0",
            "r=storm0000000000000007x,s=AAAA,i=900000000",
            "e=other-error",
        ] {
            assert_eq!(ask(wrong), "broken", "{wrong}");
        }
    }

    #[test]
    fn long_answers_come_in_pieces_and_say_where_they_end() {
        assert_eq!(pieces(b""), [b"+"]);
        assert_eq!(
            pieces(&[0; 300]).iter().map(Vec::len).collect::<Vec<_>>(),
            [400, 1]
        );
        assert_eq!(
            pieces(&[0; 301]).iter().map(Vec::len).collect::<Vec<_>>(),
            [400, 4]
        );
        let mut exchange = Exchange::new(Mechanism::Plain);
        let answer = exchange.answer(&[b'A'; 400], LOGIN, 0, &mut None);
        assert_eq!(answer, Ok(None));
        assert_eq!(said(&mut exchange, "", &mut None), "user\0user\0pencil");
    }
}
