//! A server, from its settings to its end: the store opened, the accounts made, both halves joined, both ports listening.

mod hosted;
mod listener;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use irsa_cloud::accounts::{AdministratorKey, create_account, ensure_sealing_key};
use irsa_cloud::context::{Context, Hosting};
use irsa_cloud::credentials::KeyRing;
use irsa_cloud::decisions::DecisionLog;
use irsa_cloud::issuers::{IssuerSettings, Issuers, Targets};
use irsa_cloud::metrics::Metrics;
use irsa_cloud::s3;
use irsa_cloud::server::Server;
use irsa_cloud::uses::{SAVED_EVERY, Uses};
use irsa_cluster::hosted::Hosted;
use irsa_store::{Embedded, OpenError, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::Up;
use crate::data_folder::{DataFolder, ServerInfo};
use crate::error::CliError;

/// How often it is looked for uses that are to be written.
const LOOKED_FOR_USES_EVERY: Duration = Duration::from_secs(60);

/// A server that listens.
pub(crate) struct Running {
    /// Where.
    pub(crate) info: ServerInfo,
    /// The keys of accounts that were made now.
    pub(crate) new_keys: Vec<AdministratorKey>,
    folder: DataFolder,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Running {
    /// Stops accepting, lets what runs finish (for ten seconds at most), and closes the store.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.connections.close();
        let _ = tokio::time::timeout(Duration::from_secs(10), self.connections.wait()).await;
        self.folder.remove_server();
    }
}

/// Starts a server. With `--ephemeral`, `folder` holds only what other commands need to find it.
pub(crate) async fn start(settings: &Up, folder: DataFolder) -> Result<Running, CliError> {
    take_all_descriptors();
    let issuers = Issuers::new(issuer_settings(settings)?);
    let plain = bind(settings.listen, "--listen").await?;
    let over_tls = bind(settings.listen_tls, "--listen-tls").await?;
    let (address, tls_address) = (local(&plain)?, local(&over_tls)?);
    let info = ServerInfo {
        endpoint: format!("http://{address}"),
        tls_endpoint: format!("https://localhost:{}", tls_address.port()),
        region: settings.region.clone(),
        pid: std::process::id(),
    };

    let store = open_store(settings, &folder)?;
    let new_keys = make_accounts(settings, &folder, store.as_ref())?;
    let issuer_base = settings
        .issuer_url
        .as_ref()
        .map_or_else(|| info.tls_endpoint.clone(), |url| url.as_str().trim_end_matches('/').to_owned());
    let tls = tls::settings(&folder, &issuer_base)?;
    let ctx = Arc::new(Context {
        keys: key_ring(store.as_ref()),
        store: Arc::clone(&store),
        decisions: DecisionLog::default(),
        uses: Uses::default(),
        issuers,
        metrics: Metrics::default(),
        clock: now,
        region: settings.region.clone(),
        operator_token: folder.operator_token()?,
        hosting: Hosting {
            issuer_base,
            endpoint_base: info.tls_endpoint.clone(),
            certificate_authority: tls.authority_pem.clone(),
        },
    });
    let objects: Option<PathBuf> = if settings.ephemeral { None } else { Some(folder.objects()?) };
    let front = s3::Front::open(objects.as_deref(), settings.s3_domain.clone()).map_err(|error| {
        CliError::undecided("IRSA-X006", format!("the objects cannot be opened: {error}"))
            .with_fix("check the folder's owner and the free space, or name another with --data DIR")
    })?;
    let server = Arc::new(Server::new(Arc::clone(&ctx), front));
    let hosted = Arc::new(Hosted::new(store, now, Box::new(hosted::Reviewer::new(Arc::clone(&ctx)))));

    let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
    connections.spawn(save_uses(Arc::clone(&ctx), stop.clone()));
    connections.spawn(listener::serve_plain(plain, Arc::clone(&server), stop.clone(), connections.clone()));
    connections.spawn(listener::serve_tls(
        over_tls,
        tls.config,
        server,
        hosted,
        stop.clone(),
        connections.clone(),
    ));
    folder.write_server(&info)?;
    Ok(Running { info, new_keys, folder, stop, connections })
}

/// Writes when roles and keys were last used, from time to time and at the end.
async fn save_uses(ctx: Arc<Context>, stop: CancellationToken) {
    loop {
        let stopped = stop.run_until_cancelled(tokio::time::sleep(LOOKED_FOR_USES_EVERY)).await.is_none();
        let pause = if stopped { Duration::ZERO } else { SAVED_EVERY };
        let ctx = Arc::clone(&ctx);
        let saved = tokio::task::spawn_blocking(move || ctx.uses.save(ctx.store.as_ref(), pause)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "the last uses of roles and access keys are not written yet");
        }
        if stopped {
            return;
        }
    }
}

