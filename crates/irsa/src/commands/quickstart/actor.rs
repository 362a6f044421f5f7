//! Who does the steps: the real `aws`, or our own client on a machine without it.

use std::path::PathBuf;
use std::process::Stdio;

use http::Method;
use irsa_store::model::SecretString;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::client::{Answer, Client, Signer};
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::pod::PodEnvironment;

const IAM: &str = "2010-05-08";
const STS: &str = "2011-06-15";

/// What came of a call that may be denied.
pub(super) struct Outcome {
    pub(super) ok: bool,
    /// What the client printed, or the error it got.
    pub(super) text: String,
}

/// A client with an identity.
pub(super) struct Actor<'a> {
    client: &'a Client,
    way: Way,
}

enum Way {
    /// The `aws` of this machine, with these variables and no others of its kind.
    Aws { program: PathBuf, variables: Vec<(String, String)> },
    /// Our own client, with a key.
    Own { signer: Signer },
    /// Our own client as a pod: the token is exchanged at every call, as an SDK does at the first.
    OwnPod { role_arn: String, token_file: PathBuf },
}

impl<'a> Actor<'a> {
    /// The administrator, by `aws` if it is on PATH.
    pub(super) fn choose(
        client: &'a Client,
        folder: &DataFolder,
        without_aws: bool,
    ) -> Result<Self, CliError> {
        let key = folder.key(None)?;
        let way = match find_aws().filter(|_| !without_aws) {
            Some(program) => Way::Aws {
                program,
                variables: vec![
                    ("AWS_ACCESS_KEY_ID".to_owned(), key.access_key_id),
                    ("AWS_SECRET_ACCESS_KEY".to_owned(), key.secret_access_key.expose().to_owned()),
                    ("AWS_ENDPOINT_URL".to_owned(), client.server().endpoint.clone()),
                    ("AWS_DEFAULT_REGION".to_owned(), client.server().region.clone()),
                ],
            },
            None => Way::Own {
                signer: Signer {
                    access_key_id: key.access_key_id,
                    secret_access_key: key.secret_access_key,
                    session_token: None,
                },
            },
        };
        Ok(Self { client, way })
    }

