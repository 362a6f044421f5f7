//! OpenID Connect discovery as Kubernetes serves it, and the names of providers.

use serde::{Deserialize, Serialize};

use crate::jwk::Algorithm;

/// The path of the discovery document below the issuer's URL (OpenID Connect Discovery 1.0 §4).
pub const PATH: &str = "/.well-known/openid-configuration";
/// The path of the keys at a Kubernetes API server.
pub const JWKS_PATH: &str = "/openid/v1/jwks";
/// The largest discovery document that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Why a discovery document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Larger than [`MAX_BYTES`].
    #[error("the discovery document is larger than 64 KiB")]
    TooLarge,
    /// Not JSON, or without `issuer` or `jwks_uri`.
    #[error("the discovery document is malformed: {0}")]
    Malformed(String),
    /// It speaks for another issuer (OpenID Connect Discovery 1.0 §4.3 demands the very same URL).
    #[error("the discovery document is of the issuer `{found}`, not of `{expected}`")]
    OtherIssuer {
        /// The issuer that was asked.
        expected: String,
        /// The issuer that it names.
        found: String,
    },
    /// The keys are not behind HTTPS.
    #[error("the discovery document's `jwks_uri` is not an https URL")]
    KeysNotHttps,
}

/// A discovery document, with the members that Kubernetes gives (`pkg/serviceaccount/openidmetadata.go`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The issuer's URL, the `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// `["id_token"]`.
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// `["public"]`.
    #[serde(default)]
    pub subject_types_supported: Vec<String>,
    /// The algorithms of its keys, sorted.
    #[serde(default)]
    pub id_token_signing_alg_values_supported: Vec<String>,
}

