//! The `irsa` command: the whole chain in one binary.
#![forbid(unsafe_code)]

mod cli;
mod client;
mod commands;
mod data_folder;
mod error;
mod output;
mod pod;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return cli::usage_error(&usage),
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            error.exit_code()
        }
    }
}
