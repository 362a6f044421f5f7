//! EKS through its table, and its bearer tokens, without sockets.

mod bearer;
mod configuration;
mod register;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use irsa_store::model::{AccountId, SecretString};
use irsa_store::{Embedded, Store};
use serde_json::{Value, json};

use crate::accounts::{AdministratorKey, create_account, ensure_sealing_key};
use crate::authorize::{Call, Facts};
use crate::context::{Context, Hosting};
use crate::credentials::KeyRing;
use crate::credentials::caller::claim;
use crate::decisions::DecisionLog;
use crate::issuers::{IssuerSettings, Issuers};
use crate::metrics::Metrics;
use crate::uses::Uses;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const NOW: i64 = 1_795_000_000;
const DEV: &str = r#"{"name":"dev","roleArn":"arn:aws:iam::111122223333:role/eks","resourcesVpcConfig":{"subnetIds":["subnet-1"]}}"#;

struct Eks {
    ctx: Arc<Context>,
    administrator: AdministratorKey,
    runtime: tokio::runtime::Runtime,
}

impl Eks {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(Embedded::ephemeral().unwrap());
        ensure_sealing_key(store.as_ref(), NOW).unwrap();
        let administrator = create_account(store.as_ref(), ACCOUNT.parse().unwrap(), NOW).unwrap().unwrap();
        let keys = KeyRing::new(store.snapshot().sealing_keys().map(|key| &***key));
        let ctx = Context {
            store,
            keys,
            decisions: DecisionLog::default(),
            uses: Uses::default(),
            issuers: Issuers::new(IssuerSettings::default()),
            metrics: Metrics::default(),
            clock: || NOW,
            region: REGION.to_owned(),
            operator_token: SecretString::new(""),
            hosting: Hosting {
                issuer_base: "https://oidc.example.com".to_owned(),
                endpoint_base: "https://clusters.example.com".to_owned(),
                certificate_authority: "PEM".to_owned(),
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { ctx: Arc::new(ctx), administrator, runtime }
    }

    fn with_dev() -> Self {
        let eks = Self::new();
        eks.ok("POST", "/clusters", DEV);
        eks
    }

    /// The answer to the administrator.
    fn ok(&self, method: &str, path: &str, body: &str) -> Value {
        self.call(method, path, body).unwrap_or_else(|refused| panic!("{method} {path}: {refused:?}"))
    }

    /// The refusal that the administrator gets: status, code and message.
    fn refused(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        match self.call(method, path, body) {
            Ok(answer) => panic!("{method} {path} was answered: {answer}"),
            Err(refused) => refused,
        }
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<Value, (u16, String, String)> {
        let snapshot = self.ctx.store.snapshot();
        let caller =
            claim(&snapshot, &self.ctx.keys, &self.administrator.access_key_id, None).unwrap().caller;
        let facts = Arc::new(Facts {
            request_id: "request".to_owned(),
            source_ip: [127, 0, 0, 1].into(),
            secure: false,
            user_agent: String::new(),
            region: REGION.to_owned(),
            now: NOW,
        });
        let account: AccountId = ACCOUNT.parse().unwrap();
        let call = Call { caller, account, facts, snapshot };
        let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        let table = super::table();
        let answer = table.row(&parts).and_then(|(row, labels)| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            self.runtime.block_on(row.run(Arc::clone(&self.ctx), call, labels, parts.uri.query(), body))
        });
        answer.map(|bytes| serde_json::from_slice(&bytes).unwrap()).map_err(|failure| {
            (failure.body.status.as_u16(), failure.body.code.to_string(), failure.body.message.to_string())
        })
    }

    fn dev(&self) -> Arc<irsa_store::Stored<irsa_store::model::Cluster>> {
        let snapshot = self.ctx.store.snapshot();
        Arc::clone(snapshot.cluster(ACCOUNT.parse().unwrap(), REGION, "dev").unwrap())
    }
}

#[test]
fn a_cluster_is_ready_at_once() {
    let eks = Eks::with_dev();
    let cluster = &eks.ok("GET", "/clusters/dev", "")["cluster"];
    let id = eks.dev().id.clone();
    assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')));
    let expected = [
        ("/name", json!("dev")),
        ("/arn", json!("arn:aws:eks:eu-central-1:111122223333:cluster/dev")),
        ("/status", json!("ACTIVE")),
        ("/createdAt", json!(NOW)),
        ("/endpoint", json!(format!("https://clusters.example.com/k8/{id}"))),
        ("/identity/oidc/issuer", json!(format!("https://oidc.example.com/id/{id}"))),
        ("/certificateAuthority/data", json!("UEVN")),
        ("/resourcesVpcConfig/subnetIds", json!(["subnet-1"])),
        ("/resourcesVpcConfig/endpointPublicAccess", json!(true)),
        ("/accessConfig/authenticationMode", json!("CONFIG_MAP")),
        ("/deletionProtection", json!(false)),
        ("/tags", json!({})),
    ];
    for (pointer, value) in expected {
        assert_eq!(cluster.pointer(pointer), Some(&value), "{pointer}");
    }
    let snapshot = eks.ctx.store.snapshot();
    let objects: Vec<_> = snapshot
        .all_kube_objects(&id)
        .map(|object| format!("{}/{}/{}", object.resource, object.namespace, object.name))
        .collect();
    let expected = [
        "namespaces//default",
        "namespaces//kube-system",
        "serviceaccounts/default/default",
        "serviceaccounts/kube-system/default",
    ];
    assert_eq!(objects, expected);
}

#[test]
fn refusals_are_in_awss_words() {
    let eks = Eks::with_dev();
    let check = |method: &str, path: &str, body: &str, expected: (u16, &str, &str)| {
        let (status, code, message) = eks.refused(method, path, body);
        assert_eq!((status, code.as_str(), message.as_str()), expected, "{method} {path} {body}");
    };
    let not_found = (404, "ResourceNotFoundException", "No cluster found for name: nope.");
    check("GET", "/clusters/nope", "", not_found);
    check("DELETE", "/clusters/nope", "", not_found);
    check("POST", "/clusters/nope/update-config", r#"{"deletionProtection":true}"#, not_found);
    check("GET", "/clusters/nope/updates", "", not_found);
    check("POST", "/clusters", DEV, (409, "ResourceInUseException", "Cluster already exists with name: dev"));
    let with = |name: &str, value: Value| {
        let mut body: Value = serde_json::from_str(DEV).unwrap();
        body["name"] = "other".into();
        body[name] = value;
        body.to_string()
    };
    let invalid = |message| (400, "InvalidParameterException", message);
    check(
        "POST",
        "/clusters",
        &with("version", json!("1.12")),
        invalid("unsupported Kubernetes version 1.12"),
    );
    check("POST", "/clusters", &with("roleArn", json!("eks")), invalid("Invalid role ARN: eks"));
    let foreign = with("roleArn", json!("arn:aws:iam::444455556666:role/eks"));
    check("POST", "/clusters", &foreign, invalid("Cross-account pass role is not allowed."));
    let (_, code, _) = eks.refused("POST", "/clusters", &with("name", json!("-bad")));
    assert_eq!(code, "InvalidParameterException");
    let (status, code, _) = eks.refused("GET", "/nothing", "");
    assert_eq!((status, code.as_str()), (404, "UnknownOperationException"));
}

/// A client that lost the answer repeats the call with the same token.
#[test]
fn creation_is_idempotent_by_its_token() {
    let eks = Eks::new();
    let body = DEV.replacen('{', r#"{"clientRequestToken":"t-1","#, 1);
    let first = eks.ok("POST", "/clusters", &body);
    assert_eq!(eks.ok("POST", "/clusters", &body), first);
    let other = body.replace("t-1", "t-2");
    assert_eq!(eks.refused("POST", "/clusters", &other).1, "ResourceInUseException");
}

#[test]
fn a_deleted_cluster_takes_its_objects_along() {
    let eks = Eks::with_dev();
    let id = eks.dev().id.clone();
    eks.ok("POST", "/clusters/dev/update-config", r#"{"deletionProtection":true}"#);
    assert_eq!(eks.refused("DELETE", "/clusters/dev", "").1, "InvalidRequestException");
    eks.ok("POST", "/clusters/dev/update-config", r#"{"deletionProtection":false}"#);
    assert_eq!(eks.ok("DELETE", "/clusters/dev", "")["cluster"]["status"], "DELETING");
    assert_eq!(eks.ctx.store.snapshot().all_kube_objects(&id).count(), 0);
    eks.ok("POST", "/clusters", DEV);
    assert_ne!(eks.dev().id, id, "an id is never used again");
}

#[test]
fn clusters_are_listed_in_pages() {
    let eks = Eks::new();
    for name in ["a", "b", "c"] {
        eks.ok("POST", "/clusters", &DEV.replace("dev", name));
    }
    let first = eks.ok("GET", "/clusters?maxResults=2", "");
    assert_eq!(first["clusters"], json!(["a", "b"]));
    let token = first["nextToken"].as_str().unwrap();
    let rest = eks.ok("GET", &format!("/clusters?maxResults=2&nextToken={token}"), "");
    assert_eq!(rest, json!({"clusters": ["c"]}));
    assert_eq!(eks.refused("GET", "/clusters?nextToken=zz", "").1, "InvalidParameterException");
}

#[test]
fn clusters_have_tags() {
    let eks = Eks::with_dev();
    let path = "/tags/arn%3Aaws%3Aeks%3Aeu-central-1%3A111122223333%3Acluster%2Fdev";
    eks.ok("POST", path, r#"{"tags":{"team":"data","tier":"back"}}"#);
    eks.ok("DELETE", &format!("{path}?tagKeys=tier"), "");
    assert_eq!(eks.ok("GET", path, ""), json!({"tags": {"team": "data"}}));
    assert_eq!(eks.refused("POST", path, r#"{"tags":{"aws:x":"y"}}"#).1, "InvalidParameterException");
    let many: serde_json::Map<_, _> = (0..50).map(|tag| (format!("t{tag}"), json!("x"))).collect();
    assert_eq!(eks.refused("POST", path, &json!({"tags": many}).to_string()).1, "BadRequestException");
    assert_eq!(eks.refused("GET", &path.replace("dev", "nope"), "").1, "NotFoundException");
    assert_eq!(eks.refused("GET", "/tags/x", "").1, "BadRequestException");
}
