//! Identity and Access Management, API version 2010-05-08: roles, users, policies, access keys and OIDC providers.
//!
//! Every operation is one function of its room that answers from the snapshot or changes the store in one transaction; what
//! it must be allowed stands beside it, in the room's `requires!`. Messages, limits and codes are AWS's own.

mod absent;
mod access_keys;
mod account;
mod attachments;
mod boundaries;
mod documents;
mod entities;
mod error;
mod inline_policies;
mod managed;
mod paging;
mod permissions;
mod policies;
mod policy_versions;
mod providers;
mod quotas;
mod roles;
mod simulation;
mod tagging;
mod tags;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
mod users;

use http::StatusCode;
use irsa_policy::Principal;

use crate::authorize::Call;
use crate::failure::Failure;
use crate::server::table::QueryTable;

pub use error::IamError;

/// IAM's XML namespace.
pub const XMLNS: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// IAM's API version.
pub const VERSION: &str = "2010-05-08";

/// Every operation that is served.
#[must_use]
pub fn table() -> QueryTable {
    QueryTable::new("iam", VERSION, XMLNS)
        .admitting(no_user_session)
        .write("CreateRole", roles::create_role)
        .read("GetRole", roles::get_role)
        .read("ListRoles", roles::list_roles)
        .write("UpdateRole", roles::update_role)
        .write("UpdateRoleDescription", roles::update_role_description)
        .write("UpdateAssumeRolePolicy", roles::update_assume_role_policy)
        .write("DeleteRole", roles::delete_role)
        .read("ListInstanceProfilesForRole", roles::list_instance_profiles_for_role)
        .write("PutRolePolicy", inline_policies::put_role_policy)
        .read("GetRolePolicy", inline_policies::get_role_policy)
        .read("ListRolePolicies", inline_policies::list_role_policies)
        .write("DeleteRolePolicy", inline_policies::delete_role_policy)
        .write("PutUserPolicy", inline_policies::put_user_policy)
        .read("GetUserPolicy", inline_policies::get_user_policy)
        .read("ListUserPolicies", inline_policies::list_user_policies)
        .write("DeleteUserPolicy", inline_policies::delete_user_policy)
        .write("AttachRolePolicy", attachments::attach_role_policy)
        .write("DetachRolePolicy", attachments::detach_role_policy)
        .read("ListAttachedRolePolicies", attachments::list_attached_role_policies)
        .write("AttachUserPolicy", attachments::attach_user_policy)
        .write("DetachUserPolicy", attachments::detach_user_policy)
        .read("ListAttachedUserPolicies", attachments::list_attached_user_policies)
        .read("ListEntitiesForPolicy", attachments::list_entities_for_policy)
        .write("PutRolePermissionsBoundary", boundaries::put_role_permissions_boundary)
        .write("DeleteRolePermissionsBoundary", boundaries::delete_role_permissions_boundary)
        .write("PutUserPermissionsBoundary", boundaries::put_user_permissions_boundary)
        .write("DeleteUserPermissionsBoundary", boundaries::delete_user_permissions_boundary)
        .write("CreatePolicy", policies::create_policy)
        .read("GetPolicy", policies::get_policy)
        .read("ListPolicies", policies::list_policies)
        .write("DeletePolicy", policies::delete_policy)
        .write("CreatePolicyVersion", policy_versions::create_policy_version)
        .read("GetPolicyVersion", policy_versions::get_policy_version)
        .read("ListPolicyVersions", policy_versions::list_policy_versions)
        .write("SetDefaultPolicyVersion", policy_versions::set_default_policy_version)
        .write("DeletePolicyVersion", policy_versions::delete_policy_version)
        .write("CreateUser", users::create_user)
        .read("GetUser", users::get_user)
        .read("ListUsers", users::list_users)
        .write("UpdateUser", users::update_user)
        .write("DeleteUser", users::delete_user)
        .write("CreateAccessKey", access_keys::create_access_key)
        .read("ListAccessKeys", access_keys::list_access_keys)
        .write("UpdateAccessKey", access_keys::update_access_key)
        .write("DeleteAccessKey", access_keys::delete_access_key)
        .read("GetAccessKeyLastUsed", access_keys::get_access_key_last_used)
        .write("CreateOpenIDConnectProvider", providers::create_open_id_connect_provider)
        .read("GetOpenIDConnectProvider", providers::get_open_id_connect_provider)
        .read("ListOpenIDConnectProviders", providers::list_open_id_connect_providers)
        .write("DeleteOpenIDConnectProvider", providers::delete_open_id_connect_provider)
        .write("AddClientIDToOpenIDConnectProvider", providers::add_client_id_to_open_id_connect_provider)
        .write(
            "RemoveClientIDFromOpenIDConnectProvider",
            providers::remove_client_id_from_open_id_connect_provider,
        )
        .write("UpdateOpenIDConnectProviderThumbprint", providers::update_open_id_connect_provider_thumbprint)
        .write("TagRole", tagging::tag_role)
        .write("UntagRole", tagging::untag_role)
        .read("ListRoleTags", tagging::list_role_tags)
        .write("TagUser", tagging::tag_user)
        .write("UntagUser", tagging::untag_user)
        .read("ListUserTags", tagging::list_user_tags)
        .write("TagPolicy", tagging::tag_policy)
        .write("UntagPolicy", tagging::untag_policy)
        .read("ListPolicyTags", tagging::list_policy_tags)
        .write("TagOpenIDConnectProvider", tagging::tag_open_id_connect_provider)
        .write("UntagOpenIDConnectProvider", tagging::untag_open_id_connect_provider)
        .read("ListOpenIDConnectProviderTags", tagging::list_open_id_connect_provider_tags)
        .read("SimulateCustomPolicy", simulation::simulate_custom_policy)
        .read("SimulatePrincipalPolicy", simulation::simulate_principal_policy)
        .read("GetContextKeysForCustomPolicy", simulation::context_keys_for_custom_policy)
        .read("GetContextKeysForPrincipalPolicy", simulation::context_keys_for_principal_policy)
        .read("ListGroupsForUser", absent::list_groups_for_user)
        .read("GetLoginProfile", absent::get_login_profile)
        .read("DeleteLoginProfile", absent::delete_login_profile)
        .read("ListMFADevices", absent::list_mfa_devices)
        .read("ListVirtualMFADevices", absent::list_virtual_mfa_devices)
        .read("ListSSHPublicKeys", absent::list_ssh_public_keys)
        .read("ListSigningCertificates", absent::list_signing_certificates)
        .read("ListServiceSpecificCredentials", absent::list_service_specific_credentials)
        .read("GetAccountSummary", account::get_account_summary)
        .read("ListAccountAliases", account::list_account_aliases)
}

/// "You cannot call any IAM API operations unless MFA authentication information is included in the request" (STS API
/// reference, "GetSessionToken"), and there is no MFA here.
fn no_user_session(call: &Call) -> Result<(), Failure> {
    let is_user_session =
        call.caller.temporary.is_some() && matches!(call.caller.principal, Principal::User { .. });
    if !is_user_session {
        return Ok(());
    }
    Err(Failure::new(
        "InvalidClientTokenId",
        StatusCode::FORBIDDEN,
        "The security token included in the request is invalid",
    ))
}
