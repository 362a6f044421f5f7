//! What a token says and what is odd about it, for people. Nothing is verified: an inspection is about a text, not about trust.
//!
//! Also what [`Unverified`](crate::Unverified) refuses is read, as far as it can be: the reason why a token is refused is what
//! somebody who inspects it wants to know. The rules are those of Kubernetes' bound tokens (`pkg/serviceaccount/claims.go`)
//! and of AWS STS.

mod rules;

use std::fmt;

use serde_json::{Map, Value};

use crate::claims::numeric_date;
use crate::strict;
use crate::verify::{MAX_CHARS, TokenError};

/// A token, taken apart.
#[derive(Clone, PartialEq)]
pub struct Inspection {
    /// The header's members.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    /// The token's length in characters.
    pub length: usize,
    /// What is odd, worst first.
    pub observations: Vec<Observation>,
}

/// Something that somebody should know about a token.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Observation {
    /// A stable code, `IRSA-T070`.
    pub code: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// One sentence, with the values.
    pub message: String,
}

/// How bad an observation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// No Kubernetes issuer makes such a token: it was put together by hand.
    Impossible,
    /// STS or a webhook's SDK would refuse it.
    Refused,
    /// It works, and is worth knowing.
    Note,
}

impl Inspection {
    /// Takes a token apart; `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], or [`TokenError::NotAJwt`] when there are not two JSON objects in it.
    pub fn of(token: &str, now: i64) -> Result<Inspection, TokenError> {
        let token = token.trim_ascii();
        if token.len() > MAX_CHARS {
            return Err(TokenError::TooLong);
        }
        let mut parts = token.split('.');
        let mut part = |missing| parts.next().ok_or(TokenError::NotAJwt(missing));
        let header = object(part("it is empty")?, "its header is not a JSON object in base64url")?;
        let claims = object(part("it has no dots")?, "its payload is not a JSON object in base64url")?;
        let has_signature = part("it has one dot only").is_ok_and(|signature| !signature.is_empty());
        let mut inspection = Inspection { header, claims, length: token.len(), observations: Vec::new() };
        inspection.observations = rules::observe(&inspection, has_signature, now);
        inspection.observations.sort_by_key(|observation| observation.weight);
        Ok(inspection)
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim that is a time, in Unix seconds.
    pub fn time(&self, name: &str) -> Option<i64> {
        numeric_date(self.claims.get(name)?)
    }

    /// The audiences; a text counts as one.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Namespace and name in the subject of a ServiceAccount.
    pub fn service_account(&self) -> Option<(&str, &str)> {
        self.text("sub")?.strip_prefix("system:serviceaccount:")?.split_once(':')
    }

    /// A text below Kubernetes' own claim, by its path, such as `["pod", "name"]`.
    pub fn kubernetes(&self, path: &[&str]) -> Option<&str> {
        let claim = self.claims.get("kubernetes.io")?;
        path.iter().try_fold(claim, |value, name| value.get(name))?.as_str()
    }
}

/// Claims are no secret, but where a token stood its signature may stand too.
impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection")
            .field("sub", &self.text("sub"))
            .field("observations", &self.observations)
            .finish_non_exhaustive()
    }
}

fn object(part: &str, otherwise: &'static str) -> Result<Map<String, Value>, TokenError> {
    let json = strict::base64url(part).ok_or(TokenError::NotAJwt(otherwise))?;
    strict::object(&json).map_err(|_| TokenError::NotAJwt(otherwise))
}

#[cfg(test)]
mod tests;
