//! `irsa exec`: a command with the identity of a ServiceAccount, as in a pod.

use std::process::ExitCode;

use serde_json::Value;
use tokio::process::Command;

use crate::cli::Exec;
use crate::error::CliError;
use crate::output::{note, visible};
use crate::pod::{Cluster, Pod, child, endpoints_of_shell};

pub(crate) async fn exec(arguments: Exec) -> Result<ExitCode, CliError> {
    let cluster = Cluster::reach(&arguments.identity, &arguments.data).await?;
    let namespace = arguments.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned());
    let (service_account, pod) = pod(&cluster, &namespace, &arguments).await?;
    note_endpoints(&cluster);
    let environment = cluster.identity_of_command(&namespace, &service_account, pod).await?;
    if environment.role_arn.is_none() {
        note(&format!(
            "the ServiceAccount {namespace}/{service_account} has no annotation eks.amazonaws.com/role-arn: the command runs \
             without an AWS identity, as its pod would; give it one with `kubectl annotate serviceaccount -n {namespace} \
             {service_account} eks.amazonaws.com/role-arn=ROLE-ARN`"
        ));
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(CliError::usage("IRSA-X024", "no command was given"));
    };
    let mut command = Command::new(program);
    command.args(rest);
    environment.apply_to(&mut command);
    child::run(command).await
}

/// The ServiceAccount, and the pod that the command plays.
async fn pod(cluster: &Cluster, namespace: &str, arguments: &Exec) -> Result<(String, Pod), CliError> {
    let asked = arguments.service_account.as_deref();
    let Some(name) = &arguments.pod else {
        let service_account = asked.unwrap_or("default").to_owned();
        let pod = Pod::of_command(&service_account);
        return Ok((service_account, pod));
    };
    let running = cluster.pod(namespace, name).await?;
    let its_own = running.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default");
    let its_own = visible(its_own);
    if let Some(asked) = asked.filter(|asked| *asked != its_own) {
        return Err(CliError::usage(
            "IRSA-X032",
            format!("the pod `{namespace}/{name}` runs under the ServiceAccount `{its_own}`, not `{asked}`"),
        )
        .with_fix("leave --service-account out: it is the pod's"));
    }
    let pod = Pod::in_place_of(&running, &its_own);
    Ok((its_own, pod))
}

/// Says when a variable of the shell is left out that would have led elsewhere.
pub(super) fn note_endpoints(cluster: &Cluster) {
    let names = endpoints_of_shell();
    if cluster.is_the_users_own() && cluster.services().is_aws_itself() && !names.is_empty() {
        note(&format!(
            "{} of this shell is not passed on: the command talks to AWS itself; --local and --endpoint URL name another",
            names.join(", ")
        ));
    }
}
