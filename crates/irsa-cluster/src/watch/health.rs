//! How a watch is doing, for readiness and metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::api_server::ApiError;

/// A watch that has been broken, or silent, for so long serves what may no longer be so. A silent one is opened anew before.
const STALE_AFTER: Duration = Duration::from_secs(90);

/// How a watch is doing: written by the one that follows, read by all.
#[derive(Debug, Default)]
pub struct WatchHealth {
    known: Mutex<Known>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    synced: bool,
    is_open: bool,
    last_heard: Option<Instant>,
    last_error: Option<String>,
    breaks: u64,
    relists: u64,
}

/// How a watch is doing at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchState {
    /// Whether the first list has been read to its end.
    pub is_synced: bool,
    /// Whether a watch is open.
    pub is_open: bool,
    /// How long nothing has been heard; none before the first answer.
    pub age: Option<Duration>,
    /// What went wrong last, until a watch is open again.
    pub error: Option<String>,
    /// How often it broke.
    pub breaks: u64,
    /// How often the list had to be read anew.
    pub relists: u64,
}

impl WatchState {
    /// Whether what is known may be older than anybody expects.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_synced && self.age.is_some_and(|age| age > STALE_AFTER)
    }
}

impl WatchHealth {
    /// How it is doing.
    #[must_use]
    pub fn state(&self) -> WatchState {
        let known = self.known().clone();
        WatchState {
            is_synced: known.synced,
            is_open: known.is_open,
            age: known.last_heard.map(|heard| heard.elapsed()),
            error: known.last_error,
            breaks: known.breaks,
            relists: known.relists,
        }
    }

    pub(super) fn heard(&self) {
        self.known().last_heard = Some(Instant::now());
    }

    pub(super) fn opened(&self) {
        let mut known = self.known();
        known.is_open = true;
        known.last_error = None;
        known.last_heard = Some(Instant::now());
    }

    pub(super) fn synced(&self) {
        self.known().synced = true;
    }

    pub(super) fn relisting(&self) {
        self.known().relists += 1;
    }

    pub(super) fn broken(&self, error: &ApiError) {
        let mut known = self.known();
        known.is_open = false;
        known.breaks += 1;
        known.last_error = Some(error.to_string());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
