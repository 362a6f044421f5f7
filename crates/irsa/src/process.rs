//! What every long running command of a cluster does: it logs to stderr, and ends at the first signal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::output::note;

/// Ends at the first SIGTERM or SIGINT.
///
/// # Errors
/// `IRSA-X009`
pub(crate) fn stopped_by_signals() -> Result<CancellationToken, CliError> {
    let listen_for = |kind| {
        signal(kind)
            .map_err(|error| CliError::undecided("IRSA-X009", format!("signals cannot be handled: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen_for(SignalKind::terminate())?, listen_for(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        note("stopping");
        stopped.cancel();
    });
    Ok(stop)
}

/// Logs what an operator wants to read; with `is_verbose` or `RUST_LOG`, more.
pub(crate) fn log_to_stderr(is_verbose: bool) {
    let level = if is_verbose { "irsa_cluster=debug,info" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new(level));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
