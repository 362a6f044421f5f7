//! What every operation fails with in the end: AWS's answer, and the id of the record when the operator can read more.

use http::StatusCode;
use irsa_store::CommitError;
use irsa_wire::error::ErrorBody;

use crate::authorize::Refusal;

/// An error on its way to the wire.
#[derive(Debug, Clone)]
pub struct Failure {
    /// AWS's code, status and message.
    pub body: ErrorBody,
    /// The key of the record that `irsa why` reads, for denials.
    pub authorization_id: Option<String>,
}

impl Failure {
    /// An error that needs no record.
    #[must_use]
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { body: ErrorBody::new(code, status, message.into()), authorization_id: None }
    }

    /// AWS's answer to input that breaks a constraint.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", StatusCode::BAD_REQUEST, message)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { body: refusal.body(), authorization_id: Some(refusal.authorization_id) }
    }
}

impl From<ErrorBody> for Failure {
    fn from(body: ErrorBody) -> Self {
        Self { body, authorization_id: None }
    }
}

/// A write that could not be kept: the caller may retry, and reads why.
impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        tracing::error!(%error, "a write was not kept");
        match error {
            CommitError::Conflict => Self::new(
                "ConcurrentModification",
                StatusCode::CONFLICT,
                "The request was rejected because multiple requests to change this object were submitted simultaneously.",
            ),
            other => Self::new(
                "ServiceFailure",
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("Nothing was changed: {other}."),
            ),
        }
    }
}
