//! Repository chores: `cargo run -p xtask -- codegen [--check] [--botocore DIR]`. Its tests hold the repository to its rules.
#![forbid(unsafe_code)]

mod codegen;
#[cfg(test)]
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- codegen [--check] [--botocore DIR]

  codegen             write crates/irsa-cloud/src/generated from the models in crates/irsa-cloud/models
    --botocore DIR    first trim the models anew from the botocore package in DIR
    --check           write nothing; fail when a generated file is stale";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match parse(&arguments) {
        Some(options) => codegen::run(&options),
        None => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Option<codegen::Options> {
    let mut arguments = arguments.iter();
    if arguments.next()? != "codegen" {
        return None;
    }
    let mut options = codegen::Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => options.check = true,
            "--botocore" => options.botocore = Some(PathBuf::from(arguments.next()?)),
            _ => return None,
        }
    }
    Some(options)
}
