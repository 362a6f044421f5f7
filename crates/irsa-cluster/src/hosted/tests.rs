//! The whole way of a request, but for the socket: who may, what is found, what is written, what is said.

mod changes;
mod reading;
mod tokens;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use irsa_store::model::{ClusterSigningKey, KubeObject, SecretBytes};
use irsa_store::{Embedded, Transaction};
use irsa_token::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_795_000_000;
const ID: &str = "26C59D5DD3439E57CBE9C98A24FE67DC";
const ISSUER: &str = "https://oidc.example.com/id/26C59D5DD3439E57CBE9C98A24FE67DC";
const MERGE: &str = "application/merge-patch+json";

/// Knows one token, and one whose bearer may not.
struct TwoTokens;

impl TokenReviewer for TwoTokens {
    fn review(&self, _cluster: &Cluster, token: &str, _origin: &Origin) -> Result<UserInfo, ReviewError> {
        match token {
            "good" => Ok(UserInfo {
                username: "arn:aws:iam::111122223333:user/a".to_owned(),
                groups: vec!["system:authenticated".to_owned()],
            }),
            "poor" => Err(ReviewError::Forbidden("not allowed (authorization id: abc)".to_owned())),
            _ => Err(ReviewError::Unauthenticated("no such token".to_owned())),
        }
    }
}

struct Api {
    hosted: Hosted,
    store: Arc<dyn Store>,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Api {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(Embedded::ephemeral().unwrap());
        let created = Timestamp::from_second(NOW).unwrap();
        let key = SigningKey::generate_p256().unwrap();
        let cluster = Cluster {
            account: "111122223333".parse().unwrap(),
            region: "eu-central-1".to_owned(),
            name: "dev".to_owned(),
            id: ID.to_owned(),
            version: "1.34".to_owned(),
            role_arn: String::new(),
            issuer: ISSUER.to_owned(),
            endpoint: String::new(),
            certificate_authority: None,
            signing_keys: vec![ClusterSigningKey {
                kid: key.kid().to_owned(),
                pkcs8: SecretBytes::new(key.to_pkcs8().unwrap().to_vec()),
                created,
            }],
            registration: None,
            settings: Value::Null,
            created,
            tags: Default::default(),
        };
        let transaction = Transaction::new()
            .put(cluster)
            .put(KubeObject::namespace(ID, "default", "u-ns", created))
            .put(KubeObject::service_account(ID, "default", "default", "u-sa", created));
        store.commit(transaction).unwrap();
        let hosted = Hosted::new(Arc::clone(&store), || NOW, Box::new(TwoTokens));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { hosted, store, runtime }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let response =
            self.runtime.block_on(self.hosted.answer(std::net::Ipv4Addr::LOCALHOST.into(), request));
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A request of somebody who may, below `/k8/ID`.
    fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let media_type = if method == "PATCH" { MERGE } else { "application/json" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(
            method,
            &format!("/k8/{ID}{path}"),
            &[("authorization", "Bearer good"), ("content-type", media_type)],
            &body,
        )
    }

    fn get(&self, path: &str) -> Value {
        let reply = self.call("GET", path, Value::Null);
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.body);
        reply.body
    }

