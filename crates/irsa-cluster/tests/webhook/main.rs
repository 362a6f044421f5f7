//! The webhook's server against an API server that fails in all the ways that API servers fail.
//!
//! The promise under test: no pod of an annotated ServiceAccount is ever answered without its identity at `/mutate/strict`,
//! whatever happens to the API server, the certificate or the other replica.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod managed;
mod replica;
mod stub;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use irsa_cluster::admission::Decision;
use irsa_cluster::webhook::Options;
use replica::{Client, Replica, Reviewed, eventually, options};
use serde_json::json;
use stub::Stub;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const LIST: &str = "GET /api/v1/serviceaccounts?limit";
const WATCH: &str = "GET /api/v1/serviceaccounts?watch";
const GET: &str = "GET /api/v1/namespaces/demo/serviceaccounts/";

fn mutated() -> Reviewed {
    Reviewed::Mutated(ROLE.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synced_cache_answers_alone() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    stub.account("plain", None);
    let replica = Replica::start(&stub, options()).await;
    replica.until_ready().await;
    assert_eq!(replica.review("/mutate?timeout=10s", "app").await, mutated());
    assert_eq!(replica.review("/mutate/strict", "plain").await, Reviewed::Unmutated);
    assert_eq!(stub.requests(GET), 0, "nobody was asked");

    stub.account("plain", Some(ROLE));
    eventually("the new annotation", || stub.requests(WATCH) > 0).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.review("/mutate", "plain").await, mutated(), "changes are followed");
    let (status, lines) = replica.get("/readyz").await;
    assert_eq!(status, 200, "{lines}");
    assert!(lines.contains("[+]serviceaccounts ok") && lines.contains("[+]certificate ok"), "{lines}");

    let metrics = replica.metrics().await;
    for line in [
        r#"irsa_webhook_reviews_total{outcome="mutated",allowed="true"} 2"#,
        "irsa_webhook_service_accounts 2",
        "irsa_webhook_synced 1",
        "irsa_webhook_ready 1",
        r#"http_request_count{verb="POST",path="/mutate",code="200"} 3"#,
        r#"pod_identity_webhook_pod_count{method="sts_web_identity"} 2"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_list_it_is_not_ready_and_asks_for_each_pod() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    stub.delay(LIST, Duration::from_secs(60));
    let replica = Replica::start(&stub, options()).await;
    eventually("the certificate", || replica.webhook.ready().1.contains("[+]certificate")).await;
    let (status, lines) = replica.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(lines.contains("[-]serviceaccounts not synced"), "{lines}");
    assert_eq!(replica.get("/healthz").await, (200, "ok".to_owned()));
    assert_eq!(replica.review("/mutate/strict", "app").await, mutated());

    // Nothing can be found out: then the policy decides.
    stub.refuse(GET, 500);
    assert_eq!(replica.review("/mutate/strict", "app").await, Reviewed::Denied(503));
    assert_eq!(replica.review("/mutate", "app").await, Reviewed::Unmutated);
    stub.behave();
    stub.delay(GET, Duration::from_secs(60));
    let begun = Instant::now();
    assert_eq!(replica.review("/mutate/strict?timeout=1s", "app").await, Reviewed::Denied(503));
    assert!(begun.elapsed() < Duration::from_secs(1), "within the review's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_gone_and_back() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    let replica = Replica::start(&stub, Options { on_missing: Decision::Deny, ..options() }).await;
    replica.until_ready().await;
    stub.down().await;
    assert_eq!(replica.review("/mutate/strict", "app").await, mutated(), "the cache lives on");
    assert_eq!(replica.review("/mutate/strict?timeout=1s", "late").await, Reviewed::Denied(503));
    eventually("the broken watch", || replica.webhook.ready().1.contains("being resumed")).await;
    assert_eq!(replica.get("/readyz").await.0, 200, "what is known serves");

    stub.account("late", Some(ROLE));
    stub.account("app", Some("arn:aws:iam::111122223333:role/new"));
    stub.up().await;
    eventually("the resumed watch", || replica.webhook.ready().1.contains("[+]serviceaccounts ok\n")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(replica.review("/mutate/strict", "late").await, mutated());
    let new = Reviewed::Mutated("arn:aws:iam::111122223333:role/new".to_owned());
    assert_eq!(replica.review("/mutate/strict", "app").await, new);
    assert_eq!(stub.requests(LIST), 1, "a watch is resumed, not begun anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_too_old_lists_anew() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    stub.account("gone", Some(ROLE));
    let replica = Replica::start(&stub, options()).await;
    replica.until_ready().await;
    eventually("the watch", || stub.requests(WATCH) == 1).await;
    stub.refuse(LIST, 503);
    stub.compact();
    eventually("the first attempt", || stub.requests(LIST) >= 2).await;
    stub.delete("/api/v1/namespaces/demo/serviceaccounts/gone");
    assert_eq!(replica.review("/mutate/strict", "app").await, mutated(), "what was known serves meanwhile");
    stub.behave();
    eventually("the watch", || replica.webhook.ready().1.contains("[+]serviceaccounts ok\n")).await;
    assert_eq!(replica.review("/mutate/strict", "app").await, mutated());
    assert_eq!(
        replica.review("/mutate/strict", "gone").await,
        Reviewed::Denied(503),
        "it is gone from the cache"
    );
    let metrics = replica.metrics().await;
    assert!(!metrics.contains(r#"irsa_webhook_watch_breaks{resource="serviceaccounts"} 0"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_comes_after_its_pods_review() {
    let stub = Arc::new(Stub::start().await);
    let replica = Replica::start(&stub, Options { grace: Duration::from_secs(5), ..options() }).await;
    replica.until_ready().await;
    let late = tokio::spawn({
        let stub = Arc::clone(&stub);
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stub.account("late", Some(ROLE));
        }
    });
    let begun = Instant::now();
    assert_eq!(replica.review("/mutate", "late").await, mutated());
    assert!(begun.elapsed() < Duration::from_secs(3), "it did not wait longer than it had to");
    late.await.unwrap();

    let without_grace = Replica::start(&stub, options()).await;
    without_grace.until_ready().await;
    assert_eq!(without_grace.review("/mutate/strict", "never").await, Reviewed::Denied(503));
    assert_eq!(without_grace.review("/mutate", "never").await, Reviewed::Unmutated);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pods_of_a_new_account_ask_once() {
    let stub = Stub::start().await;
    let replica = Arc::new(Replica::start(&stub, options()).await);
    replica.until_ready().await;
    eventually("the watch", || stub.requests(WATCH) == 1).await;
    // The watch is deaf; the account is there all the same.
    stub.refuse(WATCH, 503);
    stub.cut_watches();
    stub.delay(GET, Duration::from_millis(500));
    stub.account("burst", Some(ROLE));
    let reviews: Vec<_> = (0..50)
        .map(|_| {
            let replica = Arc::clone(&replica);
            tokio::spawn(async move { replica.review("/mutate/strict", "burst").await })
        })
        .collect();
    for review in reviews {
        assert_eq!(review.await.unwrap(), mutated());
    }
    assert!(stub.requests(GET) <= 2, "{} requests", stub.requests(GET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_answer_from_before_does_not_count_as_missing() {
    let stub = Stub::start().await;
    stub.delay(LIST, Duration::from_secs(60));
    let replica = Arc::new(Replica::start(&stub, options()).await);
    eventually("the certificate", || replica.webhook.ready().1.contains("[+]certificate")).await;
    stub.answer_late(GET, Duration::from_millis(600));
    let early = tokio::spawn({
        let replica = Arc::clone(&replica);
        async move { replica.review("/mutate", "new").await }
    });
    eventually("the request", || stub.requests(GET) == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stub.account("new", Some(ROLE));
    assert_eq!(replica.review("/mutate/strict", "new").await, mutated());
    assert_eq!(early.await.unwrap(), Reviewed::Unmutated, "it was not there then");
    assert_eq!(stub.requests(GET), 2, "the second review joined, and asked once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_gives_roles_until_it_is_deleted() {
    let stub = Stub::start().await;
    stub.account("app", None);
    let configuration =
        json!({"demo/app": {"RoleARN": ROLE}, "no-slash": {"RoleARN": ROLE}, "demo/null": null});
    let config_map =
        |config: String| json!({"metadata": {"name": "pod-identity-webhook"}, "data": {"config": config}});
    const CONFIG_MAPS: &str = "/api/v1/namespaces/eks/configmaps";
    stub.put(CONFIG_MAPS, "pod-identity-webhook", config_map(configuration.to_string()));
    let options =
        Options { config_map: Some(("eks".to_owned(), "pod-identity-webhook".to_owned())), ..options() };
    let replica = Replica::start(&stub, options).await;
    replica.until_ready().await;
    assert_eq!(
        replica.review("/mutate", "app").await,
        mutated(),
        "bad entries take none of the others with them"
    );
    assert!(replica.metrics().await.contains("irsa_webhook_config_map_problems 2"));

    eventually("the watch", || {
        stub.requests(&format!(
            "GET {CONFIG_MAPS}?fieldSelector=metadata.name%3Dpod%2Didentity%2Dwebhook&watch"
        )) == 1
    })
    .await;
    stub.put(CONFIG_MAPS, "pod-identity-webhook", config_map("{".to_owned()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(replica.review("/mutate", "app").await, mutated(), "the last good content stays");
    stub.delete(&format!("{CONFIG_MAPS}/pod-identity-webhook"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(replica.review("/mutate", "app").await, Reviewed::Unmutated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_while_serving() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    let replica = Replica::with_certificate_until(&stub, options(), 2001).await;
    eventually("the expired certificate", || replica.webhook.ready().1.contains("[-]certificate expired"))
        .await;
    assert!(!replica.webhook.ready().0);
    assert!(replica.connect().await.is_none(), "no API server takes it");

    replica.write_certificate(2080);
    replica.until_ready().await;
    let mut open = replica.connect().await.unwrap();
    assert_eq!(open.review("/mutate/strict", "app").await, Some(mutated()));
    let before = open.certificate.clone();
    replica.write_certificate(2085);
    for _ in 0..1_000 {
        assert_eq!(open.review("/mutate/strict", "app").await, Some(mutated()), "no review is lost");
        if replica.connect().await.unwrap().certificate != before {
            assert_eq!(open.review("/mutate/strict", "app").await, Some(mutated()));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the new certificate was not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_owner_of_the_service_account() {
    let stub = Stub::start().await;
    stub.account("odd", Some("no-arn"));
    let replica = Replica::start(&stub, options()).await;
    replica.until_ready().await;
    const EVENTS: &str = "/api/v1/namespaces/demo/events/generated";
    let told = |reason: &'static str, account: &'static str| {
        let stub = &stub;
        async move {
            eventually(reason, || stub.object(EVENTS).is_some_and(|event| event["reason"] == reason)).await;
            let event = stub.object(EVENTS).unwrap();
            assert_eq!(event["involvedObject"]["name"], account);
            assert_eq!(event["involvedObject"]["kind"], "ServiceAccount");
            stub.delete(EVENTS);
            event["message"].as_str().unwrap().to_owned()
        }
    };
    for _ in 0..3 {
        assert_eq!(replica.review("/mutate", "odd").await, Reviewed::Mutated("no-arn".to_owned()));
    }
    assert!(told("MalformedRoleArn", "odd").await.contains("no-arn"));

    // It was let through, and then it turns out that it should have had a role.
    assert_eq!(replica.review("/mutate", "late").await, Reviewed::Unmutated);
    stub.account("late", Some(ROLE));
    assert!(told("PodWithoutIdentity", "late").await.starts_with("pod app runs without"));

    assert_eq!(replica.review("/mutate/strict", "never").await, Reviewed::Denied(503));
    told("ServiceAccountUnknown", "never").await;
    assert_eq!(stub.requests("POST /api/v1/namespaces/demo/events"), 3, "each was told once");

    // An API server that takes no Events makes no review wait.
    stub.delay("POST", Duration::from_secs(60));
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(replica.review("/mutate", "odd").await, Reviewed::Mutated("no-arn".to_owned()));
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// Clients go to the other replica when one fails them, as a Service does.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_which_one_drains_and_one_is_killed() {
    let stub = Stub::start().await;
    stub.account("app", Some(ROLE));
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let replica = Replica::start(&stub, options()).await;
        replica.until_ready().await;
        replicas.push(replica);
    }
    let connectors: Arc<Vec<_>> = Arc::new(replicas.iter().map(Replica::connector).collect());
    let (end, answered, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|first: usize| {
            let (connectors, end, answered, failed) =
                (Arc::clone(&connectors), Arc::clone(&end), Arc::clone(&answered), Arc::clone(&failed));
            tokio::spawn(async move {
                let (mut at, mut client) = (first % 3, None);
                while !end.load(Ordering::Relaxed) {
                    if client.is_none() {
                        let (address, connector) = &connectors[at];
                        client = Client::connect(*address, connector).await;
                    }
                    let Some(open) = client.as_mut() else {
                        at = (at + 1) % 3;
                        continue;
                    };
                    if !open.is_open().await {
                        client = None;
                        continue;
                    }
                    match open.review("/mutate/strict", "app").await {
                        Some(reviewed) => {
                            assert_eq!(reviewed, mutated());
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        None => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            client = None;
                        }
                    }
                }
            })
        })
        .collect();
    eventually("load", || answered.load(Ordering::Relaxed) > 300).await;
    replicas[0].stop.cancel();
    eventually("the end of the first", || replicas[0].task.is_finished()).await;
    assert_eq!(failed.load(Ordering::Relaxed), 0, "a replica that drains loses no review");
    let before = answered.load(Ordering::Relaxed);
    replicas[1].kill();
    eventually("load on the third", || answered.load(Ordering::Relaxed) > before + 300).await;
    end.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let failed = failed.load(Ordering::Relaxed);
    // What was under way fails, which an API server with `failurePolicy: Fail` takes for a refusal.
    assert!(failed <= 8, "{failed} reviews were lost, more than there were connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_review_gets_an_http_error() {
    let stub = Stub::start().await;
    let replica = Replica::start(&stub, options()).await;
    replica.until_ready().await;
    let check = async |method: &str, path: &str, content_type: &str, body: Vec<u8>, expected: u16| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", replica::NAME)
            .header("content-type", content_type)
            .body(Full::from(body))
            .unwrap();
        let (status, answer) = replica.connect().await.unwrap().send(request).await.unwrap();
        assert_eq!(status, expected, "{method} {path} {content_type}: {answer}");
        answer
    };
    let json = "application/json";
    check("GET", "/mutate", json, Vec::new(), 405).await;
    check("POST", "/readyz", json, Vec::new(), 405).await;
    check("POST", "/", json, Vec::new(), 404).await;
    let answer = check("POST", "/mutate", "text/plain", b"{}".to_vec(), 415).await;
    assert_eq!(answer, "Invalid Content-Type, expected `application/json`\n");
    check("POST", "/mutate", "application/json; charset=utf-8", b"{}".to_vec(), 400).await;
    check("POST", "/mutate", json, b"not json".to_vec(), 400).await;
    check("POST", "/mutate", json, vec![b'['; 2_000_000], 400).await;
    check("POST", "/mutate", json, vec![b' '; 7 * 1024 * 1024 + 1], 413).await;
    let metrics = replica.metrics().await;
    assert!(metrics.contains(r#"irsa_webhook_refused_requests_total{status="413"} 1"#), "{metrics}");
}
