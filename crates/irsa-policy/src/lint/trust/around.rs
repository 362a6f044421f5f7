//! What only the account and the cluster tell.

use super::Trust;
use crate::lint::finding::Report;

pub(super) fn rules(_trust: &Trust<'_>, _report: &mut Report) {}
