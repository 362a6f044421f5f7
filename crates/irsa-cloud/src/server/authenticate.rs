//! Who calls: the signature, checked against the secret of the key that it names.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use irsa_wire::error::Protocol;
use irsa_wire::sigv4::{Payload, Presented, Verified, sha256_hex};

use crate::authorize::{Call, Facts};
use crate::context::Context;
use crate::credentials::caller::{CallerError, claim, still_running};
use crate::failure::Failure;

/// Whose words a failure is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// STS and IAM.
    Query,
    /// EKS.
    RestJson,
    /// S3.
    S3,
}

/// Authenticates a request whose body is at hand.
///
/// # Errors
/// AWS's answer, in the words of `dialect`.
pub fn authenticate(
    ctx: &Context,
    parts: &Parts,
    body: &[u8],
    presented: &Presented,
    facts: &Arc<Facts>,
    dialect: Dialect,
) -> Result<Call, Failure> {
    let hash = sha256_hex(body);
    if let Payload::Hash(signed) = &presented.payload
        && *signed != hash
    {
        return Err(irsa_wire::sigv4::SigError::Mismatch.body(dialect.protocol()).into());
    }
    verified_call(ctx, parts, Some(&hash), presented, facts, dialect).map(|(call, _)| call)
}

/// Authenticates a request by its head; what the signature says of the body is still to be checked while it is read.
///
/// # Errors
/// AWS's answer, in the words of `dialect`.
pub fn verified_call(
    ctx: &Context,
    parts: &Parts,
    body_sha256_hex: Option<&str>,
    presented: &Presented,
    facts: &Arc<Facts>,
    dialect: Dialect,
) -> Result<(Call, Verified), Failure> {
    let snapshot = ctx.store.snapshot();
    let claimed = claim(&snapshot, &ctx.keys, &presented.access_key_id, presented.session_token.as_deref())
        .map_err(|error| dialect.failure(error))?;
    let verified = presented
        .verify(parts, body_sha256_hex, &claimed.secret, facts.now)
        .map_err(|error| Failure::from(error.body(dialect.protocol())))?;
    still_running(&claimed.caller, facts.now).map_err(|error| dialect.failure(error))?;
    let scope = &presented.scope;
    ctx.uses.note(&snapshot, &claimed.caller, &scope.service, &scope.region, facts.now);
    let account = claimed.caller.account.ok_or_else(|| dialect.failure(CallerError::UnknownKey))?;
    Ok((Call { caller: claimed.caller, account, facts: Arc::clone(facts), snapshot }, verified))
}

/// A signed operation that came unsigned.
#[must_use]
pub fn missing_query_token() -> Failure {
    Failure::new(
        "MissingAuthenticationToken",
        StatusCode::FORBIDDEN,
        "Request is missing Authentication Token",
    )
}

/// The same in EKS's words.
#[must_use]
pub fn missing_rest_token() -> Failure {
    Failure::new("MissingAuthenticationTokenException", StatusCode::FORBIDDEN, "Missing Authentication Token")
}

impl Dialect {
    fn protocol(self) -> Protocol {
        match self {
            Self::Query => Protocol::Query,
            Self::RestJson => Protocol::RestJson,
            Self::S3 => Protocol::RestXml,
        }
    }

    /// AWS's answers to credentials that identify nobody.
    fn failure(self, error: CallerError) -> Failure {
        let forbidden = StatusCode::FORBIDDEN;
        match (self, error) {
            (Self::Query, CallerError::Expired) => Failure::new(
                "ExpiredToken",
                forbidden,
                "The security token included in the request is expired",
            ),
            (Self::Query, _) => Failure::new(
                "InvalidClientTokenId",
                forbidden,
                "The security token included in the request is invalid.",
            ),
            (Self::RestJson, CallerError::Expired) => Failure::new(
                "ExpiredTokenException",
                forbidden,
                "The security token included in the request is expired",
            ),
            (Self::RestJson, _) => Failure::new(
                "UnrecognizedClientException",
                forbidden,
                "The security token included in the request is invalid.",
            ),
            (Self::S3, CallerError::Expired) => {
                Failure::new("ExpiredToken", StatusCode::BAD_REQUEST, "The provided token has expired.")
            }
            (Self::S3, CallerError::BadToken) => Failure::new(
                "InvalidToken",
                StatusCode::BAD_REQUEST,
                "The provided token is malformed or otherwise invalid.",
            ),
            (Self::S3, CallerError::UnknownKey) => Failure::new(
                "InvalidAccessKeyId",
                forbidden,
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
        }
    }
}
