//! The reference webhook's own answers, and the rules that its samples leave out.

mod beyond;
mod mapping;
mod pod_identity;
mod properties;
mod rules;

use serde_json::{Value, json};

use super::*;
use crate::json_patch::{PatchOperation, apply};

/// The mutation of a pod whose ServiceAccount says `facts`.
fn mutation(pod: &Value, facts: &ServiceAccountFacts, settings: &Settings) -> Mutation {
    let account = Account { namespace: "cases", name: "app", facts: Some(facts) };
    mutate(&Pod::of(pod).unwrap(), &account, &Rules::of(settings)).unwrap()
}

/// The flags that the samples were recorded with.
fn recorded_settings() -> Settings {
    Settings { region: Some("us-east-1".to_owned()), regional_sts: true, ..Settings::default() }
}

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn with_role() -> ServiceAccountFacts {
    ServiceAccountFacts { role_arn: Some(ROLE.to_owned()), ..ServiceAccountFacts::default() }
}

/// The pod after the mutation.
fn mutated(pod: &Value, facts: &ServiceAccountFacts, settings: &Settings) -> Value {
    let mut after = pod.clone();
    mutation(pod, facts, settings).patch.apply_to(&mut after).unwrap();
    after
}

/// A variable of the first container.
fn variable<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let env = pod["spec"]["containers"][0]["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    env.iter().find(|entry| entry["name"] == name).map_or(&Value::Null, |entry| &entry["value"])
}

fn service_account(name: &str) -> ServiceAccountFacts {
    let manifests = include_str!("../fixtures/reference/service-accounts.yaml");
    let found = manifests.split("---\n").filter(|text| !text.trim().is_empty()).find_map(|text| {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        (object["metadata"]["name"] == name).then_some(object)
    });
    ServiceAccountFacts::of(&found.unwrap(), "eks.amazonaws.com")
}

/// The webhook writes Go structs, which lose what is empty.
fn without_empties(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().map(|(name, member)| (name.clone(), without_empties(member)));
            Value::Object(kept.filter(|(_, member)| !is_empty(member)).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(without_empties).collect()),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn check_against_reference(request: &str, patch: &str) {
    let review: Value = serde_json::from_str(request).unwrap();
    let pod = &review["request"]["object"];
    let recorded: Vec<PatchOperation> = serde_json::from_str(patch).unwrap();
    let facts = service_account(pod["spec"]["serviceAccountName"].as_str().unwrap());
    let done = mutation(pod, &facts, &recorded_settings());

    let (mut theirs, mut ours) = (pod.clone(), pod.clone());
    apply(&mut theirs, &recorded).unwrap();
    done.patch.apply_to(&mut ours).unwrap();
    assert_eq!(without_empties(&ours), without_empties(&theirs));
    let whole_lists = ["/spec/containers", "/spec/initContainers"];
    let additive = |operation: &PatchOperation| matches!(operation, PatchOperation::Add { path, .. } if !whole_lists.contains(&path.as_str()));
    assert!(done.patch.operations().iter().all(additive), "the patch writes no container anew");
}

macro_rules! reference {
    ($($test:ident: $file:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            check_against_reference(
                include_str!(concat!("../fixtures/reference/", $file, ".request.json")),
                include_str!(concat!("../fixtures/reference/", $file, ".patch.json")),
            );
        }
    )*};
}

reference! {
    role: "002-create-sa-role",
    audience: "003-create-sa-aud",
    expiration_below_the_least: "005-create-sa-exp-low",
    regional_sts: "007-create-sa-sts-true",
    expiration_of_the_pod: "011-create-ann-exp-low",
    skipped_container: "012-create-ann-skip",
    no_automounted_token: "013-create-no-automount",
    init_containers: "014-create-init",
    windows: "019-create-nodesel-windows",
    volume_of_that_name: "020-create-own-volume",
    role_in_the_environment: "021-create-env-role",
    region_in_the_environment: "022-create-env-region",
}

