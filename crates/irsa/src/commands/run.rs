//! `irsa run`: a pod's manifest as a local process.

mod container;
mod manifests;

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use self::manifests::{Manifest, Manifests};
use crate::cli::Run;
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::note;
use crate::pod::{Access, Pod, child};

pub(crate) async fn run(arguments: Run) -> Result<ExitCode, CliError> {
    let manifests = Manifests::read(&arguments.files, &arguments.namespace)?;
    // Before anything is written into the cluster: a pod that cannot run here changes nothing.
    let chosen = container::choose(&manifests.pod.object, arguments.container.as_deref())?;

    let folder = DataFolder::at(arguments.data.folder.as_deref())?;
    let client = Client::of(&folder)?;
    let access = Access::to(&client, &folder, &arguments.identity).await?;
    for manifest in &manifests.applied {
        apply(&access, manifest).await?;
    }

    let pod = named(&manifests.pod);
    let (name, namespace) = (pod.name.clone(), manifests.pod.namespace.clone());
    let service_account = manifests.pod.text("/spec/serviceAccountName").unwrap_or("default").to_owned();
    note(&format!(
        "irsa run plays the webhook's and the kubelet's part for the identity of pod/{name}, and nothing more: no image is \
         pulled, and nothing isolates the process"
    ));
    let environment = access.identity(&namespace, &service_account, Some(pod)).await?;
    if environment.role_arn.is_none() {
        note(&format!(
            "the ServiceAccount {namespace}/{service_account} has no annotation eks.amazonaws.com/role-arn: the pod runs \
             without an AWS identity"
        ));
    }
    let mut command =
        container::command(&environment.pod, &chosen, |value| environment.on_this_machine(value))?;
    environment.apply_to(&mut command.process);
    command.process.envs(command.variables);
    child::run(command.process).await
}

/// Makes an object, or merges the manifest into the one that is there.
async fn apply(access: &Access, manifest: &Manifest) -> Result<(), CliError> {
    let collection = match manifest.kind.as_str() {
        "Namespace" => "/api/v1/namespaces".to_owned(),
        _ => format!("/api/v1/namespaces/{}/serviceaccounts", manifest.namespace),
    };
    let path = format!("{collection}/{}", manifest.name);
    let refused = |answer: &crate::client::Answer| {
        let body = answer.json();
        let message = body.get("message").and_then(Value::as_str).unwrap_or("no reason was given").to_owned();
        CliError::no(
            "IRSA-X027",
            format!("the cluster refused {} `{}`: {message}", manifest.kind, manifest.name),
        )
    };
    // Somebody else may make or change it meanwhile: the second round sees that.
    for _ in 0..2 {
        let there = access.kubernetes(Method::GET, &path, &Value::Null).await?;
        let answer = match there.status {
            200 => {
                let mut object = there.json();
                merge(&mut object, &manifest.object);
                access.kubernetes(Method::PUT, &path, &object).await?
            }
            404 => access.kubernetes(Method::POST, &collection, &manifest.object).await?,
            _ => return Err(refused(&there)),
        };
        match answer.status {
            200 | 201 => return Ok(()),
            409 => {}
            _ => return Err(refused(&answer)),
        }
    }
    Err(CliError::undecided(
        "IRSA-X027",
        format!("{} `{}` is being changed by somebody else", manifest.kind, manifest.name),
    )
    .with_fix("try again"))
}

/// The pod with the name and the UID that an API server would have given it.
fn named(manifest: &Manifest) -> Pod {
    let uid = uuid::Uuid::new_v4();
    let name = if manifest.name.is_empty() {
        let random = uid.simple().to_string();
        format!(
            "{}{}",
            manifest.text("/metadata/generateName").unwrap_or("pod-"),
            random.get(..5).unwrap_or_default()
        )
    } else {
        manifest.name.clone()
    };
    let mut object = manifest.object.clone();
    let identity = json!({
        "metadata": {"name": name, "namespace": manifest.namespace, "uid": uid.to_string()},
        "spec": {"serviceAccountName": manifest.text("/spec/serviceAccountName").unwrap_or("default")},
    });
    merge(&mut object, &identity);
    Pod { name, uid: uid.to_string(), object }
}

/// Objects merge, everything else replaces.
fn merge(target: &mut Value, with: &Value) {
    match (target, with) {
        (Value::Object(target), Value::Object(with)) => {
            for (name, value) in with {
                merge(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (target, with) => with.clone_into(target),
    }
}
