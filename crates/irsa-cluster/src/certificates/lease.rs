//! Who of several replicas does what only one should do: the holder of a Lease, as Kubernetes' own controllers choose theirs.
//!
//! Nobody's clock is compared with anybody else's: a holder is gone when its Lease has not changed for as long as it is to last, by
//! our own clock (client-go's `leaderelection`).

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api_server::{ApiError, ApiServer, JSON};

/// A Lease lasts so long; who is gone for longer is replaced.
const LASTS: Duration = Duration::from_secs(15);
/// Its holder renews it so often.
const RENEWED: Duration = Duration::from_secs(5);

pub(super) struct Lease {
    api: ApiServer,
    path: String,
    namespace: String,
    name: String,
    identity: String,
    /// The version that was seen last, and since when.
    seen: Option<(String, Instant)>,
    renewed: Option<Instant>,
}

impl Lease {
    pub(super) fn new(api: ApiServer, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api,
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
            renewed: None,
        }
    }

    /// Takes or renews the Lease, if it is ours to take.
    pub(super) async fn is_ours(&mut self) -> Result<bool, ApiError> {
        if self.renewed.is_some_and(|renewed| renewed.elapsed() < RENEWED) {
            return Ok(true);
        }
        self.renewed = None;
        let path = format!("{}/{}", self.path, self.name);
        let taken = match self.api.get::<Value>(&path, JSON).await {
            Err(error) if error.code() == Some(404) => {
                self.api.send::<Value>(Method::POST, &self.path, JSON, self.lease(None)).await
            }
            Err(error) => return Err(error),
            Ok(lease) if self.may_take(&lease) => {
                self.api.send::<Value>(Method::PUT, &path, JSON, self.lease(Some(&lease))).await
            }
            Ok(_held) => return Ok(false),
        };
        match taken {
            Ok(_) => {
                self.renewed = Some(Instant::now());
                Ok(true)
            }
            // Somebody else was faster.
            Err(error) if error.code() == Some(409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the next one take it at once.
    pub(super) async fn release(mut self) {
        if self.renewed.take().is_some() {
            let path = format!("{}/{}", self.path, self.name);
            if let Ok(mut lease) = self.api.get::<Value>(&path, JSON).await
                && holder(&lease) == self.identity
                && let Some(spec) = lease.get_mut("spec").and_then(Value::as_object_mut)
            {
                spec.insert("holderIdentity".to_owned(), json!(""));
                let _ =
                    self.api.send::<Value>(Method::PUT, &path, JSON, lease.to_string().into_bytes()).await;
            }
        }
    }

    fn may_take(&mut self, lease: &Value) -> bool {
        let version = lease.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
        let holder = holder(lease);
        if holder.is_empty() || holder == self.identity {
            return true;
        }
        match &self.seen {
            Some((seen, since)) if seen == version => since.elapsed() > LASTS,
            _ => {
                self.seen = Some((version.to_owned(), Instant::now()));
                false
            }
        }
    }

    fn lease(&self, old: Option<&Value>) -> Vec<u8> {
        let now = format!("{:.6}", jiff::Timestamp::now());
        let of_old = |field: &str| old.and_then(|old| old.pointer(field)).cloned();
        let is_new = old.is_none_or(|old| holder(old) != self.identity);
        let transitions = of_old("/spec/leaseTransitions").and_then(|count| count.as_i64()).unwrap_or(0);
        let acquired = of_old("/spec/acquireTime").filter(|_| !is_new).unwrap_or_else(|| json!(now));
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "resourceVersion": of_old("/metadata/resourceVersion"),
            },
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": LASTS.as_secs(),
                "acquireTime": acquired,
                "renewTime": now,
                "leaseTransitions": transitions + i64::from(is_new && old.is_some()),
            },
        });
        lease.to_string().into_bytes()
    }
}

fn holder(lease: &Value) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
}
