//! The Security Token Service, API version 2011-06-15.
//!
//! One module an operation. Credentials are made only here, by [`credentials::mint`](crate::credentials::mint()), and only
//! from an [`Authorized`](crate::authorize::Authorized) input.

mod assume_role;
mod assume_role_with_web_identity;
mod caller_identity;
mod error;
mod session_policy;
mod session_token;
mod tags;
mod token_refusal;

use crate::generated::sts::AssumeRoleWithWebIdentityInput;
use crate::server::table::QueryTable;

pub use error::StsError;

/// STS's XML namespace.
pub const XMLNS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// STS's API version.
pub const VERSION: &str = "2011-06-15";

/// Every operation that is served.
#[must_use]
pub fn table() -> QueryTable {
    QueryTable::new("sts", VERSION, XMLNS)
        .unsigned("AssumeRoleWithWebIdentity", |ctx, facts, input: AssumeRoleWithWebIdentityInput| {
            Box::pin(async move {
                assume_role_with_web_identity::assume_role_with_web_identity(&ctx, facts, input).await
            })
        })
        .read("AssumeRole", assume_role::assume_role)
        .read("GetCallerIdentity", caller_identity::get_caller_identity)
        .read("GetAccessKeyInfo", caller_identity::get_access_key_info)
        .read("GetSessionToken", session_token::get_session_token)
}
