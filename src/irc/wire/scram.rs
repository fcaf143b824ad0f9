//! The arithmetic of SCRAM-SHA-256 (RFC 5802, RFC 7677), which both sides of a login share.

use std::fmt;

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Bytes that the hash takes at once.
const BLOCK_BYTES: usize = 64;

/// What a password and a salt are hashed to.
#[derive(Clone)]
pub struct SaltedPassword([u8; HASH_BYTES]);

impl fmt::Debug for SaltedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As good as the password.
        f.write_str("SaltedPassword")
    }
}

impl SaltedPassword {
    /// Hashes a password in so many rounds, at least one: a millisecond for some thousands.
    pub fn new(password: &[u8], salt: &[u8], rounds: u32) -> Self {
        let mut hashed = [0; HASH_BYTES];
        // Refused are only lengths that no hash has.
        let _ = pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, rounds.max(1), &mut hashed);
        Self(hashed)
    }

    /// Returns the client's proof that it knows the password, over all that was said.
    pub fn proof(&self, said: &[u8]) -> [u8; HASH_BYTES] {
        let key = signed(&self.0, b"Client Key");
        let stored: [u8; HASH_BYTES] = Sha256::digest(key).into();
        let mut proof = signed(&stored, said);
        for (byte, key) in proof.iter_mut().zip(key) {
            *byte ^= key;
        }
        proof
    }

    /// Returns the server's.
    pub fn signature(&self, said: &[u8]) -> [u8; HASH_BYTES] {
        signed(&signed(&self.0, b"Server Key"), said)
    }
}

/// Returns the HMAC of a text under a key.
fn signed(key: &[u8; HASH_BYTES], text: &[u8]) -> [u8; HASH_BYTES] {
    // A key is filled up to a block with zeros (RFC 2104).
    let mut block = [0; BLOCK_BYTES];
    block[..HASH_BYTES].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text);
    mac.finalize().into_bytes().into()
}
