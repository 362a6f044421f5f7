//! JSON Web Tokens, JWKS and discovery documents of ServiceAccount issuers.
//!
//! A token is parsed ([`Unverified`]), its issuer's keys are found by whoever calls, and [`Unverified::verify`] turns it
//! into [`Claims`] that may be trusted once [`Claims::check_time`] agrees. Keys and clock are inputs: this crate opens no
//! socket, no file, and asks no clock.
//!
//! The rules are those of RFC 8725: algorithms are pinned to RS256/384/512 and ES256/384/512 and belong to the key,
//! never to the token; whatever is ambiguous (duplicate members, non-canonical base64url, critical extensions) is refused.
#![forbid(unsafe_code)]

pub mod claims;
pub mod discovery;
pub mod inspect;
pub mod jwk;
pub mod jwks;
pub mod sign;
mod strict;
pub mod verify;

pub use claims::{Claims, KubernetesClaims, NamedObject, SessionTags};
pub use discovery::{DiscoveryError, Document, IssuerError, provider_name};
pub use jwk::{Algorithm, PublicKey, UnusableKey};
pub use jwks::{Jwks, JwksError};
pub use sign::{SignError, SigningKey};
pub use verify::{TokenError, Unverified};
