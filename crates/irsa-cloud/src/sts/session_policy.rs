//! Session policies and the space that they and the tags may take in a token.

use irsa_policy::{Policy, PolicyType, size_without_whitespace};
use irsa_store::Snapshot;

use super::StsError;
use crate::credentials::caller::managed_policy;

/// The space that AWS allots. Its packing is not public; the plain limits are 2,048 characters of policy, ten ARNs and
/// fifty tags, of which the tags alone can overflow it.
const ALLOTTED_BYTES: usize = 6_144;

/// Checks session policies as AWS does before the role is looked at, and returns the share of the allotted space in per
/// cent; none when nothing was passed.
pub(super) fn check(
    snapshot: &Snapshot,
    policy: Option<&str>,
    policy_arns: &[String],
    tags: &[(String, String)],
) -> Result<Option<u32>, StsError> {
    if let Some(text) = policy {
        Policy::parse(text, PolicyType::Session).map_err(StsError::MalformedPolicy)?;
    }
    for arn in policy_arns {
        if managed_policy(snapshot, arn).is_none() {
            return Err(StsError::NoSuchPolicy(arn.clone()));
        }
    }
    if policy.is_none() && policy_arns.is_empty() && tags.is_empty() {
        return Ok(None);
    }
    let policies: usize =
        policy.map_or(0, size_without_whitespace) + policy_arns.iter().map(String::len).sum::<usize>();
    let tagged: usize = tags.iter().map(|(name, value)| name.len() + value.len()).sum();
    let percent = u32::try_from(((policies + tagged) * 100).div_ceil(ALLOTTED_BYTES)).unwrap_or(u32::MAX);
    if percent > 100 {
        let what = if tagged > policies { "tags" } else { "policy" };
        return Err(StsError::PackedPolicyTooLarge { what, percent });
    }
    Ok(Some(percent))
}
