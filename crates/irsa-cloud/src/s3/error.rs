//! AWS's answers of S3 (S3 API reference, "Error responses").

use http::StatusCode;
use irsa_wire::error::ErrorBody;

use super::storage::{ReceiveError, StorageError};
use crate::failure::Failure;

pub(super) fn no_such_bucket(bucket: &str) -> Failure {
    ErrorBody::new("NoSuchBucket", StatusCode::NOT_FOUND, "The specified bucket does not exist")
        .with_detail("BucketName", bucket)
        .into()
}

pub(super) fn no_such_key(key: &str) -> Failure {
    ErrorBody::new("NoSuchKey", StatusCode::NOT_FOUND, "The specified key does not exist.")
        .with_detail("Key", key)
        .into()
}

pub(super) fn no_such_upload(id: &str) -> Failure {
    ErrorBody::new(
        "NoSuchUpload",
        StatusCode::NOT_FOUND,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
    .with_detail("UploadId", id)
    .into()
}

pub(super) fn access_denied() -> Failure {
    Failure::new("AccessDenied", StatusCode::FORBIDDEN, "Access Denied")
}

pub(super) fn invalid_argument(message: impl Into<String>) -> Failure {
    Failure::new("InvalidArgument", StatusCode::BAD_REQUEST, message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> Failure {
    Failure::new("InvalidRequest", StatusCode::BAD_REQUEST, message)
}

pub(super) fn invalid_uri() -> Failure {
    Failure::new("InvalidURI", StatusCode::BAD_REQUEST, "Couldn't parse the specified URI.")
}

pub(super) fn invalid_range() -> Failure {
    Failure::new("InvalidRange", StatusCode::RANGE_NOT_SATISFIABLE, "The requested range is not satisfiable")
}

pub(super) fn precondition_failed(condition: &'static str) -> Failure {
    ErrorBody::new(
        "PreconditionFailed",
        StatusCode::PRECONDITION_FAILED,
        "At least one of the pre-conditions you specified did not hold",
    )
    .with_detail("Condition", condition)
    .into()
}

pub(super) fn not_implemented() -> Failure {
    Failure::new(
        "NotImplemented",
        StatusCode::NOT_IMPLEMENTED,
        "A header you provided implies functionality that is not implemented",
    )
}

pub(super) fn too_large() -> Failure {
    Failure::new("MaxMessageLengthExceeded", StatusCode::BAD_REQUEST, "Your request was too large.")
}

pub(super) fn internal() -> Failure {
    Failure::new(
        "InternalError",
        StatusCode::INTERNAL_SERVER_ERROR,
        "We encountered an internal error. Please try again.",
    )
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "the storage of objects failed");
        internal()
    }
}

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::TooLarge => Self::new(
                "EntityTooLarge",
                StatusCode::BAD_REQUEST,
                "Your proposed upload exceeds the maximum allowed size",
            ),
            // The body's own verdict is answered in place of this.
            ReceiveError::Body(_) => Self::new(
                "IncompleteBody",
                StatusCode::BAD_REQUEST,
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            ReceiveError::Storage(error) => error.into(),
        }
    }
}
