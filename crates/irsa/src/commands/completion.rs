//! `irsa completion` and `irsa man`: from the same definitions as the parser.

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Completion, Man};
use crate::error::CliError;

pub(crate) fn completion(arguments: &Completion) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "irsa", &mut script);
    let _ = std::io::stdout().write_all(&script);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(arguments: &Man) -> Result<ExitCode, CliError> {
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&arguments.folder)?;
        clap_mangen::generate_to(Cli::command(), &arguments.folder)
    };
    write().map_err(|error| {
        CliError::undecided("IRSA-X005", format!("{} cannot be written: {error}", arguments.folder.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}
