//! An issuer's private keys: made, kept as PKCS#8, published as JWKs, and used to sign tokens.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::jwk::Algorithm;
use crate::strict::to_base64url;

/// Why a key cannot be made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The cryptographic library failed, for want of memory or randomness.
    #[error("the cryptographic library failed")]
    Crypto,
    /// Not PKCS#8 of an RSA key of 2,048 to 8,192 bits or of a P-256 key.
    #[error("the private key is not PKCS#8 of an RSA (2,048 bits or more) or P-256 key")]
    NotAKey,
    /// The claims cannot be JSON.
    #[error("the claims cannot be written as JSON")]
    NotJson,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// A private key that signs tokens: RSA (RS256) or P-256 (ES256).
pub struct SigningKey {
    pair: Pair,
    kid: String,
    jwk: Value,
}

impl SigningKey {
    /// Makes an RSA key of 2,048 bits, Kubernetes' default. Takes some 100 ms.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn generate_rsa2048() -> Result<Self, SignError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignError::Crypto)?;
        Self::from_pair(Pair::Rsa(pair))
    }

    /// Makes a P-256 key.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn generate_p256() -> Result<Self, SignError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SignError::Crypto)?;
        Self::from_pair(Pair::P256(pair))
    }

    /// Reads a key from PKCS#8 DER.
    ///
    /// # Errors
    /// [`SignError::NotAKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        let pair = RsaKeyPair::from_pkcs8(der)
            .map(Pair::Rsa)
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256))
            .map_err(|_| SignError::NotAKey)?;
        Self::from_pair(pair)
    }

    /// The key as PKCS#8 DER, wiped when dropped.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SignError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SignError::Crypto)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Pair::P256(pair) => {
                let der = pair.to_pkcs8v1().map_err(|_| SignError::Crypto)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    /// Its name, as Kubernetes makes it: base64url(SHA-256 of the public key's SubjectPublicKeyInfo).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::P256(_) => Algorithm::Es256,
        }
    }

    /// The public key as a JWK, with its members in Kubernetes' order.
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// Signs claims into a token whose header has `alg` and `kid`, as Kubernetes' has.
    ///
    /// # Errors
    /// [`SignError::NotJson`] or [`SignError::Crypto`].
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SignError> {
        let header = json!({ "alg": self.algorithm().name(), "kid": self.kid });
        let claims = serde_json::to_vec(claims).map_err(|_| SignError::NotJson)?;
        let mut token = format!("{}.{}", to_base64url(header.to_string()), to_base64url(claims));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&to_base64url(signature));
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| SignError::Crypto)?;
                Ok(signature)
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| SignError::Crypto)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    fn from_pair(pair: Pair) -> Result<Self, SignError> {
        let spki: PublicKeyX509Der<'_> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::P256(pair) => pair.public_key().as_der(),
        }
        .map_err(|_| SignError::Crypto)?;
        let kid = to_base64url(digest::digest(&digest::SHA256, spki.as_ref()));
        let jwk = match &pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_components(pair.public_key().as_ref()).ok_or(SignError::NotAKey)?;
                json!({
                    "use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": to_base64url(n), "e": to_base64url(e),
                })
            }
            Pair::P256(pair) => {
                // SEC 1 §2.3.3: 4, then x and y of 32 bytes each.
                let point = pair.public_key().as_ref().get(1..).and_then(|point| point.split_at_checked(32));
                let (x, y) = point.ok_or(SignError::NotAKey)?;
                json!({
                    "use": "sig", "kty": "EC", "kid": kid, "crv": "P-256", "alg": "ES256",
                    "x": to_base64url(x), "y": to_base64url(y),
                })
            }
        };
        Ok(Self { pair, kid, jwk })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The key set document of these keys, as it is served.
pub fn jwks_document<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    json!({ "keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<_>>() })
}

/// `n` and `e` in the DER of an `RSAPublicKey` (RFC 8017 A.1.1): a SEQUENCE of two INTEGERs.
fn rsa_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (body, _) = der_element(der, SEQUENCE)?;
    let (n, rest) = der_element(body, INTEGER)?;
    let (e, _) = der_element(rest, INTEGER)?;
    Some((n.strip_prefix(&[0]).unwrap_or(n), e))
}

/// The content of an element of that tag, and what follows it.
fn der_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (length.iter().fold(0, |length, &byte| (length << 8) | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| found == tag)
}
