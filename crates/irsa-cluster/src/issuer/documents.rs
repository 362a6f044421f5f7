//! Discovery document and key set, as a kube-apiserver serves them (`pkg/routes/openidmetadata.go`): the same members in the
//! same order, the same media types, the same `Cache-Control`.

use irsa_token::discovery::{JWKS_PATH, PATH};
use irsa_token::{Algorithm, IssuerError, provider_name};
use serde_json::json;

use super::keys::IssuerKey;

/// How long verifiers may keep what they fetched, in seconds.
pub const MAX_AGE_SECONDS: i64 = 3_600;
/// The `Cache-Control` of both documents, which says so.
pub const CACHE_CONTROL: &str = "public, max-age=3600";
/// The media type of the discovery document.
pub const DISCOVERY_TYPE: &str = "application/json";
/// The media type of the key set (RFC 7517 §8.5.2).
pub const JWKS_TYPE: &str = "application/jwk-set+json";

/// A document and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Below the issuer's URL, without a slash before it.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// The two documents of an issuer with these keys.
///
/// # Errors
/// [`IssuerError`] when the URL can be no issuer that STS takes.
pub fn documents(issuer: &str, keys: &[IssuerKey]) -> Result<[Document; 2], IssuerError> {
    provider_name(issuer)?;
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let algorithms = keys.iter().filter_map(|key| Algorithm::from_name(&key.algorithm));
    let discovery = irsa_token::Document::new(issuer, format!("{base}{JWKS_PATH}"), algorithms);
    let jwks = json!({ "keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>() });
    Ok([
        Document {
            path: PATH.trim_start_matches('/'),
            media_type: DISCOVERY_TYPE,
            body: serde_json::to_vec(&discovery).unwrap_or_default(),
        },
        Document {
            path: JWKS_PATH.trim_start_matches('/'),
            media_type: JWKS_TYPE,
            body: jwks.to_string().into_bytes(),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::keys;

    #[test]
    fn documents_are_those_of_a_kube_apiserver() {
        let keys = keys::read(include_str!("../../../irsa-token/src/fixtures/jwks.json")).unwrap();
        let [discovery, jwks] = documents("https://127.0.0.1:6443", &keys).unwrap();
        let served = include_str!("../../../irsa-token/src/fixtures/openid-configuration.json");
        assert_eq!(String::from_utf8(discovery.body).unwrap(), served.trim());
        assert_eq!(discovery.path, ".well-known/openid-configuration");
        let served = include_str!("../../../irsa-token/src/fixtures/jwks.json");
        assert_eq!(String::from_utf8(jwks.body).unwrap(), served.trim());
        assert_eq!(jwks.path, "openid/v1/jwks");
    }

    #[test]
    fn an_issuer_is_a_plain_https_url() {
        assert_eq!(documents("http://a", &[]), Err(IssuerError::NotHttps));
        let [discovery, _] = documents("https://bucket.s3.eu-west-1.amazonaws.com/c1/", &[]).unwrap();
        let text = String::from_utf8(discovery.body).unwrap();
        assert!(
            text.contains(r#""jwks_uri":"https://bucket.s3.eu-west-1.amazonaws.com/c1/openid/v1/jwks""#),
            "{text}"
        );
    }
}
