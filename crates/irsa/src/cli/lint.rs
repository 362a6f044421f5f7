//! The arguments of `irsa lint`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use irsa_policy::lint::Severity;

/// `irsa lint`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa lint                             policies, manifests and plans below this folder
  irsa lint infra k8s/app.yaml          what they say, each and together
  terraform show -json plan | irsa lint -
  helm template . | irsa lint -
  irsa lint --fix --approve .           mend what has one right answer
  irsa lint -o sarif . > lint.sarif     for code scanning

Ignoring, with a reason: `# irsa-ignore: CODE reason` in YAML and terraform, `PATH CODE reason` in a file `.irsa-ignore`.
Exit codes: 0 nothing found that --fail-on names, 1 something was, 2 bad usage, 3 a file could not be read.")]
pub(crate) struct Lint {
    /// Files, folders, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: LintFormat,
    /// The least severity that fails
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    pub(crate) fail_on: FailOn,
    /// A code not to report, everywhere (repeatable)
    #[arg(long, value_name = "CODE[=REASON]")]
    pub(crate) ignore: Vec<String>,
    /// Show what fixes would change; with `-`, write the fixed text
    #[arg(long)]
    pub(crate) fix: bool,
    /// Write the fixes into the files
    #[arg(long, requires = "fix")]
    pub(crate) approve: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, a test case for each document
    Junit,
    /// Workflow commands of GitHub Actions
    Github,
}

/// The least severity that makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FailOn {
    /// What AWS or Kubernetes refuse, or what never works
    Error,
    /// Also what lets in more than is meant
    #[default]
    Security,
    /// Also what surprises one day
    Warning,
    /// Also what is worth knowing
    Info,
    /// Nothing
    Never,
}

impl FailOn {
    /// Whether a finding of this severity fails.
    pub(crate) fn fails(self, severity: Severity) -> bool {
        let least = match self {
            FailOn::Error => Severity::Error,
            FailOn::Security => Severity::Security,
            FailOn::Warning => Severity::Warning,
            FailOn::Info => Severity::Info,
            FailOn::Never => return false,
        };
        severity >= least
    }
}
