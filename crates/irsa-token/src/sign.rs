//! An issuer's private keys: made, kept as PKCS#8, published as JWKs, and used to sign tokens.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::jwk::{self, Algorithm, PublicKey};
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
    public: PublicKey,
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
        self.public.kid()
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public key as a JWK, with its members in Kubernetes' order.
    pub fn jwk(&self) -> Value {
        self.public.jwk().clone()
    }

    /// The public key, as it is published.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs claims into a token whose header has `alg` and `kid`, as Kubernetes' has.
    ///
    /// # Errors
    /// [`SignError::NotJson`] or [`SignError::Crypto`].
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SignError> {
        let header = json!({ "alg": self.algorithm().name(), "kid": self.kid() });
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
        let public = PublicKey::from_spki(spki.as_ref()).map_err(|_| SignError::NotAKey)?;
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

/// The key set document of these keys, as it is served.
pub fn jwks_document<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    jwk::jwks_document(keys.into_iter().map(SigningKey::public))
}
