//! What a store is, whichever engine keeps it, and the optimistic transaction over it.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{Change, Precondition, Revision, Transaction};
use crate::snapshot::Snapshot;

/// Durable state. Reads take a snapshot and cost nothing; a commit blocks until it is durable, so call it where blocking
/// is allowed.
pub trait Store: Send + Sync {
    /// The state as of the latest commit that is known here.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Commits a transaction and returns when it is durable and in [`Store::snapshot`].
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when a precondition does not hold. Any other error leaves the state as it was.
    fn commit(&self, transaction: Transaction) -> Result<Revision, CommitError>;

    /// The commits after `since`, in order, from a bounded memory of recent ones.
    fn changes_since(&self, since: Revision) -> Changes;

    /// Waits until the state is newer than `since`, the store closes, or the time is over; returns the revision then.
    fn wait_newer(&self, since: Revision, timeout: Duration) -> Revision;

    /// Calls `notify` after every commit with its revision, on the writer's thread: it must be quick and not commit.
    fn on_change(&self, notify: Box<dyn Fn(Revision) + Send + Sync>);
}

/// A committed transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Its revision.
    pub revision: Revision,
    /// What it changed, in order.
    pub changes: Vec<Change>,
}

/// An answer of [`Store::changes_since`].
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// Every commit after the asked revision, oldest first.
    Since(Vec<Arc<Committed>>),
    /// Some of those commits are forgotten: take the snapshot anew.
    Forgotten,
}

/// Why a commit failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A precondition does not hold: somebody else was first.
    #[error("the entity was changed by another request")]
    Conflict,
    /// The disk is full. The state is as it was.
    #[error("the disk that holds the state is full")]
    DiskFull,
    /// The storage failed. Readers go on with the state as it was; the next commit tries the storage anew.
    #[error("the state could not be written: {0}")]
    Io(String),
    /// An entity is larger than the engine keeps, or cannot be written as JSON.
    #[error("the entity cannot be stored: {0}")]
    Unstorable(String),
    /// The store is shut down.
    #[error("the store is closed")]
    Closed,
}

/// How often a transaction is tried before its conflict is the caller's: each conflict is another writer's success, so
/// this many in a row mean that the transaction cannot win.
const ATTEMPTS: usize = 1_000;

/// Decides on a snapshot and commits, again on a newer snapshot when somebody else was first.
///
/// Every key that the transaction writes is guarded: it must be as it was in the snapshot that `decide` saw. Keys that
/// only the decision depends on need a [`Precondition`] of their own. A transaction without changes is not committed.
///
/// # Errors
/// `decide`'s own, or the commit's.
pub fn transact<T, E: From<CommitError>>(
    store: &dyn Store,
    mut decide: impl FnMut(&Snapshot) -> Result<(Transaction, T), E>,
) -> Result<T, E> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let (mut transaction, value) = decide(&snapshot)?;
        if transaction.changes.is_empty() {
            return Ok(value);
        }
        guard_writes(&mut transaction, &snapshot);
        match store.commit(transaction) {
            Ok(_) => return Ok(value),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommitError::Conflict.into())
}

fn guard_writes(transaction: &mut Transaction, snapshot: &Snapshot) {
    let guards = transaction.changes.iter().map(|change| {
        let key = change.key();
        match snapshot.revision_of(&key) {
            Some(since) => Precondition::Unchanged { key, since },
            None => Precondition::Absent { key },
        }
    });
    let guards: Vec<_> = guards.collect();
    transaction.preconditions.extend(guards);
}