    fn create(&self, path: &str, name: &str) -> Value {
        let kind = if path.ends_with("namespaces") { "Namespace" } else { "ServiceAccount" };
        let reply =
            self.call("POST", path, json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": name}}));
        assert_eq!(reply.status, 201, "POST {path} {name}: {}", reply.body);
        reply.body
    }

    /// Checks an answer that says no: its status, reason and message.
    fn refused(&self, method: &str, path: &str, body: Value, expected: (u16, &str, &str)) {
        let reply = self.call(method, path, body);
        let text = |name: &str| reply.body[name].as_str().unwrap_or_default().to_owned();
        let (status, reason, message) = expected;
        assert_eq!(
            (reply.status, text("reason").as_str()),
            (status, reason),
            "{method} {path}: {}",
            reply.body
        );
        assert_eq!(text("message"), message, "{method} {path}");
        assert_eq!(
            (text("kind"), reply.body["code"].as_u64()),
            ("Status".to_owned(), Some(u64::from(status)))
        );
    }
}

#[test]
fn issuers_documents_are_public_and_verify_tokens() {
    let api = Api::new();
    let discovery = api.send("GET", &format!("/id/{ID}/.well-known/openid-configuration"), &[], "");
    assert_eq!(discovery.headers["content-type"], "application/json");
    assert_eq!(discovery.headers["cache-control"], "public, max-age=3600");
    let expected = json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/keys"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    assert_eq!(discovery.body, expected);
    let keys = api.send("GET", &format!("/id/{ID}/keys"), &[], "");
    assert_eq!(keys.headers["content-type"], "application/jwk-set+json");
    assert_eq!(keys.body["keys"][0]["kty"], "EC");
    assert!(keys.body["keys"][0].get("d").is_none(), "the private part is never published");
    for (method, path, status) in [
        ("GET", format!("/id/{ID}/openid/v1/jwks"), 404),
        ("GET", format!("/id/{ID}/"), 404),
        ("GET", "/id/00000000000000000000000000000000/keys".to_owned(), 404),
        ("POST", format!("/id/{ID}/keys"), 405),
    ] {
        assert_eq!(api.send(method, &path, &[], "").status, status, "{method} {path}");
    }
    // The same at Kubernetes' own paths, for those who may use the cluster.
    for (path, published) in [("/.well-known/openid-configuration", &discovery), ("/openid/v1/jwks", &keys)] {
        let own = api.call("GET", path, Value::Null);
        assert_eq!((own.status, &own.body), (200, &published.body), "{path}");
        for name in ["content-type", "cache-control"] {
            assert_eq!(own.headers[name], published.headers[name], "{path}");
        }
        assert_eq!(api.call("POST", path, Value::Null).status, 405, "{path}");
    }
}

/// Everything but the issuer's documents needs a token: no path below the API answers without.
#[test]
fn nobody_enters_without_a_token() {
    let api = Api::new();
    let paths = [
        "",
        "/",
        "/version",
        "/healthz",
        "/api",
        "/apis",
        "/api/v1",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/.well-known/openid-configuration",
        "/api/v1/namespaces",
        "/nothing",
    ];
    for path in paths {
        for (headers, status) in [
            (vec![], 401),
            (vec![("authorization", "Bearer ")], 401),
            (vec![("authorization", "Bearer bad")], 401),
            (vec![("authorization", "Basic Z29vZA==")], 401),
            (vec![("authorization", "good")], 401),
            (vec![("authorization", "Bearer poor")], 403),
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let reply = api.send(method, &format!("/k8/{ID}{path}"), &headers, "");
                assert_eq!(reply.status, status, "{method} {path} {headers:?}");
                assert_eq!(reply.body["kind"], "Status");
                assert_ne!(reply.body["message"], "no such token", "the cause is in the log alone");
            }
        }
    }
    let unknown =
        api.send("GET", "/k8/00000000000000000000000000000000/api", &[("authorization", "Bearer good")], "");
    assert_eq!(unknown.status, 401);
}

#[test]
fn only_issuers_and_clusters_are_served() {
    for (path, expected) in
        [("/id/X/keys", true), ("/k8/X", true), ("/", false), ("/ids/x", false), ("/k8s", false)]
    {
        assert_eq!(Hosted::serves(path), expected, "{path}");
    }
}

#[test]
fn what_others_run_is_not_served() {
    let api = Api::new();
    let snapshot = api.store.snapshot();
    let mut cluster = Cluster::clone(snapshot.all_clusters().next().unwrap());
    let issuer = format!("/id/{ID}/keys");
    assert_eq!(api.send("GET", &issuer, &[], "").status, 200);
    cluster.registration = Some(irsa_store::model::Registration::default());
    api.store.commit(Transaction::new().put(cluster)).unwrap();
    assert_eq!(api.send("GET", &issuer, &[], "").status, 404);
    assert_eq!(api.call("GET", "/api/v1/namespaces", Value::Null).status, 401);
}
