//! IAM's errors: AWS's code, status and words.

use http::StatusCode;
use irsa_policy::MalformedPolicy;
use irsa_store::CommitError;

use crate::authorize::Refusal;
use crate::failure::Failure;

/// Why IAM did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// What AWS denies whatever the caller's policies say.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such role in the account.
    #[error("The role with name {0} cannot be found.")]
    NoSuchRole(String),
    /// No such user in the account.
    #[error("The user with name {0} cannot be found.")]
    NoSuchUser(String),
    /// No such managed policy, or it is not attached where it should be detached.
    #[error("Policy {0} was not found.")]
    NoSuchPolicy(String),
    /// No such managed policy to attach.
    #[error("Policy {0} does not exist or is not attachable.")]
    NotAttachable(String),
    /// No such managed policy to be a permissions boundary.
    #[error("Scope ARN: {0} does not exist or is not attachable.")]
    NoSuchBoundary(String),
    /// No such version of a managed policy.
    #[error("Policy {arn} version {version} does not exist or is not attachable.")]
    NoSuchVersion {
        /// The policy's ARN.
        arn: String,
        /// The version's id.
        version: String,
    },
    /// No such inline policy.
    #[error("The {holder} policy with name {policy} cannot be found.")]
    NoSuchInlinePolicy {
        /// `role` or `user`.
        holder: &'static str,
        /// The policy's name.
        policy: String,
    },
    /// No such OIDC provider in the account.
    #[error("OpenIDConnect Provider not found for arn {0}")]
    NoSuchProvider(String),
    /// No such access key of the user.
    #[error("The Access Key with id {0} cannot be found.")]
    NoSuchAccessKey(String),
    /// Users have no passwords here, and AWS says this of a user without one.
    #[error("Login Profile for User {0} cannot be found.")]
    NoLoginProfile(String),
    /// The name of a role, user or managed policy, or a provider's URL, is taken.
    #[error("{0}")]
    AlreadyExists(String),
    /// Something must be removed first.
    #[error("{0}")]
    DeleteConflict(&'static str),
    /// A quota of the account or of one entity.
    #[error("Cannot exceed quota for {quota}: {limit}")]
    QuotaExceeded {
        /// AWS's name of the quota.
        quota: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The inline policies of one role or user are too large together.
    #[error("Maximum policy size of {limit} bytes exceeded for {holder} {name}")]
    InlineTooLarge {
        /// Characters without whitespace.
        limit: usize,
        /// `role` or `user`.
        holder: &'static str,
        /// The role's or user's name.
        name: String,
    },
    /// More than five versions of a managed policy.
    #[error(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."
    )]
    TooManyVersions,
    /// The policy document is refused.
    #[error("{0}")]
    MalformedPolicy(#[from] MalformedPolicy),
    /// A trust policy names a user or role that does not exist.
    #[error("Invalid principal in policy: \"AWS\":\"{0}\"")]
    InvalidPrincipal(String),
    /// The input contradicts itself or a rule that no constraint of the service model tells.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// The input of a simulation makes no sense.
    #[error("{0}")]
    Unsimulatable(String),
    /// No such group: there are none.
    #[error("The group with name {0} cannot be found.")]
    NoSuchGroup(String),
    /// The input has not the form that it must have.
    #[error("{0}")]
    Validation(String),
    /// The store did not keep it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system's random generator failed.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

impl From<IamError> for Failure {
    fn from(error: IamError) -> Self {
        let message = error.to_string();
        let (code, status) = match error {
            IamError::Refused(refusal) => return refusal.into(),
            IamError::Commit(error) => return error.into(),
            IamError::NoSuchRole(_)
            | IamError::NoSuchUser(_)
            | IamError::NoSuchGroup(_)
            | IamError::NoSuchPolicy(_)
            | IamError::NotAttachable(_)
            | IamError::NoSuchBoundary(_)
            | IamError::NoSuchVersion { .. }
            | IamError::NoSuchInlinePolicy { .. }
            | IamError::NoSuchProvider(_)
            | IamError::NoSuchAccessKey(_)
            | IamError::NoLoginProfile(_) => ("NoSuchEntity", StatusCode::NOT_FOUND),
            IamError::AlreadyExists(_) => ("EntityAlreadyExists", StatusCode::CONFLICT),
            IamError::DeleteConflict(_) => ("DeleteConflict", StatusCode::CONFLICT),
            IamError::QuotaExceeded { .. } | IamError::InlineTooLarge { .. } | IamError::TooManyVersions => {
                ("LimitExceeded", StatusCode::CONFLICT)
            }
            IamError::MalformedPolicy(_) | IamError::InvalidPrincipal(_) => {
                ("MalformedPolicyDocument", StatusCode::BAD_REQUEST)
            }
            IamError::InvalidInput(_) | IamError::Unsimulatable(_) => {
                ("InvalidInput", StatusCode::BAD_REQUEST)
            }
            IamError::Validation(_) => ("ValidationError", StatusCode::BAD_REQUEST),
            IamError::NoRandomness => ("ServiceFailure", StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self::new(code, status, message)
    }
}
