//! Tokens: compact JWS (RFC 7515 §7.1), parsed strictly and verified with an issuer's keys.
//!
//! The header is believed in one thing only: which key to look for. The key decides which algorithms it may verify, and
//! the header must agree. Key material in the header (`jwk`, `jku`, `x5c`, `x5u`) is never looked at.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::jwk::Algorithm;
use crate::jwks::Jwks;
use crate::strict;

/// The longest token, in characters: AWS's limit of `WebIdentityToken`.
pub const MAX_CHARS: usize = 20_000;

/// How many keys are tried for a token that names none.
const MAX_TRIED: usize = 16;

/// Why a token is refused. `Display` is AWS's message where it is known, [`TokenError::reason`] ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than [`MAX_CHARS`].
    #[error("the token is longer than 20,000 characters")]
    TooLong,
    /// Not a compact JWS with JSON inside, or an ambiguous one.
    #[error("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")]
    NotAJwt(&'static str),
    /// An algorithm other than RS256/384/512 and ES256/384/512.
    #[error("the token's algorithm `{0}` is not one of RS256, RS384, RS512, ES256, ES384, ES512")]
    UnsupportedAlgorithm(String),
    /// The header asks for an extension (`crit`, `zip`, `b64`).
    #[error("the token's header has the unsupported member `{0}`")]
    UnsupportedHeader(&'static str),
    /// The issuer publishes no key of that `kid` and algorithm: it may have rotated its keys since they were fetched.
    #[error(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
    )]
    UnknownKey {
        /// The `kid` that the token names.
        kid: Option<String>,
    },
    /// The signature is not the key's.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// A required claim is absent.
    #[error("Missing a required claim: {0}")]
    MissingClaim(&'static str),
    /// A claim is of another type than it must be.
    #[error("the token's claim `{0}` is malformed")]
    InvalidClaim(&'static str),
    /// `exp` is past.
    #[error("Token expired: current date/time {now} must be before the expiration date/time {exp}")]
    Expired {
        /// The time it was checked at, in Unix seconds.
        now: i64,
        /// Its `exp`.
        exp: i64,
    },
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid before {from}, and it is {now}")]
    NotYetValid {
        /// The time it was checked at, in Unix seconds.
        now: i64,
        /// The later of its `nbf` and `iat`.
        from: i64,
    },
    /// It was issued too long ago.
    #[error("Token too old: {age}")]
    TooOld {
        /// Seconds since its `iat`.
        age: i64,
    },
}

impl TokenError {
    /// What is wrong, for logs and for our own tools: more than AWS tells the caller.
    pub fn reason(&self) -> String {
        match self {
            Self::NotAJwt(reason) => format!("the token is not a JWT: {reason}"),
            Self::UnknownKey { kid: Some(kid) } => {
                format!("the issuer publishes no usable key with the kid `{kid}` for the token's algorithm")
            }
            Self::UnknownKey { kid: None } => {
                "the issuer publishes no usable key for the token's algorithm".to_owned()
            }
            other => other.to_string(),
        }
    }
}

/// A token whose signature is not verified: good for finding its issuer's keys, and for nothing else.
#[derive(Clone)]
pub struct Unverified<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Arc<Claims>,
}

impl<'a> Unverified<'a> {
    /// Parses a token. White space around it is dropped, since token files may end with a newline.
    ///
    /// # Errors
    /// When it is too long, not a JWT, of an algorithm or with a header that is not supported, or without a required
    /// claim.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        let token = token.trim_ascii();
        if token.len() > MAX_CHARS {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::NotAJwt("it has no dots"))?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::NotAJwt("it has one dot only"))?;
        let header =
            object(header, "its header is not base64url", "its header is not an unambiguous JSON object")?;
        let (algorithm, kid) = read_header(&header)?;
        // A third dot would be in the payload, where base64url has none.
        let claims =
            object(payload, "its payload is not base64url", "its payload is not an unambiguous JSON object")?;
        let signature =
            strict::base64url(signature).ok_or(TokenError::NotAJwt("its signature is not base64url"))?;
        Ok(Self { signed, signature, algorithm, kid, claims: Arc::new(Claims::from_members(claims)?) })
    }

    /// Its issuer, as it says.
    pub fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// The key that it says it is signed with.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm that it says it is signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What it says, not to be trusted yet.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Verifies the signature with the issuer's keys. The caller has chosen the keys by [`Unverified::issuer`], and
    /// checks the time ([`Claims::check_time`]) and the audience.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] when no key fits (fetch the keys anew), [`TokenError::BadSignature`] when one did.
    pub fn verify(&self, jwks: &Jwks) -> Result<Arc<Claims>, TokenError> {
        let mut tried = false;
        for key in jwks.find(self.kid.as_deref(), self.algorithm).take(MAX_TRIED) {
            if key.verify(self.algorithm, self.signed.as_bytes(), &self.signature) {
                return Ok(Arc::clone(&self.claims));
            }
            tried = true;
        }
        Err(if tried { TokenError::BadSignature } else { TokenError::UnknownKey { kid: self.kid.clone() } })
    }
}

/// A token is a credential: neither it nor its signature shows.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified")
            .field("issuer", &self.claims.iss)
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn object(
    part: &str,
    encoding: &'static str,
    content: &'static str,
) -> Result<Map<String, Value>, TokenError> {
    let json = strict::base64url(part).ok_or(TokenError::NotAJwt(encoding))?;
    strict::object(&json).map_err(|_| TokenError::NotAJwt(content))
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), TokenError> {
    for extension in ["crit", "zip", "b64"] {
        if header.contains_key(extension) {
            return Err(TokenError::UnsupportedHeader(extension));
        }
    }
    let name =
        header.get("alg").and_then(Value::as_str).ok_or(TokenError::NotAJwt("its header has no `alg`"))?;
    let algorithm = Algorithm::from_name(name)
        .ok_or_else(|| TokenError::UnsupportedAlgorithm(name.chars().take(32).collect()))?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(TokenError::NotAJwt("its `kid` is not a string")),
    };
    Ok((algorithm, kid))
}
