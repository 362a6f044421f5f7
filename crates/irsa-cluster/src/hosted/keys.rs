//! The clusters' signing keys, read once for each revision of a cluster.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use irsa_store::model::Cluster;
use irsa_store::{Revision, Stored};
use irsa_token::SigningKey;

/// Signing keys by cluster id.
#[derive(Default)]
pub(super) struct Keys {
    read: Mutex<HashMap<String, Read>>,
}

/// The keys of a cluster as it was at a revision.
struct Read {
    at: Revision,
    keys: Arc<Vec<SigningKey>>,
}

impl Keys {
    /// A cluster's keys; the first signs.
    pub(super) fn of(&self, cluster: &Stored<Cluster>) -> Arc<Vec<SigningKey>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = read.get(&cluster.id).filter(|read| read.at == cluster.revision) {
            return Arc::clone(&read.keys);
        }
        let stored = cluster.signing_keys.iter();
        let keys: Vec<_> = stored.filter_map(|key| SigningKey::from_pkcs8(key.pkcs8.expose()).ok()).collect();
        let keys = Arc::new(keys);
        read.insert(cluster.id.clone(), Read { at: cluster.revision, keys: Arc::clone(&keys) });
        keys
    }
}
