//! The cluster whose ServiceAccounts are used: one that we host, or one of the user's own by a kubeconfig's context. Both
//! are asked the same questions, by the same paths and bodies of the Kubernetes API.

use http::Method;
use serde_json::Value;

use super::context::Context;
use super::hosted::{Hosted, HostedCluster};
use super::services::AwsServices;
use crate::cli::{Data, PodIdentity};
use crate::client::{Answer, Client};
use crate::data_folder::DataFolder;
use crate::error::CliError;

/// A cluster, and who uses it.
pub(crate) enum Cluster {
    /// One that we host.
    Hosted(Hosted),
    /// One of the user's own.
    Context(Context),
}

impl Cluster {
    /// Finds the cluster that the flags name: `--cluster`, or else a kubeconfig's context.
    pub(crate) async fn reach(which: &PodIdentity, data: &Data) -> Result<Self, CliError> {
        let Some(name) = &which.cluster else {
            return Context::reach(which, data).await.map(Self::Context);
        };
        let folder = DataFolder::at(data.folder.as_deref())?;
        let client = Client::of(&folder)?;
        let named =
            HostedCluster { name: name.clone(), account: which.account, region: which.region.clone() };
        Self::hosted(&client, &folder, &named).await
    }

    /// A hosted cluster of a server that is known.
    pub(crate) async fn hosted(
        client: &Client,
        folder: &DataFolder,
        named: &HostedCluster,
    ) -> Result<Self, CliError> {
        Hosted::to(client, folder, named).await.map(Self::Hosted)
    }

    /// Whether its objects are somebody's whom a local run must not surprise.
    pub(crate) fn is_the_users_own(&self) -> bool {
        matches!(self, Self::Context(_))
    }

    /// The namespace where none is named.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            Self::Hosted(_) => "default",
            Self::Context(context) => context.namespace(),
        }
    }

    /// Where pods find AWS.
    pub(crate) fn services(&self) -> AwsServices {
        match self {
            Self::Hosted(hosted) => hosted.services(),
            Self::Context(context) => context.services().clone(),
        }
    }

    /// A request to the Kubernetes API; `path` begins with a slash.
    pub(crate) async fn kubernetes(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, CliError> {
        match self {
            Self::Hosted(hosted) => hosted.kubernetes(method, path, body).await,
            Self::Context(context) => context.kubernetes(method, path, body).await,
        }
    }

    /// Reads a ServiceAccount.
    pub(crate) async fn service_account(&self, namespace: &str, name: &str) -> Result<Value, CliError> {
        check_name("IRSA-X021", "namespace", namespace)?;
        check_name("IRSA-X021", "ServiceAccount", name)?;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
        let answer = self.kubernetes(Method::GET, &path, &Value::Null).await?;
        match answer.status {
            200 => Ok(answer.json()),
            404 => Err(CliError::no(
                "IRSA-X021",
                format!("{} has no ServiceAccount `{name}` in the namespace `{namespace}`", self.described()),
            )
            .with_fix(format!(
                "make it with `kubectl create serviceaccount {name} --namespace {namespace}`, or name another"
            ))),
            _ => Err(self.refused(&answer)),
        }
    }

    /// Reads a pod.
    pub(crate) async fn pod(&self, namespace: &str, name: &str) -> Result<Value, CliError> {
        check_name("IRSA-X032", "namespace", namespace)?;
        check_name("IRSA-X032", "pod", name)?;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        let answer = self.kubernetes(Method::GET, &path, &Value::Null).await?;
        match answer.status {
            200 => Ok(answer.json()),
            404 => Err(CliError::no(
                "IRSA-X032",
                format!("{} has no pod `{name}` in the namespace `{namespace}`", self.described()),
            )
            .with_fix(format!("`kubectl get pods --namespace {namespace}` lists them; without --pod the token is the ServiceAccount's alone"))),
            _ => Err(self.refused(&answer)),
        }
    }

    /// What the cluster said no with.
    pub(crate) fn refused(&self, answer: &Answer) -> CliError {
        let said = format!("{} refused: {}", self.described(), message(answer));
        match self {
            Self::Hosted(_) => CliError::no("IRSA-X022", said).with_fix(
                "a denial's authorization id is explained by `irsa why`; the caller needs eks:AccessKubernetesApi on the cluster",
            ),
            Self::Context(_) if answer.status == 401 => CliError::no("IRSA-X029", said)
                .with_fix("the credentials of the context's user are out of date, or are none of this cluster's"),
            Self::Context(_) => CliError::no("IRSA-X029", said).with_fix(
                "the context's user needs `get` on serviceaccounts and `create` on serviceaccounts/token; `kubectl auth can-i` tells",
            ),
        }
    }

    fn described(&self) -> String {
        match self {
            Self::Hosted(hosted) => format!("the cluster `{}`", hosted.name()),
            Self::Context(context) => format!("the cluster of the context `{}`", context.name()),
        }
    }
}

/// Names become parts of a path.
fn check_name(code: &'static str, what: &str, name: &str) -> Result<(), CliError> {
    let plain =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
    if plain && !name.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(code, format!("`{name}` is not the name of a {what}")))
}

/// The sentence of an AWS or Kubernetes error.
pub(super) fn message(answer: &Answer) -> String {
    let body = answer.json();
    body.get("message")
        .and_then(Value::as_str)
        .filter(|message| !message.is_empty())
        .map_or_else(|| format!("status {}", answer.status), str::to_owned)
}
