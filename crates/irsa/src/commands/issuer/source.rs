//! Where an issuer's keys come from: files, and the running cluster.

use std::path::Path;

use irsa_cluster::issuer::live::{self, LiveError, LiveIssuer};
use irsa_cluster::issuer::{IssuerKey, keys};
use irsa_token::jwks::MAX_BYTES;

use crate::cli::KubeContext;
use crate::cli::issuer::IssuerKeys;
use crate::error::CliError;
use crate::input;
use crate::kubernetes::unanswered;

/// An issuer, and what was found out about it.
pub(super) struct Known {
    /// Its URL.
    pub(super) issuer: String,
    /// Every key of every source, each once.
    pub(super) keys: Vec<IssuerKey>,
    /// What the running cluster says, if it was asked.
    pub(super) live: Option<LiveIssuer>,
}

/// Reads the files, and asks the cluster where that is wanted.
pub(super) async fn known(arguments: &IssuerKeys) -> Result<Known, CliError> {
    let live = cluster(arguments.from_kubeconfig, &arguments.context).await?;
    let mut all: Vec<IssuerKey> = Vec::new();
    for file in &arguments.keys {
        all.extend(read_file(file)?);
    }
    all.extend(live.iter().flat_map(|live| live.keys.iter().cloned()));
    let mut keys: Vec<IssuerKey> = Vec::new();
    for key in all {
        if !keys.iter().any(|known| known.kid == key.kid) {
            keys.push(key);
        }
    }
    let issuer = arguments.issuer.clone().or_else(|| live.as_ref().map(|live| live.issuer.clone()));
    // The command line demands one where there is no cluster to ask.
    Ok(Known { issuer: issuer.unwrap_or_default(), keys, live })
}

/// What the running cluster says; nothing where it is not wanted.
pub(super) async fn cluster(wanted: bool, context: &KubeContext) -> Result<Option<LiveIssuer>, CliError> {
    if !wanted {
        let flags =
            [("--kubeconfig", context.kubeconfig.is_some()), ("--context", context.context.is_some())];
        return match flags.iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((flag, _)) => {
                Err(CliError::usage("IRSA-X061", format!("{flag} names a cluster that is not asked"))
                    .with_fix("add --from-kubeconfig"))
            }
        };
    }
    let api = context.connect().await?;
    match live::read(&api).await {
        Ok(live) => Ok(Some(live)),
        Err(LiveError::Api(error)) if error.code() == Some(404) => Err(CliError::no(
            "IRSA-X061",
            "the cluster publishes no issuer: its --service-account-issuer is no https:// URL",
        )
        .with_fix(
            "give the keys of the control plane with --key FILE (kubeadm: /etc/kubernetes/pki/sa.pub)",
        )),
        Err(LiveError::Api(error)) => Err(unanswered(&error)),
        Err(error) => Err(CliError::undecided("IRSA-X061", error.to_string())),
    }
}

/// The keys of a file.
pub(super) fn read_file(file: &Path) -> Result<Vec<IssuerKey>, CliError> {
    let unusable = |reason: String| {
        CliError::undecided("IRSA-X061", format!("{}: {reason}", file.display()))
            .with_fix("give `sa.pub` of the control plane, or `kubectl get --raw /openid/v1/jwks`")
    };
    let text = input::read(file, MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
    keys::read(&text).map_err(|error| unusable(error.to_string()))
}
