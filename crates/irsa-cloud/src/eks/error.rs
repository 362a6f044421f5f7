//! EKS's errors: AWS's code, status and words.

use http::StatusCode;
use irsa_store::CommitError;

use crate::failure::Failure;

/// Why EKS did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EksError {
    /// No cluster of this name in the account and region.
    #[error("No cluster found for name: {0}.")]
    NoCluster(String),
    /// No update of this id.
    #[error("No update found for ID: {0}")]
    NoUpdate(String),
    /// Nothing that could have tags.
    #[error("The specified resource could not be found: {0}")]
    NoTaggable(String),
    /// A cluster of this name is there already.
    #[error("Cluster already exists with name: {0}")]
    ClusterExists(String),
    /// The cluster is there, but in a way that does not allow it.
    #[error("{message}")]
    InUse {
        /// The cluster.
        name: String,
        /// What is the matter with it.
        message: String,
    },
    /// The account has as many clusters as it may.
    #[error("Cluster quota of {0} clusters exceeded in this Region")]
    ClusterQuota(usize),
    /// A parameter is not acceptable.
    #[error("{0}")]
    InvalidParameter(String),
    /// The cluster's state does not allow it.
    #[error("{0}")]
    InvalidRequest(String),
    /// Tags, or the ARN of what is to be tagged, are not acceptable.
    #[error("{0}")]
    BadRequest(String),
    /// The store did not keep it.
    #[error("Nothing was changed: {0}.")]
    Commit(#[from] CommitError),
    /// Keys could not be made.
    #[error("The cluster's signing key could not be made")]
    Key,
}

impl From<EksError> for Failure {
    fn from(error: EksError) -> Self {
        let (code, status) = match &error {
            EksError::NoCluster(_) | EksError::NoUpdate(_) => {
                ("ResourceNotFoundException", StatusCode::NOT_FOUND)
            }
            EksError::NoTaggable(_) => ("NotFoundException", StatusCode::NOT_FOUND),
            EksError::ClusterExists(_) | EksError::InUse { .. } => {
                ("ResourceInUseException", StatusCode::CONFLICT)
            }
            EksError::ClusterQuota(_) => ("ResourceLimitExceededException", StatusCode::BAD_REQUEST),
            EksError::InvalidParameter(_) => ("InvalidParameterException", StatusCode::BAD_REQUEST),
            EksError::InvalidRequest(_) => ("InvalidRequestException", StatusCode::BAD_REQUEST),
            EksError::BadRequest(_) => ("BadRequestException", StatusCode::BAD_REQUEST),
            EksError::Commit(_) | EksError::Key => {
                tracing::error!(%error, "a cluster was not written");
                ("ServerException", StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        let mut failure = Self::new(code, status, error.to_string());
        if let EksError::NoCluster(name) | EksError::ClusterExists(name) | EksError::InUse { name, .. } =
            error
        {
            failure.body = failure.body.with_detail("clusterName", name);
        }
        failure
    }
}
