//! What statements do together.

use super::Trust;
use crate::lint::finding::Report;

pub(super) fn rules(_trust: &Trust<'_>, _report: &mut Report) {}
