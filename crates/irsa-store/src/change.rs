//! Keys, entities, and transactions of changes to them.
//!
//! A key is a path, so that it serves any ordered key-value engine as it is. Names that AWS compares without case are
//! lower-case in the key and keep their case in the entity.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::{
    AccessKey, Account, AccountId, Bucket, Cluster, KubeObject, ManagedPolicy, OidcProvider, Role,
    SealingKey, User,
};

/// The number of a committed transaction; 0 is the empty store. Revisions only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an entity is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Key {
    /// An account.
    Account(AccountId),
    /// A user: account and lower-case name.
    User(AccountId, String),
    /// An access key, by its global id.
    AccessKey(String),
    /// A role: account and lower-case name.
    Role(AccountId, String),
    /// A customer managed policy: account and lower-case name.
    Policy(AccountId, String),
    /// An OIDC provider: account and `host[:port][/path]`.
    Provider(AccountId, String),
    /// A cluster: account, region and name.
    Cluster(AccountId, String, String),
    /// An object of a hosted cluster.
    KubeObject {
        /// The cluster's id.
        cluster: String,
        /// The plural resource name.
        resource: String,
        /// The namespace, empty for what has none.
        namespace: String,
        /// The name.
        name: String,
    },
    /// A bucket, by its global name.
    Bucket(String),
    /// A sealing key, by its id.
    SealingKey(String),
}

impl Key {
    /// The key of a user of that name, in any case.
    pub fn user(account: AccountId, name: &str) -> Self {
        Self::User(account, name.to_ascii_lowercase())
    }

    /// The key of a role of that name, in any case.
    pub fn role(account: AccountId, name: &str) -> Self {
        Self::Role(account, name.to_ascii_lowercase())
    }

    /// The key of a customer managed policy of that name, in any case.
    pub fn policy(account: AccountId, name: &str) -> Self {
        Self::Policy(account, name.to_ascii_lowercase())
    }

    /// The path under which a key-value engine keeps the entity.
    pub fn path(&self) -> String {
        match self {
            Self::Account(account) => format!("/accounts/{account}/account"),
            Self::User(account, name) => format!("/accounts/{account}/users/{name}"),
            Self::AccessKey(id) => format!("/access-keys/{id}"),
            Self::Role(account, name) => format!("/accounts/{account}/roles/{name}"),
            Self::Policy(account, name) => format!("/accounts/{account}/policies/{name}"),
            Self::Provider(account, url) => format!("/accounts/{account}/providers/{url}"),
            Self::Cluster(account, region, name) => format!("/accounts/{account}/clusters/{region}/{name}"),
            Self::KubeObject { cluster, resource, namespace, name } => {
                format!("/kubernetes/{cluster}/{resource}/{namespace}/{name}")
            }
            Self::Bucket(name) => format!("/buckets/{name}"),
            Self::SealingKey(id) => format!("/sealing-keys/{id}"),
        }
    }

    /// Reads a path back; `None` for a path that [`Key::path`] does not make.
    pub fn parse(path: &str) -> Option<Self> {
        let (room, rest) = path.strip_prefix('/')?.split_once('/')?;
        match room {
            "accounts" => Self::parse_in_account(rest),
            "kubernetes" => {
                let mut parts = rest.splitn(4, '/').map(str::to_owned);
                Some(Self::KubeObject {
                    cluster: parts.next()?,
                    resource: parts.next()?,
                    namespace: parts.next()?,
                    name: parts.next()?,
                })
            }
            "access-keys" => Some(Self::AccessKey(rest.to_owned())),
            "buckets" => Some(Self::Bucket(rest.to_owned())),
            "sealing-keys" => Some(Self::SealingKey(rest.to_owned())),
            _ => None,
        }
    }

