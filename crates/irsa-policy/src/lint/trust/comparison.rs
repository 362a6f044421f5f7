//! How claims are compared.

use super::Trust;
use crate::lint::finding::Report;

pub(super) fn rules(_trust: &Trust<'_>, _report: &mut Report) {}
