//! The index: which objects there are. One redb file and one thread that writes it.
//!
//! Edits queue up for the writer; it takes what is waiting, runs each edit on the state as the ones before it leave it,
//! commits them together with one synchronisation of the disk, and only then answers. INVARIANT (checked first): an edit
//! that refuses has written nothing.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use super::StorageError;
use super::record::{Object, Part, Segment, Upload, decode_object, encode_object};

const OBJECTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");
const UPLOADS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("uploads");
const PARTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("parts");

/// How many edits share one synchronisation of the disk.
const BATCH: usize = 256;
/// How many edits may wait for the writer.
const QUEUE: usize = 1_024;
/// Page cache, in bytes.
const CACHE: usize = 64 * 1024 * 1024;

/// The index, open.
pub(in crate::s3) struct Index {
    file: Arc<IndexFile>,
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// Opens the database, again after a failure: redb refuses to go on with a database that failed.
type Opener = Box<dyn Fn() -> Result<Database, StorageError> + Send + Sync>;

struct IndexFile {
    opener: Opener,
    /// None from a failure until it is opened again.
    database: ArcSwapOption<Database>,
}

/// An edit; it returns what tells its caller of the batch's end.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Done + Send>;
type Done = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// What an edit works on.
pub(in crate::s3) struct Tables<'txn> {
    objects: Table<'txn, &'static [u8], &'static [u8]>,
    uploads: Table<'txn, &'static [u8], &'static [u8]>,
    parts: Table<'txn, &'static [u8], &'static [u8]>,
    /// Set by a write that failed: the batch cannot be committed.
    broken: Option<StorageError>,
    written: bool,
}

