//! What is said, and what is remembered, when the answer is no.

use aws_lc_rs::rand;
use http::StatusCode;
use irsa_policy::{Decision, Explanation, Layer};
use irsa_store::model::AccountId;
use irsa_wire::error::ErrorBody;

use super::{Call, Check};
use crate::context::Context;
use crate::decisions::Denial;

/// How much a denial tells its caller. AWS words it differently from service to service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalStyle {
    /// Who, what, on which resource, and which type of policy (IAM guide, "Troubleshoot access denied error messages").
    WithReason,
    /// Who, what, on which resource (STS `AssumeRole`).
    WithoutReason,
    /// One sentence whatever the cause (STS `AssumeRoleWithWebIdentity`).
    Fixed(&'static str),
    /// S3's: as [`Self::WithReason`] with the resource in quotes inside one account, else `Access Denied`.
    S3,
}

/// A denial, as the caller gets to read it. The operator's side of it is in the [`DecisionLog`](crate::decisions::DecisionLog).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The message, authorization id included.
    pub message: String,
    /// The key of the record.
    pub authorization_id: String,
}

impl Refusal {
    /// The answer on the wire.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody::new("AccessDenied", StatusCode::FORBIDDEN, self.message.clone())
    }

    /// Records a denial that was decided before any policy was asked, such as a token that is not acceptable.
    #[must_use]
    pub fn recorded(ctx: &Context, message: &str, mut denial: Denial) -> Self {
        denial.authorization_id = authorization_id();
        let refusal = Self::new(message, denial.authorization_id.clone());
        ctx.decisions.record(denial);
        refusal
    }

    fn new(message: &str, authorization_id: String) -> Self {
        Self { message: format!("{message} (authorization id: {authorization_id})"), authorization_id }
    }
}

pub(super) fn refuse(
    ctx: &Context,
    call: &Call,
    check: &Check,
    decision: Decision,
    explanation: Explanation,
    style: RefusalStyle,
) -> Refusal {
    let principal = call.caller.arn();
    let sentence = explanation.message.clone().unwrap_or_default();
    let reason = reason(&sentence, &check.resource);
    let message = public_message(&principal, call, check, &sentence, style);
    let mut accounts: Vec<AccountId> = call.caller.account.into_iter().collect();
    accounts.extend(check.resource_account);
    let denial = Denial {
        authorization_id: String::new(),
        time: call.facts.now,
        principal,
        subject: call.caller.subject.clone(),
        action: check.action.to_owned(),
        resource: check.resource.clone(),
        code: explanation.fix.as_ref().and_then(|hint| hint.code).unwrap_or_else(|| code(decision)),
        reason: reason.to_owned(),
        fix: explanation.fix.as_ref().map(|hint| hint.advice.clone()),
        explanation: Some(explanation),
        accounts,
    };
    Refusal::recorded(ctx, &message, denial)
}

fn public_message(
    principal: &str,
    call: &Call,
    check: &Check,
    sentence: &str,
    style: RefusalStyle,
) -> String {
    let Check { action, resource, .. } = check;
    let same_account = check.resource_account.is_none_or(|owner| call.caller.account == Some(owner));
    match style {
        RefusalStyle::Fixed(fixed) => fixed.to_owned(),
        RefusalStyle::S3 if !same_account => "Access Denied".to_owned(),
        RefusalStyle::S3 => format!(
            "User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" {}",
            reason(sentence, resource)
        ),
        RefusalStyle::WithReason => sentence.to_owned(),
        RefusalStyle::WithoutReason => {
            format!("User: {principal} is not authorized to perform: {action} on resource: {resource}")
        }
    }
}

/// The half of AWS's sentence that says which type of policy decided.
fn reason<'a>(sentence: &'a str, resource: &str) -> &'a str {
    sentence.split_once(&format!("on resource: {resource} ")).map_or(sentence, |(_, reason)| reason)
}

fn code(decision: Decision) -> &'static str {
    match decision {
        Decision::ExplicitDeny(_) => "IRSA-A002",
        Decision::ImplicitDeny(Layer::Trust) => "IRSA-A003",
        Decision::ImplicitDeny(Layer::Boundary) => "IRSA-A004",
        Decision::ImplicitDeny(Layer::Session) => "IRSA-A005",
        Decision::ImplicitDeny(Layer::Resource) => "IRSA-A006",
        _ => "IRSA-A001",
    }
}

/// Twelve characters that are easy to read aloud: an id, not a secret, yet not guessable either.
fn authorization_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0_u8; 12];
    // A failing random generator makes ids that collide, not denials that pass.
    let _ = rand::fill(&mut random);
    random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|&letter| char::from(letter))
        .collect()
}