    /// The same client with a pod's identity and nothing else.
    pub(super) fn as_pod(&self, pod: &PodEnvironment, _folder: &DataFolder) -> Result<Self, CliError> {
        let variable = |name: &str| {
            pod.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let missing = || CliError::no("IRSA-X031", "the mutation did not give the pod its role and token");
        let way = match &self.way {
            Way::Aws { program, .. } => {
                Way::Aws { program: program.clone(), variables: pod.variables.clone() }
            }
            Way::Own { .. } | Way::OwnPod { .. } => Way::OwnPod {
                role_arn: variable("AWS_ROLE_ARN").ok_or_else(missing)?,
                token_file: variable("AWS_WEB_IDENTITY_TOKEN_FILE").ok_or_else(missing)?.into(),
            },
        };
        Ok(Self { client: self.client, way })
    }

    /// What this client is, for people.
    pub(super) fn description(&self) -> String {
        match &self.way {
            Way::Aws { program, .. } => format!("the `aws` of this machine, {}", program.display()),
            Way::Own { .. } | Way::OwnPod { .. } => "our own (no `aws` is used)".to_owned(),
        }
    }

    /// What to call a step: as the `aws` command that it is, or as the request that our own client makes.
    pub(super) fn shown<'t>(&self, aws: &'t str, own: &'t str) -> &'t str {
        if self.uses_aws() { aws } else { own }
    }

    pub(super) async fn create_cluster(&self, name: &str) -> Result<(), CliError> {
        let role = "arn:aws:iam::111122223333:role/cluster";
        if self.uses_aws() {
            return self
                .aws(
                    &[
                        "eks",
                        "create-cluster",
                        "--name",
                        name,
                        "--role-arn",
                        role,
                        "--resources-vpc-config",
                        "{}",
                    ],
                    None,
                )
                .await?
                .must("create the cluster");
        }
        let body = serde_json::json!({"name": name, "roleArn": role, "resourcesVpcConfig": {}});
        self.rest("eks", Method::POST, "/clusters", body.to_string().into_bytes())
            .await?
            .must("create the cluster")
    }

    pub(super) async fn issuer(&self, cluster: &str) -> Result<String, CliError> {
        if self.uses_aws() {
            let query = "cluster.identity.oidc.issuer";
            return self
                .aws_text(&[
                    "eks",
                    "describe-cluster",
                    "--name",
                    cluster,
                    "--query",
                    query,
                    "--output",
                    "text",
                ])
                .await;
        }
        let answer = self.rest("eks", Method::GET, &format!("/clusters/{cluster}"), Vec::new()).await?;
        let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let issuer = body.pointer("/cluster/identity/oidc/issuer").and_then(|issuer| issuer.as_str());
        issuer.map(str::to_owned).ok_or_else(|| unexpected("describe the cluster", &answer.text))
    }

    pub(super) async fn create_provider(&self, issuer: &str) -> Result<String, CliError> {
        if self.uses_aws() {
            return self
                .aws_text(&[
                    "iam",
                    "create-open-id-connect-provider",
                    "--url",
                    issuer,
                    "--client-id-list",
                    "sts.amazonaws.com",
                    "--query",
                    "OpenIDConnectProviderArn",
                    "--output",
                    "text",
                ])
                .await;
        }
        let parameters = [
            ("Action", "CreateOpenIDConnectProvider"),
            ("Url", issuer),
            ("ClientIDList.member.1", "sts.amazonaws.com"),
        ];
        self.iam_arn(&parameters, "OpenIDConnectProviderArn").await
    }

    pub(super) async fn make_bucket(&self, bucket: &str) -> Result<(), CliError> {
        if self.uses_aws() {
            return self.aws(&["s3", "mb", &format!("s3://{bucket}")], None).await?.must("make the bucket");
        }
        self.rest("s3", Method::PUT, &format!("/{bucket}"), Vec::new()).await?.must("make the bucket")
    }

    pub(super) async fn put_object(&self, bucket: &str, key: &str) -> Result<Outcome, CliError> {
        const BODY: &str = "hello from the quickstart\n";
        if self.uses_aws() {
            return self.aws(&["s3", "cp", "-", &format!("s3://{bucket}/{key}")], Some(BODY)).await;
        }
        self.rest("s3", Method::PUT, &format!("/{bucket}/{key}"), BODY.into()).await
    }

    pub(super) async fn list_bucket(&self, bucket: &str) -> Result<Outcome, CliError> {
        if self.uses_aws() {
            return self.aws(&["s3", "ls", &format!("s3://{bucket}")], None).await;
        }
        let mut outcome = self.rest("s3", Method::GET, &format!("/{bucket}?list-type=2"), Vec::new()).await?;
        if outcome.ok {
            let keys: Vec<&str> =
                outcome.text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
            outcome.text = keys.join("\n");
        }
        Ok(outcome)
    }

    pub(super) async fn create_policy(&self, name: &str, document: &str) -> Result<String, CliError> {
        if self.uses_aws() {
            return self
                .aws_text(&[
                    "iam",
                    "create-policy",
                    "--policy-name",
                    name,
                    "--policy-document",
                    document,
                    "--query",
                    "Policy.Arn",
                    "--output",
                    "text",
                ])
                .await;
        }
        self.iam_arn(&[("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", document)], "Arn")
            .await
    }

    pub(super) async fn create_role(&self, name: &str, trust: &str) -> Result<String, CliError> {
        if self.uses_aws() {
            return self
                .aws_text(&[
                    "iam",
                    "create-role",
                    "--role-name",
                    name,
                    "--assume-role-policy-document",
                    trust,
                    "--query",
                    "Role.Arn",
                    "--output",
                    "text",
                ])
                .await;
        }
        self.iam_arn(
            &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust)],
            "Arn",
        )
        .await
    }

    pub(super) async fn attach(&self, role: &str, policy: &str) -> Result<(), CliError> {
        if self.uses_aws() {
            return self
                .aws(&["iam", "attach-role-policy", "--role-name", role, "--policy-arn", policy], None)
                .await?
                .must("attach the policy");
        }
        self.iam(&[("Action", "AttachRolePolicy"), ("RoleName", role), ("PolicyArn", policy)])
            .await
            .map(|_| ())
    }

    fn uses_aws(&self) -> bool {
        matches!(self.way, Way::Aws { .. })
    }

    async fn iam_arn(&self, parameters: &[(&str, &str)], element: &str) -> Result<String, CliError> {
        let answer = self.iam(parameters).await?;
        answer.element(element).ok_or_else(|| unexpected("read the answer", &answer.body))
    }

    async fn iam(&self, parameters: &[(&str, &str)]) -> Result<Answer, CliError> {
        let signer = self.signer().await?;
        let answer = self.client.query("iam", IAM, parameters, Some(&signer)).await?;
        if answer.ok() { Ok(answer) } else { Err(unexpected("change IAM", &answer.body)) }
    }

    async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Outcome, CliError> {
        let signer = self.signer().await?;
        let answer = self.client.rest(service, method, path, body, &signer).await?;
        let text = match (answer.element("Code"), answer.element("Message")) {
            (Some(code), Some(message)) if !answer.ok() => format!("An error occurred ({code}): {message}"),
            _ => answer.body.clone(),
        };
        Ok(Outcome { ok: answer.ok(), text })
    }

    /// The key to sign with; a pod exchanges its token for one.
    async fn signer(&self) -> Result<Signer, CliError> {
        let (role_arn, token_file) = match &self.way {
            Way::Own { signer } => return Ok(signer.clone()),
            Way::OwnPod { role_arn, token_file } => (role_arn, token_file),
            Way::Aws { .. } => return Err(unexpected("sign", "the aws CLI signs by itself")),
        };
        let token = std::fs::read_to_string(token_file)
            .map_err(|error| unexpected("read the token", &error.to_string()))?;
        let parameters = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", role_arn.as_str()),
            ("RoleSessionName", "quickstart"),
            ("WebIdentityToken", token.trim()),
        ];
        let answer = self.client.query("sts", STS, &parameters, None).await?;
        let element =
            |name: &str| answer.element(name).ok_or_else(|| unexpected("exchange the token", &answer.body));
        Ok(Signer {
            access_key_id: element("AccessKeyId")?,
            secret_access_key: SecretString::new(element("SecretAccessKey")?),
            session_token: Some(element("SessionToken")?),
        })
    }

    async fn aws_text(&self, arguments: &[&str]) -> Result<String, CliError> {
        let outcome = self.aws(arguments, None).await?;
        if outcome.ok {
            Ok(outcome.text.trim().to_owned())
        } else {
            Err(unexpected(&arguments.join(" "), &outcome.text))
        }
    }

    async fn aws(&self, arguments: &[&str], stdin: Option<&str>) -> Result<Outcome, CliError> {
        let Way::Aws { program, variables } = &self.way else {
            return Err(unexpected("run aws", "it is not used"));
        };
        let failed =
            |error: std::io::Error| unexpected(&format!("run {}", program.display()), &error.to_string());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        // Neither the machine's profiles nor its metadata service play a part.
        command
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            let _ = pipe.write_all(stdin.unwrap_or_default().as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        let bytes = if output.status.success() { output.stdout } else { output.stderr };
        Ok(Outcome { ok: output.status.success(), text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

impl Outcome {
    fn must(self, what: &str) -> Result<(), CliError> {
        if self.ok { Ok(()) } else { Err(unexpected(what, &self.text)) }
    }
}

fn unexpected(what: &str, text: &str) -> CliError {
    CliError::undecided("IRSA-X030", format!("could not {what}: {}", text.trim()))
}

fn find_aws() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("aws")).find(|program| program.is_file())
}
