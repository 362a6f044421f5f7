//! Advice for the mistakes that people make again and again.

use serde::Serialize;

use super::LayerTrace;
use crate::evaluate::{Decision, Layers};
use crate::request::Request;

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The policy at fault.
    pub policy: String,
    /// Its statement, from 0; `None` when no statement is at fault.
    pub statement: Option<usize>,
    /// One sentence that says what is wrong and what to write.
    pub advice: String,
}

pub(super) fn find(
    request: &Request<'_>,
    layers: &Layers<'_>,
    decision: Decision,
    traces: &[LayerTrace],
) -> Option<Hint> {
    let _ = (request, layers, decision, traces);
    None
}
