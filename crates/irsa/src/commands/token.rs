//! `irsa token`: what a token says, and whether it is what it says. The token itself is never printed.

mod inspect;
mod verify;

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use irsa_token::verify::MAX_CHARS;

use crate::cli::token::{Token, TokenCommand};
use crate::error::CliError;
use crate::input;

pub(crate) async fn token(arguments: Token) -> Result<ExitCode, CliError> {
    match arguments.command {
        TokenCommand::Inspect(arguments) => inspect::inspect(&arguments),
        TokenCommand::Verify(arguments) => verify::verify(&arguments).await,
    }
}

/// A token's text, from a file or standard input; more than a token can be is not read.
fn read(file: &Path) -> Result<String, CliError> {
    let limit = MAX_CHARS as u64 + 1024;
    let mut text = String::new();
    match input::open(file).and_then(|open| open.take(limit).read_to_string(&mut text)) {
        Ok(_) => Ok(text),
        Err(error) => {
            Err(CliError::undecided("IRSA-X050", format!("{} cannot be read: {error}", file.display()))
                .with_fix("give the token's file, or `-` and the token on standard input"))
        }
    }
}
