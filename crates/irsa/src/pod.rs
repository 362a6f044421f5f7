//! What a pod's container has of its identity, for a process of this machine: the environment that the webhook gives and the
//! token file that the kubelet writes, kept fresh as long as the [`PodEnvironment`] lives.
//!
//! The mutation is the webhook's own ([`irsa_cluster::mutate`]); only the token's folder differs, for nobody but root may
//! write below `/var/run/secrets`.

pub(crate) mod child;
mod cluster;
mod token_file;

use irsa_cluster::annotations::AWS_CONFIG;
use irsa_cluster::mutate::{self, Account, Rules, ServiceAccountFacts, Settings, mutate};
use serde_json::{Value, json};

use crate::cli::PodIdentity;
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;

pub(crate) use cluster::Access;
use token_file::{TokenFile, TokenRequest};

/// What a pod does not have from the machine that it runs on: whatever else could name credentials or a role.
const REMOVED: [&str; 17] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// A pod, named before it runs.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    /// `metadata.name`
    pub(crate) name: String,
    /// `metadata.uid`
    pub(crate) uid: String,
    /// The whole object.
    pub(crate) object: Value,
}

impl Pod {
    /// A pod of one container, for a command that has no manifest.
    fn of_command(service_account: &str) -> Self {
        let uid = uuid::Uuid::new_v4();
        let random = uid.simple().to_string();
        let name = format!("irsa-exec-{}", random.get(..5).unwrap_or_default());
        let object = json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": name},
            "spec": {"serviceAccountName": service_account, "containers": [{"name": "exec"}]},
        });
        Self { name, uid: uid.to_string(), object }
    }
}

/// The environment of a pod's container. The token file lives, and is kept fresh, as long as this does.
pub(crate) struct PodEnvironment {
    /// The variables to set, for a pod without a manifest all that it has.
    pub(crate) variables: Vec<(String, String)>,
    /// The pod as the webhook left it.
    pub(crate) pod: Value,
    /// The role of the ServiceAccount; none if it has no annotation.
    pub(crate) role_arn: Option<String>,
    token: Option<TokenFile>,
    mount_path: String,
    // Last, so that the folder outlives who writes into it.
    folder: tempfile::TempDir,
}

/// The identity of a ServiceAccount for one pod: that of the manifest, or a pod made for a command.
///
/// # Errors
/// `IRSA-X020` without the cluster, `IRSA-X021` without the ServiceAccount, `IRSA-X022` when the cluster refuses,
/// `IRSA-X023` when the token file cannot be written.
pub(crate) async fn identity(
    client: &Client,
    folder: &DataFolder,
    which: &PodIdentity,
    namespace: &str,
    service_account: &str,
    pod: Option<Pod>,
) -> Result<PodEnvironment, CliError> {
    let access = Access::to(client, folder, which).await?;
    access.identity(namespace, service_account, pod).await
}

impl Access {
    /// As [`identity`], in a cluster that was found before.
    pub(crate) async fn identity(
        self,
        namespace: &str,
        service_account: &str,
        pod: Option<Pod>,
    ) -> Result<PodEnvironment, CliError> {
        let account = self.service_account(namespace, service_account).await?;
        let settings = Settings { region: Some(self.region().to_owned()), ..Settings::default() };
        let facts = ServiceAccountFacts::of(&account, &settings.annotation_prefix);
        let is_made_here = pod.is_none();
        let pod = pod.unwrap_or_else(|| Pod::of_command(service_account));
        let account = Account { namespace, name: service_account, facts: Some(&facts) };
        let unmutable = |error: &dyn std::fmt::Display| {
            CliError::usage("IRSA-X025", format!("the pod `{}` cannot be mutated: {error}", pod.name))
        };
        let read = mutate::Pod::of(&pod.object).map_err(|error| unmutable(&error))?;
        let mutation =
            mutate(&read, &account, &Rules::of(&settings)).map_err(|refusal| unmutable(&refusal))?;
        let mut mutated = pod.object.clone();
        mutation.patch.apply_to(&mut mutated).map_err(|error| unmutable(&error))?;

        let folder = private_folder()?;
        let mut variables = surroundings(&self, folder.path())?;
        let token = match mutation.token {
            Some(token) => {
                // The CLI caches credentials in the home folder by role and session name, where a pod's would be empty: a
                // name of its own keeps credentials of another time, or of a server that is gone, away.
                variables.push(("AWS_ROLE_SESSION_NAME".to_owned(), pod.name.chars().take(64).collect()));
                let request = TokenRequest {
                    namespace: namespace.to_owned(),
                    service_account: service_account.to_owned(),
                    audience: token.audience,
                    expiration_seconds: token.expiration_seconds,
                    pod_name: pod.name,
                    pod_uid: pod.uid,
                };
                let volume = folder.path().join(settings.mount_path.trim_start_matches('/'));
                let kept = TokenFile::keep(self, request, volume.join(mutate::TOKEN_FILE)).await?;
                write_config(&mutated, &settings, folder.path(), &volume)?;
                Some(kept)
            }
            None => None,
        };
        let mut environment = PodEnvironment {
            variables: Vec::new(),
            pod: mutated,
            role_arn: facts.role_arn,
            token,
            mount_path: settings.mount_path,
            folder,
        };
        if is_made_here {
            variables.extend(environment.of_first_container());
        }
        environment.variables = variables;
        Ok(environment)
    }
}

