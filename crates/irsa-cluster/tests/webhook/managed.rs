//! Certificates that the replicas make themselves.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_cluster::certificates::Current;
use irsa_cluster::certificates::managed::{Names, manage};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::replica::eventually;
use crate::stub::Stub;

const SECRET: &str = "/api/v1/namespaces/eks/secrets/pod-identity-webhook";
const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/pod-identity-webhook";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/eks/leases/pod-identity-webhook";

struct Manager {
    current: Arc<Current>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start(stub: &Stub, identity: &str) -> Manager {
    let names = Names {
        namespace: "eks".to_owned(),
        service: "pod-identity-webhook".to_owned(),
        secret: "pod-identity-webhook".to_owned(),
        configuration: "pod-identity-webhook".to_owned(),
        identity: identity.to_owned(),
    };
    let (current, stop) = (Arc::new(Current::default()), CancellationToken::new());
    let clock = || jiff::Timestamp::now().as_second();
    let task = tokio::spawn(manage(stub.api().await, names, Arc::clone(&current), clock, stop.clone()));
    Manager { current, stop, task }
}

fn configure(stub: &Stub, bundle: &str) {
    let webhook = |name: &str| json!({"name": name, "clientConfig": {"caBundle": bundle, "service": {"name": "pod-identity-webhook"}}});
    let (collection, name) = CONFIGURATION.rsplit_once('/').unwrap();
    let webhooks = [webhook("a.openirsa.dev"), webhook("b.openirsa.dev")];
    stub.put(collection, name, json!({"metadata": {"name": name}, "webhooks": webhooks}));
}

fn bundles(stub: &Stub) -> Vec<String> {
    let webhooks = stub.object(CONFIGURATION).unwrap()["webhooks"].as_array().unwrap().clone();
    webhooks.iter().map(|webhook| webhook["clientConfig"]["caBundle"].as_str().unwrap().to_owned()).collect()
}

fn authority(stub: &Stub) -> Option<String> {
    Some(stub.object(SECRET)?["data"]["ca.crt"].as_str()?.to_owned())
}

fn is_published(stub: &Stub) -> bool {
    authority(stub).is_some_and(|authority| bundles(stub).iter().all(|bundle| *bundle == authority))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_installed_and_yet_it_is_trusted() {
    let stub = Stub::start().await;
    configure(&stub, "");
    let (first, second) = (start(&stub, "first").await, start(&stub, "second").await);
    eventually("both certificates", || {
        first.current.validity().is_some() && second.current.validity().is_some()
    })
    .await;
    assert_eq!(first.current.validity(), second.current.validity(), "both serve the Secret's");
    eventually("the caBundle", || is_published(&stub)).await;
    let pem = STANDARD.decode(authority(&stub).unwrap()).unwrap();
    assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"));

    let before = authority(&stub);
    configure(&stub, "c29tZWJvZHkgZWxzZSdz");
    eventually("the caBundle, again", || is_published(&stub)).await;
    assert_eq!(authority(&stub), before);

    // Somebody deletes the Secret: it is made anew, and trusted.
    stub.delete(SECRET);
    eventually("a new Secret", || authority(&stub).is_some_and(|new| Some(new) != before)).await;
    eventually("the new caBundle", || is_published(&stub)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_one_leads_when_the_leader_goes() {
    let stub = Stub::start().await;
    configure(&stub, "");
    let first = start(&stub, "first").await;
    eventually("the caBundle", || is_published(&stub)).await;
    let holder = |stub: &Stub| stub.object(LEASE).unwrap()["spec"]["holderIdentity"].clone();
    assert_eq!(holder(&stub), Value::from("first"));
    let second = start(&stub, "second").await;
    eventually("the second's certificate", || second.current.validity().is_some()).await;
    first.stop.cancel();
    first.task.await.unwrap();
    assert_eq!(holder(&stub), Value::from(""), "it lets go of the Lease");
    configure(&stub, "");
    eventually("the second's work", || is_published(&stub)).await;
    assert_eq!(holder(&stub), Value::from("second"));
    second.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_leaders_lease_runs_out() {
    let stub = Stub::start().await;
    configure(&stub, "");
    let (collection, name) = LEASE.rsplit_once('/').unwrap();
    stub.put(collection, name, json!({"metadata": {"name": name}, "spec": {"holderIdentity": "dead"}}));
    let begun = std::time::Instant::now();
    let manager = start(&stub, "living").await;
    for _ in 0..300 {
        if manager.current.validity().is_some() {
            assert!(begun.elapsed() > Duration::from_secs(10), "the Lease counts while it may be held");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody took the Lease of a dead one");
}
