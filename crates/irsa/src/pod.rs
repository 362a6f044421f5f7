//! What a pod's container has of its identity, for a process of this machine: the environment that the webhook gives and the
//! token file that the kubelet writes, kept fresh as long as the [`PodEnvironment`] lives.
//!
//! The mutation is the webhook's own ([`irsa_cluster::mutate`]); only the token's folder differs, for nobody but root may
//! write below `/var/run/secrets`.

pub(crate) mod child;
mod cluster;
mod context;
mod files;
mod hosted;
mod services;
mod token_file;

use irsa_cluster::annotations::{DEFAULT_PREFIX, EXTERNAL_ID, TARGET_ROLE_ARN, TOKEN_EXPIRATION};
use irsa_cluster::mutate::{self, Account, Rules, ServiceAccountFacts, mutate};
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::output::{note, visible};

pub(crate) use cluster::Cluster;
pub(crate) use hosted::HostedCluster;
use services::AwsServices;
use token_file::{BoundPod, TokenFile, TokenRequest};

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

/// What the user of a pod may say about its identity, beside which containers get it.
const OF_PODS: [&str; 3] = [TOKEN_EXPIRATION, TARGET_ROLE_ARN, EXTERNAL_ID];

/// A pod, named before it runs.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    /// `metadata.name`
    pub(crate) name: String,
    /// `metadata.uid`
    pub(crate) uid: String,
    /// The whole object.
    pub(crate) object: Value,
    /// Whether the API server has it: a token is bound to no other.
    pub(crate) is_in_cluster: bool,
}

impl Pod {
    /// A pod of one container, for a command that has no manifest.
    pub(crate) fn of_command(service_account: &str) -> Self {
        let uid = uuid::Uuid::new_v4();
        let random = uid.simple().to_string();
        let name = format!("irsa-exec-{}", random.get(..5).unwrap_or_default());
        Self::of_container(name, uid.to_string(), service_account, Map::new(), false)
    }

    /// The same for a command that takes the place of a pod that runs: its name, its UID, and what its annotations ask for.
    pub(crate) fn in_place_of(running: &Value, service_account: &str) -> Self {
        let text =
            |pointer: &str| running.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let annotations = running.pointer("/metadata/annotations").and_then(Value::as_object);
        let asked = annotations.into_iter().flatten().filter(|(name, _)| {
            name.split_once('/')
                .is_some_and(|(prefix, own)| prefix == DEFAULT_PREFIX && OF_PODS.contains(&own))
        });
        let asked = asked.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self::of_container(text("/metadata/name"), text("/metadata/uid"), service_account, asked, true)
    }

    fn of_container(
        name: String,
        uid: String,
        service_account: &str,
        annotations: Map<String, Value>,
        is_in_cluster: bool,
    ) -> Self {
        let object = json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"serviceAccountName": service_account, "containers": [{"name": "exec"}]},
        });
        Self { name, uid, object, is_in_cluster }
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
    /// Whether the shell's endpoints of single services are passed on.
    keeps_endpoints: bool,
    token: Option<TokenFile>,
    mount_path: String,
    // Last, so that the folder outlives who writes into it.
    folder: tempfile::TempDir,
}

impl Cluster {
    /// The identity of a ServiceAccount for a pod, with the variables of its first container; those of a manifest's pod are
    /// for its container to say.
    ///
    /// # Errors
    /// `IRSA-X021` without the ServiceAccount, `IRSA-X022` or `IRSA-X029` when the cluster refuses, `IRSA-X025` for a pod that
    /// cannot be mutated, `IRSA-X023` when the token file cannot be written.
    pub(crate) async fn identity_of_command(
        self,
        namespace: &str,
        service_account: &str,
        pod: Pod,
    ) -> Result<PodEnvironment, CliError> {
        let mut environment = self.identity(namespace, service_account, pod).await?;
        let own = environment.of_first_container();
        environment.variables.extend(own);
        Ok(environment)
    }

