//! Where objects are kept: an [`index`] that says which there are, and [`blobs`] with the bytes of the large ones.
//!
//! The index's commit is what makes an object visible, whole and durable at once. Source of the order of keys: S3 API
//! reference, `ListObjectsV2` ("sorted by their key names in UTF-8 binary order").

mod blobs;
mod index;
mod listing;
mod record;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use blobs::Pin;
pub(super) use blobs::{Blobs, Draft, ReceiveError};
pub(super) use index::{Index, Tables};
pub(super) use listing::{Listing, Page};
pub(super) use record::{About, Header, Object, ObjectPart, Part, Segment, Upload};

/// Why something was not kept or not found out.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StorageError {
    /// The index.
    #[error("the index of objects: {0}")]
    Index(Arc<redb::Error>),
    /// The blob store.
    #[error("the blobs of objects: {0}")]
    Blobs(Arc<object_store::Error>),
    /// A record of the index is damaged.
    #[error("a record of the index is damaged: {0}")]
    Record(String),
    /// A folder or thread could not be made.
    #[error("{0}")]
    Setup(String),
    /// The system gives no random bytes.
    #[error("the system has no randomness to give")]
    NoRandomness,
    /// The server is shutting down.
    #[error("the storage is closed")]
    Closed,
}

impl StorageError {
    fn record(error: impl std::fmt::Display) -> Self {
        Self::Record(error.to_string())
    }

    fn setup(error: std::io::Error) -> Self {
        Self::Setup(error.to_string())
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StorageError {
            fn from(error: $error) -> Self {
                Self::Index(Arc::new(error.into()))
            }
        }
    )*};
}
from_redb!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError
);

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        Self::Blobs(Arc::new(error))
    }
}

/// Objects, open.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) index: Arc<Index>,
    pub(super) blobs: Blobs,
}

/// An object that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) object: Object,
    /// The bytes of a small one.
    pub(super) inline: Bytes,
    /// Keeps the bytes of a large one readable.
    _pin: Pin,
}

impl Storage {
    /// Opens the storage in a folder, or in memory.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, StorageError> {
        let Some(folder) = folder else {
            return Ok(Self { index: Arc::new(Index::open(None)?), blobs: Blobs::in_memory() });
        };
        let blobs_folder = folder.join("blobs");
        let blobs = Blobs::in_folder(&blobs_folder)?;
        let index = Index::open(Some(&folder.join("index.redb")))?;
        let mut used = HashSet::new();
        index.view()?.blobs(|blob| {
            used.insert(blob);
        })?;
        blobs::sweep(&blobs_folder, &used).map_err(StorageError::setup)?;
        Ok(Self { index: Arc::new(index), blobs })
    }

    /// An object and, if it is small, its bytes.
    pub(super) fn find(&self, bucket: &str, key: &str) -> Result<Option<Found>, StorageError> {
        let pin = self.blobs.pin();
        let found = self.index.object(bucket, key, record::decode_whole)?;
        Ok(found.map(|(object, inline)| Found { object, inline, _pin: pin }))
    }

    /// An object without its bytes.
    pub(super) fn head(&self, bucket: &str, key: &str) -> Result<Option<Object>, StorageError> {
        self.index.object(bucket, key, |record| Ok(record::decode_object(record)?.0))
    }

    /// A page of a bucket. It may read many records: not on an async thread.
    pub(super) async fn list(&self, bucket: &str, listing: Listing) -> Result<Page, StorageError> {
        let (index, bucket) = (Arc::clone(&self.index), bucket.to_owned());
        let read = move || index.view()?.list(&bucket, &listing);
        tokio::task::spawn_blocking(read).await.map_err(|_shut_down| StorageError::Closed)?
    }
}
