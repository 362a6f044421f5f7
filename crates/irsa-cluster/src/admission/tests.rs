//! Reviews as API servers send them, and bodies as anybody may.

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json_patch::{PatchOperation, apply};
use crate::mutate::{AllowedRoles, Identities, Mapping, Settings};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const NAMED: &str = include_str!("../fixtures/reviews/url-001-create-app.request.json");
const REVIEWS: [&str; 7] = [
    NAMED,
    include_str!("../fixtures/reviews/url-002-create-gen-GENERATE.request.json"),
    include_str!("../fixtures/reviews/url-003-create-gen-GENERATE.request.json"),
    include_str!("../fixtures/reviews/url-004-create-web-7b46c4b544-GENERATE.request.json"),
    include_str!("../fixtures/reviews/url-005-create-nosa.request.json"),
    include_str!("../fixtures/reviews/svc-001-create-app.request.json"),
    include_str!("../fixtures/reviews/v1beta1-001-create-app.request.json"),
];

fn found() -> Lookup {
    let facts = ServiceAccountFacts { role_arn: Some(ROLE.to_owned()), ..ServiceAccountFacts::default() };
    Lookup::Found(Arc::new(facts))
}

fn answer(body: &str, lookup: &Lookup, settings: &Settings, decisions: &Decisions) -> (Value, Reviewed) {
    let lookup = |_: &str, _: &str| lookup.clone();
    let reviewed = review(body.as_bytes(), &lookup, &Rules::of(settings), decisions).unwrap();
    let answered: Value = serde_json::from_slice(&reviewed.body).unwrap();
    (answered, reviewed)
}

fn patch(answered: &Value) -> Option<Vec<PatchOperation>> {
    let text = answered["response"]["patch"].as_str()?;
    let json = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    Some(serde_json::from_slice(&json).unwrap())
}

/// A review with one part changed.
fn changed(pointer: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(NAMED).unwrap();
    match body.pointer_mut(pointer) {
        Some(part) => *part = value,
        None => apply(&mut body, &[PatchOperation::Add { path: pointer.to_owned(), value }]).unwrap(),
    }
    body.to_string()
}

#[test]
fn recorded_reviews() {
    for body in REVIEWS {
        let asked: Value = serde_json::from_str(body).unwrap();
        let request = Request::parse(body.as_bytes()).unwrap();
        let account = asked["request"]["object"]["spec"]["serviceAccountName"].as_str().unwrap();
        let namespace = asked["request"]["namespace"].as_str().unwrap();
        assert_eq!(request.service_account(), Some((namespace, account)));
        assert_eq!(request.is_dry_run(), asked["request"]["dryRun"].as_bool().unwrap());

        let (answered, reviewed) = answer(body, &found(), &Settings::default(), &Decisions::default());
        for same in ["apiVersion", "kind"] {
            assert_eq!(answered[same], asked[same]);
        }
        assert_eq!(answered["response"]["uid"], asked["request"]["uid"]);
        assert_eq!(answered["response"]["allowed"], true);
        assert_eq!(answered["response"]["patchType"], "JSONPatch");
        let expected =
            json!({"method": "sts_web_identity", "role-arn": ROLE, "token-audience": "sts.amazonaws.com"});
        assert_eq!(answered["response"]["auditAnnotations"], expected);
        let mut pod = asked["request"]["object"].clone();
        apply(&mut pod, &patch(&answered).unwrap()).unwrap();
        assert!(pod.to_string().contains(ROLE));
        let role_arn = Some(ROLE.to_owned());
        let was_complete = false;
        assert_eq!(
            reviewed.outcome,
            Outcome::Mutated { method: Method::StsWebIdentity, role_arn, was_complete }
        );

        // Reinvocation: the same pod again has no patch to it.
        let mut again = asked;
        again["request"]["object"] = pod;
        let (answered, reviewed) =
            answer(&again.to_string(), &found(), &Settings::default(), &Decisions::default());
        assert_eq!((answered["response"]["allowed"].as_bool(), patch(&answered)), (Some(true), None));
        assert!(matches!(reviewed.outcome, Outcome::Mutated { was_complete: true, .. }));
    }
}

#[test]
fn answers_look_so() {
    let (answered, _) = answer(NAMED, &found(), &Settings::default(), &Decisions::default());
    insta::assert_json_snapshot!("mutated", answered);
    let (answered, _) = answer(
        &changed("/request/object/spec", json!([])),
        &found(),
        &Settings::default(),
        &Decisions::default(),
    );
    insta::assert_json_snapshot!("unreadable", answered);
}

