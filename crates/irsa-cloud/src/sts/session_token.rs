//! `GetSessionToken`: a user's own temporary credentials.

use super::StsError;
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::credentials::{Actor, Session, mint};
use crate::generated::sts::{Credentials, GetSessionTokenInput, GetSessionTokenOutput};

/// AWS's default: twelve hours.
const DEFAULT_SECONDS: i32 = 43_200;

/// AWS: a user needs no permission, and no policy can deny it.
impl Requires for GetSessionTokenInput {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        Vec::new()
    }
}

pub(super) fn get_session_token(
    ctx: &Context,
    permit: Authorized<GetSessionTokenInput>,
) -> Result<GetSessionTokenOutput, StsError> {
    let caller = &permit.call().caller;
    let user_name = match (&caller.user_name, &caller.temporary) {
        (Some(name), None) => name,
        _ => return Err(StsError::SessionCredentials("GetSessionToken")),
    };
    let now = permit.now();
    let session = Session {
        access_key_id: String::new(),
        account: permit.account(),
        actor: Actor::User { name: user_name.clone(), id: caller.user_id.clone() },
        issued_at: now,
        expires_at: now + i64::from(permit.input().duration_seconds.unwrap_or(DEFAULT_SECONDS)),
        policy: None,
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        web_identity: None,
    };
    let minted = mint(&ctx.keys, session)?;
    ctx.metrics.minted();
    Ok(GetSessionTokenOutput { credentials: Some(Credentials::from(minted)) })
}

impl From<crate::credentials::Credentials> for Credentials {
    fn from(minted: crate::credentials::Credentials) -> Self {
        Self {
            access_key_id: minted.access_key_id,
            secret_access_key: minted.secret_access_key.to_string(),
            session_token: minted.session_token,
            expiration: minted.expires_at,
        }
    }
}
