//! A hosted cluster, reached as its users reach it: `DescribeCluster`, a bearer token, the Kubernetes API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use irsa_store::model::AccountId;
use irsa_wire::sigv4::{Credentials, presign};
use serde_json::Value;

use super::cluster::message;
use super::services::AwsServices;
use crate::client::{Answer, Client, Signer};
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::serve::now;

/// The life that `aws eks get-token` asks for.
const TOKEN_SECONDS: u32 = 60;

/// Which cluster of those that we host.
#[derive(Debug, Clone)]
pub(crate) struct HostedCluster {
    /// Its name.
    pub(crate) name: String,
    /// The account that it is in; the first, if none is named.
    pub(crate) account: Option<AccountId>,
    /// Its region; the server's, if none is named.
    pub(crate) region: Option<String>,
}

/// A cluster, and who uses it.
pub(crate) struct Hosted {
    client: Client,
    signer: Signer,
    name: String,
    /// The URL of its Kubernetes API.
    url: String,
}

impl Hosted {
    /// Finds the cluster, as the account's administrator.
    pub(super) async fn to(
        client: &Client,
        folder: &DataFolder,
        which: &HostedCluster,
    ) -> Result<Self, CliError> {
        let key = folder.key(which.account)?;
        let signer = Signer {
            access_key_id: key.access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
        };
        let mut server = client.server().clone();
        if let Some(region) = &which.region {
            server.region.clone_from(region);
        }
        let authority = std::fs::read_to_string(folder.path().join("ca.pem")).ok();
        let client = Client::new(server, authority.as_deref())?;

        let name = which.name.clone();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) || name.is_empty()
        {
            return Err(CliError::usage("IRSA-X020", format!("`{name}` is not the name of a cluster")));
        }
        let answer =
            client.rest("eks", Method::GET, &format!("/clusters/{name}"), Vec::new(), &signer).await?;
        let described = answer.json();
        // Its API server takes other tokens than those that we would send, and must not see them.
        if described.pointer("/cluster/connectorConfig").is_some() {
            return Err(CliError::usage(
                "IRSA-X020",
                format!("the cluster `{name}` is not hosted here: it is registered, and others run it"),
            )
            .with_fix("name its kubeconfig's context: --context NAME --local"));
        }
        let url = described.pointer("/cluster/endpoint").and_then(Value::as_str).map(str::to_owned);
        let Some(url) = url.filter(|_| answer.ok()) else {
            return Err(no_cluster(&client, &name, &answer));
        };
        Ok(Self { client, signer, name, url })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where its pods find AWS: at the server that hosts it.
    pub(super) fn services(&self) -> AwsServices {
        let server = self.client.server();
        AwsServices {
            endpoint: Some(server.endpoint.clone()),
            ca_bundle: None,
            region: Some(server.region.clone()),
        }
    }

    /// A request to the Kubernetes API; `path` begins with a slash.
    pub(super) async fn kubernetes(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, CliError> {
        let bearer = self.bearer_token()?;
        self.client.cluster(method, &format!("{}{path}", self.url), &bearer, body).await
    }

    /// What `aws eks get-token` makes: a presigned `GetCallerIdentity` that names the cluster.
    fn bearer_token(&self) -> Result<String, CliError> {
        let unusable = |error: &dyn std::fmt::Display| {
            CliError::undecided("IRSA-X003", format!("the request could not be made: {error}"))
        };
        let uri = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", self.client.server().endpoint);
        let request = Request::get(uri).header("x-k8s-aws-id", &self.name).body(());
        let (mut parts, ()) = request.map_err(|error| unusable(&error))?.into_parts();
        let credentials = Credentials {
            access_key_id: &self.signer.access_key_id,
            secret_access_key: self.signer.secret_access_key.expose(),
            session_token: self.signer.session_token.as_deref(),
        };
        presign(&mut parts, &credentials, &self.client.server().region, "sts", now(), TOKEN_SECONDS)
            .map_err(|error| unusable(&error))?;
        Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(parts.uri.to_string())))
    }
}

fn no_cluster(client: &Client, name: &str, answer: &Answer) -> CliError {
    let region = &client.server().region;
    if answer.status == 404 {
        return CliError::no("IRSA-X020", format!("there is no cluster `{name}` in {region}")).with_fix(
            "`aws eks list-clusters` shows those there are; --account and --region choose where to look",
        );
    }
    CliError::no("IRSA-X020", format!("the cluster `{name}` cannot be described: {}", message(answer)))
}
