//! `irsa exec`: a command with the identity of a ServiceAccount, as in a pod.

use std::process::ExitCode;

use tokio::process::Command;

use crate::cli::Exec;
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::note;
use crate::pod::{child, identity};

pub(crate) async fn exec(arguments: Exec) -> Result<ExitCode, CliError> {
    let folder = DataFolder::at(arguments.data.folder.as_deref())?;
    let client = Client::of(&folder)?;
    let Exec { identity: which, namespace, service_account, command, .. } = &arguments;
    let environment = identity(&client, &folder, which, namespace, service_account, None).await?;
    if environment.role_arn.is_none() {
        note(&format!(
            "the ServiceAccount {namespace}/{service_account} has no annotation eks.amazonaws.com/role-arn: the command runs \
             without an AWS identity, as its pod would; give it one with `kubectl annotate serviceaccount -n {namespace} \
             {service_account} eks.amazonaws.com/role-arn=ROLE-ARN`"
        ));
    }
    let Some((program, rest)) = command.split_first() else {
        return Err(CliError::usage("IRSA-X024", "no command was given"));
    };
    let mut command = Command::new(program);
    command.args(rest);
    environment.apply_to(&mut command);
    child::run(command).await
}
