//! `irsa up`: serve until told to stop.

use std::process::ExitCode;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::Up;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::{FAINT, STRONG, note, print};
use crate::serve;

pub(crate) async fn up(settings: Up) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    log_to_stderr();
    // Named before anything is made, so that a signal during the start is not lost.
    let (mut terminate, mut interrupt) =
        (listen_for(SignalKind::terminate())?, listen_for(SignalKind::interrupt())?);
    let (folder, _removed_at_the_end) = folder(&settings)?;
    let running = serve::start(&settings, folder.clone()).await?;

    print(&format!("{STRONG}STS, IAM, EKS and S3{STRONG:#}   {}", running.info.endpoint));
    print(&format!("{STRONG}issuers, clusters{STRONG:#}      {}", running.info.tls_endpoint));
    print(&format!(
        "{STRONG}data{STRONG:#}                   {}{}",
        folder.path().display(),
        if settings.ephemeral { "  (state in memory, forgotten at the end)" } else { "" }
    ));
    for key in &running.new_keys {
        print(&format!(
            "{STRONG}account{STRONG:#}                {}   administrator's key in {}",
            key.account,
            folder.path().join("credentials").display()
        ));
    }
    let flag = if settings.ephemeral || settings.data.folder.is_some() {
        format!(" --data {}", folder.path().display())
    } else {
        String::new()
    };
    note(&format!(
        "{FAINT}ready in {} ms; in another shell: eval \"$(irsa env{flag})\"{FAINT:#}",
        started.elapsed().as_millis()
    ));

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    note("stopping");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The data folder; for an ephemeral server without one, a temporary folder that goes with the process.
pub(crate) fn folder(settings: &Up) -> Result<(DataFolder, Option<tempfile::TempDir>), CliError> {
    if !settings.ephemeral || settings.data.folder.is_some() {
        return Ok((DataFolder::create(settings.data.folder.as_deref())?, None));
    }
    let temporary = tempfile::Builder::new().prefix("irsa-").tempdir().map_err(|error| {
        CliError::undecided("IRSA-X005", format!("no temporary folder can be made: {error}"))
            .with_fix("check TMPDIR and its free space")
    })?;
    Ok((DataFolder::create(Some(temporary.path()))?, Some(temporary)))
}

fn listen_for(kind: SignalKind) -> Result<tokio::signal::unix::Signal, CliError> {
    signal(kind)
        .map_err(|error| CliError::undecided("IRSA-X009", format!("signals cannot be handled: {error}")))
}

/// Warnings and worse; more with `RUST_LOG`.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("warn,s3s=off"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
