//! Signing keys: derived from the secret for one day, region and service.

use super::Scope;
use aws_lc_rs::hmac;
use std::collections::HashMap;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The key that signs one day's requests of one secret to one service of one region.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningKey([u8; 32]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Derives the key: four HMACs, about two microseconds.
    pub fn derive(secret: &str, scope: &Scope) -> SigningKey {
        let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.as_bytes());
        let date = Zeroizing::new(hmac_sha256(&first, scope.date.as_bytes()));
        let region = Zeroizing::new(hmac_sha256(date.as_ref(), scope.region.as_bytes()));
        let service = Zeroizing::new(hmac_sha256(region.as_ref(), scope.service.as_bytes()));
        SigningKey(hmac_sha256(service.as_ref(), b"aws4_request"))
    }

    /// The signature of a string to sign.
    pub fn sign(&self, string_to_sign: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.0, string_to_sign)
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut bytes = [0; 32];
    for (byte, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *byte = *from;
    }
    bytes
}

/// Signing keys that were derived before, for an owner that sees the same callers again and again.
///
/// It remembers the secret with the key, and derives anew when another secret is given under the same id.
#[derive(Default)]
pub struct KeyCache {
    keys: HashMap<(String, Scope), (Zeroizing<String>, SigningKey)>,
    capacity: usize,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCache({} of {})", self.keys.len(), self.capacity)
    }
}

impl KeyCache {
    /// A cache that forgets everything when it would hold more than `capacity` keys.
    pub fn new(capacity: usize) -> KeyCache {
        KeyCache { keys: HashMap::new(), capacity }
    }

    /// The key for this caller and scope.
    pub fn get_or_derive(&mut self, access_key_id: &str, scope: &Scope, secret: &str) -> SigningKey {
        let name = (access_key_id.to_owned(), scope.clone());
        if let Some((known, key)) = self.keys.get(&name)
            && bool::from(known.as_bytes().ct_eq(secret.as_bytes()))
        {
            return key.clone();
        }
        let key = SigningKey::derive(secret, scope);
        if self.keys.len() >= self.capacity {
            self.keys.clear();
        }
        if self.capacity > 0 {
            self.keys.insert(name, (Zeroizing::new(secret.to_owned()), key.clone()));
        }
        key
    }
}
