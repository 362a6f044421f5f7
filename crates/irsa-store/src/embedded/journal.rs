//! The state file: a redb database with one table of entities and one of facts about the file itself.
//!
//! A value is the revision that wrote it, eight bytes in network order, and the entity's JSON. Commits are two-phase, so
//! that a torn write cannot pass for a commit, and the whole file is checked when it is opened.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};
use zeroize::Zeroizing;

use super::OpenError;
use crate::change::{Entity, Key, Revision};
use crate::store::CommitError;

const ENTITIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entities");
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
const FORMAT: &str = "format";
const REVISION: &str = "revision";
/// The format that this version writes.
const KNOWN_FORMAT: u64 = 1;
/// The state is in memory anyway: pages are read once, when the file is opened.
const CACHE_BYTES: usize = 8 << 20;

/// Opens the database, again after a failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, OpenError> + Send>;

/// A stored value: revision and JSON; `None` when nothing is stored.
pub(super) type Value = Option<Zeroizing<Vec<u8>>>;

/// The open state file.
pub(super) struct Journal {
    opener: Opener,
    /// `None` after a failure, until it is opened again: redb refuses to go on with a database that failed.
    database: Option<Database>,
    revision: Revision,
    /// What stood under the keys of failed commits. A commit whose last synchronisation failed may be in the file
    /// nevertheless; the next one puts the old values back, in the same transaction.
    in_doubt: BTreeMap<String, Value>,
}

impl Journal {
    /// Opens the file and gives every entity in it to `load`, with the revision that wrote it.
    pub(super) fn open(opener: Opener, load: impl FnMut(Entity, Revision)) -> Result<Self, OpenError> {
        let database = opener()?;
        prepare(&database)?;
        let revision = read(&database, load)?;
        Ok(Self { opener, database: Some(database), revision, in_doubt: BTreeMap::new() })
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Makes the writes durable, all or none. `before` gives what stands under a key now, and is asked only on failure.
    pub(super) fn append(
        &mut self,
        writes: &[(String, Value)],
        revision: Revision,
        before: impl Fn(&str) -> Value,
    ) -> Result<(), CommitError> {
        match self.write(writes, revision) {
            Ok(()) => {
                self.revision = revision;
                self.in_doubt.clear();
                Ok(())
            }
            Err(error) => {
                self.database = None;
                for (path, _) in writes {
                    self.in_doubt.entry(path.clone()).or_insert_with(|| before(path));
                }
                Err(error)
            }
        }
    }

    /// Takes a commit that failed, and may be in the file nevertheless, out of it.
    pub(super) fn settle(&mut self) -> Result<(), CommitError> {
        if self.in_doubt.is_empty() {
            return Ok(());
        }
        self.append(&[], self.revision, |_| None)
    }

    fn write(&mut self, writes: &[(String, Value)], revision: Revision) -> Result<(), CommitError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => (self.opener)().map_err(reopening)?,
        };
        let database = self.database.insert(database);
        let restored = self.in_doubt.iter();
        let writes = writes.iter().map(|(path, value)| (path, value));
        write(database, restored.chain(writes), revision).map_err(|error| committing(&error))
    }
}

fn write<'a>(
    database: &Database,
    writes: impl Iterator<Item = (&'a String, &'a Value)>,
    revision: Revision,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let mut entities = transaction.open_table(ENTITIES)?;
        for (path, value) in writes {
            match value {
                Some(value) => drop(entities.insert(&**path, &***value)?),
                None => drop(entities.remove(&**path)?),
            }
        }
        transaction.open_table(FACTS)?.insert(REVISION, revision.0)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Makes the tables of a new file, and refuses one that a newer version wrote.
fn prepare(database: &Database) -> Result<(), OpenError> {
    match found_format(database).map_err(reading)? {
        Some(found) if found > KNOWN_FORMAT => Err(OpenError::NewerFormat { found, known: KNOWN_FORMAT }),
        Some(_) => Ok(()),
        None => initialize(database).map_err(reading),
    }
}

fn found_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(FACTS) {
        Ok(facts) => Ok(facts.get(FORMAT)?.map(|format| format.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn initialize(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    transaction.open_table(ENTITIES)?;
    transaction.open_table(FACTS)?.insert(FORMAT, KNOWN_FORMAT)?;
    transaction.commit()?;
    Ok(())
}

fn read(database: &Database, mut load: impl FnMut(Entity, Revision)) -> Result<Revision, OpenError> {
    let transaction = database.begin_read().map_err(|error| reading(error.into()))?;
    let facts = transaction.open_table(FACTS).map_err(|error| reading(error.into()))?;
    let revision =
        facts.get(REVISION).map_err(|error| reading(error.into()))?.map_or(0, |revision| revision.value());
    let entities = transaction.open_table(ENTITIES).map_err(|error| reading(error.into()))?;
    for row in entities.iter().map_err(|error| reading(error.into()))? {
        let (path, value) = row.map_err(|error| reading(error.into()))?;
        let (entity, written) =
            decode(path.value(), value.value()).map_err(|reason| OpenError::Corrupt { reason })?;
        load(entity, written);
    }
    Ok(Revision(revision))
}

/// The stored form of an entity.
pub(super) fn encode(entity: &Entity, revision: Revision) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let json = entity.encode()?;
    let mut value = Zeroizing::new(Vec::with_capacity(8 + json.len()));
    value.extend_from_slice(&revision.0.to_be_bytes());
    value.extend_from_slice(&json);
    Ok(value)
}

/// Reads a stored form back.
pub(super) fn decode(path: &str, value: &[u8]) -> Result<(Entity, Revision), String> {
    let key = Key::parse(path).ok_or_else(|| format!("`{path}` is no key"))?;
    let (revision, json) = value.split_first_chunk().ok_or_else(|| format!("`{path}` is too short"))?;
    let entity = Entity::decode(&key, json).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    if entity.key() != key {
        return Err(format!("`{path}` holds another entity"));
    }
    Ok((entity, Revision(u64::from_be_bytes(*revision))))
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Why the database could not be opened. The caller knows the path of an [`OpenError::Io`].
pub(super) fn opening(error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::Locked { folder: PathBuf::new() },
        DatabaseError::Storage(StorageError::Io(source)) => io(source),
        other => OpenError::Corrupt { reason: other.to_string() },
    }
}

fn reading(error: redb::Error) -> OpenError {
    match error {
        redb::Error::Io(source) => io(source),
        other => OpenError::Corrupt { reason: other.to_string() },
    }
}

fn io(source: std::io::Error) -> OpenError {
    match source.kind() {
        // What redb says of a file that is too short or not its own.
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput => {
            OpenError::Corrupt { reason: source.to_string() }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::DiskFull,
        _ => OpenError::Io { path: PathBuf::new(), source },
    }
}

fn committing(error: &redb::Error) -> CommitError {
    match error {
        redb::Error::Io(error) if is_full(error) => CommitError::DiskFull,
        other => CommitError::Io(other.to_string()),
    }
}

fn reopening(error: OpenError) -> CommitError {
    match error {
        OpenError::DiskFull => CommitError::DiskFull,
        OpenError::Io { source, .. } => CommitError::Io(source.to_string()),
        other => CommitError::Io(other.to_string()),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