/// What API servers send, in every form of the review: the mutated pod has the identity and all that it had.
#[test]
fn pods_of_every_kind_of_review_are_mutated() {
    let reviews = [
        include_str!("../fixtures/reviews/svc-001-create-app.request.json"),
        include_str!("../fixtures/reviews/url-001-create-app.request.json"),
        include_str!("../fixtures/reviews/url-002-create-gen-GENERATE.request.json"),
        include_str!("../fixtures/reviews/url-003-create-gen-GENERATE.request.json"),
        include_str!("../fixtures/reviews/url-004-create-web-7b46c4b544-GENERATE.request.json"),
        include_str!("../fixtures/reviews/url-005-create-nosa.request.json"),
        include_str!("../fixtures/reviews/v1beta1-001-create-app.request.json"),
    ];
    for review in reviews {
        let review: Value = serde_json::from_str(review).unwrap();
        let mut pod = review["request"]["object"].clone();
        let done = mutation(&pod, &service_account("role"), &recorded_settings());
        done.patch.apply_to(&mut pod).unwrap();
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        assert!(env.iter().any(|entry| entry["value"] == "arn:aws:iam::123456789012:role/s3-app"));
        assert_eq!(pod["spec"]["volumes"][0]["name"], VOLUME);
        // A second pass (reinvocation) finds nothing to do.
        assert!(mutation(&pod, &service_account("role"), &recorded_settings()).patch.is_empty());
    }
}

#[test]
fn without_a_role_nothing_is_done() {
    let pod = json!({"spec": {"containers": [{"name": "a"}]}});
    assert_eq!(mutation(&pod, &service_account("plain"), &recorded_settings()), Mutation::default());
    let empty = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ""}}});
    let facts = ServiceAccountFacts::of(&empty, "eks.amazonaws.com");
    assert_eq!(mutation(&pod, &facts, &recorded_settings()), Mutation::default());
}

#[test]
fn a_container_with_everything_is_left_alone() {
    let entry = |name: &str| json!({"name": name, "value": "x"});
    let has_all = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS"].map(entry);
    let pod = json!({"spec": {"volumes": [], "containers": [{"name": "a", "env": has_all}]}});
    let done = mutation(&pod, &service_account("role"), &recorded_settings());
    assert_eq!(done.patch.operations().len(), 1, "the volume alone: {:?}", done.patch);
}

#[test]
fn lists_that_are_null_and_fields_that_nobody_knows_survive() {
    let mut pod = json!({
        "spec": {
            "future": {"a": [1]},
            "volumes": null,
            "containers": [{"name": "a", "env": null, "volumeMounts": null, "newField": {"x": 1}}],
        },
    });
    let done = mutation(&pod, &service_account("role"), &Settings::default());
    done.patch.apply_to(&mut pod).unwrap();
    assert_eq!(pod["spec"]["future"], json!({"a": [1]}));
    assert_eq!(pod["spec"]["containers"][0]["newField"], json!({"x": 1}));
    let expected = json!([
        {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::123456789012:role/s3-app"},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
    ]);
    assert_eq!(pod["spec"]["containers"][0]["env"], expected);
}

/// Order of precedence: pod, ServiceAccount, setting; below 600 is 600, and nothing is cut above.
#[test]
fn expirations_have_an_order() {
    let check = |pod: &str, account: Option<i64>, expected: i64| {
        let pod =
            json!({"metadata": {"annotations": {"eks.amazonaws.com/token-expiration": pod}}, "spec": {}});
        let facts = ServiceAccountFacts { token_expiration: account, ..service_account("role") };
        let token = mutation(&pod, &facts, &Settings::default()).token.unwrap();
        assert_eq!(token.expiration_seconds, expected);
    };
    check("7200", Some(3600), 7200);
    check("an hour", Some(3600), 3600);
    check("an hour", None, 86_400);
    check("-5", None, 600);
    check("100000", None, 100_000);
}
