//! The work of one review, from its bytes to the answer's, and of the mutation alone on a pod of 10 KB.
//!
//!     cargo bench -p irsa-cluster --bench review

use std::sync::Arc;

use divan::Bencher;
use irsa_cluster::admission::{Decisions, Lookup, Request};
use irsa_cluster::mutate::{Account, Pod, Rules, ServiceAccountFacts, Settings, mutate};
use serde_json::{Value, json};

const REVIEW: &str = include_str!("../src/fixtures/reviews/url-001-create-app.request.json");

fn main() {
    divan::main();
}

fn facts() -> ServiceAccountFacts {
    let role_arn = Some("arn:aws:iam::111122223333:role/app".to_owned());
    ServiceAccountFacts { role_arn, ..ServiceAccountFacts::default() }
}

fn settings() -> Settings {
    Settings { region: Some("us-east-1".to_owned()), regional_sts: true, ..Settings::default() }
}

/// The recorded pod with further containers of twenty variables, as text of at least 10,000 bytes.
fn large_pod() -> String {
    let review: Value = serde_json::from_str(REVIEW).unwrap_or_default();
    let mut pod = review.pointer("/request/object").cloned().unwrap_or_default();
    let variable =
        |index| json!({"name": format!("VARIABLE_{index}"), "value": "what the application is told"});
    let env: Vec<Value> = (0..20).map(variable).collect();
    while pod.to_string().len() < 10_000 {
        let containers = pod.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
        let Some(containers) = containers else { break };
        let name = format!("container-{}", containers.len());
        let mounts = [json!({"name": "data", "mountPath": "/data"})];
        containers
            .push(json!({"name": name, "image": "registry/app:1.10", "env": env, "volumeMounts": mounts}));
    }
    pod.to_string()
}

#[divan::bench]
fn whole_review(bencher: Bencher<'_, '_>) {
    let (lookup, settings) = (Lookup::Found(Arc::new(facts())), settings());
    let rules = Rules::of(&settings);
    bencher.bench(|| {
        Request::parse(REVIEW.as_bytes())
            .map(|request| request.answer(&lookup, &rules, &Decisions::default()))
    });
}

#[divan::bench]
fn mutation_of_10_kb(bencher: Bencher<'_, '_>) {
    let (text, facts, settings) = (large_pod(), facts(), settings());
    let pod = Pod::parse(&text).unwrap_or_default();
    let account = Account { namespace: "demo", name: "app", facts: Some(&facts) };
    bencher.bench(|| mutate(&pod, &account, &Rules::of(&settings)));
}

#[divan::bench]
fn reading_of_10_kb(bencher: Bencher<'_, '_>) {
    let text = large_pod();
    bencher.bench(|| Pod::parse(&text));
}
