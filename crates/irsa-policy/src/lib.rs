//! The AWS IAM policy language: parse, compile, evaluate, explain, [`lint`].
//!
//! No I/O, no clock, no randomness: all that a decision depends on is in its [`Request`] and [`Layers`].
//!
//! ```
//! use irsa_policy::{Attached, Context, Decision, Layers, Policy, PolicyType, Principal, Request, evaluate, explain};
//!
//! let trust = Policy::parse(
//!     r#"{
//!       "Version": "2012-10-17",
//!       "Statement": [{
//!         "Effect": "Allow",
//!         "Principal": { "Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1" },
//!         "Action": "sts:AssumeRoleWithWebIdentity",
//!         "Condition": { "StringEquals": {
//!           "oidc.example.com/id/A1:sub": "system:serviceaccount:shop:api",
//!           "oidc.example.com/id/A1:aud": "sts.amazonaws.com"
//!         } }
//!       }]
//!     }"#,
//!     PolicyType::Trust,
//! )?;
//! let layers = Layers {
//!     resource: Some(Attached { name: "trust", policy: &trust }),
//!     resource_is_trust: true,
//!     ..Layers::default()
//! };
//! let principal =
//!     Principal::WebIdentity { provider_arn: "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1".into() };
//! let mut context = Context::new();
//! context.set("oidc.example.com/id/A1:sub", "system:serviceaccount:shop:api");
//! context.set_all("oidc.example.com/id/A1:aud", ["sts.amazonaws.com"]);
//! let request = Request {
//!     principal: &principal,
//!     action: "sts:AssumeRoleWithWebIdentity",
//!     resource: "arn:aws:iam::111122223333:role/shop-api",
//!     resource_account: Some("111122223333"),
//!     context: &context,
//! };
//! assert_eq!(evaluate(&request, &layers), Decision::Allow);
//!
//! // Another service account of the same cluster is refused, and `explain` says why.
//! let mut other = context.clone();
//! other.set("oidc.example.com/id/A1:sub", "system:serviceaccount:shop:web");
//! let explanation = explain(&Request { context: &other, ..request }, &layers);
//! assert_eq!(explanation.message.as_deref(), Some("Not authorized to perform sts:AssumeRoleWithWebIdentity"));
//! assert_eq!(
//!     explanation.fix.unwrap().advice,
//!     "`oidc.example.com/id/A1:sub` is `system:serviceaccount:shop:web`, \
//!      but the statement wants system:serviceaccount:shop:api",
//! );
//! # Ok::<(), irsa_policy::MalformedPolicy>(())
//! ```
#![forbid(unsafe_code)]

mod arn;
mod claim;
mod compile;
mod condition;
mod document;
mod evaluate;
mod explain;
pub mod lint;
mod pattern;
mod request;

pub use arn::Arn;
pub use compile::Policy;
pub use document::{MalformedPolicy, PolicyType, Span, size_without_whitespace};
pub use evaluate::{Attached, Deciding, Decision, Layer, Layers, Outcome, decide, evaluate};
pub use explain::{
    ConditionTrace, ElementTrace, Explanation, Hint, LayerTrace, PolicyTrace, Reason, StatementTrace,
    Verdict, WantedTrace, denial_message, explain,
};
pub use request::{Context, Principal, Request, Values};
