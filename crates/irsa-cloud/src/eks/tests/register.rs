//! Clusters that others run.

use irsa_token::SigningKey;
use irsa_token::sign::jwks_document;

use super::*;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

fn keys() -> Value {
    jwks_document(&[SigningKey::generate_p256().unwrap()])
}

fn body(name: &str, issuer: &str, more: Value) -> String {
    let mut body = json!({"name": name, "identity": {"oidc": {"issuer": issuer}}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

fn register(eks: &Eks, body: &str) -> Value {
    eks.ok("POST", "/cluster-registrations", body)
}

fn stored(eks: &Eks, name: &str) -> Arc<irsa_store::Stored<irsa_store::model::Cluster>> {
    let snapshot = eks.ctx.store.snapshot();
    Arc::clone(snapshot.cluster(ACCOUNT.parse().unwrap(), REGION, name).unwrap())
}

#[test]
fn a_registered_cluster_is_described_as_connected() {
    let eks = Eks::new();
    register(&eks, &body("kind", ISSUER, json!({})));
    let expected = json!({
        "name": "kind", "arn": "arn:aws:eks:eu-central-1:111122223333:cluster/kind", "createdAt": NOW, "status": "PENDING",
        "identity": {"oidc": {"issuer": ISSUER}}, "connectorConfig": {"provider": "OTHER"}, "tags": {},
    });
    assert_eq!(eks.ok("GET", "/clusters/kind", "")["cluster"], expected);
    // With an endpoint, `aws eks update-kubeconfig` has what it needs; LS0t… is "-----BEGIN CERTIFICATE-----".
    let authority = json!({"data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"});
    let endpoint = json!({"endpoint": "https://127.0.0.1:6443", "certificateAuthority": authority});
    register(&eks, &body("kind", ISSUER, endpoint));
    let cluster = &eks.ok("GET", "/clusters/kind", "")["cluster"];
    assert_eq!(
        (&cluster["status"], &cluster["endpoint"]),
        (&json!("ACTIVE"), &json!("https://127.0.0.1:6443"))
    );
    assert_eq!(cluster["certificateAuthority"], authority);
    // New keys leave the endpoint as it is.
    register(&eks, &body("kind", ISSUER, json!({"jwks": keys()})));
    assert_eq!(eks.ok("GET", "/clusters/kind", "")["cluster"]["endpoint"], json!("https://127.0.0.1:6443"));
}

#[test]
fn lists_have_it_when_all_are_asked_for() {
    let eks = Eks::with_dev();
    register(&eks, &body("kind", ISSUER, json!({})));
    assert_eq!(eks.ok("GET", "/clusters", "")["clusters"], json!(["dev"]));
    assert_eq!(eks.ok("GET", "/clusters?include=all", "")["clusters"], json!(["dev", "kind"]));
}

#[test]
fn keys_are_kept_without_anything_that_is_private() {
    let eks = Eks::new();
    let mut jwks = keys();
    let key = jwks["keys"][0].as_object_mut().unwrap();
    key.insert("d".to_owned(), json!("c2VjcmV0"));
    key.insert("x5u".to_owned(), json!("https://elsewhere.example"));
    let symmetric = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "s"});
    jwks["keys"].as_array_mut().unwrap().push(symmetric);
    register(&eks, &body("kind", ISSUER, json!({"jwks": jwks})));
    let cluster = stored(&eks, "kind");
    let kept = cluster.registration.as_ref().unwrap().jwks.as_ref().unwrap();
    assert_eq!(kept["keys"].as_array().unwrap().len(), 1);
    assert!(!kept.to_string().contains("c2VjcmV0") && !kept.to_string().contains("x5u"), "{kept}");
    assert_eq!(eks.ctx.issuers.registered(&cluster).unwrap().keys().len(), 1);
}

#[test]
fn registering_again_replaces_the_keys() {
    let eks = Eks::new();
    let kid = |keys: &Value| keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    let (old, new) = (keys(), keys());
    let has = |kid: &str| eks.ctx.issuers.registered(&stored(&eks, "kind")).map(|keys| keys.has(kid));
    register(&eks, &body("kind", ISSUER, json!({"jwks": old})));
    assert_eq!((has(&kid(&old)), has(&kid(&new))), (Some(true), Some(false)));
    register(&eks, &body("kind", ISSUER, json!({"jwks": new})));
    assert_eq!((has(&kid(&old)), has(&kid(&new))), (Some(false), Some(true)));
    register(&eks, &body("kind", ISSUER, json!({})));
    assert_eq!(has(&kid(&new)), None, "they are fetched from now on");
}

#[test]
fn keys_that_cannot_be_read_any_more_verify_nothing() {
    let eks = Eks::new();
    register(&eks, &body("kind", ISSUER, json!({"jwks": keys()})));
    let mut cluster = irsa_store::model::Cluster::clone(&stored(&eks, "kind"));
    cluster.registration.as_mut().unwrap().jwks = Some(json!("broken"));
    eks.ctx.store.commit(irsa_store::Transaction::new().put(cluster)).unwrap();
    assert_eq!(eks.ctx.issuers.registered(&stored(&eks, "kind")).map(|keys| keys.keys().len()), Some(0));
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let eks = Eks::with_dev();
    let hosted = eks.dev().issuer.clone();
    register(&eks, &body("kind", ISSUER, json!({})));
    let check = |name: &str, issuer: &str, more: Value, code: &str, part: &str| {
        let (_, found, message) = eks.refused("POST", "/cluster-registrations", &body(name, issuer, more));
        assert!(found == code && message.contains(part), "{name} {issuer}: {found} {message}");
    };
    let (invalid, in_use) = ("InvalidParameterException", "ResourceInUseException");
    check("a b", ISSUER, json!({}), invalid, "name");
    check("", ISSUER, json!({}), invalid, "name");
    check("new", "", json!({}), invalid, "issuer is missing");
    check("new", "http://issuer.example", json!({}), invalid, "Invalid issuer URL");
    check("new", &format!("https://issuer.example/{}", "a".repeat(255)), json!({}), invalid, "255");
    check("new", &hosted, json!({}), invalid, "hosted here");
    check("new", "https://oidc.example.com/id/not-yet-made", json!({}), invalid, "hosted here");
    check("new", ISSUER, json!({}), in_use, "cluster/kind already");
    check("dev", "https://issuer.example", json!({}), in_use, "already exists");
    check("kind", "https://issuer.example", json!({}), in_use, "Deregister it first");
    check("new", "https://a.example", json!({"jwks": {"keys": []}}), invalid, "it is empty");
    check(
        "new",
        "https://a.example",
        json!({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}),
        invalid,
        "no key",
    );
    check("new", "https://a.example", json!({"jwks": "keys"}), invalid, "Invalid jwks");
    check(
        "new",
        "https://a.example",
        json!({"jwks": {"keys": [{"kty": "x".repeat(70_000)}]}}),
        invalid,
        "64 KiB",
    );
    check("new", "https://a.example", json!({"endpoint": "http://a"}), invalid, "https URL");
    let authority = json!({"endpoint": "https://a", "certificateAuthority": {"data": "AAAA"}});
    check("new", "https://a.example", authority, invalid, "PEM");
}

#[test]
fn what_hosted_clusters_can_do_registered_ones_cannot() {
    let eks = Eks::with_dev();
    register(&eks, &body("kind", ISSUER, json!({})));
    let check = |method: &str, path: &str, body: &str, part: &str| {
        let (_, code, message) = eks.refused(method, path, body);
        assert!(code == "InvalidRequestException" && message.contains(part), "{code} {message}");
    };
    check("DELETE", "/clusters/kind", "", "Use DeregisterCluster instead.");
    check("POST", "/clusters/kind/update-config", "{}", "is a registered cluster");
    check("DELETE", "/cluster-registrations/dev", "", "Use DeleteCluster instead.");
    let (status, code, _) = eks.refused("POST", "/clusters", &DEV.replace("dev", "kind"));
    assert_eq!((status, code.as_str()), (409, "ResourceInUseException"));
}

#[test]
fn deregistered_clusters_are_forgotten() {
    let eks = Eks::new();
    register(&eks, &body("kind", ISSUER, json!({"jwks": keys()})));
    let gone = eks.ok("DELETE", "/cluster-registrations/kind", "");
    assert_eq!(gone["cluster"]["status"], "DELETING");
    assert_eq!(eks.refused("GET", "/clusters/kind", "").1, "ResourceNotFoundException");
    assert_eq!(eks.refused("DELETE", "/cluster-registrations/kind", "").1, "ResourceNotFoundException");
    assert!(eks.ctx.store.snapshot().registered_cluster(ACCOUNT.parse().unwrap(), ISSUER).is_none());
    // The issuer is free again.
    register(&eks, &body("other", ISSUER, json!({})));
}
