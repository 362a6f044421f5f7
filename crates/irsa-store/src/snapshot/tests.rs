use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::change::Change;
use crate::model::{PolicyVersion, Registration, Tags};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;

fn account(digits: &str) -> AccountId {
    digits.parse().unwrap()
}

fn with(entities: impl IntoIterator<Item = Entity>) -> Snapshot {
    let (mut snapshot, mut compiler) = (Snapshot::default(), Compiler::new().unwrap());
    for (entity, revision) in entities.into_iter().zip(1..) {
        snapshot.put(entity, Revision(revision), &mut compiler);
    }
    snapshot
}

fn policy(name: &str, path: &str, default_version: &str) -> Entity {
    let version = |id: &str, text: &str| PolicyVersion {
        id: id.to_owned(),
        text: text.to_owned(),
        created: Timestamp::UNIX_EPOCH,
    };
    ManagedPolicy {
        account: account("111122223333"),
        name: name.to_owned(),
        path: path.to_owned(),
        id: format!("ANPA{name}"),
        description: None,
        versions: vec![version("v1", ALLOW), version("v2", DENY)],
        default_version: default_version.to_owned(),
        next_version: 3,
        attachment_count: 0,
        boundary_count: 0,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
        tags: Tags::new(),
    }
    .into()
}

fn cluster(region: &str, name: &str) -> Entity {
    Cluster {
        account: account("111122223333"),
        region: region.to_owned(),
        name: name.to_owned(),
        id: format!("{region}{name}"),
        version: "1.34".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/eks".to_owned(),
        issuer: format!("https://oidc.example/id/{region}{name}"),
        endpoint: "https://cluster.example".to_owned(),
        certificate_authority: None,
        signing_keys: Vec::new(),
        registration: None,
        settings: Value::Null,
        created: Timestamp::UNIX_EPOCH,
        tags: Tags::new(),
    }
    .into()
}

fn object(cluster: &str, resource: &str, namespace: &str, name: &str) -> Entity {
    KubeObject {
        cluster: cluster.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        object: Value::Null,
    }
    .into()
}

#[test]
fn finds_policies_by_the_whole_arn() {
    let snapshot = with([policy("Read", "/", "v1"), policy("Write", "/team/", "v2")]);
    let cases = [
        ("arn:aws:iam::111122223333:policy/Read", Some(ALLOW)),
        ("arn:aws:iam::111122223333:policy/team/Write", Some(DENY)),
        ("arn:aws:iam::111122223333:policy/Write", None),
        ("arn:aws:iam::111122223333:policy/other/Write", None),
        ("arn:aws:iam::111122223333:policy/read", None),
        ("arn:aws:iam::999999999999:policy/Read", None),
        ("arn:aws:iam::111122223333:role/Read", None),
        ("arn:aws:iam::aws:policy/Read", None),
        ("arn:aws:iam::aws:policy/AdministratorAccess", None),
        ("Read", None),
        ("", None),
    ];
    for (arn, text) in cases {
        assert_eq!(snapshot.policy(arn).map(|policy| policy.compiled.policy.source()), text, "{arn}");
    }
    assert_eq!(snapshot.policy_by_name(account("111122223333"), "WRITE").unwrap().revision, Revision(2));
}

