//! One public key of an issuer (RFC 7517, RFC 7518 §6), parsed once and then only used.
//!
//! A key states what it may verify: its `alg` when it has one, else what its type allows. RSA keys are 2,048 to 8,192
//! bits with an odd exponent above 1; elliptic keys are points on P-256, P-384 or P-521.

mod public;

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents,
};
use serde_json::{Map, Value};

use crate::strict;

pub use public::{PublicKey, jwks_document};

/// The signature algorithms that are accepted, by their names in RFC 7518 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Algorithm {
    Es256,
    Es384,
    Es512,
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    /// The algorithm of that name; `None` for every other, `none` and the HMACs among them.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "ES512" => Some(Self::Es512),
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            _ => None,
        }
    }

    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a key of a key set is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key {} is not used: {reason}", kid.as_deref().unwrap_or("without a kid"))]
pub struct UnusableKey {
    /// Its `kid`.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A public key that can verify signatures.
#[derive(Debug, Clone)]
pub struct Jwk {
    kid: Option<String>,
    /// One for each algorithm that it may verify.
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
}

impl Jwk {
    /// Its `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that it may verify.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether the signature over the message is this key's, by an algorithm that this key allows.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .find(|(allowed, _)| *allowed == algorithm)
            .is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }

    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, UnusableKey> {
        let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
        match verifiers(members) {
            Ok(verifiers) => Ok(Self { kid, verifiers }),
            Err(reason) => Err(UnusableKey { kid, reason }),
        }
    }
}

fn verifiers(members: &Map<String, Value>) -> Result<Vec<(Algorithm, ParsedPublicKey)>, &'static str> {
    if members.get("use").is_some_and(|usage| usage != "sig") {
        return Err("its `use` is not `sig`");
    }
    let operations = members.get("key_ops");
    if operations.is_some_and(|operations| {
        !operations
            .as_array()
            .is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
    }) {
        return Err("its `key_ops` do not allow `verify`");
    }
    let stated = match members.get("alg") {
        None => None,
        Some(name) => Some(
            name.as_str()
                .and_then(Algorithm::from_name)
                .ok_or("its `alg` is not RS256/384/512 or ES256/384/512")?,
        ),
    };
    let verifiers = match members.get("kty").and_then(Value::as_str) {
        Some("RSA") => rsa(members, stated)?,
        Some("EC") => elliptic(members, stated)?,
        _ => return Err("its `kty` is not RSA or EC"),
    };
    if verifiers.is_empty() { Err("its `alg` does not belong to its `kty` or `crv`") } else { Ok(verifiers) }
}

fn rsa(
    members: &Map<String, Value>,
    stated: Option<Algorithm>,
) -> Result<Vec<(Algorithm, ParsedPublicKey)>, &'static str> {
    let n = unsigned(members, "n").ok_or("its `n` is missing or not base64url")?;
    let e = unsigned(members, "e").ok_or("its `e` is missing or not base64url")?;
    check_rsa_size(&n)?;
    check_rsa_exponent(&e)?;
    let components = RsaPublicKeyComponents { n, e };
    let all: [(Algorithm, &'static RsaParameters); 3] = [
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
    ];
    all.into_iter()
        .filter(|(algorithm, _)| stated.is_none_or(|stated| stated == *algorithm))
        .map(|(algorithm, parameters)| {
            let key = components.to_parsed_public_key(parameters).map_err(|_| "it is not a valid RSA key")?;
            Ok((algorithm, key))
        })
        .collect()
}

fn check_rsa_size(n: &[u8]) -> Result<(), &'static str> {
    let leading_zeros = n.first().map_or(8, |byte| byte.leading_zeros() as usize);
    match (n.len() * 8).saturating_sub(leading_zeros) {
        0..2048 => Err("it has fewer than 2,048 bits"),
        2048..=8192 if n.last().is_some_and(|byte| byte % 2 == 1) => Ok(()),
        2048..=8192 => Err("its modulus is even"),
        _ => Err("it has more than 8,192 bits"),
    }
}

/// An even exponent is no RSA, and 1 signs everything. 64 bits are more than any issuer uses, and bound the work.
fn check_rsa_exponent(e: &[u8]) -> Result<(), &'static str> {
    match e {
        [] | [1] => Err("its exponent is 0 or 1"),
        [.., last] if last % 2 == 0 => Err("its exponent is even"),
        _ if e.len() > 8 => Err("its exponent is too large"),
        _ => Ok(()),
    }
}

fn elliptic(
    members: &Map<String, Value>,
    stated: Option<Algorithm>,
) -> Result<Vec<(Algorithm, ParsedPublicKey)>, &'static str> {
    let (algorithm, size, parameters): (_, _, &'static EcdsaVerificationAlgorithm) =
        match members.get("crv").and_then(Value::as_str) {
            Some("P-256") => (Algorithm::Es256, 32, &ECDSA_P256_SHA256_FIXED),
            Some("P-384") => (Algorithm::Es384, 48, &ECDSA_P384_SHA384_FIXED),
            Some("P-521") => (Algorithm::Es512, 66, &ECDSA_P521_SHA512_FIXED),
            _ => return Err("its `crv` is not P-256, P-384 or P-521"),
        };
    if stated.is_some_and(|stated| stated != algorithm) {
        return Ok(Vec::new());
    }
    // RFC 7518 §6.2.1: coordinates have the full length of the curve's field.
    let coordinate = |name| bytes(members, name).filter(|bytes| bytes.len() == size);
    let x = coordinate("x").ok_or("its `x` is missing or not a coordinate of its curve")?;
    let y = coordinate("y").ok_or("its `y` is missing or not a coordinate of its curve")?;
    let point: Vec<u8> = std::iter::once(4).chain(x).chain(y).collect();
    let key = ParsedPublicKey::new(parameters, point).map_err(|_| "its point is not on its curve")?;
    Ok(vec![(algorithm, key)])
}

fn bytes(members: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    strict::base64url(members.get(name)?.as_str()?)
}

/// A big-endian number without leading zeros. Some issuers write one (RFC 7518 §6.3.1.1 notes it): it is dropped.
fn unsigned(members: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    bytes(members, name).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}
