//! What users cannot have here: groups, passwords, MFA devices, SSH keys, certificates, service credentials.
//!
//! Clients that delete a user ask for all of them first. The answers are AWS's for a user that has none, after the same
//! questions to the policies and about the same users that exist.

use irsa_store::model::User;

use super::IamError;
use super::entities::{Holder, user_or_caller};
use super::permissions::{on_all, on_user, on_user_or_caller, requires};
use crate::authorize::{Authorized, Call};
use crate::context::Context;
use crate::generated::iam::{
    DeleteLoginProfileInput, DeleteLoginProfileOutput, GetLoginProfileInput, GetLoginProfileOutput,
    ListGroupsForUserInput, ListGroupsForUserOutput, ListMFADevicesInput, ListMFADevicesOutput,
    ListSSHPublicKeysInput, ListSSHPublicKeysOutput, ListServiceSpecificCredentialsInput,
    ListServiceSpecificCredentialsOutput, ListSigningCertificatesInput, ListSigningCertificatesOutput,
    ListVirtualMFADevicesInput, ListVirtualMFADevicesOutput,
};

requires! {
    ListGroupsForUserInput => |input, call| vec![on_user(call, "iam:ListGroupsForUser", &input.user_name)];
    GetLoginProfileInput => |input, call| {
        vec![on_user_or_caller(call, "iam:GetLoginProfile", input.user_name.as_deref())]
    };
    DeleteLoginProfileInput => |input, call| {
        vec![on_user_or_caller(call, "iam:DeleteLoginProfile", input.user_name.as_deref())]
    };
    ListMFADevicesInput => |input, call| {
        vec![on_user_or_caller(call, "iam:ListMFADevices", input.user_name.as_deref())]
    };
    ListVirtualMFADevicesInput => |_input, call| vec![on_all(call, "iam:ListVirtualMFADevices", "mfa/")];
    ListSSHPublicKeysInput => |input, call| {
        vec![on_user_or_caller(call, "iam:ListSSHPublicKeys", input.user_name.as_deref())]
    };
    ListSigningCertificatesInput => |input, call| {
        vec![on_user_or_caller(call, "iam:ListSigningCertificates", input.user_name.as_deref())]
    };
    ListServiceSpecificCredentialsInput => |input, call| {
        vec![on_user_or_caller(call, "iam:ListServiceSpecificCredentials", input.user_name.as_deref())]
    };
}

pub(super) fn list_groups_for_user(
    _ctx: &Context,
    permit: Authorized<ListGroupsForUserInput>,
) -> Result<ListGroupsForUserOutput, IamError> {
    existing(permit.call(), Some(&permit.input().user_name))?;
    Ok(ListGroupsForUserOutput { groups: Vec::new(), is_truncated: Some(false), marker: None })
}

pub(super) fn get_login_profile(
    _ctx: &Context,
    permit: Authorized<GetLoginProfileInput>,
) -> Result<GetLoginProfileOutput, IamError> {
    let user = existing(permit.call(), permit.input().user_name.as_deref())?;
    Err(IamError::NoLoginProfile(user.name.clone()))
}

pub(super) fn delete_login_profile(
    _ctx: &Context,
    permit: Authorized<DeleteLoginProfileInput>,
) -> Result<DeleteLoginProfileOutput, IamError> {
    let user = existing(permit.call(), permit.input().user_name.as_deref())?;
    Err(IamError::NoLoginProfile(user.name.clone()))
}

pub(super) fn list_mfa_devices(
    _ctx: &Context,
    permit: Authorized<ListMFADevicesInput>,
) -> Result<ListMFADevicesOutput, IamError> {
    existing(permit.call(), permit.input().user_name.as_deref())?;
    Ok(ListMFADevicesOutput { mfa_devices: Vec::new(), is_truncated: Some(false), marker: None })
}

pub(super) fn list_virtual_mfa_devices(
    _ctx: &Context,
    _permit: Authorized<ListVirtualMFADevicesInput>,
) -> Result<ListVirtualMFADevicesOutput, IamError> {
    Ok(ListVirtualMFADevicesOutput {
        virtual_mfa_devices: Vec::new(),
        is_truncated: Some(false),
        marker: None,
    })
}

pub(super) fn list_ssh_public_keys(
    _ctx: &Context,
    permit: Authorized<ListSSHPublicKeysInput>,
) -> Result<ListSSHPublicKeysOutput, IamError> {
    existing(permit.call(), permit.input().user_name.as_deref())?;
    Ok(ListSSHPublicKeysOutput { ssh_public_keys: Some(Vec::new()), is_truncated: Some(false), marker: None })
}

pub(super) fn list_signing_certificates(
    _ctx: &Context,
    permit: Authorized<ListSigningCertificatesInput>,
) -> Result<ListSigningCertificatesOutput, IamError> {
    existing(permit.call(), permit.input().user_name.as_deref())?;
    Ok(ListSigningCertificatesOutput { certificates: Vec::new(), is_truncated: Some(false), marker: None })
}

pub(super) fn list_service_specific_credentials(
    _ctx: &Context,
    permit: Authorized<ListServiceSpecificCredentialsInput>,
) -> Result<ListServiceSpecificCredentialsOutput, IamError> {
    existing(permit.call(), permit.input().user_name.as_deref())?;
    Ok(ListServiceSpecificCredentialsOutput {
        service_specific_credentials: Some(Vec::new()),
        marker: None,
        is_truncated: None,
    })
}

fn existing<'a>(call: &'a Call, named: Option<&'a str>) -> Result<&'a User, IamError> {
    let name = user_or_caller(call, named)?;
    User::find(&call.snapshot, call.account, name).map(|stored| &***stored)
}
