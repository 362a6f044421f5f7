//! An issuer's key set (RFC 7517 §5), as it stands at the issuer's `jwks_uri`.

use serde_json::Value;

use crate::jwk::{Algorithm, Jwk, UnusableKey};
use crate::strict;

/// The largest key set that is read, in bytes. A hundred RSA-2048 keys are below 50 KiB.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most keys that a set may have.
pub const MAX_KEYS: usize = 100;

/// Why a key set cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// Larger than [`MAX_BYTES`].
    #[error("the key set is larger than 64 KiB")]
    TooLarge,
    /// More than [`MAX_KEYS`].
    #[error("the key set has more than 100 keys")]
    TooManyKeys,
    /// Not a JSON object with an array `keys`.
    #[error("the key set is not a JWKS document: {0}")]
    Malformed(String),
}

/// The usable keys of an issuer, each parsed once.
#[derive(Debug, Clone, Default)]
pub struct Jwks {
    keys: Vec<Jwk>,
    unusable: Vec<UnusableKey>,
}

impl Jwks {
    /// Reads a JWKS document. Keys that cannot be used (another type, another use, too weak) are left out: an issuer may
    /// publish keys for others than us (RFC 7517 §5).
    ///
    /// # Errors
    /// When it is too large, or not a JWKS document at all.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        if json.len() > MAX_BYTES {
            return Err(JwksError::TooLarge);
        }
        let document = strict::object(json).map_err(|error| JwksError::Malformed(error.to_string()))?;
        let Some(Value::Array(members)) = document.get("keys") else {
            return Err(JwksError::Malformed("it has no array `keys`".to_owned()));
        };
        if members.len() > MAX_KEYS {
            return Err(JwksError::TooManyKeys);
        }
        let mut jwks = Self::default();
        for key in members {
            let Value::Object(key) = key else {
                return Err(JwksError::Malformed("a key is not an object".to_owned()));
            };
            match Jwk::from_members(key) {
                Ok(key) => jwks.keys.push(key),
                Err(unusable) => jwks.unusable.push(unusable),
            }
        }
        Ok(jwks)
    }

    /// The usable keys.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The keys that are not used, and why.
    pub fn unusable(&self) -> &[UnusableKey] {
        &self.unusable
    }

    /// The keys that may have made a signature: those of the `kid`, or every key when the token names none, that allow
    /// the algorithm.
    pub fn find<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a Jwk> {
        self.keys
            .iter()
            .filter(move |key| kid.is_none() || key.kid() == kid)
            .filter(move |key| key.algorithms().any(|allowed| allowed == algorithm))
    }

    /// Whether a key of that `kid` is published: when not, the set may be older than the issuer's last rotation.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }
}
