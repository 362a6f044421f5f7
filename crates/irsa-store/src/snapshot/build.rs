//! How a snapshot comes to be: entities enter and leave every map and index that knows them.

use std::sync::Arc;

use super::compile::{Compile, Compiler, Failure};
use super::{BrokenPolicy, OwnedKey, Snapshot, Stored, lower};
use crate::change::{Change, Entity, Key, Revision};
use crate::model::AccessKey;

impl Snapshot {
    pub(crate) fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }

    pub(crate) fn apply(&mut self, change: &Change, revision: Revision, compiler: &mut Compiler) {
        match change {
            Change::Put(entity) => self.put(entity.clone(), revision, compiler),
            Change::Delete(key) => self.delete(key),
        }
    }

    pub(crate) fn put(&mut self, entity: Entity, revision: Revision, compiler: &mut Compiler) {
        let key = entity.key();
        // What is indexed by more than its key leaves the indexes before its new self enters them.
        self.delete(&key);
        match entity {
            Entity::Account(account) => {
                let stored = self.compiled(key, account, revision, compiler);
                Arc::make_mut(&mut self.accounts).insert(stored.id, stored);
            }
            Entity::User(user) => {
                let stored = self.compiled(key, user, revision, compiler);
                Arc::make_mut(&mut self.users_by_id).insert(Arc::from(&*stored.id), Arc::clone(&stored));
                self.users.insert(stored.account, &lower(&stored.name), Arc::clone(&stored));
            }
            Entity::AccessKey(access_key) => {
                let stored = self.compiled(key, access_key, revision, compiler);
                let id: Arc<str> = Arc::from(&*stored.id);
                Arc::make_mut(&mut self.access_keys_by_user).insert(by_user(&stored, &id));
                Arc::make_mut(&mut self.access_keys).insert(id, stored);
            }
            Entity::Role(role) => {
                let stored = self.compiled(key, role, revision, compiler);
                Arc::make_mut(&mut self.roles_by_id).insert(Arc::from(&*stored.id), Arc::clone(&stored));
                self.roles.insert(stored.account, &lower(&stored.name), Arc::clone(&stored));
            }
            Entity::Policy(policy) => {
                let stored = self.compiled(key, policy, revision, compiler);
                self.policies.insert(stored.account, &lower(&stored.name), Arc::clone(&stored));
            }
            Entity::Provider(provider) => {
                let stored = self.compiled(key, provider, revision, compiler);
                self.providers.insert(stored.account, &stored.url, Arc::clone(&stored));
            }
            Entity::Cluster(cluster) => {
                let stored = self.compiled(key, cluster, revision, compiler);
                // INVARIANT (issuers): only what we sign ourselves is found without naming the account.
                if !stored.is_registered() {
                    Arc::make_mut(&mut self.clusters_by_issuer)
                        .insert(Arc::from(&*stored.issuer), Arc::clone(&stored));
                }
                let name = format!("{}/{}", stored.region, stored.name);
                self.clusters.insert(stored.account, &name, stored);
            }
            Entity::KubeObject(object) => {
                let stored = self.compiled(key, object, revision, compiler);
                let name = format!("{}/{}/{}", stored.resource, stored.namespace, stored.name);
                self.kube_objects.insert(Arc::from(&*stored.cluster), &name, stored);
            }
            Entity::Bucket(bucket) => {
                let stored = self.compiled(key, bucket, revision, compiler);
                Arc::make_mut(&mut self.buckets).insert(Arc::from(&*stored.name), stored);
            }
            Entity::SealingKey(sealing_key) => {
                let stored = self.compiled(key, sealing_key, revision, compiler);
                Arc::make_mut(&mut self.sealing_keys).insert(Arc::from(&*stored.id), stored);
            }
        }
    }

    fn compiled<T: Compile>(
        &mut self,
        key: Key,
        entity: T,
        revision: Revision,
        compiler: &mut Compiler,
    ) -> Arc<Stored<T>> {
        let mut failures = Vec::new();
        let compiled = entity.compile(compiler, &mut failures);
        if !failures.is_empty() {
            let broken = failures
                .into_iter()
                .map(|Failure { policy, reason }| BrokenPolicy { key: key.clone(), policy, reason })
                .collect();
            Arc::make_mut(&mut self.broken).insert(key, broken);
        }
        Arc::new(Stored { entity, revision, compiled })
    }

    fn delete(&mut self, key: &Key) {
        if self.broken.contains_key(key) {
            Arc::make_mut(&mut self.broken).remove(key);
        }
        match key {
            Key::Account(account) => {
                Arc::make_mut(&mut self.accounts).remove(account);
            }
            Key::User(account, name) => {
                if let Some(user) = self.users.remove(account, name) {
                    Arc::make_mut(&mut self.users_by_id).remove(&*user.id);
                }
            }
            Key::AccessKey(id) => {
                if let Some(access_key) = Arc::make_mut(&mut self.access_keys).remove(&**id) {
                    let entry = by_user(&access_key, &Arc::from(&**id));
                    Arc::make_mut(&mut self.access_keys_by_user).remove(&entry);
                }
            }
            Key::Role(account, name) => {
                if let Some(role) = self.roles.remove(account, name) {
                    Arc::make_mut(&mut self.roles_by_id).remove(&*role.id);
                }
            }
            Key::Policy(account, name) => {
                self.policies.remove(account, name);
            }
            Key::Provider(account, url) => {
                self.providers.remove(account, url);
            }
            Key::Cluster(account, region, name) => {
                if let Some(cluster) = self.clusters.remove(account, &format!("{region}/{name}"))
                    && !cluster.is_registered()
                {
                    Arc::make_mut(&mut self.clusters_by_issuer).remove(&*cluster.issuer);
                }
            }
            Key::KubeObject { cluster, resource, namespace, name } => {
                self.kube_objects.remove(&**cluster, &format!("{resource}/{namespace}/{name}"));
            }
            Key::Bucket(name) => {
                Arc::make_mut(&mut self.buckets).remove(&**name);
            }
            Key::SealingKey(id) => {
                Arc::make_mut(&mut self.sealing_keys).remove(&**id);
            }
        }
    }
}

fn by_user(access_key: &AccessKey, id: &Arc<str>) -> OwnedKey {
    let user = lower(access_key.user.as_deref().unwrap_or_default());
    OwnedKey { account: access_key.account, user: Arc::from(&*user), id: Arc::clone(id) }
}
