//! `irsa policy`: decisions and checks without a server, one at a time or by the million.
//!
//! What goes in and out is a contract with test suites that others wrote: `docs/policy-batch.md` tells every form, and the
//! schemas in `docs/schemas` carry a version.

mod case;
mod compiled;
mod eval;
mod principal;
mod refused;
mod schema;
mod stream;
mod validate;

use std::io::{ErrorKind, Read, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::policy::{Policy, PolicyCommand};
use crate::error::CliError;

pub(crate) fn policy(arguments: &Policy) -> Result<ExitCode, CliError> {
    match &arguments.command {
        PolicyCommand::Eval(arguments) => eval::eval(arguments),
        PolicyCommand::Validate(arguments) => validate::validate(arguments),
        PolicyCommand::Schema(arguments) => schema::schema(arguments),
    }
}

/// Answers every line of `input` on standard output.
fn batch<A: FnMut(&[u8], &mut Vec<u8>) + 'static>(
    input: impl Read + Send + 'static,
    answerer: impl Fn() -> A + Clone + Send + 'static,
) -> Result<ExitCode, CliError> {
    match stream::answer_lines(input, &mut stdout().lock(), answerer) {
        // A closed pipe (`irsa … | head`) ends the output, not the command.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(unreadable("the batch", &error)),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// A file, or standard input for none and for `-`.
fn open(file: Option<&Path>) -> Result<Box<dyn Read + Send>, CliError> {
    match file.filter(|file| *file != Path::new("-")) {
        None => Ok(Box::new(stdin())),
        Some(path) => match std::fs::File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(unreadable(&path.display().to_string(), &error)),
        },
    }
}

/// All of a file's text, which may be as long as a line of a batch.
fn read(file: Option<&Path>) -> Result<String, CliError> {
    let name = file.map_or("standard input".to_owned(), |path| path.display().to_string());
    let mut bytes = Vec::new();
    let limit = stream::MAX_LINE as u64;
    open(file)?.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&name, &error))?;
    if bytes.len() > stream::MAX_LINE {
        return Err(CliError::undecided("IRSA-B004", format!("{name} is longer than {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| unreadable(&name, &error))
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-B006", format!("{name} cannot be read: {error}"))
}
