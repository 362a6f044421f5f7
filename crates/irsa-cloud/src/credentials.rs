//! Temporary credentials that carry themselves.
//!
//! A session token is a sealed statement ([`Session`]) of who, which role, which session policy and tags, until when.
//! Nothing is stored per session: any node with the key ring opens it, and its secret key is derived from the same ring.
//! Revocation is AWS's own way, a deny on `aws:TokenIssueTime`. [`seal`] is the cryptography, [`mint`](mint()) makes new
//! credentials, [`caller`] turns what a request presents into the one who asks.

pub mod caller;
mod seal;

use aws_lc_rs::rand;
use irsa_store::model::AccountId;
use serde::{Deserialize, Serialize};

pub use seal::{KeyRing, SealError};

/// What a session token says: everything that is known of a session.
///
/// Field names are one letter in the sealed form: the token travels with every request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The access key id that the token belongs to; a token presented with another key is refused.
    #[serde(rename = "k")]
    pub access_key_id: String,
    /// The account that the session acts in.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// Who acts.
    #[serde(rename = "w")]
    pub actor: Actor,
    /// When it was given out, in seconds since the epoch (`aws:TokenIssueTime`).
    #[serde(rename = "i")]
    pub issued_at: i64,
    /// When it ends, in seconds since the epoch.
    #[serde(rename = "e")]
    pub expires_at: i64,
    /// The inline session policy, as it was passed.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The managed session policies.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
    /// Session tags (`aws:PrincipalTag/…`).
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    /// The keys of those tags that pass on when the session assumes another role.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub transitive_tag_keys: Vec<String>,
    /// The source identity, once set immutable through every further role.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// The token behind a web identity session, and behind the sessions chained from it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub web_identity: Option<WebIdentity>,
}

/// Who a session acts as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Actor {
    /// A role session.
    #[serde(rename = "r")]
    Role {
        /// The role's name.
        #[serde(rename = "n")]
        name: String,
        /// The role's path, since `aws:PrincipalArn` has it and the session's ARN has not.
        #[serde(rename = "p")]
        path: String,
        /// The role's unique id (`AROA…`): a role made anew under the same name is another one.
        #[serde(rename = "i")]
        id: String,
        /// The session's name.
        #[serde(rename = "s")]
        session: String,
    },
    /// A user's own temporary credentials (GetSessionToken).
    #[serde(rename = "u")]
    User {
        /// The user's name.
        #[serde(rename = "n")]
        name: String,
        /// The user's unique id (`AIDA…`).
        #[serde(rename = "i")]
        id: String,
    },
}

/// The claims of a web identity that remain usable as condition keys after the role was assumed (IAM guide, "Available keys
/// for AWS OIDC federation": `amr`, `aud` and `sub`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WebIdentity {
    /// The provider's ARN (`aws:FederatedProvider`).
    #[serde(rename = "p")]
    pub provider_arn: String,
    /// The prefix of its condition keys: host and path of the issuer.
    #[serde(rename = "k")]
    pub key_prefix: String,
    /// `sub`.
    #[serde(rename = "s")]
    pub subject: String,
    /// `azp`, or else `aud`.
    #[serde(rename = "a")]
    pub audience: Vec<String>,
    /// `amr`.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

/// Temporary credentials, as STS gives them out.
pub struct Credentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// Forty characters of base64.
    pub secret_access_key: zeroize::Zeroizing<String>,
    /// The sealed [`Session`].
    pub session_token: String,
    /// The end, in seconds since the epoch.
    pub expires_at: i64,
}

/// Makes credentials for `session`, giving it a fresh access key id.
///
/// # Errors
/// [`SealError`] when the system has no randomness or the ring no key.
pub fn mint(ring: &KeyRing, mut session: Session) -> Result<Credentials, SealError> {
    let mut random = [0_u8; 16];
    rand::fill(&mut random).map_err(|_unspecified| SealError::NoRandomness)?;
    session.access_key_id = irsa_store::model::ids::access_key_id("ASIA", session.account, &random);
    let sealed = ring.seal(&session)?;
    Ok(Credentials {
        access_key_id: session.access_key_id,
        secret_access_key: sealed.secret_access_key,
        session_token: sealed.token,
        expires_at: session.expires_at,
    })
}
