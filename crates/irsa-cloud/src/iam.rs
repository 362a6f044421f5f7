//! Identity and Access Management, API version 2010-05-08.

use crate::server::table::QueryTable;

/// IAM's XML namespace.
pub const XMLNS: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// IAM's API version.
pub const VERSION: &str = "2010-05-08";

/// Every operation that is served.
#[must_use]
pub fn table() -> QueryTable {
    QueryTable::new("iam", VERSION, XMLNS)
}
