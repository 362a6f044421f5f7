mod disk;
mod durability;
mod model;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::change::{Change, Entity, Key, Precondition};
use crate::model::{AccessKey, Account, AccountId, Bucket, Role, SecretString, TrustPolicy};
use crate::store::transact;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

fn account_id() -> AccountId {
    "111122223333".parse().unwrap()
}

fn account(name: &str) -> Account {
    Account { id: account_id(), name: name.to_owned(), alias: None, created: Timestamp::UNIX_EPOCH }
}

fn bucket(name: &str, region: &str) -> Bucket {
    Bucket {
        account: account_id(),
        name: name.to_owned(),
        region: region.to_owned(),
        policy: None,
        principal_ids: Default::default(),
        policy_is_public: false,
        public_access_block: None,
        created: Timestamp::UNIX_EPOCH,
        tags: Default::default(),
    }
}

fn role(name: &str) -> Role {
    Role {
        account: account_id(),
        name: name.to_owned(),
        path: "/team/".to_owned(),
        id: format!("AROA{name}"),
        created: Timestamp::UNIX_EPOCH,
        description: None,
        max_session_duration: 3_600,
        trust: TrustPolicy { text: TRUST.to_owned(), ids: Default::default() },
        inline: [("read".to_owned(), ALLOW.to_owned())].into(),
        attached: Vec::new(),
        boundary: None,
        tags: Default::default(),
        last_used: None,
    }
}

fn put(entity: impl Into<Entity>) -> Transaction {
    Transaction::new().put(entity)
}

fn count(store: &dyn Store) -> u64 {
    store.snapshot().account(account_id()).unwrap().name.parse().unwrap()
}

fn increment(store: &dyn Store) -> Result<(), CommitError> {
    transact(store, |snapshot| {
        let mut account = Account::clone(snapshot.account(account_id()).unwrap());
        account.name = (account.name.parse::<u64>().unwrap() + 1).to_string();
        Ok((put(account), ()))
    })
}

#[test]
fn what_is_committed_is_there_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    assert_eq!(store.snapshot().revision(), Revision(0));
    assert_eq!(store.commit(put(role("App")).put(bucket("b", "eu-west-1"))), Ok(Revision(1)));
    let check = |snapshot: &Snapshot| {
        let role = snapshot.role(account_id(), "APP").unwrap();
        assert_eq!((&*role.name, role.revision), ("App", Revision(1)));
        assert_eq!(role.compiled.trust.source(), TRUST);
        assert_eq!(role.compiled.inline[0].0, "inline:read");
        assert_eq!(&*role.compiled.arn, "arn:aws:iam::111122223333:role/team/App");
        assert!(snapshot.bucket("b").is_some() && snapshot.role_by_id("AROAApp").is_some());
    };
    check(&store.snapshot());
    drop(store);
    let store = Embedded::open(folder.path()).unwrap();
    check(&store.snapshot());
    assert_eq!(store.commit(Transaction::new().delete(Key::role(account_id(), "aPP"))), Ok(Revision(2)));
    assert!(store.snapshot().role_by_id("AROAApp").is_none());
    drop(store);
    assert!(Embedded::open(folder.path()).unwrap().snapshot().role(account_id(), "app").is_none());
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let store = Embedded::ephemeral().unwrap();
    let key = Key::Bucket("b".to_owned());
    store.commit(put(bucket("b", "one"))).unwrap();
    let conflicts = [
        Precondition::Absent { key: key.clone() },
        Precondition::Unchanged { key: key.clone(), since: Revision(0) },
        Precondition::Unchanged { key: Key::Bucket("missing".to_owned()), since: Revision(9) },
    ];
    for precondition in conflicts {
        let transaction = put(bucket("b", "two")).put(account("x")).require(precondition);
        assert_eq!(store.commit(transaction), Err(CommitError::Conflict));
    }
    let snapshot = store.snapshot();
    assert_eq!((snapshot.revision(), &*snapshot.bucket("b").unwrap().region), (Revision(1), "one"));
    assert!(snapshot.account(account_id()).is_none());
    // Deleted and made anew is not unchanged.
    store.commit(Transaction::new().delete(key.clone())).unwrap();
    store.commit(put(bucket("b", "three"))).unwrap();
    let since = snapshot.revision();
    let stale = put(bucket("b", "four")).require(Precondition::Unchanged { key: key.clone(), since });
    assert_eq!(store.commit(stale), Err(CommitError::Conflict));
    let fresh = put(bucket("b", "four")).require(Precondition::Unchanged { key, since: Revision(3) });
    assert_eq!(store.commit(fresh), Ok(Revision(4)));
}

#[test]
fn concurrent_transactions_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    store.commit(put(account("0"))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| increment(&store).unwrap()));
        }
    });
    assert_eq!(count(&store), 160);
    assert_eq!(store.snapshot().revision(), Revision(161));
    drop(store);
    assert_eq!(count(&Embedded::open(folder.path()).unwrap()), 160);
}

#[test]
fn transact_guards_what_it_writes_and_skips_what_changes_nothing() {
    let store = Embedded::ephemeral().unwrap();
    let mut attempts = 0;
    let made: Result<u32, CommitError> = transact(&store, |snapshot| {
        attempts += 1;
        if attempts == 1 {
            store.commit(put(bucket("b", "theirs"))).unwrap();
        }
        let mine = if snapshot.bucket("b").is_none() { "mine" } else { "mine, later" };
        Ok((put(bucket("b", mine)), attempts))
    });
    assert_eq!(made, Ok(2));
    assert_eq!(store.snapshot().bucket("b").unwrap().region, "mine, later");
    let nothing: Result<(), CommitError> = transact(&store, |_| Ok((Transaction::new(), ())));
    assert_eq!((nothing, store.snapshot().revision()), (Ok(()), Revision(2)));
    let refused: Result<(), CommitError> = transact(&store, |_| Err(CommitError::Closed));
    assert_eq!(refused, Err(CommitError::Closed));
}

