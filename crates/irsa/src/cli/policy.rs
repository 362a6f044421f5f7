//! `irsa policy`: policies without a server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::output::Format;

/// `irsa policy`
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Decide a request by the policies that it comes with
    Eval(Eval),
    /// Check policy documents as AWS does when they are saved
    Validate(Validate),
    /// Print the JSON schema of an input or output of these commands
    Schema(Schema),
}

/// `irsa policy eval`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa policy eval case.json
  irsa policy eval --batch < cases.ndjson > decisions.ndjson
  irsa policy eval --batch --explain cases.ndjson | jq -r 'select(.decision != \"Allowed\").explain.message'

A case is one JSON object; `irsa policy schema policy-eval-case.v1` is its schema. With --batch every line is a case and gets
one line; a line that is no case gets its error, and the rest goes on.

Exit codes: 0 allowed, 1 denied, 3 not decided; with --batch 0 once everything was read.")]
pub(crate) struct Eval {
    /// Read a case a line, write a decision a line, in the same order
    #[arg(long)]
    pub(crate) batch: bool,
    /// Tell how every policy, statement and condition met the request
    #[arg(long)]
    pub(crate) explain: bool,
    /// How to write the result of a single case
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "batch")]
    pub(crate) output: Format,
    /// The file to read [default: standard input]
    pub(crate) file: Option<PathBuf>,
}

/// `irsa policy validate`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa policy validate --type trust trust.json
  irsa policy validate --batch < documents.ndjson

With --batch every line is {\"id\", \"type\", \"document\"} and gets one line, in the same order.

Exit codes: 0 all valid, 1 one is not, 3 one could not be read; with --batch 0 once everything was read.")]
pub(crate) struct Validate {
    /// Read a document a line, write the findings a line, in the same order
    #[arg(long)]
    pub(crate) batch: bool,
    /// What the documents are for [default: what each looks like]
    #[arg(short, long = "type", value_enum, value_name = "TYPE", conflicts_with = "batch")]
    pub(crate) kind: Option<DocumentType>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "batch")]
    pub(crate) output: Format,
    /// The files to read [default: standard input]
    pub(crate) files: Vec<PathBuf>,
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentType {
    /// Attached to a user, group or role
    Identity,
    /// Attached to a resource
    Resource,
    /// Whom a role trusts
    Trust,
    /// A permissions boundary
    Boundary,
    /// Passed when a session is made
    Session,
    /// An organization's service control policy
    Scp,
    /// An organization's resource control policy
    Rcp,
}

/// `irsa policy schema`
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// `policy-eval-case.v1`; none lists them all
    pub(crate) name: Option<String>,
}
