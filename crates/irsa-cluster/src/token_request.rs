//! ServiceAccount tokens as the TokenRequest API gives them out (`pkg/registry/core/serviceaccount/storage/token.go` and
//! `pkg/serviceaccount/claims.go` of Kubernetes 1.32).

use irsa_token::{SignError, SigningKey};
use serde_json::{Map, Value, json};

/// Kubernetes' least life of a token, in seconds.
pub const LEAST_SECONDS: i64 = 600;
/// EKS's longest life of a token, in seconds.
pub const MOST_SECONDS: i64 = 86_400;
/// The life of a token when none is asked for, in seconds.
pub const DEFAULT_SECONDS: i64 = 3_600;

/// A ServiceAccount or pod, as a token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUid {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audiences: Vec<String>,
    /// The ServiceAccount's namespace.
    pub namespace: String,
    /// The ServiceAccount.
    pub service_account: NamedUid,
    /// The pod that the token is bound to.
    pub pod: Option<NamedUid>,
    /// When it begins, in seconds since the epoch.
    pub issued_at: i64,
    /// How long it lives, in seconds.
    pub seconds: i64,
    /// `jti`: a UUID.
    pub id: String,
}

impl TokenSpec {
    /// When it ends, in seconds since the epoch.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.issued_at.saturating_add(self.seconds)
    }

    /// The claims, in the order in which Kubernetes writes them.
    #[must_use]
    pub fn claims(&self) -> Value {
        let named = |object: &NamedUid| json!({"name": object.name, "uid": object.uid});
        let mut kubernetes = Map::new();
        kubernetes.insert("namespace".to_owned(), self.namespace.as_str().into());
        if let Some(pod) = &self.pod {
            kubernetes.insert("pod".to_owned(), named(pod));
        }
        kubernetes.insert("serviceaccount".to_owned(), named(&self.service_account));
        json!({
            "aud": self.audiences,
            "exp": self.expires_at(),
            "iat": self.issued_at,
            "iss": self.issuer,
            "jti": self.id,
            "kubernetes.io": kubernetes,
            "nbf": self.issued_at,
            "sub": format!("system:serviceaccount:{}:{}", self.namespace, self.service_account.name),
        })
    }

    /// The token, signed.
    ///
    /// # Errors
    /// [`SignError`] when the cryptographic library fails.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SignError> {
        key.sign(&self.claims())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The claims of a real cluster's token, from the same facts.
    #[test]
    fn claims_are_kubernetes_own() {
        let spec = TokenSpec {
            issuer: "https://127.0.0.1:6443".to_owned(),
            audiences: vec!["sts.amazonaws.com".to_owned()],
            namespace: "demo".to_owned(),
            service_account: NamedUid {
                name: "s3-app".to_owned(),
                uid: "09b71ede-a3ec-466b-ae55-abc28a25e64f".to_owned(),
            },
            pod: None,
            issued_at: 1_795_306_432,
            seconds: 3_600,
            id: "7e228703-605d-461f-aff3-780182106c4d".to_owned(),
        };
        let recorded: Value = serde_json::from_str(include_str!("fixtures/token.decoded.json")).unwrap();
        assert_eq!(spec.claims().to_string(), recorded["claims"].to_string());
    }

    /// The token that Kubernetes bound to a pod, byte for byte as far as the signature.
    #[test]
    fn a_token_bound_to_a_pod_names_it() {
        let response: Value =
            serde_json::from_str(include_str!("fixtures/tokenrequest.response.json")).unwrap();
        let recorded = response["status"]["token"].as_str().unwrap();
        let named = |name: &str, uid: &str| NamedUid { name: name.to_owned(), uid: uid.to_owned() };
        let spec = TokenSpec {
            issuer: "https://127.0.0.1:6443".to_owned(),
            audiences: vec!["sts.amazonaws.com".to_owned()],
            namespace: "demo".to_owned(),
            service_account: named("s3-app", "09b71ede-a3ec-466b-ae55-abc28a25e64f"),
            pod: Some(named("app", "b6d6a317-016c-46de-a920-99f39a7b52e5")),
            issued_at: 1_795_306_527,
            seconds: 86_400,
            id: "15f7bef-".to_owned(),
        };
        use base64::Engine as _;
        let payload = recorded.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
        let mut payload: Value = serde_json::from_slice(&payload).unwrap();
        payload["jti"] = "15f7bef-".into();
        assert_eq!(spec.claims().to_string(), payload.to_string());
    }
}