#[test]
fn feeds_its_followers() {
    let store = Embedded::ephemeral().unwrap();
    let (notify, notified) = std::sync::mpsc::channel();
    let notify = Mutex::new(notify);
    store.on_change(Box::new(move |revision| notify.lock().unwrap().send(revision).unwrap()));
    assert_eq!(store.changes_since(Revision(0)), Changes::Since(Vec::new()));
    assert_eq!(store.wait_newer(Revision(0), Duration::ZERO), Revision(0));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.wait_newer(Revision(0), Duration::from_secs(60)));
        store.commit(put(bucket("b", "one"))).unwrap();
        assert_eq!(waiting.join().unwrap(), Revision(1));
    });
    assert_eq!(notified.recv().unwrap(), Revision(1));
    let Changes::Since(commits) = store.changes_since(Revision(0)) else { panic!("forgotten") };
    assert_eq!(commits[0].changes, [Change::Put(bucket("b", "one").into())]);

    for _ in 0..feed::REMEMBERED {
        store.commit(put(bucket("b", "two"))).unwrap();
    }
    assert_eq!(store.changes_since(Revision(0)), Changes::Forgotten);
    let Changes::Since(commits) = store.changes_since(Revision(1)) else { panic!("forgotten") };
    assert_eq!(commits.len(), feed::REMEMBERED);
}

#[test]
fn a_closed_store_answers_readers_and_refuses_writers() {
    let store = Embedded::ephemeral().unwrap();
    store.commit(put(bucket("b", "one"))).unwrap();
    store.close();
    assert_eq!(store.commit(put(bucket("b", "two"))), Err(CommitError::Closed));
    assert_eq!(store.wait_newer(Revision(1), Duration::from_secs(60)), Revision(1));
    assert_eq!(store.snapshot().bucket("b").unwrap().region, "one");
}

#[test]
fn what_could_not_be_read_back_is_not_stored() {
    let store = Embedded::ephemeral().unwrap();
    let slash = Role { name: "a/b".to_owned(), ..role("x") };
    assert_eq!(store.commit(put(slash)), Ok(Revision(1)), "a name with a slash is still one path");
    let mut deep = serde_json::Value::Null;
    for _ in 0..200 {
        deep = serde_json::json!([deep]);
    }
    let object = |object| crate::model::KubeObject {
        cluster: "C".to_owned(),
        resource: "serviceaccounts".to_owned(),
        namespace: "n".to_owned(),
        name: "a".to_owned(),
        object,
    };
    assert!(matches!(store.commit(put(object(deep))), Err(CommitError::Unstorable(_))));
    let large = serde_json::Value::String("x".repeat(2 << 20));
    assert!(matches!(store.commit(put(object(large))), Err(CommitError::Unstorable(_))));
    let split = crate::model::KubeObject { resource: "a/b".to_owned(), ..object(serde_json::Value::Null) };
    assert!(matches!(store.commit(put(split)), Err(CommitError::Unstorable(_))));
    assert_eq!(store.snapshot().revision(), Revision(1));
}

#[test]
fn a_policy_that_no_longer_compiles_denies_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let mut broken = role("App");
    broken.trust.text = "{".to_owned();
    broken.inline.insert("old".to_owned(), "not json".to_owned());
    store.commit(put(broken)).unwrap();
    drop(store);
    let store = Embedded::open(folder.path()).unwrap();
    let snapshot = store.snapshot();
    let names: Vec<_> = snapshot.broken_policies().map(|broken| &*broken.policy).collect();
    assert_eq!(names, ["trust", "inline:old"]);
    let role_now = snapshot.role(account_id(), "app").unwrap();
    assert!(role_now.compiled.trust.source().contains(r#""Effect":"Deny""#));
    assert_eq!(role_now.trust.text, "{");

    store.commit(put(role("App"))).unwrap();
    assert_eq!(store.snapshot().broken_policies().count(), 0);
}

#[test]
fn identical_documents_share_one_compilation() {
    let store = Embedded::ephemeral().unwrap();
    store.commit(put(role("a")).put(role("b"))).unwrap();
    let snapshot = store.snapshot();
    let trust = |name| &snapshot.role(account_id(), name).unwrap().compiled.trust;
    assert!(Arc::ptr_eq(trust("a"), trust("b")));
    let mut other = role("c");
    other.trust.ids.insert("arn:aws:iam::111122223333:role/x".to_owned(), "AROAX".to_owned());
    store.commit(put(other)).unwrap();
    let snapshot = store.snapshot();
    let trust = |name| &snapshot.role(account_id(), name).unwrap().compiled.trust;
    assert!(!Arc::ptr_eq(trust("a"), trust("c")));
}

#[test]
fn secrets_do_not_show() {
    let key = AccessKey {
        id: "AKIAX".to_owned(),
        secret: SecretString::new("hunter2"),
        account: account_id(),
        user: Some("Ann".to_owned()),
        active: true,
        created: Timestamp::UNIX_EPOCH,
        last_used: None,
    };
    let store = Embedded::ephemeral().unwrap();
    store.commit(put(key)).unwrap();
    let snapshot = store.snapshot();
    let shown = format!("{snapshot:?} {:?}", store.changes_since(Revision(0)));
    assert!(shown.contains("AKIAX") && !shown.contains("hunter2"));
    assert_eq!(snapshot.access_key("AKIAX").unwrap().secret.expose(), "hunter2");
    assert_eq!(snapshot.access_keys(account_id(), Some("ANN")).count(), 1);
    assert_eq!(snapshot.access_keys(account_id(), None).count(), 0);
}
