//! The rules of policies that grant.

use super::finding::Report;
use super::reading::Reading;
use crate::document::PolicyType;

pub(super) fn rules(_reading: &Reading<'_>, _kind: PolicyType, _report: &mut Report) {}
