//! Sealing and opening session tokens.
//!
//! A token is `base64(version, key id, salt, nonce, ciphertext and tag)`. The key that seals it and the secret access key
//! that belongs to it are both derived from a ring key and the token's salt, so that no key is ever used for two tokens and
//! any number may be given out. AES-256-GCM with the head as associated data; HMAC-SHA-256 as the derivation.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_store::model::SealingKey;
use zeroize::Zeroizing;

use super::Session;

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
const SALT_LEN: usize = 16;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + SALT_LEN + NONCE_LEN;
/// The longest token that is opened. A session policy is at most 2,048 characters and tags at most 50.
const MOST_TOKEN_BYTES: usize = 64 * 1024;
/// Thirty bytes are forty characters of base64, the length of AWS's secret keys.
const SECRET_LEN: usize = 30;

/// Why a token could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system's random generator failed.
    #[error("the system has no randomness to give")]
    NoRandomness,
    /// The key ring is empty.
    #[error("there is no sealing key")]
    NoKey,
    /// Not a token of ours, or tampered with, or sealed by a key that is gone.
    #[error("the session token is malformed or not ours")]
    NotOurs,
}

/// The keys that seal session tokens; the first seals, all open.
pub struct KeyRing {
    keys: Vec<RingKey>,
}

struct RingKey {
    id: [u8; KEY_ID_LEN],
    mac: hmac::Key,
}

/// A sealed session.
pub(super) struct Sealed {
    pub(super) token: String,
    pub(super) secret_access_key: Zeroizing<String>,
}

/// An opened token: what it says, and the secret key that belongs to it.
pub struct Opened {
    /// What the token says.
    pub session: Session,
    /// The secret that requests with it must be signed with.
    pub secret_access_key: Zeroizing<String>,
}

impl KeyRing {
    /// A ring of these keys, newest first.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a SealingKey>) -> Self {
        let keys = keys
            .into_iter()
            .map(|key| RingKey {
                id: key_id(key.id.as_bytes()),
                mac: hmac::Key::new(hmac::HMAC_SHA256, key.key.expose()),
            })
            .collect();
        Self { keys }
    }

    pub(super) fn seal(&self, session: &Session) -> Result<Sealed, SealError> {
        let key = self.keys.first().ok_or(SealError::NoKey)?;
        let head = Head::random(key.id)?;
        let mut body = serde_json::to_vec(session).map_err(|_error| SealError::NotOurs)?;
        key.aead(&head)?
            .seal_in_place_append_tag(head.nonce(), Aad::from(head.bytes()), &mut body)
            .map_err(|_unspecified| SealError::NoRandomness)?;
        let mut token = head.bytes().to_vec();
        token.extend_from_slice(&body);
        Ok(Sealed {
            token: STANDARD.encode(&token),
            secret_access_key: key.secret(&head, &session.access_key_id),
        })
    }

    /// Opens a token that was presented with `access_key_id`.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] for everything that is not a token sealed by this ring for this access key. Whether the
    /// session is still running is the caller's question.
    pub fn open(&self, token: &str, access_key_id: &str) -> Result<Opened, SealError> {
        if token.len() > MOST_TOKEN_BYTES {
            return Err(SealError::NotOurs);
        }
        let mut bytes = STANDARD.decode(token.trim()).map_err(|_error| SealError::NotOurs)?;
        let (head, body) = bytes.split_at_mut_checked(HEAD_LEN).ok_or(SealError::NotOurs)?;
        let head = Head::read(head).ok_or(SealError::NotOurs)?;
        let key = self.keys.iter().find(|key| key.id == head.key_id).ok_or(SealError::NotOurs)?;
        let plain = key
            .aead(&head)?
            .open_in_place(head.nonce(), Aad::from(head.bytes()), body)
            .map_err(|_unspecified| SealError::NotOurs)?;
        let session: Session = serde_json::from_slice(plain).map_err(|_error| SealError::NotOurs)?;
        if session.access_key_id != access_key_id {
            return Err(SealError::NotOurs);
        }
        let secret_access_key = key.secret(&head, access_key_id);
        Ok(Opened { session, secret_access_key })
    }
}

impl RingKey {
    fn aead(&self, head: &Head) -> Result<LessSafeKey, SealError> {
        let derived = self.derive(b"irsa session token", head, "");
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref()).map_err(|_unspecified| SealError::NoKey)?;
        Ok(LessSafeKey::new(key))
    }

    fn secret(&self, head: &Head, access_key_id: &str) -> Zeroizing<String> {
        let derived = self.derive(b"irsa secret access key", head, access_key_id);
        let bytes = derived.as_ref().get(..SECRET_LEN).unwrap_or_default();
        Zeroizing::new(STANDARD.encode(bytes))
    }

    fn derive(&self, purpose: &[u8], head: &Head, access_key_id: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(purpose);
        context.update(&head.salt);
        context.update(access_key_id.as_bytes());
        context.sign()
    }
}

/// What stands before the ciphertext, readable by anyone.
struct Head {
    key_id: [u8; KEY_ID_LEN],
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
}

impl Head {
    fn random(key_id: [u8; KEY_ID_LEN]) -> Result<Self, SealError> {
        let mut head = Self { key_id, salt: [0; SALT_LEN], nonce: [0; NONCE_LEN] };
        rand::fill(&mut head.salt).map_err(|_unspecified| SealError::NoRandomness)?;
        rand::fill(&mut head.nonce).map_err(|_unspecified| SealError::NoRandomness)?;
        Ok(head)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>()?;
        let (salt, rest) = rest.split_first_chunk::<SALT_LEN>()?;
        let nonce = rest.try_into().ok()?;
        (*version == VERSION).then_some(Self { key_id: *key_id, salt: *salt, nonce })
    }

    fn bytes(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [VERSION; HEAD_LEN];
        let fields = self.key_id.iter().chain(&self.salt).chain(&self.nonce);
        for (to, from) in bytes.iter_mut().skip(1).zip(fields) {
            *to = *from;
        }
        bytes
    }

    fn nonce(&self) -> Nonce {
        Nonce::assume_unique_for_key(self.nonce)
    }
}

/// A ring key's name in a token: enough to find it, not enough to say anything about it.
fn key_id(name: &[u8]) -> [u8; KEY_ID_LEN] {
    let digest = digest::digest(&digest::SHA256, name);
    let mut id = [0; KEY_ID_LEN];
    for (to, from) in id.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    id
}