    /// The identity of a ServiceAccount for a pod: what every container of it has.
    ///
    /// # Errors
    /// As [`Cluster::identity_of_command`].
    pub(crate) async fn identity(
        self,
        namespace: &str,
        service_account: &str,
        pod: Pod,
    ) -> Result<PodEnvironment, CliError> {
        let account = self.service_account(namespace, service_account).await?;
        let (services, is_users_own) = (self.services(), self.is_the_users_own());
        let settings = services.settings();
        let facts = ServiceAccountFacts::of(&account, &settings.annotation_prefix);
        let account = Account { namespace, name: service_account, facts: Some(&facts) };
        let unmutable = |error: &dyn std::fmt::Display| {
            CliError::usage("IRSA-X025", format!("the pod `{}` cannot be mutated: {error}", pod.name))
        };
        let read = mutate::Pod::of(&pod.object).map_err(|error| unmutable(&error))?;
        let mutation =
            mutate(&read, &account, &Rules::of(&settings)).map_err(|refusal| unmutable(&refusal))?;
        for warning in &mutation.warnings {
            note(&format!("warning: {}", visible(&warning.sentence())));
        }
        let mut mutated = pod.object.clone();
        mutation.patch.apply_to(&mut mutated).map_err(|error| unmutable(&error))?;

        let folder = private_folder()?;
        let mut variables = surroundings(&services, folder.path())?;
        let token = match mutation.token {
            Some(token) => {
                // The CLI caches credentials in the home folder by role and session name, where a pod's would be empty: a
                // name of its own keeps credentials of another time, or of a server that is gone, away.
                variables.push(("AWS_ROLE_SESSION_NAME".to_owned(), pod.name.chars().take(64).collect()));
                // An API server refuses to bind a token to a pod that it does not have; those that we host have none.
                let is_bound = pod.is_in_cluster || !is_users_own;
                let request = TokenRequest {
                    namespace: namespace.to_owned(),
                    service_account: service_account.to_owned(),
                    audience: token.audience,
                    expiration_seconds: token.expiration_seconds,
                    pod: is_bound.then_some(BoundPod { name: pod.name, uid: pod.uid }),
                };
                let volume = folder.path().join(settings.mount_path.trim_start_matches('/'));
                let kept = TokenFile::keep(self, request, volume.join(mutate::TOKEN_FILE)).await?;
                files::write_files(&mutated, &settings, folder.path(), &volume)?;
                Some(kept)
            }
            None => None,
        };
        Ok(PodEnvironment {
            variables,
            pod: mutated,
            role_arn: facts.role_arn,
            keeps_endpoints: !is_users_own,
            token,
            mount_path: settings.mount_path,
            folder,
        })
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
        if !self.keeps_endpoints {
            for name in endpoints_of_shell() {
                command.env_remove(name);
            }
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

/// The variables of this process that would lead the AWS SDKs of a command elsewhere.
pub(crate) fn endpoints_of_shell() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with("AWS_ENDPOINT_URL") || name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .collect()
}

/// What takes the place of the network and the empty home folder that a pod has.
fn surroundings(services: &AwsServices, folder: &std::path::Path) -> Result<Vec<(String, String)>, CliError> {
    let empty = folder.join("no-credentials");
    std::fs::write(&empty, "").map_err(|error| token_file::unwritable(&empty, &error))?;
    let empty = empty.display().to_string();
    // Some SDKs prefer the profile of the home folder to the token; a pod has none.
    let mut variables = vec![("AWS_SHARED_CREDENTIALS_FILE".to_owned(), empty.clone())];
    if let Some(endpoint) = &services.endpoint {
        variables.push(("AWS_ENDPOINT_URL".to_owned(), endpoint.clone()));
        // The Go SDK exchanges the token before it reads AWS_ENDPOINT_URL, and knows only this one by then.
        variables.push(("AWS_ENDPOINT_URL_STS".to_owned(), endpoint.clone()));
    }
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

/// A folder that only this user may enter.
fn private_folder() -> Result<tempfile::TempDir, CliError> {
    tempfile::Builder::new().prefix("irsa-pod-").tempdir().map_err(|error| {
        CliError::undecided("IRSA-X023", format!("no temporary folder can be made: {error}"))
            .with_fix("check TMPDIR and its free space")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_place_of_a_pod_has_what_its_user_asked_for() {
        let running = json!({
            "metadata": {"name": "web-1", "uid": "u-1", "annotations": {
                "eks.amazonaws.com/token-expiration": "3600",
                "eks.amazonaws.com/include-containers": "web",
                "eks.amazonaws.com/aws-config": "[profile]",
                "other.example/token-expiration": "1",
            }},
            "spec": {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]},
        });
        let pod = Pod::in_place_of(&running, "s3-app");
        assert_eq!((pod.name.as_str(), pod.uid.as_str(), pod.is_in_cluster), ("web-1", "u-1", true));
        let expected = json!({"eks.amazonaws.com/token-expiration": "3600"});
        assert_eq!(pod.object.pointer("/metadata/annotations"), Some(&expected));
        assert_eq!(pod.object.pointer("/spec/containers"), Some(&json!([{"name": "exec"}])));
    }
}
