//! A cluster of the user's own, reached as kubectl reaches it.

use irsa_cluster::api_server::{ApiError, ApiServer};

use crate::cli::KubeContext;
use crate::error::CliError;

impl KubeContext {
    /// A client of the cluster. The cluster itself is not asked yet.
    ///
    /// # Errors
    /// `IRSA-X028` when the kubeconfig file or its context cannot be used.
    pub(crate) async fn connect(&self) -> Result<ApiServer, CliError> {
        ApiServer::of_context(self.kubeconfig.as_deref(), self.context.as_deref()).await.map_err(|error| {
            CliError::usage("IRSA-X028", error.to_string()).with_fix(
                "`kubectl config get-contexts` lists them; choose with --kubeconfig FILE and --context NAME",
            )
        })
    }
}

/// A request that the cluster did not answer as it should: `IRSA-X029`.
pub(crate) fn unanswered(error: &ApiError) -> CliError {
    match error {
        ApiError::Refused { .. } => CliError::no("IRSA-X029", error.to_string())
            .with_fix("`kubectl auth can-i` tells what the context's user may do"),
        _ => CliError::undecided("IRSA-X029", error.to_string())
            .with_fix("does `kubectl version` reach it with the same context?"),
    }
}
