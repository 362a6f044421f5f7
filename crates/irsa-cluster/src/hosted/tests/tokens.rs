//! TokenRequest: what is given out verifies, and says no more than is true.

use irsa_token::{Jwks, Unverified};

use super::*;

const TOKEN: &str = "/api/v1/namespaces/default/serviceaccounts/default/token";

fn request(api: &Api, spec: Value) -> Reply {
    api.call(
        "POST",
        TOKEN,
        json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": spec}),
    )
}

/// The claims of a token, after it was verified by the issuer's published keys.
fn verified(api: &Api, token: &str) -> Arc<irsa_token::Claims> {
    let keys = api.send("GET", &format!("/id/{ID}/keys"), &[], "").body;
    let keys = Jwks::parse(keys.to_string().as_bytes()).unwrap();
    Unverified::parse(token).unwrap().verify(&keys).unwrap()
}

#[test]
fn tokens_verify_by_the_published_keys() {
    let api = Api::new();
    let reply = request(
        &api,
        json!({
            "audiences": ["sts.amazonaws.com"],
            "expirationSeconds": 86_400,
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "app", "uid": "u-pod"},
        }),
    );
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["status"]["expirationTimestamp"], "2026-11-19T11:06:40Z");
    let claims = verified(&api, reply.body["status"]["token"].as_str().unwrap());
    assert_eq!(claims.iss, ISSUER);
    assert_eq!(claims.sub, "system:serviceaccount:default:default");
    assert_eq!(claims.aud, ["sts.amazonaws.com"]);
    let kubernetes = claims.kubernetes.clone().unwrap();
    let account = &kubernetes.serviceaccount;
    assert_eq!((account.name.as_str(), account.uid.as_deref()), ("default", Some("u-sa")));
    assert_eq!(kubernetes.pod.unwrap().name, "app");
}

#[test]
fn without_an_audience_the_token_is_the_issuers_own() {
    let api = Api::new();
    let reply = request(&api, json!({"audiences": null, "expirationSeconds": null, "boundObjectRef": null}));
    assert_eq!(reply.body["spec"]["expirationSeconds"], 3_600);
    assert_eq!(verified(&api, reply.body["status"]["token"].as_str().unwrap()).aud, [ISSUER]);
}

#[test]
fn lives_have_limits() {
    let api = Api::new();
    let short = "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a \
                 duration less than 10 minutes";
    api.refused("POST", TOKEN, json!({"spec": {"expirationSeconds": 599}}), (422, "Invalid", short));
    assert_eq!(request(&api, json!({"expirationSeconds": -1})).status, 422);
    assert_eq!(request(&api, json!({"expirationSeconds": 1_i64 << 40})).status, 422);
    let shortened = request(&api, json!({"expirationSeconds": 86_401}));
    assert_eq!(shortened.body["spec"]["expirationSeconds"], 86_400);
    let warning = "299 - \"requested expiration of 86401 seconds shortened to 86400 seconds\"";
    assert_eq!(shortened.headers["warning"], warning);
}

#[test]
fn what_is_not_there_has_no_token() {
    let api = Api::new();
    let bound = |reference: Value| json!({"spec": {"boundObjectRef": reference}});
    let none = TOKEN.replace("default/token", "none/token");
    api.refused("POST", &none, json!({}), (404, "NotFound", "serviceaccounts \"none\" not found"));
    let pod = bound(json!({"kind": "Pod", "name": "app"}));
    api.refused("POST", TOKEN, pod, (404, "NotFound", "pods \"app\" not found"));
    let secret = bound(json!({"kind": "Secret", "name": "s", "uid": "u"}));
    api.refused("POST", TOKEN, secret, (404, "NotFound", "secrets \"s\" not found"));
    assert_eq!(api.call("POST", TOKEN, bound(json!({"kind": "Widget", "name": "w"}))).status, 422);
    assert_eq!(api.call("POST", TOKEN, json!({"kind": "Pod"})).status, 400);
    assert_eq!(api.call("POST", TOKEN, json!({"spec": {"audiences": "sts"}})).status, 400);
    assert_eq!(api.call("GET", TOKEN, Value::Null).status, 405);
}
