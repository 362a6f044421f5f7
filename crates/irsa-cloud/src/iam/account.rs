//! The account as a whole: its counts and quotas, its alias.

use std::collections::BTreeMap;

use super::IamError;
use super::paging::Paging;
use super::permissions::requires;
use super::quotas;
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam::{
    GetAccountSummaryInput, GetAccountSummaryOutput, ListAccountAliasesInput, ListAccountAliasesOutput,
};

requires! {
    GetAccountSummaryInput => |_input, _call| vec![Check::new("iam:GetAccountSummary", "*")];
    ListAccountAliasesInput => |_input, _call| vec![Check::new("iam:ListAccountAliases", "*")];
}

/// What cannot exist here counts nothing and has no quota in the answer.
pub(super) fn get_account_summary(
    _ctx: &Context,
    permit: Authorized<GetAccountSummaryInput>,
) -> Result<GetAccountSummaryOutput, IamError> {
    let (snapshot, account) = (&permit.call().snapshot, permit.account());
    let root_keys = snapshot.access_keys(account, None).count();
    let versions = snapshot.policies(account, None).map(|policy| policy.versions.len()).sum();
    let summary = [
        ("Users", snapshot.users(account, None).count()),
        ("UsersQuota", quotas::USERS.limit),
        ("Groups", 0),
        ("Roles", snapshot.roles(account, None).count()),
        ("RolesQuota", quotas::ROLES.limit),
        ("Policies", snapshot.policies(account, None).count()),
        ("PoliciesQuota", quotas::POLICIES.limit),
        ("Providers", snapshot.providers(account, None).count()),
        ("PolicyVersionsInUse", versions),
        ("VersionsPerPolicyQuota", quotas::VERSIONS_PER_POLICY),
        ("PolicySizeQuota", quotas::POLICY_SIZE.limit),
        ("AssumeRolePolicySizeQuota", quotas::TRUST_POLICY_SIZE.limit),
        ("RolePolicySizeQuota", quotas::INLINE_SIZE_PER_ROLE),
        ("UserPolicySizeQuota", quotas::INLINE_SIZE_PER_USER),
        ("AttachedPoliciesPerRoleQuota", quotas::POLICIES_PER_ROLE.limit),
        ("AttachedPoliciesPerUserQuota", quotas::POLICIES_PER_USER.limit),
        ("AccessKeysPerUserQuota", quotas::ACCESS_KEYS.limit),
        ("AccountAccessKeysPresent", root_keys.min(1)),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", 0),
        ("InstanceProfiles", 0),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("ServerCertificates", 0),
    ];
    let summary: BTreeMap<String, i32> = summary
        .into_iter()
        .map(|(name, count)| (name.to_owned(), i32::try_from(count).unwrap_or(i32::MAX)))
        .collect();
    Ok(GetAccountSummaryOutput { summary_map: Some(summary) })
}

pub(super) fn list_account_aliases(
    _ctx: &Context,
    permit: Authorized<ListAccountAliasesInput>,
) -> Result<ListAccountAliasesOutput, IamError> {
    let input = permit.input();
    let account = permit.call().snapshot.account(permit.account());
    let alias = account.and_then(|account| account.alias.clone());
    let page = Paging::new(input.marker.as_deref(), input.max_items)?
        .page(alias.into_iter().map(|alias| (alias.clone(), alias)));
    Ok(ListAccountAliasesOutput {
        account_aliases: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}
