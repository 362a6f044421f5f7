//! Any bytes as a review: an HTTP error, or an AdmissionReview of the same version and UID whose patch applies.
#![no_main]
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use irsa_cluster::admission::{Decisions, Lookup, Request};
use irsa_cluster::json_patch::{PatchOperation, apply};
use irsa_cluster::mutate::{Rules, ServiceAccountFacts, Settings};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static FACTS: LazyLock<Arc<ServiceAccountFacts>> = LazyLock::new(|| {
    let role = Some("arn:aws:iam::111122223333:role/r".to_owned());
    Arc::new(ServiceAccountFacts { role_arn: role, ..ServiceAccountFacts::default() })
});
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings {
    ca_bundle: Some("-----BEGIN CERTIFICATE-----\n".to_owned()),
    session_name_from_pod: true,
    region: Some("us-east-1".to_owned()),
    ..Settings::default()
});

fuzz_target!(|body: &[u8]| {
    let Ok(request) = Request::parse(body) else { return };
    let reviewed = request.answer(&Lookup::Found(FACTS.clone()), &Rules::of(&SETTINGS), &Decisions::default());
    let review: Value = serde_json::from_slice(&reviewed.body).expect("the answer is JSON");
    assert_eq!(review["kind"], "AdmissionReview");
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    assert!(asked.is_null() || asked["apiVersion"] == review["apiVersion"]);
    let Some(patch) = review["response"]["patch"].as_str() else { return };
    assert_eq!(asked["request"]["operation"].as_str().unwrap_or("CREATE"), "CREATE");
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).expect("the patch is base64");
    let operations: Vec<PatchOperation> = serde_json::from_slice(&patch).expect("the patch is a patch");
    if let Some(pod) = asked.pointer("/request/object") {
        apply(&mut pod.clone(), &operations).expect("the patch applies");
    }
});
