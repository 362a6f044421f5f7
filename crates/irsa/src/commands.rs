//! The subcommands, one file each.

mod account;
mod cluster;
mod completion;
mod env;
mod exec;
mod explain;
mod inject;
mod issuer;
mod lint;
mod policy;
mod quickstart;
mod run;
mod token;
mod up;
mod webhook;
mod why;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::error::CliError;

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, CliError> {
    // One provider for every TLS connection of the process; a second installation changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cli.command {
        Command::Policy(arguments) => policy::policy(&arguments),
        Command::Inject(arguments) => inject::inject(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Lint(arguments) => lint::lint(&arguments),
        Command::Completion(arguments) => completion::completion(&arguments),
        Command::Man(arguments) => completion::man(&arguments),
        Command::Env(arguments) => env::env(&arguments),
        Command::Quickstart(arguments) => wait(quickstart::quickstart(arguments)),
        Command::Up(arguments) => wait(up::up(arguments)),
        Command::Account(arguments) => wait(account::account(arguments)),
        Command::Cluster(arguments) => wait(cluster::cluster(arguments)),
        Command::Exec(arguments) => wait(exec::exec(arguments)),
        Command::Run(arguments) => wait(run::run(arguments)),
        Command::Issuer(arguments) => wait(issuer::issuer(arguments)),
        Command::Token(arguments) => wait(token::token(arguments)),
        Command::Webhook(arguments) => wait(webhook::webhook(*arguments)),
        Command::Why(arguments) => wait(why::why(arguments)),
    }
}

fn wait(command: impl Future<Output = Result<ExitCode, CliError>>) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        CliError::undecided("IRSA-X009", format!("the runtime cannot be started: {error}"))
    })?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}
