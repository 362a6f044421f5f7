//! What a command fails with: a stable code, a sentence, and what to do about it.

use std::process::ExitCode;

/// A failed command. Its code is explained offline by `irsa explain CODE`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    /// `IRSA-X001`.
    pub(crate) code: &'static str,
    /// What went wrong, naming the thing that the user gave.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) fix: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The answer is no.
    No,
    /// The command was used wrongly.
    Usage,
    /// It could not be decided: something was unreachable or unreadable.
    Undecided,
}

impl CliError {
    /// The answer is no: exit code 1.
    pub(crate) fn no(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: None, kind: Kind::No }
    }

    /// The command was used wrongly: exit code 2.
    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: None, kind: Kind::Usage }
    }

    /// It could not be decided or done: exit code 3.
    pub(crate) fn undecided(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: None, kind: Kind::Undecided }
    }

    /// Adds what to do about it.
    pub(crate) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::No => 1,
            Kind::Usage => 2,
            Kind::Undecided => 3,
        })
    }
}
