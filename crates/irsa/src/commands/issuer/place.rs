//! Where an issuer's documents are kept, with the state of a rotation beside them: a folder, or an object store. Nothing in it is
//! secret.
//!
//! The state is written first, under the condition that nobody changed it meanwhile, and says which step has begun; then the
//! keys, then the discovery document that points at them; and last the state without the step. So two operators do not
//! overwrite each other, readers never see a document that points at nothing, and what was interrupted is known and repeated.

use irsa_cluster::issuer::Document;
use irsa_cluster::issuer::rotation::{State, Step};

use super::documents_of;
use super::folder::Folder;
use super::store::Store;
use crate::cli::issuer::Destination;
use crate::error::CliError;
use crate::serve;

/// The state's file. Web servers may serve it: public keys and times stand in it.
pub(super) const STATE: &str = "irsa-issuer.json";

/// The largest state that is read, in bytes.
pub(super) const MOST_STATE_BYTES: u64 = 1024 * 1024;

/// A folder or an object store.
pub(super) enum Place {
    /// A folder.
    Folder(Folder),
    /// An object store.
    Store(Box<Store>),
}

/// The state as it was found.
pub(super) struct Found {
    /// What it is.
    pub(super) state: State,
    /// Which version of the file it is.
    version: Version,
}

/// A version of the state's file.
#[derive(Debug, Clone)]
pub(super) enum Version {
    /// Its bytes.
    Content(Vec<u8>),
    /// What the store calls it.
    Store(object_store::UpdateVersion),
}

/// Why a file was not written.
pub(super) enum NotWritten {
    /// It is another version by now.
    Changed,
    /// Anything else.
    Failed(CliError),
}

impl Place {
    /// Nothing is read yet.
    pub(super) fn of(destination: &Destination) -> Result<Place, CliError> {
        let endpoint = destination.endpoint_url.as_ref();
        if destination.to.contains("://") {
            return Ok(Place::Store(Box::new(Store::of(&destination.to, endpoint)?)));
        }
        match endpoint {
            None => Ok(Place::Folder(Folder::new(&destination.to))),
            Some(_) => Err(CliError::usage("IRSA-X064", "--endpoint-url is for an object store")
                .with_fix("name a store: --to s3://BUCKET/PREFIX")),
        }
    }

    /// The state that is there; none when nothing was published.
    pub(super) async fn state(&self) -> Result<Option<Found>, CliError> {
        let read = match self {
            Place::Folder(folder) => folder.read_state()?,
            Place::Store(store) => store.read_state().await?,
        };
        let Some((text, version)) = read else { return Ok(None) };
        let state = serde_json::from_slice(&text).map_err(|error| {
            CliError::undecided("IRSA-X062", format!("{}: {error}", self.name_of(STATE)))
                .with_fix("restore it, or remove it and begin anew with `irsa issuer publish`")
        })?;
        Ok(Some(Found { state, version }))
    }

    /// Does a step: `after` is the state that it leads to, `found` what it began with.
    pub(super) async fn take(
        &self,
        step: Step,
        after: &State,
        found: Option<&Found>,
        now: i64,
    ) -> Result<State, CliError> {
        let version = found.map(|found| &found.version);
        if step == Step::Switch {
            self.write_state(after, version).await.map_err(|error| self.explained(error))?;
            return Ok(after.clone());
        }
        let begun = after.begun(step, now);
        let [discovery, jwks] = documents_of(&begun.issuer, &begun.issuer_keys())?;
        let version = self.write_state(&begun, version).await.map_err(|error| self.explained(error))?;
        self.write(&jwks).await?;
        self.write(&discovery).await?;
        let completed = begun.completed(serve::now());
        match self.write_state(&completed, Some(&version)).await {
            Ok(_) => Ok(completed),
            // Somebody took it for an interrupted step and completed it.
            Err(NotWritten::Changed) => match self.state().await? {
                Some(other) if is_same(&other.state, &completed) => Ok(other.state),
                _ => Err(self.explained(NotWritten::Changed)),
            },
            Err(error) => Err(self.explained(error)),
        }
    }

    /// The place of everything that is written.
    pub(super) fn names(&self, documents: &[Document]) -> Vec<String> {
        let paths = documents.iter().rev().map(|document| document.path).chain([STATE]);
        paths.map(|path| self.name_of(path)).collect()
    }

    fn name_of(&self, path: &str) -> String {
        match self {
            Place::Folder(folder) => folder.path(path).display().to_string(),
            Place::Store(store) => store.name_of(path),
        }
    }

    async fn write(&self, document: &Document) -> Result<(), CliError> {
        match self {
            Place::Folder(folder) => folder.write(document.path, &document.body),
            Place::Store(store) => store.write(document).await,
        }
    }

    async fn write_state(&self, state: &State, before: Option<&Version>) -> Result<Version, NotWritten> {
        let mut text = serde_json::to_vec_pretty(state).map_err(|error| {
            NotWritten::Failed(CliError::undecided("IRSA-X062", format!("the state: {error}")))
        })?;
        text.push(b'\n');
        match self {
            Place::Folder(folder) => folder.write_state(text, before),
            Place::Store(store) => store.write_state(text, before).await,
        }
    }

    fn explained(&self, error: NotWritten) -> CliError {
        match error {
            NotWritten::Failed(error) => error,
            NotWritten::Changed => CliError::no(
                "IRSA-X065",
                format!("{} was changed by somebody else meanwhile", self.name_of(STATE)),
            )
            .with_fix("nothing of theirs was overwritten; look at it with `irsa issuer rotate`, and do your step again"),
        }
    }
}

/// Whether both publish the same keys and nothing is under way.
fn is_same(one: &State, other: &State) -> bool {
    let keys = |state: &State| state.keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>();
    one.issuer == other.issuer && one.pending.is_none() && keys(one) == keys(other)
}
