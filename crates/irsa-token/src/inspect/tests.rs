use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::strict::to_base64url;

const NOW: i64 = 1_795_600_000;

fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| to_base64url(value.to_string());
    format!("{}.{}.c2ln", part(header), part(claims))
}

/// A token as the kubelet has it, with these changes.
fn codes(changes: Value) -> Vec<&'static str> {
    let mut claims = json!({
        "aud": ["sts.amazonaws.com"],
        "exp": NOW + 80_000,
        "iat": NOW - 6_400,
        "iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
        "kubernetes.io": {
            "namespace": "dev",
            "pod": { "name": "s3-app-6d9f", "uid": "11111111-2222-3333-4444-555555555555" },
            "serviceaccount": { "name": "s3-app", "uid": "66666666-7777-8888-9999-000000000000" },
        },
        "nbf": NOW - 6_400,
        "sub": "system:serviceaccount:dev:s3-app",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let inspection = Inspection::of(&token(&json!({"alg": "RS256", "kid": "k"}), &claims), NOW).unwrap();
    inspection.observations.iter().map(|observation| observation.code).collect()
}

#[test]
fn a_projected_token_has_nothing_odd() {
    assert_eq!(codes(json!({})), Vec::<&str>::new());
}

#[test]
fn every_rule_speaks_of_its_mistake() {
    for (changes, expected) in [
        (json!({"sub": "system:serviceaccount:test:s3-app"}), &["IRSA-T070"][..]),
        (json!({"sub": "system:serviceaccount:dev:other"}), &["IRSA-T071"]),
        (json!({"exp": NOW - 7_000}), &["IRSA-T073", "IRSA-T062"]),
        (json!({"exp": NOW - 60}), &["IRSA-T062"]),
        (json!({"nbf": NOW + 60}), &["IRSA-T062"]),
        (json!({"iat": NOW - 90_000}), &["IRSA-T062"]),
        (json!({"iss": "http://issuer"}), &["IRSA-T076"]),
        (json!({"iss": "kubernetes/serviceaccount", "aud": null}), &["IRSA-T076", "IRSA-T077"]),
        (json!({"aud": "sts.amazonaws.com"}), &[]),
        (json!({"aud": ["vault"]}), &["IRSA-T077"]),
        (json!({"aud": ["sts.amazonaws.com", "vault"]}), &["IRSA-T077"]),
        (json!({"azp": "client"}), &["IRSA-T078"]),
        (
            json!({"kubernetes.io": {"namespace": "dev", "serviceaccount": {"name": "s3-app"}}}),
            &["IRSA-T079"],
        ),
    ] {
        assert_eq!(codes(changes.clone()), expected, "{changes}");
    }
}

#[test]
fn what_sts_refuses_is_read_nevertheless() {
    let claims = json!({"iss": "https://a", "sub": "s", "aud": "sts.amazonaws.com"});
    for (header, expected) in [
        (json!({"alg": "none"}), "IRSA-T072"),
        (json!({"alg": "HS256"}), "IRSA-T072"),
        (json!({}), "IRSA-T072"),
    ] {
        let inspection = Inspection::of(&token(&header, &claims), NOW).unwrap();
        assert_eq!(inspection.observations[0].code, expected);
    }
    let unsigned = token(&json!({"alg": "RS256"}), &claims).replace(".c2ln", ".");
    let inspection = Inspection::of(&unsigned, NOW).unwrap();
    assert_eq!(inspection.observations[0].message, "the token has no signature: nobody vouches for it");
}

#[test]
fn what_is_no_token_says_why() {
    for (text, reason) in [
        ("", "its header is not a JSON object in base64url"),
        ("a.b.c", "its header is not a JSON object in base64url"),
        ("e30", "it has no dots"),
        ("e30.e30", "ok"),
        ("e30.W10.c", "its payload is not a JSON object in base64url"),
    ] {
        let found = match Inspection::of(text, NOW) {
            Ok(_) => "ok",
            Err(TokenError::NotAJwt(reason)) => reason,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, reason, "{text:?}");
    }
    assert_eq!(Inspection::of(&"a".repeat(MAX_CHARS + 1), NOW).unwrap_err(), TokenError::TooLong);
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_an_error(text in any::<String>()) {
        let _ = Inspection::of(&text, NOW);
    }

    #[test]
    fn any_claims_are_looked_at(
        name in prop::sample::select(&["iss", "sub", "aud", "exp", "iat", "nbf", "azp", "kubernetes.io"][..]),
        value in prop_oneof![
            any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from), ".{0,20}".prop_map(Value::from),
            Just(json!(null)), Just(json!([1, "a"])), Just(json!({"pod": 1, "namespace": {}})),
        ],
    ) {
        let _ = codes(json!({ name: value }));
    }
}
