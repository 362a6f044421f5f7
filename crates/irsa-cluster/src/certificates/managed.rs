//! Certificates with nothing installed: authority and serving certificate in a Secret that all replicas follow, the authority in
//! the `caBundle` of our MutatingWebhookConfiguration, kept by the replica that holds a Lease.
//!
//! A new authority is trusted before it signs, and a new certificate is used from the next handshake on, so that no review is
//! dropped. Every write names the version that it is for: two replicas that both think they lead do no harm.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::authority::{Material, Step};
use super::lease::Lease;
use super::{CertificateError, Current, Serving};
use crate::api_server::{ApiError, ApiServer, JSON};
use crate::watch::{Change, Collection, WatchHealth, Watched, follow};

/// What is to be done is looked at so often, beside every change.
const EVERY: Duration = Duration::from_secs(5);
/// Every API server has heard of a changed configuration after so long.
const HEARD_BY_ALL: Duration = Duration::from_secs(30);
const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// What the certificate is for, and where it is kept.
#[derive(Debug, Clone)]
pub struct Names {
    /// The namespace of Service, Secret and Lease.
    pub namespace: String,
    /// The Service that the API server calls.
    pub service: String,
    /// The Secret, and the Lease.
    pub secret: String,
    /// The MutatingWebhookConfiguration whose `caBundle` is ours.
    pub configuration: String,
    /// Who we are among the replicas.
    pub identity: String,
}

/// An object of which several fields are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
struct Object(Value);

impl Watched for Object {
    fn resource_version(&self) -> &str {
        self.0.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Something that is watched: the newest of it, and whether anything is known.
#[derive(Default)]
struct Latest {
    object: Option<Value>,
    is_synced: bool,
}

#[derive(Default)]
struct Shared {
    secret: Mutex<Latest>,
    configuration: Mutex<Latest>,
    changed: Notify,
}

/// Why the certificate could not be kept as it should be.
#[derive(Debug, thiserror::Error)]
enum ManagedError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Keeps `current` as the Secret has it, and Secret and configuration as they should be, until `stop`. The time comes from
/// `clock`, in seconds since the epoch.
pub async fn manage(
    api: ApiServer,
    names: Names,
    current: Arc<Current>,
    clock: fn() -> i64,
    stop: CancellationToken,
) {
    let shared = Arc::new(Shared::default());
    let secrets =
        Collection::named(&format!("/api/v1/namespaces/{}/secrets", names.namespace), &names.secret);
    let configurations = Collection::named(CONFIGURATIONS, &names.configuration);
    watch(&api, secrets, &shared, |shared| &shared.secret, &stop);
    watch(&api, configurations, &shared, |shared| &shared.configuration, &stop);

    let lease = Lease::new(api.clone(), &names.namespace, &names.secret, &names.identity);
    let mut manager =
        Manager { api, dns: dns(&names), names, lease, shared, used: None, trusted_since: None };
    let mut complained = String::new();
    loop {
        manager.use_secret(&current);
        match manager.keep(clock()).await {
            Ok(()) => complained.clear(),
            Err(error) => {
                let error = error.to_string();
                if error != complained {
                    tracing::warn!(%error, "the certificate is not kept as it should be");
                    complained = error;
                }
            }
        }
        let next = async {
            tokio::select! {
                () = manager.shared.changed.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        };
        if stop.run_until_cancelled(next).await.is_none() {
            return manager.lease.release().await;
        }
    }
}

struct Manager {
    api: ApiServer,
    names: Names,
    dns: Vec<String>,
    lease: Lease,
    shared: Arc<Shared>,
    used: Option<Material>,
    /// Since when the configuration has had the authorities that the Secret has.
    trusted_since: Option<Instant>,
}

impl Manager {
    /// Every replica serves what the Secret has.
    fn use_secret(&mut self, current: &Current) {
        let Some(material) = latest(&self.shared.secret).object.as_ref().and_then(material) else { return };
        if self.used.as_ref() == Some(&material) {
            return;
        }
        match Serving::from_pem(material.certificate.as_bytes(), material.key.as_bytes()) {
            Ok(serving) => {
                tracing::info!(until = serving.validity.not_after, "the certificate of the Secret is used");
                current.replace(serving);
            }
            Err(error) => tracing::warn!(%error, "the certificate of the Secret cannot be used"),
        }
        self.used = Some(material);
    }

    /// The leader does the next step, if there is one.
    async fn keep(&mut self, now: i64) -> Result<(), ManagedError> {
        let (secret, configuration) = {
            let (secret, configuration) = (latest(&self.shared.secret), latest(&self.shared.configuration));
            if !secret.is_synced || !configuration.is_synced {
                return Ok(());
            }
            (secret.object.clone(), configuration.object.clone())
        };
        if !self.lease.is_ours().await? {
            // Another one may change them, and what is waited for begins anew.
            self.trusted_since = None;
            return Ok(());
        }
        let stored = secret.as_ref().and_then(material);
        let mut is_trusted = false;
        if let (Some(material), Some(configuration)) = (&stored, &configuration) {
            is_trusted = self.publish(&material.authorities, configuration).await?;
        }
        let step = stored.as_ref().map_or(Step::Begin, |stored| stored.next_step(&self.dns, is_trusted, now));
        let next = match (step, &stored) {
            (Step::Keep, _) => return Ok(()),
            (Step::Issue, Some(stored)) => stored.issue(&self.dns, now)?,
            (Step::Succeed, Some(stored)) => stored.succeed(now)?,
            (Step::Begin | Step::Issue | Step::Succeed, _) => Material::begin(&self.dns, now)?,
        };
        tracing::info!(?step, "the certificate is renewed");
        self.store(&next, secret.as_ref()).await
    }

    /// Whether all API servers trust `authorities`; if the configuration does not have them, it gets them.
    async fn publish(&mut self, authorities: &str, configuration: &Value) -> Result<bool, ManagedError> {
        let bundle = json!(STANDARD.encode(authorities));
        let webhooks = configuration.get("webhooks").and_then(Value::as_array);
        let mut patch = Vec::new();
        for (index, webhook) in webhooks.into_iter().flatten().enumerate() {
            if webhook.pointer("/clientConfig/caBundle") == Some(&bundle) {
                continue;
            }
            let name = webhook.get("name");
            patch.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}));
            let path = format!("/webhooks/{index}/clientConfig/caBundle");
            patch.push(json!({"op": "add", "path": path, "value": bundle}));
        }
        if patch.is_empty() {
            return Ok(self.trusted_since.get_or_insert_with(Instant::now).elapsed() > HEARD_BY_ALL);
        }
        self.trusted_since = None;
        let path = format!("{CONFIGURATIONS}/{}", self.names.configuration);
        let body = Value::Array(patch).to_string().into_bytes();
        self.api.send::<Value>(Method::PATCH, &path, "application/json-patch+json", body).await?;
        tracing::info!(configuration = self.names.configuration, "its caBundle is ours again");
        Ok(false)
    }

