//! From a request to a decision: the only place where one may be allowed.
//!
//! [`Authorized`] is the permit that every operation demands, and only this module makes it: after every [`Check`] that the
//! input [requires](Requires) was put to the policies and allowed. A denial is explained and recorded before it is answered;
//! the caller learns what AWS would say and the authorization id, no more.

mod denial;
mod keys;

use std::net::IpAddr;
use std::sync::Arc;

use irsa_policy::{Attached, Decision, Layers, Policy, Request};
use irsa_store::model::AccountId;
use irsa_store::snapshot::Snapshot;

use crate::context::Context;
use crate::credentials::caller::{Caller, NamedPolicy};

pub use denial::{Refusal, RefusalStyle};
pub use keys::web_identity_keys;

/// What is known of a call beside who makes it and what it asks.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The id of this request, in answers and logs.
    pub request_id: String,
    /// Where it came from.
    pub source_ip: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// Its `User-Agent`.
    pub user_agent: String,
    /// The region of its credential scope, or the server's own when it is unsigned.
    pub region: String,
    /// When it is judged, in seconds since the epoch.
    pub now: i64,
}

/// A call that was authenticated and not yet allowed anything.
#[derive(Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The account that the operation acts in: the caller's, or the resource's when nobody signed.
    pub account: AccountId,
    /// Its circumstances.
    pub facts: Arc<Facts>,
    /// The state that the whole call is judged by.
    pub snapshot: Arc<Snapshot>,
}

/// One question to the policies.
#[derive(Debug, Default)]
pub struct Check {
    /// The action, as policies name it.
    pub action: &'static str,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource; `None` is the caller's own.
    pub resource_account: Option<AccountId>,
    /// The policy that the resource itself has.
    pub resource_policy: Option<ResourcePolicy>,
    /// Condition keys that belong to this question alone.
    pub keys: Vec<(String, irsa_policy::Values)>,
}

/// A policy on a resource.
#[derive(Debug, Clone)]
pub struct ResourcePolicy {
    /// What to call it in an explanation: the resource's ARN.
    pub name: String,
    /// The policy.
    pub policy: Arc<Policy>,
    /// Whether it is a role's trust policy, which has rules of its own.
    pub is_trust: bool,
}

impl Check {
    /// A question about a resource of the caller's own account.
    #[must_use]
    pub fn new(action: &'static str, resource: impl Into<String>) -> Self {
        Self { action, resource: resource.into(), ..Self::default() }
    }

    /// Adds a single-valued condition key.
    #[must_use]
    pub fn with_key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.push((name.into(), irsa_policy::Values::Single(value.into())));
        self
    }

    /// Adds a multivalued condition key.
    #[must_use]
    pub fn with_keys(mut self, name: impl Into<String>, values: Vec<String>) -> Self {
        self.keys.push((name.into(), irsa_policy::Values::Many(values)));
        self
    }
}

/// What an operation's input needs to be allowed. An empty list means that AWS lets every authenticated caller do it.
pub trait Requires {
    /// The questions, in the order in which they are asked; all must be allowed.
    fn checks(&self, call: &Call) -> Vec<Check>;

    /// How a denial is worded.
    fn refusal_style(&self) -> RefusalStyle {
        RefusalStyle::WithReason
    }
}

/// The permit for an operation: its input, and proof that every policy that has a say allowed it.
pub struct Authorized<T> {
    input: T,
    call: Call,
}

impl<T> Authorized<T> {
    /// What was asked for.
    pub fn input(&self) -> &T {
        &self.input
    }

    /// Who asked, and in which state and circumstances.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The account that the operation acts in.
    pub fn account(&self) -> AccountId {
        self.call.account
    }

    /// The region that the operation acts in.
    pub fn region(&self) -> &str {
        &self.call.facts.region
    }

    /// The time of the call, in seconds since the epoch.
    pub fn now(&self) -> i64 {
        self.call.facts.now
    }

    /// The input, taken out.
    pub fn into_input(self) -> T {
        self.input
    }
}

/// Puts every check of `input` to the policies.
///
/// # Errors
/// [`Refusal`] for the first check that is denied; it is recorded by then.
pub fn authorize<T: Requires>(ctx: &Context, call: Call, input: T) -> Result<Authorized<T>, Refusal> {
    for check in input.checks(&call) {
        decide(ctx, &call, &check, input.refusal_style())?;
    }
    Ok(Authorized { input, call })
}

/// Puts one check to the policies and records a denial.
///
/// # Errors
/// [`Refusal`] when it is denied.
pub fn decide(ctx: &Context, call: &Call, check: &Check, style: RefusalStyle) -> Result<(), Refusal> {
    let decision = with_question(call, check, irsa_policy::evaluate);
    if decision == Decision::Allow {
        return Ok(());
    }
    let explanation = with_question(call, check, irsa_policy::explain);
    Err(denial::refuse(ctx, call, check, decision, explanation, style))
}

/// Whether a check would be allowed, without a word about it: for answers that depend on a right that was not asked for
/// (S3 says 404 only to those who may list).
#[must_use]
pub fn would_allow(call: &Call, check: &Check) -> bool {
    with_question(call, check, irsa_policy::evaluate) == Decision::Allow
}

fn with_question<R>(call: &Call, check: &Check, ask: fn(&Request<'_>, &Layers<'_>) -> R) -> R {
    let caller = &call.caller;
    let context = keys::request_context(call, check);
    let resource_account = check.resource_account.as_ref().map(AccountId::as_str);
    let request = Request {
        principal: &caller.principal,
        action: check.action,
        resource: &check.resource,
        resource_account,
        context: &context,
    };
    let identity: Vec<Attached<'_>> = caller.identity.iter().map(NamedPolicy::attached).collect();
    let session: Option<Vec<Attached<'_>>> =
        caller.session.as_ref().map(|policies| policies.iter().map(NamedPolicy::attached).collect());
    let resource = check.resource_policy.as_ref();
    let layers = Layers {
        identity: &identity,
        boundary: caller.boundary.as_ref().map(NamedPolicy::attached),
        session: session.as_deref(),
        resource: resource.map(|policy| Attached { name: &policy.name, policy: &policy.policy }),
        resource_is_trust: resource.is_some_and(|policy| policy.is_trust),
        ..Layers::default()
    };
    ask(&request, &layers)
}
