//! Following a collection of the API server: list, watch, resume, and list anew when the server has forgotten where we were
//! (Kubernetes API concepts, "Efficient detection of changes").
//!
//! A watch is opened anew every minute, so that a connection that died without a word is found out in that time. Failures
//! are retried with a growing pause, forever: what was seen before stays known meanwhile.

mod health;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::core::WatchEvent;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use health::{WatchHealth, WatchState};

use crate::api_server::{ApiError, ApiServer};

/// So many objects are listed at once.
const PAGE: usize = 1_000;
/// After so many seconds the server ends a watch, and we open the next one.
const WATCH_SECONDS: u64 = 60;
/// A watch without a word for so much longer than that is dead.
const GRACE: Duration = Duration::from_secs(10);
/// The pause after the first failure; it doubles up to the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What has been seen of a collection.
#[derive(Debug, Clone)]
pub enum Change<T> {
    /// A list begins. What was known stays known until it is complete.
    Restarted,
    /// A page of that list.
    Listed(Vec<T>),
    /// The list is complete: what it did not name is gone.
    Synced,
    /// An object was made or changed.
    Applied(T),
    /// An object was deleted.
    Deleted(T),
}

/// An object that can be followed.
pub trait Watched: DeserializeOwned + Clone + Send + 'static {
    /// Its version, from which a watch goes on.
    fn resource_version(&self) -> &str;
}

/// A collection, and how its objects are to be shown.
#[derive(Debug, Clone)]
pub struct Collection {
    /// `/api/v1/serviceaccounts`.
    pub path: String,
    /// A selector as a query parameter, or nothing.
    pub selector: String,
    /// Whether the metadata alone suffices.
    pub metadata_only: bool,
}

impl Collection {
    /// All ServiceAccounts, without what is not metadata.
    #[must_use]
    pub fn service_accounts() -> Self {
        Self { path: "/api/v1/serviceaccounts".to_owned(), selector: String::new(), metadata_only: true }
    }

    /// One ConfigMap.
    #[must_use]
    pub fn config_map(namespace: &str, name: &str) -> Self {
        Self::named(&format!("/api/v1/namespaces/{namespace}/configmaps"), name)
    }

    /// The one object of this name in the collection at `path`.
    #[must_use]
    pub fn named(path: &str, name: &str) -> Self {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        Self {
            path: path.to_owned(),
            selector: format!("fieldSelector=metadata.name%3D{name}&"),
            metadata_only: false,
        }
    }

    fn accept(&self, kind: &str) -> String {
        if self.metadata_only {
            format!("application/json;as={kind};g=meta.k8s.io;v=v1,application/json")
        } else {
            crate::api_server::JSON.to_owned()
        }
    }
}

#[derive(Deserialize)]
struct List<T> {
    metadata: ListMetadata,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Follows `collection` until `stop`, and tells `seen` what happens.
pub async fn follow<T: Watched>(
    api: ApiServer,
    collection: Collection,
    health: Arc<WatchHealth>,
    mut seen: impl FnMut(Change<T>) + Send,
    stop: CancellationToken,
) {
    let mut follower = Follower { api, collection, health, version: None, pause: FIRST_PAUSE };
    let _ = stop.run_until_cancelled(follower.follow(&mut seen)).await;
}

struct Follower {
    api: ApiServer,
    collection: Collection,
    health: Arc<WatchHealth>,
    /// Where the watch goes on; none before the first list, and after the server has forgotten it.
    version: Option<String>,
    pause: Duration,
}

impl Follower {
    async fn follow<T: Watched>(&mut self, seen: &mut (impl FnMut(Change<T>) + Send)) {
        loop {
            let outcome = match self.version.clone() {
                None => self.list(seen).await,
                Some(version) => self.watch(version, seen).await,
            };
            let Err(error) = outcome else { continue };
            if error.code() == Some(410) {
                tracing::info!(path = %self.collection.path, "the watch is too old to go on: listing anew");
                self.version = None;
                self.health.relisting();
            } else {
                tracing::warn!(path = %self.collection.path, %error, "the watch broke");
            }
            self.health.broken(&error);
            tokio::time::sleep(jittered(self.pause)).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn list<T: Watched>(&mut self, seen: &mut (impl FnMut(Change<T>) + Send)) -> Result<(), ApiError> {
        let Collection { path, selector, .. } = &self.collection;
        let accept = self.collection.accept("PartialObjectMetadataList");
        let mut next = String::new();
        seen(Change::Restarted);
        loop {
            let page: List<T> =
                self.api.get(&format!("{path}?{selector}limit={PAGE}{next}"), &accept).await?;
            self.health.heard();
            seen(Change::Listed(page.items));
            match page.metadata.next.filter(|token| !token.is_empty()) {
                Some(token) => {
                    let token =
                        percent_encoding::utf8_percent_encode(&token, percent_encoding::NON_ALPHANUMERIC);
                    next = format!("&continue={token}");
                }
                None => {
                    self.version = Some(page.metadata.resource_version);
                    break;
                }
            }
        }
        seen(Change::Synced);
        self.health.synced();
        self.pause = FIRST_PAUSE;
        Ok(())
    }

    async fn watch<T: Watched>(
        &mut self,
        version: String,
        seen: &mut (impl FnMut(Change<T>) + Send),
    ) -> Result<(), ApiError> {
        let Collection { path, selector, .. } = &self.collection;
        let version = percent_encoding::utf8_percent_encode(&version, percent_encoding::NON_ALPHANUMERIC);
        let from = format!(
            "{path}?{selector}watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        );
        let opened = Instant::now();
        let deadline = opened + Duration::from_secs(WATCH_SECONDS) + GRACE;
        let events = self.api.watch::<T>(&from, &self.collection.accept("PartialObjectMetadata")).await?;
        let mut events = std::pin::pin!(events);
        self.health.opened();
        let mut heard_anything = false;
        loop {
            let event = match tokio::time::timeout_at(deadline, events.next()).await {
                Ok(Some(event)) => event?,
                Ok(None) => break,
                Err(_elapsed) => return Err(ApiError::TimedOut),
            };
            self.health.heard();
            heard_anything = true;
            self.pause = FIRST_PAUSE;
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    self.version = Some(object.resource_version().to_owned());
                    seen(Change::Applied(object));
                }
                WatchEvent::Deleted(object) => {
                    self.version = Some(object.resource_version().to_owned());
                    seen(Change::Deleted(object));
                }
                WatchEvent::Bookmark(bookmark) => self.version = Some(bookmark.metadata.resource_version),
                WatchEvent::Error(_) => {}
            }
        }
        // A server that ends every watch at once must not be asked in a tight loop.
        if !heard_anything && opened.elapsed() < Duration::from_secs(1) {
            return Err(ApiError::Unreachable("the watch ended at once".to_owned()));
        }
        Ok(())
    }
}

/// Between half and the whole, so that many replicas do not come at the same time.
fn jittered(pause: Duration) -> Duration {
    let share = (uuid::Uuid::new_v4().as_u128() % 1_000) as f64 / 1_000.0;
    pause.mul_f64(0.5 + share / 2.0)
}
