//! The bytes of objects, in blobs that are written once and never changed.
//!
//! A blob is durable before the index refers to it. One that the index no longer refers to is removed when nobody reads
//! the state that did ([`Readers`]); what a crash leaves behind is swept at the next start.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};

use super::StorageError;
use super::record::Segment;
use crate::server::body::BoxError;

/// Objects of at most this many bytes stand in the index.
pub(in crate::s3) const MOST_INLINE: usize = 16 * 1024;
/// What is kept in memory of an upload before it goes to a blob, and the size of a blob store's own parts.
const CHUNK: usize = 5 * 1024 * 1024;
/// How much is read at once.
const WINDOW: u64 = 1024 * 1024;
/// The largest body of one request (S3 user guide, "Uploading objects": 5 GB in a single operation).
const MOST_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The blob store.
#[derive(Debug, Clone)]
pub(in crate::s3) struct Blobs {
    store: Arc<dyn ObjectStore>,
    readers: Arc<Readers>,
}

/// Bytes that were received and are not part of an object yet. Dropped, its blobs are removed.
#[derive(Debug)]
pub(in crate::s3) struct Draft {
    pub(in crate::s3) size: u64,
    /// The bytes themselves, when they are few.
    pub(in crate::s3) inline: Bytes,
    segments: Vec<Segment>,
    blobs: Blobs,
}

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(in crate::s3) enum ReceiveError {
    /// It could not be read to its end.
    #[error("the body could not be read: {0}")]
    Body(BoxError),
    /// It is larger than one request may bring.
    #[error("the body is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// It could not be kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Blobs {
    pub(super) fn in_memory() -> Self {
        Self::new(Arc::new(InMemory::new()))
    }

    pub(super) fn in_folder(folder: &FilePath) -> Result<Self, StorageError> {
        std::fs::create_dir_all(folder).map_err(StorageError::setup)?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self::new(Arc::new(store)))
    }

    fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, readers: Arc::default() }
    }

    /// Receives a body; `may_inline` keeps a small one out of the blob store.
    pub(in crate::s3) async fn receive<S>(&self, body: S, may_inline: bool) -> Result<Draft, ReceiveError>
    where
        S: Stream<Item = Result<Bytes, BoxError>>,
    {
        let mut body = std::pin::pin!(body);
        let mut draft = Draft { size: 0, inline: Bytes::new(), segments: Vec::new(), blobs: self.clone() };
        let mut held = BytesMut::new();
        while held.len() < CHUNK {
            let Some(data) = next(&mut body).await? else {
                let held = held.freeze();
                draft.size = held.len() as u64;
                if may_inline && held.len() <= MOST_INLINE {
                    draft.inline = held;
                } else if !held.is_empty() {
                    let name = draft.begin(draft.size)?;
                    self.store.put(&name, held.into()).await.map_err(StorageError::from)?;
                }
                return Ok(draft);
            };
            held.extend_from_slice(&data);
        }
        draft.size = held.len() as u64;
        let name = draft.begin(0)?;
        let upload = self.store.put_multipart(&name).await.map_err(StorageError::from)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, CHUNK);
        upload.put(held.freeze());
        let received = async {
            while let Some(data) = next(&mut body).await? {
                draft.size += data.len() as u64;
                if draft.size > MOST_BYTES {
                    return Err(ReceiveError::TooLarge);
                }
                upload.wait_for_capacity(2).await.map_err(StorageError::from)?;
                upload.put(data);
            }
            Ok(())
        }
        .await;
        match received {
            Ok(()) => upload.finish().await.map(|_| ()).map_err(StorageError::from)?,
            Err(error) => {
                // What is left of it is swept at the next start.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
        if let Some(segment) = draft.segments.last_mut() {
            segment.size = draft.size;
        }
        Ok(draft)
    }

    /// Copies of segments, whole.
    pub(in crate::s3) async fn duplicate(&self, segments: &[Segment]) -> Result<Draft, StorageError> {
        let mut draft = Draft { size: 0, inline: Bytes::new(), segments: Vec::new(), blobs: self.clone() };
        for segment in segments {
            let name = draft.begin(segment.size)?;
            self.store.copy(&path(&segment.blob), &name).await?;
            draft.size += segment.size;
        }
        Ok(draft)
    }

    /// The bytes of `range`, which must be within the segments.
    pub(in crate::s3) fn read(
        &self,
        segments: &[Segment],
        range: Range<u64>,
        pin: Pin,
    ) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static + use<> {
        let store = Arc::clone(&self.store);
        let mut pieces = VecDeque::new();
        let mut start = 0;
        for segment in segments {
            let end = start + segment.size;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                pieces.push_back((segment.blob.clone(), from - start..to - start));
            }
            start = end;
        }
        let windows = std::iter::from_fn(move || {
            let (blob, range) = pieces.front_mut()?;
            let end = range.end.min(range.start + WINDOW);
            let window = (blob.clone(), range.start..end);
            range.start = end;
            if range.is_empty() {
                pieces.pop_front();
            }
            Some(window)
        });
        stream::iter(windows)
            .map(move |(blob, range)| {
                let store = Arc::clone(&store);
                async move { store.get_range(&path(&blob), range).await }
            })
            .buffered(2)
            .map_err(BoxError::from)
            .inspect(move |_| {
                // The stream owns the pin, so that no blob goes while it is read.
                let _ = &pin;
            })
    }

    /// Before the index is read for segments whose bytes are wanted.
    pub(in crate::s3) fn pin(&self) -> Pin {
        Pin { epoch: self.readers.enter(), blobs: self.clone() }
    }

    /// Removes blobs that the index does not refer to any more, as soon as nobody reads them.
    pub(in crate::s3) fn discard(&self, segments: Vec<Segment>) {
        if !segments.is_empty() {
            self.readers.condemn(segments);
            self.collect();
        }
    }

    fn collect(&self) {
        let names = self.readers.removable();
        if names.is_empty() {
            return;
        }
        let store = Arc::clone(&self.store);
        let remove = async move {
            for name in names {
                match store.delete(&path(&name)).await {
                    // Of an upload that was cut off there may be nothing.
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => tracing::warn!(%error, "a blob was not removed; the next start sweeps it"),
                }
            }
        };
        // Without a runtime the process is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(remove);
        }
    }
}

