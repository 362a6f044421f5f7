//! Where the two halves meet: a hosted cluster asks who a bearer token is, the AWS half answers.

use std::sync::Arc;

use irsa_cloud::context::Context;
use irsa_cloud::eks::bearer;
use irsa_cluster::hosted::{Origin, ReviewError, TokenReviewer, UserInfo};
use irsa_store::model::Cluster;

/// Reviews the tokens of `aws eks get-token` by the AWS half's credentials and policies.
pub(super) struct Reviewer {
    ctx: Arc<Context>,
}

impl Reviewer {
    /// A reviewer in these surroundings.
    pub(super) fn new(ctx: Arc<Context>) -> Self {
        Self { ctx }
    }
}

impl TokenReviewer for Reviewer {
    fn review(&self, cluster: &Cluster, token: &str, origin: &Origin) -> Result<UserInfo, ReviewError> {
        match bearer::review(&self.ctx, cluster, token, origin.address, &origin.user_agent) {
            Ok(principal) => {
                Ok(UserInfo { username: principal.arn, groups: vec!["system:authenticated".to_owned()] })
            }
            Err(bearer::BearerError::Refused(refusal)) => Err(ReviewError::Forbidden(refusal.message)),
            Err(other) => Err(ReviewError::Unauthenticated(other.to_string())),
        }
    }
}