#[test]
fn lists_in_order_from_where_the_last_page_ended() {
    let snapshot = with(["Delta", "alpha", "Charlie", "bravo"].map(|name| policy(name, "/", "v1")));
    let names = |after| {
        let policies = snapshot.policies(account("111122223333"), after);
        policies.map(|policy| policy.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["alpha", "bravo", "Charlie", "Delta"]);
    assert_eq!(names(Some("BRAVO")), ["Charlie", "Delta"]);
    assert_eq!(names(Some("bz")), ["Charlie", "Delta"]);
    assert!(names(Some("delta")).is_empty());
    assert_eq!(snapshot.policies(account("999999999999"), None).count(), 0);
}

#[test]
fn finds_and_lists_clusters() {
    let snapshot = with([cluster("eu-west-1", "b"), cluster("eu-west-1", "a"), cluster("eu-west-10", "c")]);
    let owner = account("111122223333");
    let names = |region, after| {
        let clusters = snapshot.clusters(owner, region, after);
        clusters.map(|cluster| cluster.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("eu-west-1", None), ["a", "b"]);
    assert_eq!(names("eu-west-1", Some("a")), ["b"]);
    assert_eq!(names("eu-west-10", None), ["c"]);
    assert!(names("eu-west", None).is_empty());
    assert_eq!(snapshot.all_clusters().count(), 3);
    assert_eq!(snapshot.cluster_by_issuer("https://oidc.example/id/eu-west-1a").unwrap().name, "a");
    assert!(snapshot.cluster(owner, "eu-west-10", "a").is_none());
}

#[test]
fn lists_kubernetes_objects_by_resource_and_namespace() {
    let snapshot = with([
        object("one", "namespaces", "", "demo"),
        object("one", "serviceaccounts", "demo", "default"),
        object("one", "serviceaccounts", "demo", "app"),
        object("one", "serviceaccounts", "demo-2", "default"),
        object("two", "serviceaccounts", "demo", "default"),
    ]);
    let count = |cluster, resource, namespace| snapshot.kube_objects(cluster, resource, namespace).count();
    assert_eq!(count("one", "serviceaccounts", None), 3);
    assert_eq!(count("one", "serviceaccounts", Some("demo")), 2);
    assert_eq!(count("one", "namespaces", Some("")), 1);
    assert_eq!(count("one", "service", None), 0);
    assert_eq!(count("three", "serviceaccounts", None), 0);
    assert_eq!(snapshot.all_kube_objects("one").count(), 4);
    assert!(snapshot.kube_object("one", "namespaces", "", "demo").is_some());
    assert!(snapshot.kube_object("one", "serviceaccounts", "demo", "DEFAULT").is_none());
}

#[test]
fn a_replaced_entity_leaves_no_trace_in_an_index() {
    let renewed = match cluster("eu-west-1", "a") {
        Entity::Cluster(cluster) => Cluster { issuer: "https://new".to_owned(), ..cluster },
        other => panic!("{other:?}"),
    };
    let snapshot = with([cluster("eu-west-1", "a"), renewed.into()]);
    assert!(snapshot.cluster_by_issuer("https://oidc.example/id/eu-west-1a").is_none());
    assert_eq!(snapshot.cluster_by_issuer("https://new").unwrap().revision, Revision(2));
}

/// Readers of an older snapshot see what they saw.
#[test]
fn an_older_snapshot_stays_as_it_was() {
    let older = with([policy("Read", "/", "v1")]);
    let (mut newer, mut compiler) = (older.clone(), Compiler::new().unwrap());
    newer.put(policy("Read", "/", "v2"), Revision(2), &mut compiler);
    newer.apply(&Change::Put(policy("Write", "/", "v1")), Revision(2), &mut compiler);
    let arn = "arn:aws:iam::111122223333:policy/Read";
    assert_eq!(older.policy(arn).unwrap().compiled.policy.source(), ALLOW);
    assert_eq!(newer.policy(arn).unwrap().compiled.policy.source(), DENY);
    assert_eq!(older.policies(account("111122223333"), None).count(), 1);
}

#[test]
fn what_an_account_registers_is_its_own() {
    let registered = |owner: &str, name: &str, issuer: &str| match cluster("eu-west-1", name) {
        Entity::Cluster(cluster) => Entity::from(Cluster {
            account: account(owner),
            issuer: issuer.to_owned(),
            registration: Some(Registration::default()),
            ..cluster
        }),
        other => other,
    };
    let (first, second, issuer) = ("111122223333", "444455556666", "https://kubernetes.default.svc");
    let hosted = "https://oidc.example/id/eu-west-1a";
    let snapshot = with([
        cluster("eu-west-1", "a"),
        registered(first, "r", issuer),
        registered(second, "r", issuer),
        registered(second, "claims-anothers", hosted),
    ]);
    let found = |owner: &str, issuer: &str| {
        snapshot.registered_cluster(account(owner), issuer).map(|cluster| cluster.account)
    };
    assert_eq!(found(first, issuer), Some(account(first)));
    assert_eq!(found(second, issuer), Some(account(second)));
    assert_eq!(found("777788889999", issuer), None);
    assert_eq!(found(first, hosted), None, "a hosted cluster is not a registered one");
    assert!(snapshot.cluster_by_issuer(issuer).is_none());
    assert_eq!(snapshot.cluster_by_issuer(hosted).unwrap().name, "a");
}

#[test]
fn a_registration_that_goes_takes_no_hosted_cluster_along() {
    let Entity::Cluster(hosted) = cluster("eu-west-1", "a") else { unreachable!() };
    let registered = Cluster {
        account: account("444455556666"),
        registration: Some(Registration::default()),
        ..hosted.clone()
    };
    let key = Key::Cluster(registered.account, registered.region.clone(), registered.name.clone());
    let store = crate::Embedded::ephemeral().unwrap();
    crate::Store::commit(&store, crate::Transaction::new().put(hosted.clone()).put(registered)).unwrap();
    crate::Store::commit(&store, crate::Transaction::new().delete(key)).unwrap();
    let snapshot = crate::Store::snapshot(&store);
    assert!(snapshot.cluster_by_issuer(&hosted.issuer).is_some());
    assert!(snapshot.registered_cluster(account("444455556666"), &hosted.issuer).is_none());
}
