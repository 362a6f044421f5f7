//! The embedded store: one file, one node, one writer.
//!
//! Commits queue up for a single writer thread. It takes what is waiting, checks each transaction's preconditions against
//! the state as the ones before it leave it, makes all of them durable with one synchronisation of the disk, and only
//! then publishes the new snapshot and answers. A commit that cannot be made durable changes nothing that can be seen.

mod feed;
mod folder;
mod journal;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::change::{Revision, Transaction};
use crate::snapshot::{Compiler, Snapshot};
use crate::store::{Changes, CommitError, Store};
use feed::Feed;
use folder::Folder;
use journal::{Journal, Opener};
use writer::{Request, Writer};

/// How many commits may wait for the writer; more block.
const QUEUE: usize = 1_024;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the folder open.
    #[error("the data folder `{}` is in use by another process", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder or a file in it may not be read and written.
    #[error("no permission to read and write `{}`", path.display())]
    Permission {
        /// The folder or the file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk that holds the state is full")]
    DiskFull,
    /// The file is not a state file, or is damaged.
    #[error("the state file is damaged: {reason}")]
    Corrupt {
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version of this program wrote the file.
    #[error("the state file has format {found}, this program knows formats up to {known}")]
    NewerFormat {
        /// The file's format.
        found: u64,
        /// The newest known format.
        known: u64,
    },
    /// Anything else that the operating system says.
    #[error("cannot open `{}`", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// This build cannot do its work.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A store in this process, in a folder or in memory.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    queue: Mutex<Option<SyncSender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What readers and the writer share.
#[derive(Debug)]
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    feed: Feed,
}

impl Embedded {
    /// Opens the store in a folder, which is made when it is missing. The folder stays locked until the store is dropped.
    ///
    /// A stored policy that cannot be compiled any more does not stop the start: it denies everything, and
    /// [`Snapshot::broken_policies`] names it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let folder = Folder::lock(folder.as_ref())?;
        Self::with_opener(Box::new(move || folder.database()))
    }

    /// A store in memory, gone when it is dropped.
    ///
    /// # Errors
    /// [`OpenError::Internal`] when no thread can be started.
    pub fn ephemeral() -> Result<Self, OpenError> {
        Self::start(None, Snapshot::default(), new_compiler()?)
    }

    /// Stops taking commits and waits until those that wait are done. Dropping does the same.
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
        self.shared.feed.close();
    }

    fn with_opener(opener: Opener) -> Result<Self, OpenError> {
        let mut compiler = new_compiler()?;
        let mut snapshot = Snapshot::default();
        let journal =
            Journal::open(opener, |entity, revision| snapshot.put(entity, revision, &mut compiler))?;
        snapshot.set_revision(journal.revision());
        Self::start(Some(journal), snapshot, compiler)
    }

    fn start(journal: Option<Journal>, snapshot: Snapshot, compiler: Compiler) -> Result<Self, OpenError> {
        let feed = Feed::new(snapshot.revision());
        let shared = Arc::new(Shared { snapshot: ArcSwap::from_pointee(snapshot), feed });
        let (queue, requests) = sync_channel(QUEUE);
        let writer = Writer::new(Arc::clone(&shared), journal, compiler);
        let thread = std::thread::Builder::new()
            .name("irsa-store".to_owned())
            .spawn(move || writer.run(&requests))
            .map_err(|error| OpenError::Internal(format!("cannot start the writer's thread: {error}")))?;
        Ok(Self { shared, queue: Mutex::new(Some(queue)), writer: Mutex::new(Some(thread)) })
    }
}

fn new_compiler() -> Result<Compiler, OpenError> {
    Compiler::new()
        .map_err(|error| OpenError::Internal(format!("the policy that denies everything: {error}")))
}

impl Store for Embedded {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    fn commit(&self, transaction: Transaction) -> Result<Revision, CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = sync_channel(1);
        queue
            .ok_or(CommitError::Closed)?
            .send(Request { transaction, reply })
            .map_err(|_| CommitError::Closed)?;
        answer.recv().unwrap_or(Err(CommitError::Closed))
    }

    fn changes_since(&self, since: Revision) -> Changes {
        self.shared.feed.since(since)
    }

    fn wait_newer(&self, since: Revision, timeout: Duration) -> Revision {
        self.shared.feed.wait_newer(since, timeout)
    }

    fn on_change(&self, notify: Box<dyn Fn(Revision) + Send + Sync>) {
        self.shared.feed.listen(notify);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}
