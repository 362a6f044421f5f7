//! What is known of a cluster's ServiceAccounts: all of them, kept small, so that a pod's is found without asking anybody.
//!
//! [`Accounts`] is a state machine fed with what a watch sees; it does no I/O and has no lock. [`Cache`] shares it with the
//! reviews. [`live::LiveLookup`] asks the API server for the one ServiceAccount that the watch has not shown yet.

mod known;
pub mod live;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

pub use known::{Account, AccountMetadata, Accounts, Known};

use crate::admission::Lookup;
use crate::mutate::ServiceAccountFacts;
use crate::watch::Change;

/// The ServiceAccounts, for many readers and one writer.
#[derive(Debug)]
pub struct Cache {
    accounts: RwLock<Accounts>,
    changed: Notify,
}

impl Cache {
    /// An empty cache, not synced, of annotations that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { accounts: RwLock::new(Accounts::new(prefix)), changed: Notify::new() }
    }

    /// What is known of `namespace/name`: missing only once the first list has been read to its end.
    #[must_use]
    pub fn lookup(&self, namespace: &str, name: &str) -> Lookup {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).lookup(namespace, name)
    }

    /// Takes a change of the ServiceAccounts.
    pub fn apply(&self, change: Change<Account>) {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).apply(change);
        self.changed.notify_waiters();
    }

    /// Whether the first list has been read to its end.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).is_synced()
    }

    /// How many ServiceAccounts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that are known, in no order.
    #[must_use]
    pub fn known(&self) -> Vec<Known> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).known().collect()
    }

    /// Waits until `namespace/name` is found; forever, if it never is.
    pub async fn found(&self, namespace: &str, name: &str) -> Arc<ServiceAccountFacts> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Lookup::Found(facts) = self.lookup(namespace, name) {
                return facts;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_waiter_sees_the_account_that_comes_later() {
        let cache = Arc::new(Cache::new("eks.amazonaws.com"));
        let waiter = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.found("demo", "late").await }
        });
        tokio::task::yield_now().await;
        cache.apply(Change::Synced);
        cache.apply(Change::Applied(Account::annotated(
            "demo",
            "late",
            "eks.amazonaws.com/role-arn",
            "late",
        )));
        let facts = tokio::time::timeout(Duration::from_secs(5), waiter).await.unwrap().unwrap();
        assert_eq!(facts.role_arn.as_deref(), Some("late"));
    }
}