/// What a reader sees: the state as of one commit.
pub(in crate::s3) struct View {
    pub(super) objects: ReadOnlyTable<&'static [u8], &'static [u8]>,
    uploads: ReadOnlyTable<&'static [u8], &'static [u8]>,
    parts: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Index {
    pub(super) fn open(file: Option<&Path>) -> Result<Self, StorageError> {
        let file = file.map(Path::to_owned);
        Self::with_opener(Box::new(move || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE);
            match &file {
                Some(file) => Ok(builder.create(file)?),
                // Memory does not fail, and would come back empty.
                None => Ok(builder.create_with_backend(InMemoryBackend::new())?),
            }
        }))
    }

    fn with_opener(opener: Opener) -> Result<Self, StorageError> {
        let file = Arc::new(IndexFile { opener, database: ArcSwapOption::empty() });
        file.reopen()?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writing = Arc::clone(&file);
        let writer = std::thread::Builder::new()
            .name("irsa-objects".to_owned())
            .spawn(move || run(&writing, jobs))
            .map_err(StorageError::setup)?;
        Ok(Self { file, queue: Some(queue), writer: Some(writer) })
    }

    /// Runs an edit and waits until it is durable. An edit whose caller went away is made all the same.
    pub(in crate::s3) async fn write<T, E>(
        &self,
        edit: impl FnOnce(&mut Tables<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let outcome = edit(tables);
            Box::new(move |durable| {
                let _ = reply.send(outcome.and_then(|value| durable.map(|()| value).map_err(E::from)));
            })
        });
        let queue = self.queue.as_ref().ok_or(StorageError::Closed)?;
        queue.send(job).await.map_err(|_closed| StorageError::Closed)?;
        answer.await.map_err(|_closed| StorageError::Closed)?
    }

    /// The state as it is.
    pub(in crate::s3) fn view(&self) -> Result<View, StorageError> {
        let transaction = self.file.database()?.begin_read()?;
        Ok(View {
            objects: transaction.open_table(OBJECTS)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
        })
    }

    /// One object's record: cheaper than a whole [`View`].
    pub(super) fn object<T>(
        &self,
        bucket: &str,
        key: &str,
        read: impl FnOnce(&[u8]) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let table = self.file.database()?.begin_read()?.open_table(OBJECTS)?;
        table.get(object_key(bucket, key).as_slice())?.map(|record| read(record.value())).transpose()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

impl IndexFile {
    fn database(&self) -> Result<Arc<Database>, StorageError> {
        self.database.load_full().ok_or(StorageError::Closed)
    }

    /// Closes the database, if it is open, and opens it.
    fn reopen(&self) -> Result<(), StorageError> {
        let mut old = self.database.swap(None);
        // A file is opened by one at a time. Whoever holds the old one is about to begin a read, no more.
        while let Some(held) = old.take() {
            old = Arc::try_unwrap(held).err();
            if old.is_some() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let database = (self.opener)()?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        for table in [OBJECTS, UPLOADS, PARTS] {
            transaction.open_table(table)?;
        }
        transaction.commit()?;
        self.database.store(Some(Arc::new(database)));
        Ok(())
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

fn run(file: &IndexFile, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let mut done = Vec::with_capacity(batch.len());
        let durable = commit(file, batch, &mut done);
        if let Err(error) = &durable {
            tracing::error!(%error, "the objects' index was not written");
            // What of the batch is in the file nevertheless is whole; its callers were told that they do not know.
            if matches!(error, StorageError::Index(_))
                && let Err(error) = file.reopen()
            {
                tracing::error!(%error, "the objects' index cannot be opened; the next write tries again");
            }
        }
        for done in done {
            done(durable.clone());
        }
    }
}

fn commit(file: &IndexFile, batch: Vec<Job>, done: &mut Vec<Done>) -> Result<(), StorageError> {
    let database = match file.database() {
        Ok(database) => database,
        Err(_closed) => {
            file.reopen()?;
            file.database()?
        }
    };
    let mut transaction = database.begin_write()?;
    // So that a torn write cannot pass for a commit, whatever bytes clients had stored.
    transaction.set_two_phase_commit(true);
    let (broken, written) = {
        let mut tables = Tables {
            objects: transaction.open_table(OBJECTS)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
            broken: None,
            written: false,
        };
        done.extend(batch.into_iter().map(|job| job(&mut tables)));
        (tables.broken.take(), tables.written)
    };
    match broken {
        Some(error) => Err(error),
        None if written => Ok(transaction.commit()?),
        None => Ok(transaction.abort()?),
    }
}

impl Tables<'_> {
    pub(in crate::s3) fn object(&self, bucket: &str, key: &str) -> Result<Option<Object>, StorageError> {
        let record = self.objects.get(object_key(bucket, key).as_slice())?;
        record.map(|record| Ok(decode_object(record.value())?.0)).transpose()
    }

    /// Writes an object; returns the segments that it no longer has.
    pub(in crate::s3) fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        object: &Object,
        inline: &[u8],
    ) -> Result<Vec<Segment>, StorageError> {
        let record = encode_object(object, inline)?;
        let path = object_key(bucket, key);
        self.written = true;
        let result = replaced(self.objects.insert(path.as_slice(), record.as_slice()));
        self.note(result)
    }

    /// Changes what is kept about an object, not its bytes.
    pub(in crate::s3) fn amend_object(
        &mut self,
        bucket: &str,
        key: &str,
        amend: impl FnOnce(&mut Object),
    ) -> Result<bool, StorageError> {
        let path = object_key(bucket, key);
        let amended = match self.objects.get(path.as_slice())? {
            None => return Ok(false),
            Some(record) => {
                let (mut object, inline) = decode_object(record.value())?;
                amend(&mut object);
                encode_object(&object, inline)?
            }
        };
        self.written = true;
        let result = replaced(self.objects.insert(path.as_slice(), amended.as_slice()));
        self.note(result).map(|_same_segments| true)
    }

    /// Removes an object; returns its segments, or none when there was no such object.
    pub(in crate::s3) fn remove_object(
        &mut self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<Vec<Segment>>, StorageError> {
        let path = object_key(bucket, key);
        self.written = true;
        let result = self
            .objects
            .remove(path.as_slice())
            .map_err(StorageError::from)
            .and_then(|old| old.map(|record| Ok(decode_object(record.value())?.0.segments)).transpose());
        self.note(result)
    }

    /// Whether a bucket has any object.
    pub(in crate::s3) fn has_objects(&self, bucket: &str) -> Result<bool, StorageError> {
        let start = object_key(bucket, "");
        let first = self.objects.range(start.as_slice()..)?.next().transpose()?;
        Ok(first.is_some_and(|(key, _)| key.value().starts_with(&start)))
    }

    pub(in crate::s3) fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Option<Upload>, StorageError> {
        let record = self.uploads.get(upload_key(bucket, key, id).as_slice())?;
        record.map(|record| from_json(record.value())).transpose()
    }

    pub(in crate::s3) fn put_upload(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
        upload: &Upload,
    ) -> Result<(), StorageError> {
        let record = serde_json::to_vec(upload).map_err(StorageError::record)?;
        self.written = true;
        let result = self
            .uploads
            .insert(upload_key(bucket, key, id).as_slice(), record.as_slice())
            .map(|_old| ())
            .map_err(StorageError::from);
        self.note(result)
    }

    /// All parts of an upload, by number.
    pub(in crate::s3) fn parts(&self, id: &str) -> Result<Vec<(i32, Part)>, StorageError> {
        parts_of(&self.parts, id)
    }

    /// Writes a part; returns the segments of the one that it replaces.
    pub(in crate::s3) fn put_part(
        &mut self,
        id: &str,
        number: i32,
        part: &Part,
    ) -> Result<Vec<Segment>, StorageError> {
        let record = serde_json::to_vec(part).map_err(StorageError::record)?;
        self.written = true;
        let result = self
            .parts
            .insert(part_key(id, number).as_slice(), record.as_slice())
            .map_err(StorageError::from)
            .and_then(|old| match old {
                Some(old) => Ok(from_json::<Part>(old.value())?.segments),
                None => Ok(Vec::new()),
            });
        self.note(result)
    }

    /// Removes an upload with its parts; returns all their segments.
    pub(in crate::s3) fn remove_upload(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Vec<Segment>, StorageError> {
        let parts = self.parts(id)?;
        self.written = true;
        let result = (|| {
            self.uploads.remove(upload_key(bucket, key, id).as_slice())?;
            for (number, _) in &parts {
                self.parts.remove(part_key(id, *number).as_slice())?;
            }
            Ok::<_, StorageError>(())
        })();
        self.note(result)?;
        Ok(parts.into_iter().flat_map(|(_, part)| part.segments).collect())
    }

    /// The uploads of a bucket: key and id.
    pub(in crate::s3) fn uploads(&self, bucket: &str) -> Result<Vec<(String, String)>, StorageError> {
        Ok(uploads_of(&self.uploads, bucket)?.into_iter().map(|(key, id, _)| (key, id)).collect())
    }

    fn note<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if let Err(error) = &result {
            self.broken = Some(error.clone());
        }
        result
    }
}

impl View {
    pub(in crate::s3) fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Option<Upload>, StorageError> {
        let record = self.uploads.get(upload_key(bucket, key, id).as_slice())?;
        record.map(|record| from_json(record.value())).transpose()
    }

    /// The uploads of a bucket in the order of their keys: key, id and record.
    pub(in crate::s3) fn uploads(&self, bucket: &str) -> Result<Vec<(String, String, Upload)>, StorageError> {
        uploads_of(&self.uploads, bucket)
    }

    /// All parts of an upload, by number.
    pub(in crate::s3) fn parts(&self, id: &str) -> Result<Vec<(i32, Part)>, StorageError> {
        parts_of(&self.parts, id)
    }

    /// Calls `visit` with the name of every blob that is referred to.
    pub(super) fn blobs(&self, mut visit: impl FnMut(String)) -> Result<(), StorageError> {
        for row in self.objects.iter()? {
            let (object, _) = decode_object(row?.1.value())?;
            object.segments.into_iter().for_each(|segment| visit(segment.blob));
        }
        for row in self.parts.iter()? {
            let part: Part = from_json(row?.1.value())?;
            part.segments.into_iter().for_each(|segment| visit(segment.blob));
        }
        Ok(())
    }
}

/// Bucket, NUL, key. No bucket's name and no key has a NUL.
pub(super) fn object_key(bucket: &str, key: &str) -> Vec<u8> {
    [bucket.as_bytes(), b"\0", key.as_bytes()].concat()
}

fn upload_key(bucket: &str, key: &str, id: &str) -> Vec<u8> {
    [bucket.as_bytes(), b"\0", key.as_bytes(), b"\0", id.as_bytes()].concat()
}

fn part_key(id: &str, number: i32) -> Vec<u8> {
    [id.as_bytes(), b"\0", &number.to_be_bytes()].concat()
}

fn from_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, StorageError> {
    serde_json::from_slice(json).map_err(StorageError::record)
}

fn replaced(
    old: Result<Option<redb::AccessGuard<'_, &'static [u8]>>, redb::StorageError>,
) -> Result<Vec<Segment>, StorageError> {
    match old? {
        Some(record) => Ok(decode_object(record.value())?.0.segments),
        None => Ok(Vec::new()),
    }
}

fn parts_of(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: &str,
) -> Result<Vec<(i32, Part)>, StorageError> {
    let start = [id.as_bytes(), b"\0"].concat();
    let mut parts = Vec::new();
    for row in table.range(start.as_slice()..)? {
        let (key, record) = row?;
        let Some(number) = key.value().strip_prefix(start.as_slice()) else { break };
        let Ok(number) = <[u8; 4]>::try_from(number) else { continue };
        parts.push((i32::from_be_bytes(number), from_json(record.value())?));
    }
    Ok(parts)
}

fn uploads_of(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
) -> Result<Vec<(String, String, Upload)>, StorageError> {
    let start = object_key(bucket, "");
    let mut uploads = Vec::new();
    for row in table.range(start.as_slice()..)? {
        let (path, record) = row?;
        let Some(path) = path.value().strip_prefix(start.as_slice()) else { break };
        let path = std::str::from_utf8(path).map_err(StorageError::record)?;
        let Some((key, id)) = path.split_once('\0') else { continue };
        uploads.push((key.to_owned(), id.to_owned(), from_json(record.value())?));
    }
    Ok(uploads)
}

#[cfg(test)]
mod tests;
