//! The whole state at one revision, immutable and in memory: what every request is answered from.
//!
//! A new snapshot shares with the one before it every map that did not change; a changed map is copied once a batch of
//! commits. AWS's quotas bound the maps (1,000 roles, 5,000 users, 1,500 policies an account), which keeps a copy at
//! microseconds. Entities carry their policies compiled.

mod build;
mod compile;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

pub(crate) use compile::Compiler;
pub use compile::{CompiledBucket, CompiledManagedPolicy, CompiledRole, CompiledUser, Storable};
use table::{Rows, Table};

use crate::change::{Entity, Key, Revision};
use crate::model::{
    AccessKey, Account, AccountId, Bucket, Cluster, KubeObject, ManagedPolicy, OidcProvider, Role,
    SealingKey, User,
};

/// An entity in a snapshot: the entity itself (by `Deref`), when it was last written, and its compiled policies.
#[derive(Debug)]
pub struct Stored<T: Storable> {
    entity: T,
    /// The revision that last wrote it.
    pub revision: Revision,
    /// Its policies, compiled.
    pub compiled: T::Compiled,
}

impl<T: Storable> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.entity
    }
}

/// A stored policy that cannot be compiled any more. It denies everything until it is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPolicy {
    /// The entity that carries it.
    pub key: Key,
    /// Which of the entity's policies: `trust`, `inline:<name>`, a version's id, or `policy`.
    pub policy: String,
    /// Why it is malformed.
    pub reason: String,
}

/// The whole state at one revision.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    revision: Revision,
    accounts: Arc<BTreeMap<AccountId, Arc<Stored<Account>>>>,
    users: Table<AccountId, User>,
    roles: Table<AccountId, Role>,
    policies: Table<AccountId, ManagedPolicy>,
    providers: Table<AccountId, OidcProvider>,
    /// Under `<region>/<name>`.
    clusters: Table<AccountId, Cluster>,
    /// Under the cluster's id, then `<resource>/<namespace>/<name>`.
    kube_objects: Table<Arc<str>, KubeObject>,
    buckets: Rows<Bucket>,
    sealing_keys: Rows<SealingKey>,
    access_keys: Arc<HashMap<Arc<str>, Arc<Stored<AccessKey>>>>,
    access_keys_by_user: Arc<BTreeSet<OwnedKey>>,
    roles_by_id: Arc<HashMap<Arc<str>, Arc<Stored<Role>>>>,
    users_by_id: Arc<HashMap<Arc<str>, Arc<Stored<User>>>>,
    clusters_by_issuer: Arc<HashMap<Arc<str>, Arc<Stored<Cluster>>>>,
    broken: Arc<BTreeMap<Key, Vec<BrokenPolicy>>>,
}

/// An access key and its owner, in the order in which they are listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OwnedKey {
    account: AccountId,
    /// Lower-case, empty for the root user.
    user: Arc<str>,
    id: Arc<str>,
}