/// The clock, in seconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Raises the soft limit of open files to the hard one: 1,024, the usual soft limit, is soon reached by idle connections, and
/// then nobody else is served. Where it cannot be raised the server works with what it has.
fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            CliError::undecided("IRSA-X001", format!("{address} is in use by another process")).with_fix(
                format!("stop it, or choose another with {flag} {}:0 (0 takes any free port)", address.ip()),
            )
        }
        _ => CliError::undecided("IRSA-X001", format!("{address} cannot be listened on: {error}"))
            .with_fix(format!("choose another with {flag}")),
    })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, CliError> {
    listener.local_addr().map_err(|error| CliError::undecided("IRSA-X001", error.to_string()))
}

fn open_store(settings: &Up, folder: &DataFolder) -> Result<Arc<dyn Store>, CliError> {
    let opened = if settings.ephemeral { Embedded::ephemeral() } else { Embedded::open(folder.path()) };
    match opened {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(unopened(&error, folder)),
    }
}

fn unopened(error: &OpenError, folder: &DataFolder) -> CliError {
    let path = folder.path().display();
    let failed = CliError::undecided("IRSA-X006", format!("the data in {path} cannot be opened: {error}"));
    match error {
        OpenError::Locked { .. } => {
            failed.with_fix("another `irsa up` uses this folder: stop it, or name another with --data DIR")
        }
        OpenError::Corrupt { .. } => failed
            .with_fix("nothing was changed; restore the folder from a backup, or move it away to start anew"),
        OpenError::NewerFormat { .. } => failed.with_fix("a newer irsa wrote it: use that version"),
        _ => failed.with_fix("check the folder's owner and the free space, or name another with --data DIR"),
    }
}

fn make_accounts(
    settings: &Up,
    folder: &DataFolder,
    store: &dyn Store,
) -> Result<Vec<AdministratorKey>, CliError> {
    let unmade = |error: irsa_cloud::accounts::AccountError| {
        CliError::undecided("IRSA-X006", format!("an account could not be made: {error}"))
    };
    ensure_sealing_key(store, now()).map_err(unmade)?;
    let mut new_keys = Vec::new();
    for account in &settings.accounts {
        if let Some(key) = create_account(store, *account, now()).map_err(unmade)? {
            folder.add_credentials(&key)?;
            new_keys.push(key);
        }
    }
    Ok(new_keys)
}

fn key_ring(store: &dyn Store) -> KeyRing {
    let snapshot = store.snapshot();
    let mut keys: Vec<_> = snapshot.sealing_keys().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.created));
    KeyRing::new(keys.into_iter().map(|key| &***key))
}

fn issuer_settings(settings: &Up) -> Result<IssuerSettings, CliError> {
    Ok(IssuerSettings {
        extra_roots: read_certificates("--issuer-ca", &settings.issuer_ca)?,
        targets: Targets::new(settings.issuer_allow.clone()),
        instead: settings.issuer_map.iter().cloned().collect(),
    })
}

/// The files that a flag names, each with at least one PEM certificate.
pub(crate) fn read_certificates(flag: &str, files: &[PathBuf]) -> Result<Vec<String>, CliError> {
    let read = |file: &PathBuf| {
        let pem = std::fs::read_to_string(file)
            .map_err(|error| CliError::usage("IRSA-X007", format!("{flag} {}: {error}", file.display())))?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            let message = format!("{flag} {} holds no PEM certificate", file.display());
            return Err(CliError::usage("IRSA-X007", message));
        }
        Ok(pem)
    };
    files.iter().map(read).collect()
}