#[test]
fn lookups_and_decisions() {
    let none = Lookup::Found(Arc::new(ServiceAccountFacts::default()));
    let unknown = |unknown| Decisions { unknown, ..Decisions::default() };
    for (lookup, decisions, allowed, outcome) in [
        (&none, unknown(Decision::Deny), true, Outcome::NoIdentity),
        (&Lookup::Missing, unknown(Decision::Deny), true, Outcome::Missing),
        (&Lookup::Unknown, unknown(Decision::Allow), true, Outcome::Unknown(Decision::Allow)),
        (&Lookup::Unknown, unknown(Decision::Deny), false, Outcome::Unknown(Decision::Deny)),
    ] {
        let (answered, reviewed) = answer(NAMED, lookup, &Settings::default(), &decisions);
        assert_eq!((&answered["response"]["allowed"], reviewed.outcome), (&json!(allowed), outcome));
        assert_eq!(patch(&answered), None);
        let code = answered["response"].pointer("/status/code").cloned();
        assert_eq!(code, (!allowed).then(|| json!(503)));
    }
}

/// Its own annotation would win, so that the ConfigMap decides about an unknown ServiceAccount only where nothing is to be
/// denied. EKS Pod Identity asks for no annotation.
#[test]
fn unknown_accounts_with_other_sources() {
    let request = Request::parse(NAMED.as_bytes()).unwrap();
    let (namespace, name) = request.service_account().unwrap();
    let key = format!("{namespace}/{name}");
    let (mapping, _) = Mapping::parse(&json!({key: {"RoleARN": ROLE}}).to_string()).unwrap();
    let identity = json!({"identities": [{"namespace": namespace, "serviceAccount": name}]});
    let identities = Identities::parse(&identity.to_string()).unwrap();
    let settings = Settings::default();
    let rules = Rules::of(&settings);
    for (rules, unknown, is_mutated) in [
        (Rules { mapping: Some(&mapping), ..rules }, Decision::Allow, true),
        (Rules { mapping: Some(&mapping), ..rules }, Decision::Deny, false),
        (Rules { identities: Some(&identities), ..rules }, Decision::Deny, true),
    ] {
        let decisions = Decisions { unknown, ..Decisions::default() };
        let reviewed = request.answer(&Lookup::Unknown, &rules, &decisions);
        assert_eq!(matches!(reviewed.outcome, Outcome::Mutated { .. }), is_mutated);
    }
}

#[test]
fn refused_roles() {
    let settings = Settings { allowed_roles: Some(AllowedRoles::default()), ..Settings::default() };
    for (refused, allowed) in [(Decision::Deny, false), (Decision::Allow, true)] {
        let decisions = Decisions { refused, ..Decisions::default() };
        let (answered, reviewed) = answer(NAMED, &found(), &settings, &decisions);
        assert_eq!((&answered["response"]["allowed"], patch(&answered)), (&json!(allowed), None));
        assert!(matches!(reviewed.outcome, Outcome::Refused(Refusal::RoleNotAllowed { .. }, _)));
        let told = if allowed { "/warnings/0" } else { "/status/message" };
        assert!(answered["response"].pointer(told).unwrap().as_str().unwrap().contains(ROLE));
    }
}

#[test]
fn warnings_are_sent() {
    let facts =
        ServiceAccountFacts { role_arn: Some("my-role".to_owned()), ..ServiceAccountFacts::default() };
    let (answered, _) =
        answer(NAMED, &Lookup::Found(Arc::new(facts)), &Settings::default(), &Decisions::default());
    let expected = json!(["`my-role` is no role ARN, which is arn:aws:iam::ACCOUNT:role/NAME"]);
    assert_eq!(answered["response"]["warnings"], expected);
}

/// Whoever sends them has set up the webhook wrongly; nothing of it is ours to change, or to keep from happening.
#[test]
fn reviews_of_other_things_are_allowed_and_not_patched() {
    for (pointer, value) in [
        ("/request/kind/kind", json!("Deployment")),
        ("/request/kind/group", json!("apps")),
        ("/request/kind/version", json!("v2")),
        ("/request/kind", json!(null)),
        ("/request/resource/resource", json!("deployments")),
        ("/request/resource", json!({})),
        ("/request/subResource", json!("ephemeralcontainers")),
        ("/request/operation", json!("UPDATE")),
        ("/request/operation", json!("DELETE")),
        ("/request/operation", json!(null)),
    ] {
        let body = changed(pointer, value);
        assert_eq!(Request::parse(body.as_bytes()).unwrap().service_account(), None, "{pointer}");
        let (answered, reviewed) = answer(&body, &found(), &Settings::default(), &Decisions::default());
        assert_eq!((&answered["response"]["allowed"], patch(&answered)), (&json!(true), None), "{pointer}");
        assert!(matches!(reviewed.outcome, Outcome::Foreign(_)), "{pointer}");
    }
}