/// Removes files that no record refers to: blobs without object and uploads that a crash cut off.
pub(super) fn sweep(folder: &FilePath, used: &HashSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(entry.path())? {
            let file = file?;
            if !file.file_name().to_str().is_some_and(|name| used.contains(name)) {
                std::fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}

async fn next<S>(body: &mut std::pin::Pin<&mut S>) -> Result<Option<Bytes>, ReceiveError>
where
    S: Stream<Item = Result<Bytes, BoxError>>,
{
    body.next().await.transpose().map_err(ReceiveError::Body)
}

/// Two characters of the name make the folder, so that none has too many files.
fn path(blob: &str) -> Path {
    let (folder, _) = blob.split_at_checked(2).unwrap_or((blob, ""));
    Path::from_iter([folder, blob])
}

impl Draft {
    /// The segments, when they are part of an object or upload now.
    pub(in crate::s3) fn keep(mut self) {
        self.segments.clear();
    }

    pub(in crate::s3) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Takes the small body out.
    pub(in crate::s3) fn from_inline(inline: Bytes, blobs: &Blobs) -> Self {
        Self { size: inline.len() as u64, inline, segments: Vec::new(), blobs: blobs.clone() }
    }

    fn begin(&mut self, size: u64) -> Result<Path, StorageError> {
        let mut random = [0_u8; 16];
        rand::fill(&mut random).map_err(|_unspecified| StorageError::NoRandomness)?;
        let blob = hex::encode(random);
        let path = path(&blob);
        self.segments.push(Segment { blob, size });
        Ok(path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.blobs.discard(std::mem::take(&mut self.segments));
    }
}

/// Who reads which state. Every condemnation begins a new epoch; a blob may go when all readers entered after it was
/// condemned.
#[derive(Debug, Default)]
struct Readers(Mutex<Epochs>);

#[derive(Debug, Default)]
struct Epochs {
    now: u64,
    inside: BTreeMap<u64, usize>,
    condemned: VecDeque<(u64, String)>,
}

impl Readers {
    fn enter(&self) -> u64 {
        let mut epochs = self.lock();
        let now = epochs.now;
        *epochs.inside.entry(now).or_default() += 1;
        now
    }

    fn leave(&self, epoch: u64) -> bool {
        let mut epochs = self.lock();
        if let Some(count) = epochs.inside.get_mut(&epoch) {
            *count -= 1;
            if *count == 0 {
                epochs.inside.remove(&epoch);
            }
        }
        !epochs.condemned.is_empty()
    }

    fn condemn(&self, segments: Vec<Segment>) {
        let mut epochs = self.lock();
        let now = epochs.now;
        epochs.condemned.extend(segments.into_iter().map(|segment| (now, segment.blob)));
        epochs.now += 1;
    }

    fn removable(&self) -> Vec<String> {
        let mut epochs = self.lock();
        let oldest = epochs.inside.keys().next().copied().unwrap_or(u64::MAX);
        let mut names = Vec::new();
        while epochs.condemned.front().is_some_and(|(epoch, _)| *epoch < oldest) {
            names.extend(epochs.condemned.pop_front().map(|(_, name)| name));
        }
        names
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Epochs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, what was readable when it was made stays readable.
#[derive(Debug)]
pub(in crate::s3) struct Pin {
    epoch: u64,
    blobs: Blobs,
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.blobs.readers.leave(self.epoch) {
            self.blobs.collect();
        }
    }
}

#[cfg(test)]
mod tests;
