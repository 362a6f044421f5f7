//! Elastic Kubernetes Service, API version 2017-11-01: the clusters that we host.

use crate::server::table::RestTable;

/// Every operation that is served.
#[must_use]
pub fn table() -> RestTable {
    RestTable::new("eks")
}
