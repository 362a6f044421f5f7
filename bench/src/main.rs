//! Load generator and comparisons with peers and limits, all in one run.
//!
//! `cargo run --release -p irsa-bench -- sts` starts our server, moto's and SeaweedFS (by pip, into `.tools/bench`) and a bare
//! HTTP server that does one RSA-2048 verification a request, drives each with the same load, and prints requests per second,
//! latencies, memory and the server's CPU time per request: the one figure that a busy machine does not move.
//!
//! `cargo run --release -p irsa-bench -- policy` measures policy decisions, ours and other engines'; `-- webhook` measures
//! admission reviews, ours and those of a bare TLS server.
#![forbid(unsafe_code)]

mod echo;
mod http;
mod issuer;
mod load;
mod moto;
mod ours;
mod policy;
mod process;
mod report;
mod seaweedfs;
mod sts;
mod tokens;
mod webhook;

use clap::{Parser, Subcommand};

/// What `irsa` allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "irsa-bench", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Token exchange, GetCallerIdentity, GetObject and PutObject, ours and the peers'
    Sts(sts::Options),
    /// Policy decisions: our limits, and other engines
    Policy(policy::Options),
    /// Admission reviews over TLS, against a bare TLS server; memory and start with many ServiceAccounts
    Webhook(webhook::Options),
    /// The ceiling of reviews: reads every POST and answers with the same bytes, over TLS (started by `webhook`)
    #[command(hide = true)]
    TlsEcho,
    /// The ceiling: answers every POST after one RSA-2048 verification (started by `sts`)
    #[command(hide = true)]
    Echo,
}

/// What stops a benchmark: a sentence.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match Cli::parse().command {
            Command::Sts(options) => sts::run(options).await,
            Command::Policy(options) => policy::run(&options),
            Command::Webhook(options) => webhook::run(options).await,
            Command::TlsEcho => webhook::tls_echo::serve().await,
            Command::Echo => echo::serve().await,
        }
    })
}
