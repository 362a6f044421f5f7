//! The public keys of an issuer, from PEM files and from the key set that a kube-apiserver serves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_token::{Jwks, PublicKey};
use serde_json::{Value, json};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A public key that is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerKey {
    /// Its name in tokens: base64url(SHA-256 of the SubjectPublicKeyInfo) for keys from PEM, as Kubernetes makes it; as it
    /// stands in the key set for others.
    pub kid: String,
    /// The algorithm that it verifies, `RS256` or `ES256`, `ES384`, `ES512`.
    pub algorithm: String,
    /// The key as a JWK.
    pub jwk: Value,
}

/// Why a file holds no keys that can be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither PEM nor JSON.
    #[error("there is neither a PEM public key nor a JSON key set in it")]
    NoKeys,
    /// A private key: it has no business here.
    #[error("it holds a private key; give the public one: `openssl pkey -in sa.key -pubout -out sa.pub`")]
    Private,
    /// PEM that is not what it says.
    #[error("the PEM block `{0}` is not readable")]
    BadPem(String),
    /// A key of a kind that no token is verified with.
    #[error("{0}")]
    Unusable(String),
    /// A key set that cannot be read.
    #[error("the key set cannot be read: {0}")]
    BadJwks(String),
}

/// Reads every key of a file: PEM blocks `PUBLIC KEY` (RSA of 2,048 to 8,192 bits, P-256, P-384, P-521), or a JWKS document.
///
/// # Errors
/// [`KeyError`]; also when a single key of several cannot be published: verifiers would miss it.
pub fn read(text: &str) -> Result<Vec<IssuerKey>, KeyError> {
    let keys = if text.trim_start().starts_with('{') { from_jwks(text)? } else { from_pem(text)? };
    if keys.is_empty() { Err(KeyError::NoKeys) } else { Ok(keys) }
}

fn from_pem(text: &str) -> Result<Vec<IssuerKey>, KeyError> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, body) = block.split_once(DASHES).ok_or_else(|| KeyError::BadPem("unnamed".to_owned()))?;
        let end = format!("-----END {label}-----");
        let (body, after) = body.split_once(&end).ok_or_else(|| KeyError::BadPem(label.to_owned()))?;
        rest = after;
        if label.ends_with("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if label == "PUBLIC KEY" {
            let base64: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(base64).map_err(|_| KeyError::BadPem(label.to_owned()))?;
            let key = PublicKey::from_spki(&der).map_err(|error| KeyError::Unusable(error.to_string()))?;
            keys.push(IssuerKey {
                kid: key.kid().to_owned(),
                algorithm: key.algorithm().name().to_owned(),
                jwk: key.jwk().clone(),
            });
        }
    }
    Ok(keys)
}

fn from_jwks(text: &str) -> Result<Vec<IssuerKey>, KeyError> {
    let bad = |reason: String| KeyError::BadJwks(reason);
    let whole = Jwks::parse(text.as_bytes()).map_err(|error| bad(error.to_string()))?;
    if let Some(unusable) = whole.unusable().first() {
        return Err(KeyError::Unusable(unusable.to_string()));
    }
    let document: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let members = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    members
        .iter()
        .map(|member| from_jwk(member).ok_or_else(|| bad("a key has no `kid`".to_owned())))
        .collect()
}

/// A key that [`Jwks`] takes, with the members that it needs and no others: a private part would be one of those.
fn from_jwk(member: &Value) -> Option<IssuerKey> {
    let alone = Jwks::parse(json!({ "keys": [member] }).to_string().as_bytes()).ok()?;
    let key = alone.keys().first()?;
    let algorithm = key.algorithms().next()?.name().to_owned();
    let names: &[&str] = match member.get("kty").and_then(Value::as_str) {
        Some("RSA") => &["use", "kty", "kid", "alg", "n", "e"],
        _ => &["use", "kty", "kid", "crv", "alg", "x", "y"],
    };
    let mut jwk = serde_json::Map::new();
    for name in names {
        let given = member.get(*name).cloned();
        let value = match *name {
            "use" => Some("sig".into()),
            "alg" => Some(algorithm.clone().into()),
            _ => given,
        };
        jwk.insert((*name).to_owned(), value?);
    }
    Some(IssuerKey { kid: key.kid()?.to_owned(), algorithm, jwk: Value::Object(jwk) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: &str = include_str!("../../../irsa-token/src/fixtures/jwks.json");

    #[test]
    fn a_key_set_is_read_as_it_is_served() {
        let keys = read(SERVED).unwrap();
        assert_eq!(json!({ "keys": [keys[0].jwk] }).to_string(), SERVED.trim());
        assert_eq!((keys.len(), keys[0].algorithm.as_str()), (1, "RS256"));
    }

    #[test]
    fn a_private_part_is_never_published() {
        let private = SERVED.replace("\"e\":\"AQAB\"", "\"e\":\"AQAB\",\"d\":\"c2VjcmV0\"");
        assert!(!read(&private).unwrap()[0].jwk.to_string().contains("c2VjcmV0"));
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(read(pem), Err(KeyError::Private));
    }

    #[test]
    fn pem_keys_get_kubernetes_names() {
        // openssl ecparam -name prime256v1 -genkey | openssl ec -pubout
        let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
        let keys = read(&format!("# the first\n{pem}{pem}")).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!((keys[0].algorithm.as_str(), keys[0].kid.len()), ("ES256", 43));
        assert_eq!(keys[0].jwk["crv"], "P-256");
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (text, expected) in [
            ("", "there is neither a PEM public key nor a JSON key set in it"),
            ("hello", "there is neither a PEM public key nor a JSON key set in it"),
            ("{}", "the key set cannot be read: the key set is not a JWKS document: it has no array `keys`"),
            (
                "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
                "the PEM block `PUBLIC KEY` is not readable",
            ),
            ("-----BEGIN PUBLIC KEY-----\nAA==", "the PEM block `PUBLIC KEY` is not readable"),
            ("-----BEGIN", "there is neither a PEM public key nor a JSON key set in it"),
            (
                r#"{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}"#,
                "key a is not used: its `kty` is not RSA or EC",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,200}", label in "[A-Z -]{0,16}", body in "[A-Za-z0-9+/=\\s-]{0,80}") {
            let _ = read(&text);
            let _ = read(&format!("{{{text}"));
            let _ = read(&format!("{text}-----BEGIN {label}-----{body}-----END {label}-----{text}"));
            let _ = read(&format!("-----BEGIN PUBLIC KEY-----{body}-----END PUBLIC KEY-----"));
        }
    }
}
