//! A cluster of the user's own, by a kubeconfig's context.

use http::Method;
use irsa_cluster::api_server::{ApiError, ApiServer, JSON, KubeconfigContext};
use serde_json::{Value, json};

use super::services::AwsServices;
use crate::cli::{Data, PodIdentity};
use crate::client::Answer;
use crate::error::CliError;
use crate::kubernetes::unanswered;
use crate::output::{note, visible};
use crate::serve::now;

/// A cluster, reached with its kubeconfig's user.
pub(crate) struct Context {
    server: ApiServer,
    context: KubeconfigContext,
    services: AwsServices,
}

impl Context {
    /// Reads the kubeconfig; the cluster is not asked yet.
    pub(super) async fn reach(which: &PodIdentity, data: &Data) -> Result<Self, CliError> {
        let flags = &which.context;
        let context = KubeconfigContext::read(flags.kubeconfig.as_deref(), flags.context.as_deref())
            .map_err(|error| {
                CliError::usage("IRSA-X028", error.to_string())
                    .with_fix("name a context with --context NAME and --kubeconfig FILE, or a hosted cluster with --cluster NAME")
            })?;
        if flags.context.is_none() {
            note(&visible(&format!("the current context is `{}`, at {}", context.name, context.server)));
        }
        // Before the plugin of the context's user is run: what is wrong with the flags is said without it.
        let services = AwsServices::of(which, data)?;
        Ok(Self { server: flags.connect().await?, context, services })
    }

    /// The context's name.
    pub(super) fn name(&self) -> &str {
        &self.context.name
    }

    /// The context's namespace.
    pub(super) fn namespace(&self) -> &str {
        self.context.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default")
    }

    /// Where pods find AWS.
    pub(super) fn services(&self) -> &AwsServices {
        &self.services
    }

    /// A request to the API server; `path` begins with a slash.
    pub(super) async fn kubernetes(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, CliError> {
        let answered: Result<Value, ApiError> = if method == Method::GET {
            self.server.get(path, JSON).await
        } else {
            self.server.send(method, path, JSON, body.to_string().into_bytes()).await
        };
        match answered {
            Ok(object) => Ok(Answer { status: 200, body: object.to_string() }),
            Err(ApiError::Refused { code, reason, message }) if code != 401 || !self.is_expired() => {
                let message = if message.is_empty() { reason } else { message };
                Ok(Answer { status: code, body: json!({"message": visible(&message)}).to_string() })
            }
            Err(error) if self.is_expired() => Err(unanswered(&error).with_fix(format!(
                "the client certificate of the context `{}` has expired: renew it",
                self.name()
            ))),
            Err(error) => Err(unanswered(&error)),
        }
    }

    fn is_expired(&self) -> bool {
        self.context.client_certificate_ends.is_some_and(|ends| ends < now())
    }
}
