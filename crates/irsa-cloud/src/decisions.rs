//! The record of denials: what `irsa why` reads.
//!
//! Every denial gets an authorization id, which the caller sees, and an explanation, which only an operator of the account
//! may read. The record is a bounded ring in memory: the newest [`MOST`] denials. It never holds tokens, keys or bodies.
//! What crosses accounts is explained by the policies of both, which neither may read of the other: their principals learn
//! that it was denied, and only the operator of the server why ([`Denial::seen_from`]).

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

impl Denial {
    /// The record as principals of `account` may read it; none if it is not theirs at all. A trust policy's external id, a
    /// bucket policy's prefixes or whether a role exists are not for the other account.
    #[must_use]
    pub fn seen_from(&self, account: AccountId) -> Option<Self> {
        if !self.accounts.contains(&account) {
            return None;
        }
        let mut seen = self.clone();
        if self.accounts.iter().any(|other| *other != account) {
            seen.code = "IRSA-A007";
            "the call crosses accounts, and neither may read the policies of the other"
                .clone_into(&mut seen.reason);
            seen.explanation = None;
            seen.fix = None;
        }
        Some(seen)
    }
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

    /// The denial with this id, as `view` shows it to its reader.
    #[must_use]
    pub fn find<V>(&self, authorization_id: &str, view: impl Fn(&Arc<Denial>) -> Option<V>) -> Option<V> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().find(|denial| denial.authorization_id == authorization_id).and_then(view)
    }

    /// The newest denials, as `view` shows them to their reader, at most `most`.
    #[must_use]
    pub fn newest_first<V>(&self, most: usize, view: impl Fn(&Arc<Denial>) -> Option<V>) -> Vec<V> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().filter_map(view).take(most).collect()
    }
}
