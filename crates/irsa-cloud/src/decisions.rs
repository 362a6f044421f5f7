//! The record of denials: what `irsa why` reads.
//!
//! Every denial gets an authorization id, which the caller sees, and an explanation, which only an operator of the account
//! may read. The record is a bounded ring in memory: the newest [`MOST`] denials. It never holds tokens, keys or bodies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use irsa_policy::Explanation;
use irsa_store::model::AccountId;
use serde::Serialize;

/// How many denials are remembered. An explanation is about 3 KiB.
pub const MOST: usize = 2_048;

/// One denial, as the operator sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// What the caller was told: the key of this record.
    pub authorization_id: String,
    /// When, in seconds since the epoch.
    pub time: i64,
    /// The ARN of the caller, or what stands for it when nobody could be identified.
    pub principal: String,
    /// Who stands behind a web identity session: the token's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The action, as policies name it (`s3:GetObject`).
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// The stable code of the reason (`IRSA-A001`).
    pub code: &'static str,
    /// Why, in one sentence.
    pub reason: String,
    /// The evaluation of every policy that had a say; absent when the call was refused before policies were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// What would make the call work, if that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The accounts whose operators may read this: the caller's and the resource's.
    #[serde(skip)]
    pub accounts: Vec<AccountId>,
}

/// The ring of denials.
#[derive(Debug, Default)]
pub struct DecisionLog {
    ring: Mutex<VecDeque<Arc<Denial>>>,
}

impl DecisionLog {
    /// Remembers a denial, forgetting the oldest when the ring is full.
    pub fn record(&self, denial: Denial) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == MOST {
            ring.pop_front();
        }
        ring.push_back(Arc::new(denial));
    }

    /// The denial with this id, if it is the reader's to see.
    #[must_use]
    pub fn find(&self, authorization_id: &str, visible: impl Fn(&Denial) -> bool) -> Option<Arc<Denial>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ring.iter().rev().find(|denial| denial.authorization_id == authorization_id);
        found.filter(|denial| visible(denial)).map(Arc::clone)
    }

    /// The newest denials that are the reader's to see, at most `most`.
    #[must_use]
    pub fn newest_first(&self, most: usize, visible: impl Fn(&Denial) -> bool) -> Vec<Arc<Denial>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().filter(|denial| visible(denial)).take(most).map(Arc::clone).collect()
    }
}
