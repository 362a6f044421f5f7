//! Refusing a web identity token: AWS's message to the caller, the cause to the operator.

use irsa_store::Snapshot;
use irsa_token::TokenError;
use irsa_token::claims::Claims;

use super::StsError;
use crate::arn::RoleArn;
use crate::authorize::{Facts, Refusal};
use crate::context::Context;
use crate::decisions::Denial;

/// How far the issuer's clock may be ahead of ours.
const LEEWAY_SECONDS: i64 = 300;

const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";

/// The surroundings of one exchange, for the steps that may refuse it.
pub(super) struct Scene<'a> {
    pub(super) ctx: &'a Context,
    pub(super) facts: &'a Facts,
    pub(super) snapshot: &'a Snapshot,
    /// The role that was asked for, taken apart.
    pub(super) role_arn: &'a RoleArn,
    /// The same as it was written.
    pub(super) asked: &'a str,
}

impl Scene<'_> {
    /// A token that is wrong in itself. The caller reads AWS's words, the operator the whole of it.
    pub(super) fn bad_token(
        &self,
        code: &'static str,
        cause: &TokenError,
        claims: Option<&Claims>,
    ) -> StsError {
        self.token_error(code, "InvalidIdentityToken", cause.to_string(), cause.reason(), claims, None)
    }

    /// Refuses a token outside its time. One from an issuer whose clock is ahead of ours passes; an expired one gets no grace.
    pub(super) fn check_times(&self, claims: &Claims) -> Result<(), StsError> {
        let error = match claims.check_time(self.facts.now, 0) {
            Ok(()) => return Ok(()),
            Err(TokenError::NotYetValid { now, from }) if from <= now + LEEWAY_SECONDS => return Ok(()),
            Err(error) => error,
        };
        let aws_code = match error {
            TokenError::Expired { .. } | TokenError::TooOld { .. } => "ExpiredTokenException",
            _ => "InvalidIdentityToken",
        };
        Err(self.token_error("IRSA-T062", aws_code, error.to_string(), error.reason(), Some(claims), None))
    }

    pub(super) fn no_key(&self, cause: &dyn std::error::Error, claims: Option<&Claims>) -> StsError {
        self.token_error(
            "IRSA-I001",
            "InvalidIdentityToken",
            NO_KEY.to_owned(),
            cause.to_string(),
            claims,
            None,
        )
    }

    pub(super) fn token_error(
        &self,
        code: &'static str,
        aws_code: &'static str,
        message: String,
        reason: String,
        claims: Option<&Claims>,
        fix: Option<String>,
    ) -> StsError {
        let mut denial = self.denial(code, reason, fix);
        if let Some(claims) = claims {
            denial.principal = format!("{} (not verified)", claims.iss);
            denial.subject = Some(claims.sub.clone());
        }
        let refusal = Refusal::recorded(self.ctx, &message, denial);
        StsError::Token { code: aws_code, message, authorization_id: refusal.authorization_id }
    }

    pub(super) fn denial(&self, code: &'static str, reason: String, fix: Option<String>) -> Denial {
        Denial {
            authorization_id: String::new(),
            time: self.facts.now,
            principal: "unknown".to_owned(),
            subject: None,
            action: "sts:AssumeRoleWithWebIdentity".to_owned(),
            resource: self.asked.to_owned(),
            code,
            reason,
            explanation: None,
            fix,
            accounts: vec![self.role_arn.account],
        }
    }
}
