//! The issuer of a running cluster, as its API server publishes it.
//!
//! Every ServiceAccount may read both documents (Kubernetes' ClusterRole `system:service-account-issuer-discovery`).

use irsa_token::discovery::{JWKS_PATH, PATH};
use serde_json::Value;

use super::documents::{DISCOVERY_TYPE, JWKS_TYPE};
use super::keys::{self, IssuerKey, KeyError};
use crate::api_server::{ApiError, ApiServer};

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveIssuer {
    /// The `iss` of the tokens that it signs: its first `--service-account-issuer`.
    pub issuer: String,
    /// Every key that it verifies tokens with (`--service-account-key-file`).
    pub keys: Vec<IssuerKey>,
}

/// Why a cluster's issuer cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The API server does not give it.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// There is no issuer in the discovery document.
    #[error("the API server's discovery document names no issuer")]
    NoIssuer,
    /// The keys cannot be published.
    #[error("the API server's keys cannot be published: {0}")]
    Keys(#[from] KeyError),
}

/// Reads discovery document and key set of the cluster.
///
/// # Errors
/// [`LiveError`]; `404` where the cluster's issuer is no HTTPS URL: it publishes nothing then.
pub async fn read(api: &ApiServer) -> Result<LiveIssuer, LiveError> {
    let discovery: Value = api.get(PATH, &format!("{DISCOVERY_TYPE}, */*")).await?;
    let issuer = discovery.get("issuer").and_then(Value::as_str).ok_or(LiveError::NoIssuer)?.to_owned();
    let jwks: Value = api.get(JWKS_PATH, &format!("{JWKS_TYPE}, */*")).await?;
    Ok(LiveIssuer { issuer, keys: keys::read(&jwks.to_string())? })
}
