//! The AWS IAM policy language: parse, compile, evaluate, explain.
//!
//! No I/O, no clock, no randomness: what a decision depends on is in its [`Request`] and [`Layers`].
#![forbid(unsafe_code)]

mod arn;
mod compile;
mod condition;
mod document;
mod evaluate;
mod explain;
mod pattern;
mod request;

pub use arn::Arn;
pub use compile::Policy;
pub use document::Span;
pub use document::{MalformedPolicy, PolicyType, size_without_whitespace};
pub use evaluate::{Attached, Decision, Layer, Layers, evaluate};
pub use explain::{
    ConditionTrace, ElementTrace, Explanation, Hint, LayerTrace, PolicyTrace, Reason, StatementTrace,
    Verdict, WantedTrace, denial_message, explain,
};
pub use request::{Context, Principal, Request, Values};