#[test]
fn pods_that_cannot_be_read_are_denied() {
    for object in [json!("text"), json!([]), json!({"spec": 1}), json!({"spec": {"containers": "x"}})] {
        let body = changed("/request/object", object);
        let (answered, reviewed) = answer(&body, &found(), &Settings::default(), &Decisions::default());
        assert_eq!(answered["response"]["allowed"], false);
        assert_eq!(answered["response"]["status"]["code"], 400);
        assert!(matches!(reviewed.outcome, Outcome::Unreadable(_)));
    }
}

#[test]
fn bodies_that_are_no_reviews() {
    let status = |body: &[u8]| Request::parse(body).map(|_| ()).map_err(|malformed| malformed.status());
    for body in [
        "".to_owned(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        changed("/kind", json!("Review")),
        changed("/apiVersion", json!("admission.k8s.io/v2")),
        changed("/apiVersion", json!("v1")),
        changed("/request", json!(null)),
        changed("/request", json!([])),
        changed("/request/uid", json!("")),
        changed("/request/uid", json!(1)),
        format!("{NAMED}x"),
    ] {
        assert_eq!(status(body.as_bytes()), Err(400), "{body:.60}");
    }
    assert_eq!(status(b"\xff\xfe{}"), Err(400));
    assert_eq!(status(&vec![b' '; MOST_BYTES + 1]), Err(413));
}

/// Depth is bounded where values are kept, and skipped without recursion where they are not.
#[test]
fn deep_nesting() {
    let deep = |part: &str| {
        let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        NAMED.replacen(part, &format!("{part}\"deep\":{nested},"), 1)
    };
    for part in ["\"request\":{", "\"object\":{", "\"spec\":{"] {
        let body = deep(part);
        assert_ne!(body, NAMED);
        let (answered, _) = answer(&body, &found(), &Settings::default(), &Decisions::default());
        assert_eq!(answered["response"]["allowed"], true, "{part}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = review(&body, &|_, _| found(), &Rules::of(&Settings::default()), &Decisions::default());
    }

    /// A byte of a real review changed.
    #[test]
    fn no_damage_panics(which in 0..REVIEWS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = REVIEWS[which].as_bytes().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(reviewed) = review(&body, &|_, _| found(), &Rules::of(&Settings::default()), &Decisions::default()) {
            let answered: Value = serde_json::from_slice(&reviewed.body).unwrap();
            prop_assert!(answered["response"]["uid"].is_string());
        }
    }

    /// Any part of a real review replaced by another value: whatever patch is answered applies to the pod that was sent.
    #[test]
    fn patches_of_strange_pods_apply(
        which in 0..REVIEWS.len(),
        parts in proptest::collection::vec((any::<prop::sample::Index>(), 0..REPLACEMENTS.len()), 1..4),
        has_ca in any::<bool>(),
    ) {
        let mut asked: Value = serde_json::from_str(REVIEWS[which]).unwrap();
        for (part, replacement) in parts {
            let pointers = pointers(&asked);
            let pointer = &pointers[part.index(pointers.len())];
            *asked.pointer_mut(pointer).unwrap() = serde_json::from_str(REPLACEMENTS[replacement]).unwrap();
        }
        let ca_bundle = has_ca.then(|| "-----BEGIN CERTIFICATE-----\n".to_owned());
        let settings = Settings { ca_bundle, region: Some("us-east-1".to_owned()), ..Settings::default() };
        let body = asked.to_string();
        if let Ok(reviewed) = review(body.as_bytes(), &|_, _| found(), &Rules::of(&settings), &Decisions::default()) {
            let answered: Value = serde_json::from_slice(&reviewed.body).unwrap();
            prop_assert_eq!(&answered["response"]["uid"], &asked["request"]["uid"]);
            if let Some(patch) = patch(&answered) {
                prop_assert_eq!(&asked["request"]["operation"], "CREATE");
                let mut pod = asked["request"]["object"].clone();
                prop_assert!(apply(&mut pod, &patch).is_ok(), "{:?}", patch);
            }
        }
    }
}

const REPLACEMENTS: [&str; 9] = [
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "\"aws-iam-token\"",
    "[null]",
    r#"{"name": "aws-iam-token", "env": null}"#,
    r#"[{"name": "AWS_ROLE_ARN"}]"#,
];

/// Every place of a value.
fn pointers(value: &Value) -> Vec<String> {
    fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    collect(member, &format!("{at}/{}", crate::json_patch::escape(name)), found);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    collect(element, &format!("{at}/{index}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}
