//! What every operation works with: the store, the key ring, the record of denials, the issuers' keys, the clock.

use std::sync::Arc;

use irsa_store::Store;
use irsa_store::model::SecretString;

use crate::credentials::KeyRing;
use crate::decisions::DecisionLog;
use crate::issuers::Issuers;
use crate::metrics::Metrics;
use crate::uses::Uses;

/// The AWS half's surroundings, made once by the binary.
pub struct Context {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// The keys that seal session tokens.
    pub keys: KeyRing,
    /// The denials that `irsa why` reads.
    pub decisions: DecisionLog,
    /// When roles and access keys were last used.
    pub uses: Uses,
    /// The keys of token issuers.
    pub issuers: Issuers,
    /// Counters and durations.
    pub metrics: Metrics,
    /// The clock, in seconds since the epoch.
    pub clock: fn() -> i64,
    /// The region that unsigned calls are answered in.
    pub region: String,
    /// What the holder of the data folder proves itself with; empty if nobody can.
    pub operator_token: SecretString,
    /// Where the clusters that we host are reached.
    pub hosting: Hosting,
}

/// Where the clusters that we host are reached.
#[derive(Debug, Clone, Default)]
pub struct Hosting {
    /// The base of issuers' URLs, without a slash at the end: a cluster's issuer is `{issuer_base}/id/{32 hex}`.
    pub issuer_base: String,
    /// The base of clusters' endpoints, without a slash at the end.
    pub endpoint_base: String,
    /// The certificate authority of both, as PEM.
    pub certificate_authority: String,
}

impl Hosting {
    /// The issuer of a new cluster of this id.
    #[must_use]
    pub fn issuer(&self, id: &str) -> String {
        format!("{}/id/{id}", self.issuer_base)
    }

    /// Where the cluster of this id is reached.
    #[must_use]
    pub fn endpoint(&self, id: &str) -> String {
        format!("{}/k8/{id}", self.endpoint_base)
    }
}

impl Context {
    /// The time, in seconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.clock)()
    }
}