impl Document {
    /// The document of an issuer with keys of these algorithms.
    pub fn new(
        issuer: impl Into<String>,
        jwks_uri: impl Into<String>,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Self {
        let mut names: Vec<_> = algorithms.into_iter().map(|algorithm| algorithm.name().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        Self {
            issuer: issuer.into(),
            jwks_uri: jwks_uri.into(),
            response_types_supported: vec!["id_token".to_owned()],
            subject_types_supported: vec!["public".to_owned()],
            id_token_signing_alg_values_supported: names,
        }
    }

    /// Reads the document that an issuer serves.
    ///
    /// # Errors
    /// When it is too large or malformed, speaks for another issuer, or its keys are not behind HTTPS.
    pub fn parse(json: &[u8], issuer: &str) -> Result<Self, DiscoveryError> {
        if json.len() > MAX_BYTES {
            return Err(DiscoveryError::TooLarge);
        }
        let document: Self =
            serde_json::from_slice(json).map_err(|error| DiscoveryError::Malformed(error.to_string()))?;
        if document.issuer != issuer {
            return Err(DiscoveryError::OtherIssuer { expected: issuer.to_owned(), found: document.issuer });
        }
        if !document.jwks_uri.starts_with("https://") {
            return Err(DiscoveryError::KeysNotHttps);
        }
        Ok(document)
    }
}

/// Where an issuer's discovery document is: a slash that ends the issuer's URL is not doubled.
pub fn document_url(issuer: &str) -> String {
    format!("{}{PATH}", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// Why an issuer's URL names no provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Another scheme, or none.
    #[error("the issuer does not begin with https://")]
    NotHttps,
    /// No host, or a port that is no number.
    #[error("the issuer has no valid host")]
    NoHost,
    /// A query, a fragment or a user name.
    #[error("the issuer has a query, a fragment or a user name")]
    NotPlain,
    /// White space or control characters.
    #[error("the issuer has characters that no URL has")]
    NotAUrl,
}

/// The name of an issuer's provider, as it stands in ARNs and condition keys: `host[:port][/path]`, without the scheme
/// and without `:443`. Case and a slash at the end are kept, as IAM keeps them.
///
/// # Errors
/// When the URL is not a plain `https://` URL.
pub fn provider_name(issuer: &str) -> Result<String, IssuerError> {
    let rest = issuer.strip_prefix("https://").ok_or(IssuerError::NotHttps)?;
    if rest.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(IssuerError::NotAUrl);
    }
    if rest.contains(['?', '#', '@', '\\']) {
        return Err(IssuerError::NotPlain);
    }
    let (authority, path) = match rest.find('/').and_then(|slash| rest.split_at_checked(slash)) {
        Some((authority, path)) => (authority, path),
        None => (rest, ""),
    };
    let (host, port) = split_port(authority)?;
    let is_address = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (!is_address && host.contains([':', '[', ']'])) {
        return Err(IssuerError::NoHost);
    }
    Ok(match port {
        None | Some(443) => format!("{host}{path}"),
        Some(port) => format!("{host}:{port}{path}"),
    })
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), IssuerError> {
    // An IPv6 address in brackets has colons of its own.
    let after_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = authority.rfind(':').filter(|colon| *colon >= after_address);
    let Some((host, port)) = colon.and_then(|colon| authority.split_at_checked(colon)) else {
        return Ok((authority, None));
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    match digits.parse() {
        Ok(number) if plain => Ok((host, Some(number))),
        _ => Err(IssuerError::NoHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: &str = include_str!("fixtures/openid-configuration.json");

    #[test]
    fn reads_and_writes_what_kubernetes_serves() {
        let document = Document::parse(SERVED.as_bytes(), "https://127.0.0.1:6443").unwrap();
        assert_eq!(document.jwks_uri, "https://127.0.0.1:6443/openid/v1/jwks");
        let ours = Document::new("https://127.0.0.1:6443", document.jwks_uri.clone(), [Algorithm::Rs256]);
        assert_eq!(serde_json::to_string(&ours).unwrap(), SERVED.trim());
    }

    #[test]
    fn refuses_another_issuer_and_plain_http_keys() {
        assert!(matches!(
            Document::parse(SERVED.as_bytes(), "https://127.0.0.1:6443/"),
            Err(DiscoveryError::OtherIssuer { .. })
        ));
        let http = r#"{"issuer":"https://a","jwks_uri":"http://a/jwks"}"#;
        assert_eq!(Document::parse(http.as_bytes(), "https://a"), Err(DiscoveryError::KeysNotHttps));
        assert_eq!(Document::parse(&vec![b' '; MAX_BYTES + 1], "https://a"), Err(DiscoveryError::TooLarge));
    }

    #[test]
    fn names_providers() {
        let cases = [
            (
                "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
                Ok("oidc.eks.eu-west-1.amazonaws.com/id/ABC"),
            ),
            ("https://127.0.0.1:6443", Ok("127.0.0.1:6443")),
            ("https://host:443/path", Ok("host/path")),
            ("https://tenant.auth0.com/", Ok("tenant.auth0.com/")),
            ("https://[::1]:8443/a", Ok("[::1]:8443/a")),
            ("https://[::1]", Ok("[::1]")),
            ("https://Host/Path", Ok("Host/Path")),
            ("http://host", Err(IssuerError::NotHttps)),
            ("host", Err(IssuerError::NotHttps)),
            ("https://", Err(IssuerError::NoHost)),
            ("https:///path", Err(IssuerError::NoHost)),
            ("https://:443", Err(IssuerError::NoHost)),
            ("https://host::443", Err(IssuerError::NoHost)),
            ("https://host:", Err(IssuerError::NoHost)),
            ("https://host:0443", Err(IssuerError::NoHost)),
            ("https://host:+443", Err(IssuerError::NoHost)),
            ("https://host:99999", Err(IssuerError::NoHost)),
            ("https://host?a", Err(IssuerError::NotPlain)),
            ("https://host#a", Err(IssuerError::NotPlain)),
            ("https://user@host", Err(IssuerError::NotPlain)),
            ("https://ho st", Err(IssuerError::NotAUrl)),
        ];
        for (issuer, name) in cases {
            assert_eq!(provider_name(issuer), name.map(str::to_owned), "{issuer}");
        }
    }
}
