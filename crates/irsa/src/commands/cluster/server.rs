//! The running server's EKS and IAM, as an account's administrator.

use http::Method;
use serde_json::Value;

use crate::cli::cluster::Owner;
use crate::client::{Answer, Client, Signer};
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::visible;

/// IAM's API version.
const IAM: &str = "2010-05-08";

/// The server, and who asks it.
pub(super) struct Server {
    client: Client,
    signer: Signer,
}

impl Server {
    /// The running server of the data folder.
    pub(super) fn of(owner: &Owner) -> Result<Self, CliError> {
        let folder = DataFolder::at(owner.data.folder.as_deref())?;
        let mut info = folder.server()?;
        if let Some(region) = &owner.region {
            info.region.clone_from(region);
        }
        let key = folder.key(owner.account)?;
        let signer = Signer {
            access_key_id: key.access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
        };
        Ok(Self { client: Client::new(info, None)?, signer })
    }

    /// The region that is asked about.
    pub(super) fn region(&self) -> &str {
        &self.client.server().region
    }

    /// The names of all clusters, also of those that others run.
    pub(super) async fn names(&self) -> Result<Vec<String>, CliError> {
        let mut names = Vec::new();
        let mut next = String::new();
        loop {
            // Our server's tokens are hexadecimal digits.
            let token = if next.is_empty() { String::new() } else { format!("&nextToken={next}") };
            let answer = self.eks(Method::GET, &format!("/clusters?include=all{token}"), Vec::new()).await?;
            let page = expect(&answer)?;
            let clusters = page.get("clusters").and_then(Value::as_array);
            names.extend(clusters.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            match page.get("nextToken").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(names),
            }
        }
    }

    /// A cluster as `DescribeCluster` shows it; none if there is none.
    pub(super) async fn describe(&self, name: &str) -> Result<Option<Value>, CliError> {
        let name = path_segment(name)?;
        let answer = self.eks(Method::GET, &format!("/clusters/{name}"), Vec::new()).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(expect(&answer)?.get("cluster").cloned())
    }

    /// Registers a cluster, and returns it as it is shown from now on.
    pub(super) async fn register(&self, body: &Value) -> Result<Value, CliError> {
        let body = body.to_string().into_bytes();
        let answer = self.eks(Method::POST, "/cluster-registrations", body).await?;
        Ok(expect(&answer)?.get("cluster").cloned().unwrap_or_default())
    }

    /// Forgets a registered cluster.
    pub(super) async fn deregister(&self, name: &str) -> Result<(), CliError> {
        let path = format!("/cluster-registrations/{}", path_segment(name)?);
        expect(&self.eks(Method::DELETE, &path, Vec::new()).await?).map(|_cluster| ())
    }

    /// Makes the issuer's provider; false if there is one already.
    pub(super) async fn make_provider(&self, issuer: &str, audience: &str) -> Result<bool, CliError> {
        let parameters =
            [("Action", "CreateOpenIDConnectProvider"), ("Url", issuer), ("ClientIDList.member.1", audience)];
        let answer = self.client.query("iam", IAM, &parameters, Some(&self.signer)).await?;
        if answer.ok() {
            return Ok(true);
        }
        if answer.element("Code").as_deref() == Some("EntityAlreadyExists") {
            return Ok(false);
        }
        let said = answer.element("Message").unwrap_or_else(|| format!("status {}", answer.status));
        Err(refused(&said))
    }

    async fn eks(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, CliError> {
        self.client.rest("eks", method, path, body, &self.signer).await
    }
}

/// What the server refuses, in its own words.
fn expect(answer: &Answer) -> Result<Value, CliError> {
    let body = answer.json();
    if answer.ok() {
        return Ok(body);
    }
    let said = body.get("message").and_then(Value::as_str).map(str::to_owned);
    Err(refused(&said.unwrap_or_else(|| format!("status {}", answer.status))))
}

fn refused(said: &str) -> CliError {
    CliError::no("IRSA-X037", format!("the server refused: {}", visible(said)))
        .with_fix("a denial's authorization id is explained by `irsa why`")
}

/// Names become parts of a path.
fn path_segment(name: &str) -> Result<&str, CliError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain && !name.is_empty() {
        return Ok(name);
    }
    Err(CliError::usage("IRSA-X038", format!("`{name}` is not the name of a cluster"))
        .with_fix("letters, digits, - and _"))
}
