//! I111: how long a policy may be, by its type.
//!
//! Sources: IAM User Guide, "IAM and AWS STS quotas" (IAM does not count white space); STS API, `Policy` of `AssumeRole`;
//! Organizations User Guide, "Quotas", where white space counts; S3 User Guide, "Bucket policies". Trust policies are T045's.

use crate::document::{PolicyType, size_without_whitespace};
use crate::lint::finding::Report;
use crate::lint::reading::Reading;
use crate::lint::rules::I111;

pub(super) fn rule(reading: &Reading<'_>, kind: PolicyType, report: &mut Report) {
    let Some(span) = reading.document.statement_key else { return };
    let dense = size_without_whitespace(reading.plain);
    let written = reading.plain.chars().count();
    let (size, limit, what) = match kind {
        PolicyType::Identity => {
            (dense, 6_144, "a managed policy; a role's inline policies have 10240 together, a user's 2048")
        }
        PolicyType::Boundary => (dense, 6_144, "a permissions boundary"),
        PolicyType::Session => (written, 2_048, "a session policy, white space counted"),
        PolicyType::ServiceControl => (written, 5_120, "a service control policy, white space counted"),
        PolicyType::ResourceControl => (written, 5_120, "a resource control policy, white space counted"),
        PolicyType::Resource => (dense, 20_480, "a bucket policy"),
        PolicyType::Trust => return,
    };
    if size > limit {
        let reason = format!("{size} characters, and {limit} is the limit of {what}");
        report.add(&I111, span, "Statement", reason, None);
    }
}