/// What is asked of a snapshot.
impl Snapshot {
    /// The revision of the last commit in it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&Arc<Stored<Account>>> {
        self.accounts.get(&id)
    }

    /// All accounts, by number.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Stored<Account>>> {
        self.accounts.values()
    }

    /// A user by name, in any case.
    pub fn user(&self, account: AccountId, name: &str) -> Option<&Arc<Stored<User>>> {
        self.users.get(&account, &lower(name))
    }

    /// A user by its unique id, `AIDA…`.
    pub fn user_by_id(&self, id: &str) -> Option<&Arc<Stored<User>>> {
        self.users_by_id.get(id)
    }

    /// Users by name, those after the given one.
    pub fn users(&self, account: AccountId, after: Option<&str>) -> impl Iterator<Item = &Arc<Stored<User>>> {
        self.users.after(&account, after.map(lower))
    }

    /// A role by name, in any case.
    pub fn role(&self, account: AccountId, name: &str) -> Option<&Arc<Stored<Role>>> {
        self.roles.get(&account, &lower(name))
    }

    /// A role by its unique id, `AROA…`.
    pub fn role_by_id(&self, id: &str) -> Option<&Arc<Stored<Role>>> {
        self.roles_by_id.get(id)
    }

    /// A role by its ARN, path included.
    pub fn role_by_arn(&self, arn: &str) -> Option<&Arc<Stored<Role>>> {
        let (account, name) = iam_arn(arn, "role")?;
        self.role(account, name).filter(|role| &*role.compiled.arn == arn)
    }

    /// A user by its ARN, path included.
    pub fn user_by_arn(&self, arn: &str) -> Option<&Arc<Stored<User>>> {
        let (account, name) = iam_arn(arn, "user")?;
        self.user(account, name).filter(|user| &*user.compiled.arn == arn)
    }

    /// Roles by name, those after the given one.
    pub fn roles(&self, account: AccountId, after: Option<&str>) -> impl Iterator<Item = &Arc<Stored<Role>>> {
        self.roles.after(&account, after.map(lower))
    }

    /// A customer managed policy by its ARN, path included. AWS's own (`arn:aws:iam::aws:policy/…`) are not stored, so
    /// they are never found here.
    pub fn policy(&self, arn: &str) -> Option<&Arc<Stored<ManagedPolicy>>> {
        let (account, name) = iam_arn(arn, "policy")?;
        self.policy_by_name(account, name).filter(|policy| &*policy.compiled.arn == arn)
    }

    /// A customer managed policy by name, in any case, whatever its path.
    pub fn policy_by_name(&self, account: AccountId, name: &str) -> Option<&Arc<Stored<ManagedPolicy>>> {
        self.policies.get(&account, &lower(name))
    }

    /// Customer managed policies by name, those after the given one.
    pub fn policies(
        &self,
        account: AccountId,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Stored<ManagedPolicy>>> {
        self.policies.after(&account, after.map(lower))
    }

    /// An access key by its id, whichever account it belongs to.
    pub fn access_key(&self, id: &str) -> Option<&Arc<Stored<AccessKey>>> {
        self.access_keys.get(id)
    }

    /// The access keys of a user, or of the root user for `None`, by id.
    pub fn access_keys(
        &self,
        account: AccountId,
        user: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Stored<AccessKey>>> {
        let user: Arc<str> = Arc::from(&*lower(user.unwrap_or_default()));
        let first = OwnedKey { account, user: Arc::clone(&user), id: Arc::from("") };
        self.access_keys_by_user
            .range(first..)
            .take_while(move |owned| owned.account == account && owned.user == user)
            .filter_map(|owned| self.access_keys.get(&owned.id))
    }

    /// An OIDC provider by its name: `host[:port][/path]`, case-sensitive.
    pub fn provider(&self, account: AccountId, url: &str) -> Option<&Arc<Stored<OidcProvider>>> {
        self.providers.get(&account, url)
    }

    /// OIDC providers by name, those after the given one.
    pub fn providers(
        &self,
        account: AccountId,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Stored<OidcProvider>>> {
        self.providers.after(&account, after.map(Cow::Borrowed))
    }

    /// A cluster, hosted or registered.
    pub fn cluster(&self, account: AccountId, region: &str, name: &str) -> Option<&Arc<Stored<Cluster>>> {
        self.clusters.get(&account, &format!("{region}/{name}"))
    }

    /// A hosted cluster by the issuer of its tokens, as the `iss` claim spells it.
    pub fn cluster_by_issuer(&self, issuer: &str) -> Option<&Arc<Stored<Cluster>>> {
        self.clusters_by_issuer.get(issuer)
    }

    /// A cluster that this account registered, by the issuer of its tokens. Another account's word of it counts for nothing.
    pub fn registered_cluster(&self, account: AccountId, issuer: &str) -> Option<&Arc<Stored<Cluster>>> {
        let mut clusters = self.clusters.prefixed(&account, String::new());
        clusters.find(|cluster| cluster.is_registered() && cluster.issuer == issuer)
    }

    /// The clusters of a region by name, those after the given one.
    pub fn clusters(
        &self,
        account: AccountId,
        region: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Stored<Cluster>>> {
        let prefix = format!("{region}/");
        self.clusters
            .after(&account, Some(Cow::Owned(format!("{prefix}{}", after.unwrap_or_default()))))
            .take_while(move |cluster| prefix.strip_suffix('/') == Some(&*cluster.region))
    }

    /// Every cluster, by account, region and name.
    pub fn all_clusters(&self) -> impl Iterator<Item = &Arc<Stored<Cluster>>> {
        self.clusters.all()
    }

    /// An object of a hosted cluster. The namespace is empty for what has none.
    pub fn kube_object(
        &self,
        cluster: &str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Option<&Arc<Stored<KubeObject>>> {
        self.kube_objects.get(cluster, &format!("{resource}/{namespace}/{name}"))
    }

    /// The objects of a resource, by namespace and name; of one namespace when it is given.
    pub fn kube_objects(
        &self,
        cluster: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Stored<KubeObject>>> {
        let prefix = match namespace {
            Some(namespace) => format!("{resource}/{namespace}/"),
            None => format!("{resource}/"),
        };
        self.kube_objects.prefixed(cluster, prefix)
    }

    /// Every object of a hosted cluster: what goes when the cluster goes.
    pub fn all_kube_objects(&self, cluster: &str) -> impl Iterator<Item = &Arc<Stored<KubeObject>>> {
        self.kube_objects.prefixed(cluster, String::new())
    }

    /// A bucket, whichever account owns it.
    pub fn bucket(&self, name: &str) -> Option<&Arc<Stored<Bucket>>> {
        self.buckets.get(name)
    }

    /// All buckets by name.
    pub fn buckets(&self) -> impl Iterator<Item = &Arc<Stored<Bucket>>> {
        self.buckets.values()
    }

    /// A sealing key by its id.
    pub fn sealing_key(&self, id: &str) -> Option<&Arc<Stored<SealingKey>>> {
        self.sealing_keys.get(id)
    }

    /// All sealing keys by id.
    pub fn sealing_keys(&self) -> impl Iterator<Item = &Arc<Stored<SealingKey>>> {
        self.sealing_keys.values()
    }

    /// Stored policies that cannot be compiled any more, by the key of their entity.
    pub fn broken_policies(&self) -> impl Iterator<Item = &BrokenPolicy> {
        self.broken.values().flatten()
    }

    /// The revision that last wrote what is under the key; `None` when nothing is.
    pub fn revision_of(&self, key: &Key) -> Option<Revision> {
        match key {
            Key::Account(account) => self.account(*account).map(|stored| stored.revision),
            Key::User(account, name) => self.user(*account, name).map(|stored| stored.revision),
            Key::AccessKey(id) => self.access_key(id).map(|stored| stored.revision),
            Key::Role(account, name) => self.role(*account, name).map(|stored| stored.revision),
            Key::Policy(account, name) => self.policy_by_name(*account, name).map(|stored| stored.revision),
            Key::Provider(account, url) => self.provider(*account, url).map(|stored| stored.revision),
            Key::Cluster(account, region, name) => {
                self.cluster(*account, region, name).map(|stored| stored.revision)
            }
            Key::KubeObject { cluster, resource, namespace, name } => {
                self.kube_object(cluster, resource, namespace, name).map(|stored| stored.revision)
            }
            Key::Bucket(name) => self.bucket(name).map(|stored| stored.revision),
            Key::SealingKey(id) => self.sealing_key(id).map(|stored| stored.revision),
        }
    }

    /// What is under the key, as a value.
    pub fn entity(&self, key: &Key) -> Option<Entity> {
        fn value<T: Storable + Clone + Into<Entity>>(stored: &Arc<Stored<T>>) -> Entity {
            stored.entity.clone().into()
        }
        match key {
            Key::Account(account) => self.account(*account).map(value),
            Key::User(account, name) => self.user(*account, name).map(value),
            Key::AccessKey(id) => self.access_key(id).map(value),
            Key::Role(account, name) => self.role(*account, name).map(value),
            Key::Policy(account, name) => self.policy_by_name(*account, name).map(value),
            Key::Provider(account, url) => self.provider(*account, url).map(value),
            Key::Cluster(account, region, name) => self.cluster(*account, region, name).map(value),
            Key::KubeObject { cluster, resource, namespace, name } => {
                self.kube_object(cluster, resource, namespace, name).map(value)
            }
            Key::Bucket(name) => self.bucket(name).map(value),
            Key::SealingKey(id) => self.sealing_key(id).map(value),
        }
    }
}

/// AWS compares the names of users, roles and policies without case.
fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The account and the name in `arn:<partition>:iam::<account>:<kind>/<path><name>`.
fn iam_arn<'a>(arn: &'a str, kind: &str) -> Option<(AccountId, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let (account, resource) = (parts.nth(4)?, parts.next()?);
    let path = resource.strip_prefix(kind)?.strip_prefix('/')?;
    let name = path.rsplit('/').next()?;
    Some((account.parse().ok()?, name))
}
