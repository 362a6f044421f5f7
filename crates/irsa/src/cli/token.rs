//! `irsa token`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ipnet::IpNet;

use crate::output::Format;

/// `irsa token`
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// What to do with a token. It is never printed, and never leaves the machine.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Tell what a token says and what is odd about it, offline
    Inspect(Inspect),
    /// Verify a token as STS does: signature, times, audience
    Verify(Verify),
}

/// `irsa token inspect`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl exec deploy/app -- cat /var/run/secrets/eks.amazonaws.com/serviceaccount/token | irsa token inspect
  irsa token inspect token.jwt
Exit codes: 0 nothing wrong, 1 STS would refuse it or it is impossible, 2 bad usage, 3 it could not be read")]
pub(crate) struct Inspect {
    /// The token's file; `-` is standard input
    #[arg(value_name = "FILE", env = "AWS_WEB_IDENTITY_TOKEN_FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa token verify`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa token verify token.jwt                                   keys from the issuer that the token names
  irsa token verify --issuer https://issuer.example.com token.jwt
  irsa token verify --jwks keys.json token.jwt                  offline
Exit codes: 0 verified, 1 not, 2 bad usage, 3 the keys could not be had")]
pub(crate) struct Verify {
    /// The token's file; `-` is standard input
    #[arg(value_name = "FILE", env = "AWS_WEB_IDENTITY_TOKEN_FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    /// The issuer that the token must be of [default: the one that it names]
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// The issuer's keys, instead of fetching them
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// An audience that the token must have (repeatable: one of them)
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub(crate) audience: Vec<String>,
    /// A certificate authority to trust, beside the system's (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_ca: Vec<PathBuf>,
    /// A private network in which the issuer may be reached (repeatable)
    #[arg(long, value_name = "CIDR")]
    pub(crate) issuer_allow: Vec<IpNet>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
