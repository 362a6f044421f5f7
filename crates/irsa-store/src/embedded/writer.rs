//! The one thread that writes: group commit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::Shared;
use super::journal::{self, Journal, Value};
use crate::change::{Change, Key, Precondition, Revision, Transaction};
use crate::snapshot::{Compiler, Snapshot};
use crate::store::{CommitError, Committed};

/// How many transactions share one synchronisation of the disk.
const BATCH: usize = 256;

/// The largest stored entity in bytes. Kubernetes bounds its objects so, and etcd takes requests up to 1.5 MiB.
const MAX_VALUE: usize = 1 << 20;

/// A transaction that waits to be committed.
pub(super) struct Request {
    pub(super) transaction: Transaction,
    pub(super) reply: SyncSender<Result<Revision, CommitError>>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` for a store in memory.
    journal: Option<Journal>,
    compiler: Compiler,
}

/// The state that a batch leads to, before it is durable.
struct Batch {
    state: Snapshot,
    commits: Vec<Committed>,
    writes: Vec<(String, Value)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, journal: Option<Journal>, compiler: Compiler) -> Self {
        Self { shared, journal, compiler }
    }

    /// Commits until every sender is gone.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let rest = requests.try_iter().take(BATCH - 1);
            self.commit(std::iter::once(first).chain(rest).collect());
        }
        if let Some(journal) = &mut self.journal {
            // Whoever's commit failed was told so; nobody is left to tell that it could not be taken out either.
            let _ = journal.settle();
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let published = self.shared.snapshot.load_full();
        let mut batch = Batch { state: (*published).clone(), commits: Vec::new(), writes: Vec::new() };
        let answers: Vec<_> = requests
            .into_iter()
            .map(|Request { transaction, reply }| (reply, self.prepare(transaction, &mut batch)))
            .collect();
        let durable = self.make_durable(&batch, &published);
        if durable.is_ok() && !batch.commits.is_empty() {
            self.shared.snapshot.store(Arc::new(batch.state));
            self.shared.feed.publish(batch.commits);
        }
        for (reply, prepared) in answers {
            let answer = prepared.and_then(|revision| durable.clone().map(|()| revision));
            // A caller that is gone needs no answer.
            let _ = reply.send(answer);
        }
    }

    /// Adds a transaction to the batch, or leaves the batch as it is.
    fn prepare(&mut self, transaction: Transaction, batch: &mut Batch) -> Result<Revision, CommitError> {
        let Transaction { changes, preconditions } = transaction;
        if !preconditions.iter().all(|precondition| holds(precondition, &batch.state)) {
            return Err(CommitError::Conflict);
        }
        let revision = batch.state.revision().next();
        let mut writes = Vec::with_capacity(changes.len());
        let mut kept = Vec::with_capacity(changes.len());
        for change in changes {
            let (write, change) = encode(change, revision)?;
            writes.push(write);
            kept.push(change);
        }
        for change in &kept {
            batch.state.apply(change, revision, &mut self.compiler);
        }
        batch.state.set_revision(revision);
        batch.writes.extend(writes);
        batch.commits.push(Committed { revision, changes: kept });
        Ok(revision)
    }

    fn make_durable(&mut self, batch: &Batch, published: &Snapshot) -> Result<(), CommitError> {
        match &mut self.journal {
            Some(journal) if !batch.commits.is_empty() => {
                journal.append(&batch.writes, batch.state.revision(), |path| stored(path, published))
            }
            _ => Ok(()),
        }
    }
}

fn holds(precondition: &Precondition, state: &Snapshot) -> bool {
    match precondition {
        Precondition::Unchanged { key, since } => {
            state.revision_of(key).is_some_and(|written| written <= *since)
        }
        Precondition::Absent { key } => state.revision_of(key).is_none(),
    }
}

/// The write that a change is, and the change as the file will give it back: the snapshot must not hold what a restart
/// would not, and the file must not hold what would stop a restart.
fn encode(change: Change, revision: Revision) -> Result<((String, Value), Change), CommitError> {
    let path = change.key().path();
    match change {
        Change::Put(entity) => {
            let value = journal::encode(&entity, revision)
                .map_err(|error| CommitError::Unstorable(error.to_string()))?;
            if value.len() > MAX_VALUE {
                return Err(CommitError::Unstorable(format!("it has {} bytes", value.len())));
            }
            let (entity, _) = journal::decode(&path, &value).map_err(CommitError::Unstorable)?;
            Ok(((path, Some(value)), Change::Put(entity)))
        }
        Change::Delete(key) => Ok(((path, None), Change::Delete(key))),
    }
}

/// The value that stands in the file for what a snapshot has under a path.
fn stored(path: &str, snapshot: &Snapshot) -> Value {
    let key = Key::parse(path)?;
    let entity = snapshot.entity(&key)?;
    journal::encode(&entity, snapshot.revision_of(&key)?).ok()
}
