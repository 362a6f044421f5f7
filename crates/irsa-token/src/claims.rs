//! What a token says: the registered claims (RFC 7519 §4.1), Kubernetes' and AWS's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::verify::TokenError;

/// STS refuses tokens that were issued longer ago than this, in seconds, whatever their `exp`
/// (`Token too old`). The kubelet replaces a token before it is 24 hours old.
pub const MAX_AGE_SECONDS: i64 = 86_400;

const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// The issuer's URL.
    pub iss: String,
    /// The subject, `system:serviceaccount:<namespace>:<name>` for a ServiceAccount.
    pub sub: String,
    /// The audiences; a single string counts as one.
    pub aud: Vec<String>,
    /// The authorized party. When present, AWS compares it, and not `aud`, with the client ids.
    pub azp: Option<String>,
    /// When it expires, in Unix seconds.
    pub exp: i64,
    /// When it was issued, in Unix seconds.
    pub iat: Option<i64>,
    /// When it begins to be valid, in Unix seconds.
    pub nbf: Option<i64>,
    /// Its id.
    pub jti: Option<String>,
    /// How the subject was authenticated.
    pub amr: Vec<String>,
    /// The subject's e-mail address.
    pub email: Option<String>,
    /// What Kubernetes says about the ServiceAccount and the pod (claim `kubernetes.io`).
    pub kubernetes: Option<KubernetesClaims>,
    /// Session tags for AWS (claim `https://aws.amazon.com/tags`).
    pub tags: Option<SessionTags>,
    /// The source identity for AWS (claim `https://aws.amazon.com/source_identity`).
    pub source_identity: Option<String>,
    /// All claims, as they stand in the token.
    pub raw: Value,
}

/// Kubernetes' own claim (`kubernetes.io`), of a bound ServiceAccount token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubernetesClaims {
    /// The namespace.
    pub namespace: String,
    /// The node that the pod runs on, since Kubernetes 1.30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NamedObject>,
    /// The pod that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<NamedObject>,
    /// The secret that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<NamedObject>,
    /// The ServiceAccount.
    pub serviceaccount: NamedObject,
    /// When an extended token should have been replaced, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnafter: Option<i64>,
}

/// A Kubernetes object by name and uid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedObject {
    /// Its name.
    pub name: String,
    /// Its uid; a node's may be absent (KEP 4193).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Session tags that the issuer vouches for (STS guide, "Passing session tags using AssumeRoleWithWebIdentity").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionTags {
    /// Key to values. AWS allows one value a key; checking that is the caller's.
    pub principal_tags: BTreeMap<String, Vec<String>>,
    /// The keys that stay when the session assumes another role.
    pub transitive_tag_keys: Vec<String>,
}

impl Claims {
    pub(crate) fn from_members(members: Map<String, Value>) -> Result<Self, TokenError> {
        let kubernetes = match members.get("kubernetes.io") {
            None => None,
            Some(claim) => Some(
                KubernetesClaims::deserialize(claim)
                    .map_err(|_| TokenError::InvalidClaim("kubernetes.io"))?,
            ),
        };
        Ok(Self {
            iss: required(string(&members, "iss")?, "iss")?,
            sub: required(string(&members, "sub")?, "sub")?,
            aud: required(strings(&members, "aud")?, "aud")?,
            azp: string(&members, "azp")?,
            exp: required(seconds(&members, "exp")?, "exp")?,
            iat: seconds(&members, "iat")?,
            nbf: seconds(&members, "nbf")?,
            jti: string(&members, "jti")?,
            amr: strings(&members, "amr")?.unwrap_or_default(),
            email: string(&members, "email")?,
            kubernetes,
            tags: session_tags(&members)?,
            source_identity: string(&members, SOURCE_IDENTITY)?,
            raw: Value::Object(members),
        })
    }

    /// Whether the token is valid at `now` (Unix seconds), by clocks that differ by at most `leeway` seconds.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::NotYetValid`] or [`TokenError::TooOld`].
    pub fn check_time(&self, now: i64, leeway: i64) -> Result<(), TokenError> {
        if now >= self.exp.saturating_add(leeway) {
            return Err(TokenError::Expired { now, exp: self.exp });
        }
        if let Some(from) = self.nbf.max(self.iat)
            && from > now.saturating_add(leeway)
        {
            return Err(TokenError::NotYetValid { now, from });
        }
        let age = self.iat.map_or(0, |iat| now.saturating_sub(iat));
        if age > MAX_AGE_SECONDS.saturating_add(leeway) {
            return Err(TokenError::TooOld { age });
        }
        Ok(())
    }
}

fn required<T>(claim: Option<T>, name: &'static str) -> Result<T, TokenError> {
    claim.ok_or(TokenError::MissingClaim(name))
}

fn string(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, TokenError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::InvalidClaim(name)),
    }
}

fn strings(members: &Map<String, Value>, name: &'static str) -> Result<Option<Vec<String>>, TokenError> {
    members.get(name).map(|claim| one_or_many(claim).ok_or(TokenError::InvalidClaim(name))).transpose()
}

fn one_or_many(claim: &Value) -> Option<Vec<String>> {
    match claim {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn seconds(members: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, TokenError> {
    members.get(name).map(|claim| numeric_date(claim).ok_or(TokenError::InvalidClaim(name))).transpose()
}

/// RFC 7519 §2: a NumericDate may have a fraction; it is cut off.
pub(crate) fn numeric_date(claim: &Value) -> Option<i64> {
    /// The year 9999, and the same distance before 1970: what a date is.
    const RANGE: std::ops::RangeInclusive<i64> = -253_402_300_799..=253_402_300_799;
    let seconds =
        claim.as_i64().or_else(|| claim.as_f64().filter(|date| date.is_finite()).map(|date| date as i64));
    seconds.filter(|date| RANGE.contains(date))
}

/// The tags in either of AWS's two forms: one object, or flattened into the names of several claims.
fn session_tags(members: &Map<String, Value>) -> Result<Option<SessionTags>, TokenError> {
    let invalid = TokenError::InvalidClaim(TAGS);
    let mut tags = None;
    for (name, claim) in members {
        let Some(rest) = name.strip_prefix(TAGS) else { continue };
        let tags = tags.get_or_insert_with(SessionTags::default);
        let valid = if rest.is_empty() {
            nested_tags(claim, tags)
        } else if let Some(key) = rest.strip_prefix("/principal_tags/") {
            one_or_many(claim).map(|values| drop(tags.principal_tags.insert(key.to_owned(), values)))
        } else if rest == "/transitive_tag_keys" {
            one_or_many(claim).map(|keys| tags.transitive_tag_keys.extend(keys))
        } else {
            None
        };
        if valid.is_none() {
            return Err(invalid);
        }
    }
    Ok(tags)
}

fn nested_tags(claim: &Value, tags: &mut SessionTags) -> Option<()> {
    let claim = claim.as_object()?;
    if let Some(principal_tags) = claim.get("principal_tags") {
        for (key, values) in principal_tags.as_object()? {
            tags.principal_tags.insert(key.clone(), one_or_many(values)?);
        }
    }
    if let Some(keys) = claim.get("transitive_tag_keys") {
        tags.transitive_tag_keys.extend(one_or_many(keys)?);
    }
    Some(())
}
