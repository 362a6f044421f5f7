//! `GetCallerIdentity` and `GetAccessKeyInfo`: who am I, and whose is that.

use irsa_store::model::ids::account_of_access_key;

use super::StsError;
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::sts::{
    GetAccessKeyInfoInput, GetAccessKeyInfoOutput, GetCallerIdentityInput, GetCallerIdentityOutput,
};

/// AWS: "No permissions are required to perform this operation", and none can deny it.
impl Requires for GetCallerIdentityInput {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        Vec::new()
    }
}

pub(super) fn get_caller_identity(
    _ctx: &Context,
    permit: Authorized<GetCallerIdentityInput>,
) -> Result<GetCallerIdentityOutput, StsError> {
    let caller = &permit.call().caller;
    Ok(GetCallerIdentityOutput {
        user_id: Some(caller.user_id.clone()),
        account: Some(permit.account().to_string()),
        arn: Some(caller.arn()),
    })
}

impl Requires for GetAccessKeyInfoInput {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        vec![Check::new("sts:GetAccessKeyInfo", "*")]
    }
}

/// The account is part of the access key id, so that keys of any account, also AWS's own, can be looked up.
pub(super) fn get_access_key_info(
    _ctx: &Context,
    permit: Authorized<GetAccessKeyInfoInput>,
) -> Result<GetAccessKeyInfoOutput, StsError> {
    let account = account_of_access_key(&permit.input().access_key_id).ok_or(StsError::InvalidAccessKeyId)?;
    Ok(GetAccessKeyInfoOutput { account: Some(account.to_string()) })
}
