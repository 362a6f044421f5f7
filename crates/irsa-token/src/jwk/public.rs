//! Public keys as an issuer publishes them: from SubjectPublicKeyInfo (RFC 5280 §4.1) to a JWK with Kubernetes' `kid`.

use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::{Algorithm, Jwk, UnusableKey};
use crate::strict::to_base64url;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

/// `rsaEncryption` (RFC 8017 A.1).
const RSA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// `id-ecPublicKey`, and the curves (RFC 5480 §2.1.1).
const ELLIPTIC: [u8; 7] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const P256: [u8; 8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const P384: [u8; 5] = [0x2B, 0x81, 0x04, 0x00, 0x22];
const P521: [u8; 5] = [0x2B, 0x81, 0x04, 0x00, 0x23];

/// A public key that can be published.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicKey {
    kid: String,
    algorithm: Algorithm,
    jwk: Value,
}

impl PublicKey {
    /// Reads the DER of a SubjectPublicKeyInfo, what is in a PEM `PUBLIC KEY` such as Kubernetes' `sa.pub`.
    ///
    /// # Errors
    /// When it is not one, or not of a key that verifies tokens here: RSA of 2,048 to 8,192 bits, P-256, P-384 or P-521.
    pub fn from_spki(der: &[u8]) -> Result<Self, UnusableKey> {
        let kid = to_base64url(digest::digest(&digest::SHA256, der));
        let unusable = |reason| UnusableKey { kid: Some(kid.clone()), reason };
        let key = read(der).ok_or_else(|| unusable("it is not SubjectPublicKeyInfo of an RSA or EC key"))?;
        let (algorithm, jwk) = match key {
            Key::Rsa { n, e } => {
                let algorithm = Algorithm::Rs256;
                let (n, e) = (to_base64url(n), to_base64url(e));
                let jwk = json!({ "use": "sig", "kty": "RSA", "kid": kid, "alg": algorithm.name(), "n": n, "e": e });
                (algorithm, jwk)
            }
            Key::Elliptic { curve, algorithm, x, y } => {
                let (x, y) = (to_base64url(x), to_base64url(y));
                let jwk = json!({
                    "use": "sig", "kty": "EC", "kid": kid, "crv": curve, "alg": algorithm.name(), "x": x, "y": y,
                });
                (algorithm, jwk)
            }
        };
        // What would not verify is not published either.
        let Value::Object(members) = &jwk else { return Err(unusable("it is not a JSON object")) };
        Jwk::from_members(members)?;
        Ok(Self { kid, algorithm, jwk })
    }

    /// Its name, as Kubernetes makes it: base64url(SHA-256 of the SubjectPublicKeyInfo).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm that it is published for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key as a JWK, with its members in Kubernetes' order.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }
}

/// The key set document of these keys, as it is served.
pub fn jwks_document<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Value {
    json!({ "keys": keys.into_iter().map(PublicKey::jwk).collect::<Vec<_>>() })
}

enum Key<'a> {
    Rsa { n: &'a [u8], e: &'a [u8] },
    Elliptic { curve: &'static str, algorithm: Algorithm, x: &'a [u8], y: &'a [u8] },
}

fn read(der: &[u8]) -> Option<Key<'_>> {
    let (info, []) = element(der, SEQUENCE)? else { return None };
    let (identifier, rest) = element(info, SEQUENCE)?;
    let (bits, []) = element(rest, BIT_STRING)? else { return None };
    let (&unused_bits, key) = bits.split_first()?;
    let (kind, parameters) = element(identifier, OBJECT_ID)?;
    match kind {
        _ if unused_bits != 0 => None,
        kind if kind == RSA => rsa(key),
        kind if kind == ELLIPTIC => elliptic(parameters, key),
        _ => None,
    }
}

/// `n` and `e` of an `RSAPublicKey` (RFC 8017 A.1.1).
fn rsa(der: &[u8]) -> Option<Key<'_>> {
    let (body, []) = element(der, SEQUENCE)? else { return None };
    let (n, rest) = element(body, INTEGER)?;
    let (e, []) = element(rest, INTEGER)? else { return None };
    // DER puts a zero before a number whose first bit is set, lest it be negative.
    Some(Key::Rsa { n: n.strip_prefix(&[0]).unwrap_or(n), e: e.strip_prefix(&[0]).unwrap_or(e) })
}

fn elliptic<'a>(parameters: &[u8], point: &'a [u8]) -> Option<Key<'a>> {
    let (curve, []) = element(parameters, OBJECT_ID)? else { return None };
    let (curve, algorithm, size) = match curve {
        curve if curve == P256 => ("P-256", Algorithm::Es256, 32),
        curve if curve == P384 => ("P-384", Algorithm::Es384, 48),
        curve if curve == P521 => ("P-521", Algorithm::Es512, 66),
        _ => return None,
    };
    // SEC 1 §2.3.3: an uncompressed point is 4, then x and y.
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(size)?;
    Some(Key::Elliptic { curve, algorithm, x, y })
}

/// The content of a DER element of that tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (length.iter().fold(0, |length, &byte| (length << 8) | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| found == tag)
}
