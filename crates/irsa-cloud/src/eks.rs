//! Elastic Kubernetes Service, API version 2017-11-01: the clusters that we host.
//!
//! The Kubernetes API of such a cluster is the other half's; here is who its bearer tokens belong to ([`bearer`]).

pub mod bearer;

use crate::server::table::RestTable;

/// Every operation that is served.
#[must_use]
pub fn table() -> RestTable {
    RestTable::new("eks")
}