    async fn store(&self, material: &Material, old: Option<&Value>) -> Result<(), ManagedError> {
        let collection = format!("/api/v1/namespaces/{}/secrets", self.names.namespace);
        let secret = self.secret(material, old);
        let stored = match old {
            None => self.api.send::<Value>(Method::POST, &collection, JSON, secret).await,
            Some(_) => {
                let path = format!("{collection}/{}", self.names.secret);
                self.api.send::<Value>(Method::PUT, &path, JSON, secret).await
            }
        };
        match stored {
            Ok(_) => Ok(()),
            // Another version is on its way to us.
            Err(error) if error.code() == Some(409) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The Secret, with whatever else was in it.
    fn secret(&self, material: &Material, old: Option<&Value>) -> Vec<u8> {
        let mut secret = old.cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": {"name": self.names.secret, "namespace": self.names.namespace},
            })
        });
        let data: BTreeMap<&str, String> = [
            ("ca.crt", material.authorities.as_str()),
            ("ca.key", material.authority_key.as_str()),
            ("tls.crt", material.certificate.as_str()),
            ("tls.key", material.key.as_str()),
            (SIGNED_BY, material.signed_by.as_str()),
        ]
        .map(|(name, value)| (name, STANDARD.encode(value)))
        .into();
        if let Some(secret) = secret.as_object_mut() {
            secret.insert("data".to_owned(), json!(data));
        }
        secret.to_string().into_bytes()
    }
}

const SIGNED_BY: &str = "signed-by";

/// Reads the Secret; none when a part is missing.
fn material(secret: &Value) -> Option<Material> {
    let part = |name: &str| {
        let decoded = STANDARD.decode(secret.get("data")?.get(name)?.as_str()?).ok()?;
        String::from_utf8(decoded).ok()
    };
    Some(Material {
        authorities: part("ca.crt")?,
        authority_key: Zeroizing::new(part("ca.key")?),
        certificate: part("tls.crt")?,
        key: Zeroizing::new(part("tls.key")?),
        signed_by: part(SIGNED_BY)?,
    })
}

/// The names that a Service has inside its cluster; API servers use the third.
fn dns(names: &Names) -> Vec<String> {
    let Names { service, namespace, .. } = names;
    vec![
        service.clone(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ]
}

fn latest(latest: &Mutex<Latest>) -> std::sync::MutexGuard<'_, Latest> {
    latest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(
    api: &ApiServer,
    collection: Collection,
    shared: &Arc<Shared>,
    of: fn(&Shared) -> &Mutex<Latest>,
    stop: &CancellationToken,
) {
    let (shared, mut listed) = (Arc::clone(shared), None);
    let seen = move |change: Change<Object>| {
        let mut latest = latest(of(&shared));
        match change {
            Change::Restarted => listed = None,
            Change::Listed(objects) => listed = objects.into_iter().next().or(listed.take()),
            Change::Synced => {
                latest.object = listed.take().map(|object| object.0);
                latest.is_synced = true;
            }
            Change::Applied(object) => latest.object = Some(object.0),
            Change::Deleted(_) => latest.object = None,
        }
        drop(latest);
        shared.changed.notify_one();
    };
    tokio::spawn(follow(api.clone(), collection, Arc::<WatchHealth>::default(), seen, stop.clone()));
}