impl PodEnvironment {
    /// A path in the container as it is on this machine, when it is the token's.
    pub(crate) fn on_this_machine(&self, value: &str) -> String {
        let is_token = value.strip_prefix(&self.mount_path).is_some_and(|rest| rest.starts_with('/'));
        if is_token && self.token.is_some() {
            format!("{}{value}", self.folder.path().display())
        } else {
            value.to_owned()
        }
    }

    /// Sets up a command: what the machine would give is removed, then the pod's variables are set.
    pub(crate) fn apply_to(&self, command: &mut tokio::process::Command) {
        for name in REMOVED {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    fn of_first_container(&self) -> Vec<(String, String)> {
        let env = self.pod.pointer("/spec/containers/0/env").and_then(Value::as_array);
        let text = |entry: &Value, name: &str| {
            entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        env.into_iter()
            .flatten()
            .map(|entry| (text(entry, "name"), self.on_this_machine(&text(entry, "value"))))
            .collect()
    }
}

/// What takes the place of the network and the empty home folder that a pod has.
fn surroundings(access: &Access, folder: &std::path::Path) -> Result<Vec<(String, String)>, CliError> {
    let empty = folder.join("no-credentials");
    std::fs::write(&empty, "").map_err(|error| token_file::unwritable(&empty, &error))?;
    let empty = empty.display().to_string();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL".to_owned(), access.endpoint().to_owned()),
        // The Go SDK exchanges the token before it reads AWS_ENDPOINT_URL, and knows only this one by then.
        ("AWS_ENDPOINT_URL_STS".to_owned(), access.endpoint().to_owned()),
        // Some SDKs prefer the profile of the home folder to the token; a pod has none.
        ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), empty.clone()),
    ];
    // Who sets it means it, as a ConfigMap would in the cluster: profiles that chain roles are written there.
    if std::env::var_os("AWS_CONFIG_FILE").is_none() {
        variables.push(("AWS_CONFIG_FILE".to_owned(), empty));
    }
    // Without a role, SDKs would go on to ask the machine's own metadata service.
    if std::env::var_os("AWS_EC2_METADATA_DISABLED").is_none() {
        variables.push(("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()));
    }
    Ok(variables)
}

/// What the downward API would write beside the token: the config file of a chain of roles, with the token where it is here.
fn write_config(
    pod: &Value,
    settings: &Settings,
    folder: &std::path::Path,
    volume: &std::path::Path,
) -> Result<(), CliError> {
    let name = format!("{}/{AWS_CONFIG}", settings.annotation_prefix);
    let annotations = pod.pointer("/metadata/annotations");
    let Some(config) = annotations.and_then(|annotations| annotations.get(&name)?.as_str()) else {
        return Ok(());
    };
    let here = format!("{}{}", folder.display(), settings.mount_path);
    let path = volume.join(mutate::CONFIG_FILE);
    std::fs::write(&path, config.replace(&settings.mount_path, &here))
        .map_err(|error| token_file::unwritable(&path, &error))
}

/// A folder that only this user may enter.
fn private_folder() -> Result<tempfile::TempDir, CliError> {
    tempfile::Builder::new().prefix("irsa-pod-").tempdir().map_err(|error| {
        CliError::undecided("IRSA-X023", format!("no temporary folder can be made: {error}"))
            .with_fix("check TMPDIR and its free space")
    })
}
