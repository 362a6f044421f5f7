//! STS's errors: AWS's code, status and words, with the cause that only the operator reads.

use http::StatusCode;
use irsa_policy::MalformedPolicy;

use crate::authorize::Refusal;
use crate::credentials::SealError;
use crate::failure::Failure;

/// Why STS gave out nothing.
#[derive(Debug, thiserror::Error)]
pub enum StsError {
    /// The policies, or the trust policy, say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The token is not acceptable, whichever role was asked for.
    #[error("{message}")]
    Token {
        /// `InvalidIdentityToken`, `ExpiredTokenException` or `IDPCommunicationError`.
        code: &'static str,
        /// AWS's message.
        message: String,
        /// The operator's record of the cause.
        authorization_id: String,
    },
    /// The role's ARN is not one.
    #[error("Request ARN is invalid")]
    InvalidArn,
    /// More seconds than the role allows.
    #[error("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")]
    DurationOverRole,
    /// More seconds than a chained role may last.
    #[error(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )]
    DurationOverChaining,
    /// The session policy does not parse.
    #[error("{0}")]
    MalformedPolicy(MalformedPolicy),
    /// A managed session policy that does not exist.
    #[error("The specified policy {0} does not exist or is not attachable.")]
    NoSuchPolicy(String),
    /// Policies and tags together are too large.
    #[error("Packed size of session {what} consumes {percent}% of allotted space.")]
    PackedPolicyTooLarge {
        /// `policy` or `tags`.
        what: &'static str,
        /// How much of the space, over 100.
        percent: u32,
    },
    /// Session tags that contradict each other or the calling session's.
    #[error("{0}")]
    Tags(&'static str),
    /// A session's credentials where only a user's own will do.
    #[error("Cannot call {0} with session credentials")]
    SessionCredentials(&'static str),
    /// An access key id that carries no account.
    #[error("The specified access key id is not valid")]
    InvalidAccessKeyId,
    /// The session's source identity is set and another was asked for.
    #[error("The source identity of the calling session cannot be changed")]
    SourceIdentityFixed,
    /// Sealing failed.
    #[error("The request processing has failed because of an unknown error, exception or failure.")]
    Seal(#[from] SealError),
}

impl From<StsError> for Failure {
    fn from(error: StsError) -> Self {
        let message = error.to_string();
        let (code, status) = match error {
            StsError::Refused(refusal) => return refusal.into(),
            StsError::Token { code, message, authorization_id } => {
                let mut failure = Self::new(code, StatusCode::BAD_REQUEST, message);
                failure.authorization_id = Some(authorization_id);
                return failure;
            }
            StsError::InvalidArn | StsError::DurationOverRole | StsError::DurationOverChaining => {
                ("ValidationError", StatusCode::BAD_REQUEST)
            }
            StsError::MalformedPolicy(_) | StsError::NoSuchPolicy(_) => {
                ("MalformedPolicyDocument", StatusCode::BAD_REQUEST)
            }
            StsError::PackedPolicyTooLarge { .. } => ("PackedPolicyTooLarge", StatusCode::BAD_REQUEST),
            StsError::Tags(_) | StsError::SourceIdentityFixed => {
                ("InvalidParameterValue", StatusCode::BAD_REQUEST)
            }
            StsError::InvalidAccessKeyId => ("ValidationError", StatusCode::BAD_REQUEST),
            StsError::SessionCredentials(_) => ("AccessDenied", StatusCode::FORBIDDEN),
            StsError::Seal(cause) => {
                tracing::error!(%cause, "credentials could not be made");
                ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        Self::new(code, status, message)
    }
}
