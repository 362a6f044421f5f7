//! Random transactions do to the store what they do to a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::change::Revision;

type Model = BTreeMap<Key, (Entity, Revision)>;

fn entity() -> impl Strategy<Value = Entity> {
    let name = "[a-c]";
    prop_oneof![
        (name, "[a-z]{0,3}").prop_map(|(name, region)| bucket(&name, &region).into()),
        (name, any::<bool>()).prop_map(|(name, capital)| {
            role(&if capital { name.to_ascii_uppercase() } else { name }).into()
        }),
        (name, name, name).prop_map(|(cluster, namespace, name)| {
            crate::model::KubeObject {
                object: serde_json::json!({ "metadata": { "name": name } }),
                resource: "serviceaccounts".to_owned(),
                cluster,
                namespace,
                name,
            }
            .into()
        }),
        (name, prop::option::of(name), "[a-z]{1,4}").prop_map(|(id, user, secret)| {
            AccessKey {
                id,
                secret: SecretString::new(secret),
                account: account_id(),
                user,
                active: true,
                created: Timestamp::UNIX_EPOCH,
                last_used: None,
            }
            .into()
        }),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let change = prop_oneof![
        3 => entity().prop_map(Change::Put),
        1 => entity().prop_map(|entity| Change::Delete(entity.key())),
    ];
    let precondition = prop_oneof![
        entity().prop_map(|entity| Precondition::Absent { key: entity.key() }),
        (entity(), 0..40_u64).prop_map(|(entity, since)| Precondition::Unchanged {
            key: entity.key(),
            since: Revision(since)
        }),
    ];
    (prop::collection::vec(change, 0..4), prop::collection::vec(precondition, 0..2))
        .prop_map(|(changes, preconditions)| Transaction { changes, preconditions })
}

fn apply(model: &mut Model, transaction: &Transaction, next: Revision) -> bool {
    let holds = transaction.preconditions.iter().all(|precondition| match precondition {
        Precondition::Absent { key } => !model.contains_key(key),
        Precondition::Unchanged { key, since } => model.get(key).is_some_and(|(_, written)| written <= since),
    });
    if holds {
        for change in &transaction.changes {
            match change {
                Change::Put(entity) => drop(model.insert(entity.key(), (entity.clone(), next))),
                Change::Delete(key) => drop(model.remove(key)),
            }
        }
    }
    holds
}

fn check(snapshot: &Snapshot, model: &Model) {
    for (key, (entity, written)) in model {
        assert_eq!(snapshot.entity(key).as_ref(), Some(entity));
        assert_eq!(snapshot.revision_of(key), Some(*written));
    }
    let count = |wanted: fn(&Key) -> bool| model.keys().filter(|key| wanted(key)).count();
    let objects =
        ["a", "b", "c"].map(|cluster| snapshot.kube_objects(cluster, "serviceaccounts", None).count());
    assert_eq!(objects.iter().sum::<usize>(), count(|key| matches!(key, Key::KubeObject { .. })));
    assert_eq!(snapshot.buckets().count(), count(|key| matches!(key, Key::Bucket(_))));
    assert_eq!(snapshot.roles(account_id(), None).count(), count(|key| matches!(key, Key::Role(..))));
    let by_id = ["a", "b", "c", "A", "B", "C"].map(|name| snapshot.role_by_id(&format!("AROA{name}")));
    assert_eq!(by_id.iter().flatten().count(), count(|key| matches!(key, Key::Role(..))));
    let owned =
        [None, Some("a"), Some("b"), Some("c")].map(|user| snapshot.access_keys(account_id(), user).count());
    assert_eq!(owned.iter().sum::<usize>(), count(|key| matches!(key, Key::AccessKey(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_is_a_map(transactions in prop::collection::vec(transaction(), 1..40)) {
        let disk = super::disk::Disk::default();
        let store = Embedded::with_opener(disk.opener()).unwrap();
        let mut model = Model::new();
        for transaction in transactions {
            let next = store.snapshot().revision().next();
            let expected = if apply(&mut model, &transaction, next) { Ok(next) } else { Err(CommitError::Conflict) };
            prop_assert_eq!(store.commit(transaction), expected);
        }
        check(&store.snapshot(), &model);
        let revision = store.snapshot().revision();
        drop(store);
        let reopened = Embedded::with_opener(disk.opener()).unwrap();
        prop_assert_eq!(reopened.snapshot().revision(), revision);
        check(&reopened.snapshot(), &model);
    }

    #[test]
    fn keys_are_read_back(entity in entity()) {
        let key = entity.key();
        prop_assert_eq!(Key::parse(&key.path()), Some(key.clone()));
        let json = entity.encode().unwrap();
        prop_assert_eq!(Entity::decode(&key, &json).unwrap(), entity);
    }

    #[test]
    fn any_path_is_a_key_or_not(path in "\\PC*") {
        if let Some(key) = Key::parse(&path) {
            prop_assert_eq!(key.path(), path);
        }
    }
}
