//! AWS's default quotas (IAM User Guide, "IAM and AWS STS quotas"), under the names that AWS gives them in its errors.

use super::IamError;

/// How many there may be of something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    name: &'static str,
    /// The most there may be.
    pub(super) limit: usize,
}

pub(super) const ROLES: Quota = Quota { name: "RolesPerAccount", limit: 1_000 };
pub(super) const USERS: Quota = Quota { name: "UsersPerAccount", limit: 5_000 };
pub(super) const POLICIES: Quota = Quota { name: "PoliciesPerAccount", limit: 1_500 };
pub(super) const PROVIDERS: Quota = Quota { name: "OpenIdConnectProvidersPerAccount", limit: 100 };
pub(super) const CLIENT_IDS: Quota = Quota { name: "ClientIdsPerOpenIdConnectProvider", limit: 100 };
pub(super) const ACCESS_KEYS: Quota = Quota { name: "AccessKeysPerUser", limit: 2 };
pub(super) const POLICIES_PER_ROLE: Quota = Quota { name: "PoliciesPerRole", limit: 10 };
pub(super) const POLICIES_PER_USER: Quota = Quota { name: "PoliciesPerUser", limit: 10 };
/// Characters without whitespace, as all sizes of documents.
pub(super) const TRUST_POLICY_SIZE: Quota = Quota { name: "ACLSizePerRole", limit: 2_048 };
pub(super) const POLICY_SIZE: Quota = Quota { name: "PolicySize", limit: 6_144 };
pub(super) const TAGS: Quota = Quota { name: "TagsPerResource", limit: 50 };
/// The size of all inline policies of one role together.
pub(super) const INLINE_SIZE_PER_ROLE: usize = 10_240;
/// The size of all inline policies of one user together.
pub(super) const INLINE_SIZE_PER_USER: usize = 2_048;
pub(super) const VERSIONS_PER_POLICY: usize = 5;
pub(super) const THUMBPRINTS_PER_PROVIDER: usize = 5;

impl Quota {
    /// Refuses a count over the quota.
    pub(super) fn admit(self, count: usize) -> Result<(), IamError> {
        if count <= self.limit {
            return Ok(());
        }
        Err(IamError::QuotaExceeded { quota: self.name, limit: self.limit })
    }
}
