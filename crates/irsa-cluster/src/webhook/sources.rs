//! What the webhook follows: ServiceAccounts, the ConfigMap with roles, the file with the ServiceAccounts of EKS Pod Identity.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Webhook;
use crate::api_server::ApiServer;
use crate::mutate::{Identities, Mapping};
use crate::watch::{Change, Collection, Watched, follow};

/// The ConfigMap's key.
const CONFIG: &str = "config";
/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Deserialize)]
struct ConfigMap {
    metadata: Metadata,
    #[serde(default)]
    data: Option<HashMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    resource_version: String,
}

impl Watched for ConfigMap {
    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

impl Webhook {
    pub(super) fn follow_sources(
        self: &Arc<Self>,
        api: &ApiServer,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let cache = Arc::clone(&self.cache);
        let accounts = follow(
            api.clone(),
            Collection::service_accounts(),
            Arc::clone(&self.accounts_watch),
            move |change| cache.apply(change),
            stop.clone(),
        );
        tasks.spawn(accounts);
        if let (Some((namespace, name)), Some(health)) = (&self.options.config_map, &self.config_map_watch) {
            let (webhook, mut is_listed) = (Arc::clone(self), false);
            let seen = move |change: Change<ConfigMap>| match change {
                Change::Restarted => is_listed = false,
                Change::Listed(listed) => {
                    for config_map in &listed {
                        is_listed = true;
                        webhook.map_roles(config_map);
                    }
                }
                Change::Applied(config_map) => webhook.map_roles(&config_map),
                Change::Synced if is_listed => {}
                // Whoever deletes the ConfigMap takes its roles away.
                Change::Synced | Change::Deleted(_) => webhook.mapping.store(Arc::default()),
            };
            let collection = Collection::config_map(namespace, name);
            tasks.spawn(follow(api.clone(), collection, Arc::clone(health), seen, stop.clone()));
        }
        if let Some(file) = self.options.identities.clone() {
            let (webhook, stop) = (Arc::clone(self), stop.clone());
            tasks.spawn(async move { webhook.follow_identities(&file, &stop).await });
        }
    }

    fn map_roles(&self, config_map: &ConfigMap) {
        let config = config_map.data.as_ref().and_then(|data| data.get(CONFIG)).map_or("", String::as_str);
        match Mapping::parse(config) {
            Ok((mapping, problems)) => {
                for problem in &problems {
                    tracing::warn!(%problem, "in the ConfigMap");
                }
                self.metrics.config_map(problems.len());
                self.mapping.store(Arc::new(mapping));
            }
            Err(error) => {
                tracing::error!(%error, "the ConfigMap's `config` is no JSON object: its last good content stays");
                self.metrics.config_map(1);
            }
        }
    }

    /// A file that is missing or empty names nobody; one that cannot be read leaves what was known, as with upstream.
    async fn follow_identities(&self, file: &Path, stop: &CancellationToken) {
        let mut known = None;
        loop {
            let content = match tokio::fs::read_to_string(file).await {
                Ok(content) => Some(content),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(String::new()),
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "the identities cannot be read");
                    None
                }
            };
            if let Some(content) = content.filter(|content| known.as_ref() != Some(content)) {
                if content.trim().is_empty() {
                    self.identities.store(None);
                } else {
                    match Identities::parse(&content) {
                        Ok(identities) => self.identities.store(Some(Arc::new(identities))),
                        Err(error) => {
                            tracing::error!(file = %file.display(), %error, "the identities are no JSON: the last good ones stay");
                        }
                    }
                }
                known = Some(content);
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    }
}
