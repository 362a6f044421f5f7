//! `irsa run`: a pod's manifest as a local process.

mod apply;
mod container;
mod manifests;

use std::process::ExitCode;

use serde_json::{Value, json};

use self::manifests::{Manifest, Manifests};
use super::exec::note_endpoints;
use crate::cli::Run;
use crate::error::CliError;
use crate::output::note;
use crate::pod::{Cluster, Pod, child};

pub(crate) async fn run(arguments: Run) -> Result<ExitCode, CliError> {
    let cluster = Cluster::reach(&arguments.identity, &arguments.data).await?;
    let namespace = arguments.namespace.as_deref().unwrap_or_else(|| cluster.namespace());
    let manifests = Manifests::read(&arguments.files, namespace)?;
    // Before anything is written into the cluster: a pod that cannot run here changes nothing.
    let chosen = container::choose(&manifests.pod.object, arguments.container.as_deref())?;
    apply::apply(&cluster, &manifests.applied, arguments.approve).await?;

    let pod = named(&manifests.pod);
    let (name, namespace) = (pod.name.clone(), manifests.pod.namespace.clone());
    let service_account = manifests.pod.text("/spec/serviceAccountName").unwrap_or("default").to_owned();
    note(&format!(
        "irsa run plays the webhook's and the kubelet's part for the identity of pod/{name}, and nothing more: no image is \
         pulled, and nothing isolates the process"
    ));
    note_endpoints(&cluster);
    let environment = cluster.identity(&namespace, &service_account, pod).await?;
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
    Pod { name, uid: uid.to_string(), object, is_in_cluster: false }
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
