//! The `irsa` command: the whole chain in one binary.
#![forbid(unsafe_code)]

mod cli;
mod client;
mod commands;
mod data_folder;
mod error;
mod input;
mod kubernetes;
mod mutation;
mod output;
mod pod;
mod process;
mod serve;
mod workloads;

use std::process::ExitCode;

use clap::Parser as _;

/// Requests allocate and free many small values; this allocator takes half the time of the system's for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
