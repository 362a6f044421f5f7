//! The latest commits, and who waits for the next one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::change::Revision;
use crate::store::{Changes, Committed};

/// How many commits are remembered. A follower that is further behind takes the snapshot anew.
pub(super) const REMEMBERED: usize = 1_024;

type Listener = Box<dyn Fn(Revision) + Send + Sync>;

pub(super) struct Feed {
    recent: Mutex<Recent>,
    newer: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

struct Recent {
    commits: VecDeque<Arc<Committed>>,
    latest: Revision,
    closed: bool,
}

impl Feed {
    pub(super) fn new(latest: Revision) -> Self {
        Self {
            recent: Mutex::new(Recent { commits: VecDeque::new(), latest, closed: false }),
            newer: Condvar::new(),
            listeners: Mutex::default(),
        }
    }

    pub(super) fn publish(&self, commits: Vec<Committed>) {
        let latest = {
            let mut recent = self.recent();
            for commit in commits {
                recent.latest = commit.revision;
                recent.commits.push_back(Arc::new(commit));
            }
            let forgotten = recent.commits.len().saturating_sub(REMEMBERED);
            recent.commits.drain(..forgotten);
            recent.latest
        };
        self.newer.notify_all();
        for notify in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            notify(latest);
        }
    }

    pub(super) fn since(&self, since: Revision) -> Changes {
        let recent = self.recent();
        if since >= recent.latest {
            return Changes::Since(Vec::new());
        }
        // Revisions have no gaps: the next one is remembered, or forgotten with some after it.
        let start = recent.commits.partition_point(|commit| commit.revision <= since);
        match recent.commits.get(start) {
            Some(first) if first.revision == since.next() => {
                Changes::Since(recent.commits.range(start..).cloned().collect())
            }
            _ => Changes::Forgotten,
        }
    }

    pub(super) fn wait_newer(&self, since: Revision, timeout: Duration) -> Revision {
        let waiting = |recent: &mut Recent| recent.latest <= since && !recent.closed;
        match self.newer.wait_timeout_while(self.recent(), timeout, waiting) {
            Ok((recent, _)) => recent.latest,
            Err(poisoned) => poisoned.into_inner().0.latest,
        }
    }

    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(super) fn close(&self) {
        self.recent().closed = true;
        self.newer.notify_all();
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("latest", &self.recent().latest).finish_non_exhaustive()
    }
}