    fn parse_in_account(rest: &str) -> Option<Self> {
        let (account, rest) = rest.split_once('/')?;
        let account = account.parse().ok()?;
        if rest == "account" {
            return Some(Self::Account(account));
        }
        let (room, rest) = rest.split_once('/')?;
        match room {
            "users" => Some(Self::User(account, rest.to_owned())),
            "roles" => Some(Self::Role(account, rest.to_owned())),
            "policies" => Some(Self::Policy(account, rest.to_owned())),
            "providers" => Some(Self::Provider(account, rest.to_owned())),
            "clusters" => {
                let (region, name) = rest.split_once('/')?;
                Some(Self::Cluster(account, region.to_owned(), name.to_owned()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Anything that is stored.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant holds the model type of its name")]
#[non_exhaustive]
pub enum Entity {
    Account(Account),
    User(User),
    AccessKey(AccessKey),
    Role(Role),
    Policy(ManagedPolicy),
    Provider(OidcProvider),
    Cluster(Cluster),
    KubeObject(KubeObject),
    Bucket(Bucket),
    SealingKey(SealingKey),
}

impl Entity {
    /// Where it is kept.
    pub fn key(&self) -> Key {
        match self {
            Self::Account(account) => Key::Account(account.id),
            Self::User(user) => Key::user(user.account, &user.name),
            Self::AccessKey(key) => Key::AccessKey(key.id.clone()),
            Self::Role(role) => Key::role(role.account, &role.name),
            Self::Policy(policy) => Key::policy(policy.account, &policy.name),
            Self::Provider(provider) => Key::Provider(provider.account, provider.url.clone()),
            Self::Cluster(cluster) => {
                Key::Cluster(cluster.account, cluster.region.clone(), cluster.name.clone())
            }
            Self::KubeObject(object) => Key::KubeObject {
                cluster: object.cluster.clone(),
                resource: object.resource.clone(),
                namespace: object.namespace.clone(),
                name: object.name.clone(),
            },
            Self::Bucket(bucket) => Key::Bucket(bucket.name.clone()),
            Self::SealingKey(key) => Key::SealingKey(key.id.clone()),
        }
    }

    /// Its JSON, wiped when dropped: it may hold secrets.
    ///
    /// # Errors
    /// Only when the entity cannot be JSON at all, which no entity of the model is.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        match self {
            Self::Account(entity) => serde_json::to_vec(entity),
            Self::User(entity) => serde_json::to_vec(entity),
            Self::AccessKey(entity) => serde_json::to_vec(entity),
            Self::Role(entity) => serde_json::to_vec(entity),
            Self::Policy(entity) => serde_json::to_vec(entity),
            Self::Provider(entity) => serde_json::to_vec(entity),
            Self::Cluster(entity) => serde_json::to_vec(entity),
            Self::KubeObject(entity) => serde_json::to_vec(entity),
            Self::Bucket(entity) => serde_json::to_vec(entity),
            Self::SealingKey(entity) => serde_json::to_vec(entity),
        }
        .map(Zeroizing::new)
    }

    /// Reads the JSON that is kept under a key.
    ///
    /// # Errors
    /// When it is not the JSON of the kind that the key names.
    pub fn decode(key: &Key, json: &[u8]) -> Result<Self, serde_json::Error> {
        match key {
            Key::Account(_) => serde_json::from_slice(json).map(Self::Account),
            Key::User(..) => serde_json::from_slice(json).map(Self::User),
            Key::AccessKey(_) => serde_json::from_slice(json).map(Self::AccessKey),
            Key::Role(..) => serde_json::from_slice(json).map(Self::Role),
            Key::Policy(..) => serde_json::from_slice(json).map(Self::Policy),
            Key::Provider(..) => serde_json::from_slice(json).map(Self::Provider),
            Key::Cluster(..) => serde_json::from_slice(json).map(Self::Cluster),
            Key::KubeObject { .. } => serde_json::from_slice(json).map(Self::KubeObject),
            Key::Bucket(_) => serde_json::from_slice(json).map(Self::Bucket),
            Key::SealingKey(_) => serde_json::from_slice(json).map(Self::SealingKey),
        }
    }
}

macro_rules! entity_from {
    ($($variant:ident($type:ty)),* $(,)?) => {$(
        impl From<$type> for Entity {
            fn from(entity: $type) -> Self {
                Self::$variant(entity)
            }
        }
    )*};
}

entity_from!(
    Account(Account),
    User(User),
    AccessKey(AccessKey),
    Role(Role),
    Policy(ManagedPolicy),
    Provider(OidcProvider),
    Cluster(Cluster),
    KubeObject(KubeObject),
    Bucket(Bucket),
    SealingKey(SealingKey),
);

/// One change.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "deletes are few, and a transaction has a handful of changes")]
pub enum Change {
    /// Makes the entity, or replaces the one under its key.
    Put(Entity),
    /// Removes what is under the key, if anything is.
    Delete(Key),
}

impl Change {
    /// The key that it writes.
    pub fn key(&self) -> Key {
        match self {
            Self::Put(entity) => entity.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

/// What must hold when the transaction is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Something is under the key, and was last written at `since` or before.
    Unchanged {
        /// The key.
        key: Key,
        /// The latest revision at which it may have been written.
        since: Revision,
    },
    /// Nothing is under the key.
    Absent {
        /// The key.
        key: Key,
    },
}

/// Changes that are committed together or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transaction {
    /// Applied in order.
    pub changes: Vec<Change>,
    /// All must hold.
    pub preconditions: Vec<Precondition>,
}

impl Transaction {
    /// A transaction that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a put.
    #[must_use]
    pub fn put(mut self, entity: impl Into<Entity>) -> Self {
        self.changes.push(Change::Put(entity.into()));
        self
    }

    /// Adds a delete.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.changes.push(Change::Delete(key));
        self
    }

    /// Adds a precondition.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }
}
