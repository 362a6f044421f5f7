//! The two documents of an issuer: discovery and keys. Public by their nature, and built from public keys alone.
//!
//! Media types and `Cache-Control` are those of a Kubernetes API server (`pkg/routes/openidmetadata.go`). The path of the keys
//! below the issuer is EKS's; the cluster's own API has both documents at Kubernetes' paths, for those who may use it.

use http::Method;
use irsa_store::Stored;
use irsa_store::model::Cluster;
use irsa_token::sign::jwks_document;
use irsa_token::{Document, SigningKey};
use serde_json::Value;

use super::answer::Answer;
use super::keys::Keys;
use super::status::Status;

/// EKS: `{issuer}/keys`.
const KEYS: &str = "keys";

/// What an issuer publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IssuerDocument {
    /// Its name, where its keys are, and how it signs (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// Its public keys (RFC 7517 §5).
    Keys,
}

impl IssuerDocument {
    /// The document at a path below the issuer.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            KEYS => Some(Self::Keys),
            ".well-known/openid-configuration" => Some(Self::Discovery),
            _ => None,
        }
    }

    pub(super) fn answer(
        self,
        cluster: &Stored<Cluster>,
        keys: &Keys,
        method: &Method,
    ) -> Result<Answer, Status> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Status::method_not_allowed());
        }
        let keys = keys.of(cluster);
        Ok(match self {
            Self::Keys => Answer::public("application/jwk-set+json", jwks_document(keys.iter())),
            Self::Discovery => Answer::public("application/json", discovery(cluster, &keys)),
        })
    }
}

fn discovery(cluster: &Cluster, keys: &[SigningKey]) -> Value {
    let issuer = cluster.issuer.as_str();
    let document = Document::new(issuer, format!("{issuer}/{KEYS}"), keys.iter().map(SigningKey::algorithm));
    serde_json::to_value(document).unwrap_or_default()
}
