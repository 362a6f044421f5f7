//! The two documents of an issuer: discovery and keys. Public by their nature, and built from public keys alone.
//!
//! Media types and `Cache-Control` are those of a Kubernetes API server (`pkg/routes/openidmetadata.go`), the path of the
//! keys is EKS's.

use http::{HeaderValue, Method, Response, header};
use irsa_store::Stored;
use irsa_store::model::Cluster;
use irsa_token::sign::jwks_document;
use irsa_token::{Document, SigningKey};
use serde_json::Value;

use super::keys::Keys;
use super::status::Status;

/// EKS: `{issuer}/keys`.
const KEYS: &str = "keys";
const DISCOVERY: &str = ".well-known/openid-configuration";

pub(super) fn answer(
    cluster: &Stored<Cluster>,
    keys: &Keys,
    method: &Method,
    path: &str,
) -> Response<Vec<u8>> {
    if !matches!(path, KEYS | DISCOVERY) {
        return Status::unknown_path().answer().response();
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Status::method_not_allowed().answer().response();
    }
    let keys = keys.of(cluster);
    let (document, media_type) = match path {
        KEYS => (jwks_document(keys.iter()), "application/jwk-set+json"),
        _ => (discovery(cluster, &keys), "application/json"),
    };
    let mut response = Response::new(document.to_string().into_bytes());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

fn discovery(cluster: &Cluster, keys: &[SigningKey]) -> Value {
    let issuer = cluster.issuer.as_str();
    let document = Document::new(issuer, format!("{issuer}/{KEYS}"), keys.iter().map(SigningKey::algorithm));
    serde_json::to_value(document).unwrap_or_default()
}
