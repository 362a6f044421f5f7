//! The clusters that we host, over HTTP: their issuers' documents, which anybody may read, and their Kubernetes API, which
//! only those may use whom the [`TokenReviewer`] knows.
//!
//! An issuer is `/id/{ID}` below the server, as EKS's are below their own host; an API is `/k8/{ID}`.

mod issuer;
mod status;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use irsa_store::model::Cluster;
use irsa_store::{Snapshot, Store, Stored};

use self::status::Status;

/// Says who a bearer token belongs to, and whether it may use a cluster.
pub trait TokenReviewer: Send + Sync {
    /// Reviews a token for a cluster.
    ///
    /// # Errors
    /// [`ReviewError`].
    fn review(&self, cluster: &Cluster, token: &str) -> Result<UserInfo, ReviewError>;
}

/// Who was authenticated, in Kubernetes' terms (`authentication.k8s.io/v1` `UserInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The name.
    pub username: String,
    /// Its groups.
    pub groups: Vec<String>,
}

/// Why a token does not open a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// It proves nobody's identity; the text says why, for the log alone.
    #[error("{0}")]
    Unauthenticated(String),
    /// It does, of somebody who may not.
    #[error("{0}")]
    Forbidden(String),
}

/// Every hosted cluster of a store.
pub struct Hosted {
    store: Arc<dyn Store>,
    clock: fn() -> i64,
    reviewer: Box<dyn TokenReviewer>,
}

impl Hosted {
    /// The clusters of `store`. `clock` is in seconds since the epoch.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: fn() -> i64, reviewer: Box<dyn TokenReviewer>) -> Self {
        Self { store, clock, reviewer }
    }

    /// Whether a path is an issuer's or a cluster's. No bucket can have such a path: their names have three characters at
    /// least.
    #[must_use]
    pub fn serves(path: &str) -> bool {
        path.starts_with("/id/") || path.starts_with("/k8/")
    }

    /// Answers one request whose body was read.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Vec<u8>> {
        let snapshot = self.store.snapshot();
        let path = request.uri().path();
        let mut segments = path.trim_start_matches('/').splitn(3, '/');
        let (room, id, rest) = (segments.next(), segments.next(), segments.next().unwrap_or_default());
        let cluster = id.and_then(|id| cluster_by_id(&snapshot, id));
        match (room, cluster) {
            (Some("id"), Some(cluster)) => issuer::answer(&cluster, request.method(), rest),
            (_, Some(cluster)) => match self.authenticate(&cluster, request.headers()) {
                Ok(_user) => Status::unknown_path().response(),
                Err(status) => status.response(),
            },
            (_, None) => Status::unknown_path().response(),
        }
    }

    /// Kubernetes gives no reason for a 401, so that nothing is learned by trying; the log has it.
    fn authenticate(&self, cluster: &Cluster, headers: &HeaderMap) -> Result<UserInfo, Status> {
        let credentials = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = credentials.and_then(bearer).ok_or_else(Status::unauthorized)?;
        self.reviewer.review(cluster, token).map_err(|error| match error {
            ReviewError::Unauthenticated(reason) => {
                tracing::info!(cluster = %cluster.name, %reason, "a bearer token is refused");
                Status::unauthorized()
            }
            ReviewError::Forbidden(reason) => Status::forbidden(reason),
        })
    }
}

/// RFC 6750 §2.1; the scheme is case-insensitive.
fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn cluster_by_id(snapshot: &Snapshot, id: &str) -> Option<Arc<Stored<Cluster>>> {
    snapshot.all_clusters().find(|cluster| cluster.id == id).cloned()
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
