//! The clusters that we host, over HTTP: their issuers' documents, which anybody may read, and their Kubernetes API, which
//! only those may use whom the [`TokenReviewer`] knows.
//!
//! An issuer is `/id/{ID}` below the server, as EKS's are below their own host; an API is `/k8/{ID}`. The API has
//! Namespaces, ServiceAccounts and TokenRequest, as real clients use them; there are no pods.

mod answer;
mod apply;
mod change;
mod delete;
mod discovery;
mod issuer;
mod keys;
mod merge;
mod objects;
mod patch;
mod protobuf;
mod query;
mod resource;
mod review;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod validate;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use irsa_store::model::Cluster;
use irsa_store::{Revision, Snapshot, Store, Stored};

use self::answer::Answer;
use self::issuer::IssuerDocument;
use self::keys::Keys;
use self::query::Query;
use self::resource::Target;
use self::status::Status;

/// Says who a bearer token belongs to, and whether it may use a cluster.
pub trait TokenReviewer: Send + Sync {
    /// Reviews a token for a cluster.
    ///
    /// # Errors
    /// [`ReviewError`].
    fn review(&self, cluster: &Cluster, token: &str, origin: &Origin) -> Result<UserInfo, ReviewError>;
}

/// Where a request came from, for policies that ask (`aws:SourceIp`, `aws:UserAgent`).
#[derive(Debug, Clone)]
pub struct Origin {
    /// The address of the other end of the connection.
    pub address: IpAddr,
    /// Its `User-Agent`; empty if it names none.
    pub user_agent: String,
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
    keys: Arc<Keys>,
    /// The store's revision, as it grows: what watches wait for.
    revisions: tokio::sync::watch::Receiver<Revision>,
}

/// A request of somebody who may use the cluster.
struct Call {
    cluster: Arc<Stored<Cluster>>,
    user: UserInfo,
    method: Method,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
    /// Seconds since the epoch.
    now: i64,
}

impl Hosted {
    /// The clusters of `store`. `clock` is in seconds since the epoch.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: fn() -> i64, reviewer: Box<dyn TokenReviewer>) -> Self {
        let (sender, revisions) = tokio::sync::watch::channel(store.snapshot().revision());
        store.on_change(Box::new(move |revision| {
            sender.send_replace(revision);
        }));
        Self { store, clock, reviewer, keys: Arc::default(), revisions }
    }

    /// Whether a path is an issuer's or a cluster's. No bucket can have such a path: their names have three characters at
    /// least.
    #[must_use]
    pub fn serves(path: &str) -> bool {
        path.starts_with("/id/") || path.starts_with("/k8/")
    }

    /// Answers one request whose body was read.
    pub async fn answer(&self, peer: IpAddr, request: Request<Bytes>) -> Response<Vec<u8>> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let mut segments = path.trim_start_matches('/').splitn(3, '/');
        let (room, id, rest) = (segments.next(), segments.next(), segments.next().unwrap_or_default());
        let cluster = id.and_then(|id| cluster_by_id(&self.store.snapshot(), id));
        let answer = match (room, cluster) {
            (Some("id"), Some(cluster)) => IssuerDocument::at(rest)
                .ok_or_else(Status::unknown_path)
                .and_then(|document| document.answer(&cluster, &self.keys, &parts.method)),
            (_, Some(cluster)) => self.api(cluster, rest, peer, parts, body).await,
            // Who does not know a cluster learns as much of it as of one that is not there.
            (Some("k8"), None) => Err(Status::unauthorized()),
            (_, None) => Err(Status::unknown_path()),
        };
        answer.unwrap_or_else(|status| status.answer()).response()
    }

    async fn api(
        &self,
        cluster: Arc<Stored<Cluster>>,
        path: &str,
        peer: IpAddr,
        parts: Parts,
        body: Bytes,
    ) -> Result<Answer, Status> {
        let user = self.authenticate(&cluster, peer, &parts.headers)?;
        let target = Target::parse(path)?;
        let body = as_json(&parts.headers, body)?;
        let call = Call {
            cluster,
            user,
            method: parts.method,
            query: Query::parse(parts.uri.query()),
            headers: parts.headers,
            body,
            now: (self.clock)(),
        };
        if let Target::Objects(place) = &target
            && call.method == Method::GET
            && call.query.is_set("watch")
        {
            return watch::watch(&call, place, self.store.as_ref(), self.revisions.clone()).await;
        }
        if Target::only_reads(&call.method) {
            return perform(&call, &target, self.store.as_ref(), &self.keys);
        }
        let (store, keys) = (Arc::clone(&self.store), Arc::clone(&self.keys));
        let performed = tokio::task::spawn_blocking(move || perform(&call, &target, store.as_ref(), &keys));
        performed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request to a hosted cluster did not finish");
            Err(Status::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "Internal error occurred"))
        })
    }

    /// Kubernetes gives no reason for a 401, so that nothing is learned by trying; the log has it.
    fn authenticate(&self, cluster: &Cluster, peer: IpAddr, headers: &HeaderMap) -> Result<UserInfo, Status> {
        let credentials = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = credentials.and_then(bearer).ok_or_else(Status::unauthorized)?;
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let origin = Origin { address: peer, user_agent: user_agent.unwrap_or_default().to_owned() };
        self.reviewer.review(cluster, token, &origin).map_err(|error| match error {
            ReviewError::Unauthenticated(reason) => {
                tracing::info!(cluster = %cluster.name, %reason, "a bearer token is refused");
                Status::unauthorized()
            }
            ReviewError::Forbidden(reason) => Status::forbidden(reason),
        })
    }
}

/// Does what is asked, waiting for the store where something is written.
fn perform(call: &Call, target: &Target, store: &dyn Store, keys: &Keys) -> Result<Answer, Status> {
    match target {
        Target::Version if call.method == Method::GET => {
            Ok(Answer::ok(discovery::version(&call.cluster.version)))
        }
        Target::Health if call.method == Method::GET => Ok(Answer::text("ok")),
        Target::Issuer(document) => document.answer(&call.cluster, keys, &call.method),
        Target::Discovery(path) if call.method == Method::GET => {
            discovery::document(path).map(Answer::ok).ok_or_else(Status::unknown_path)
        }
        Target::Token { namespace, name } if call.method == Method::POST => {
            token::request(call, &store.snapshot(), keys, namespace, name)
        }
        Target::Review(plural) if call.method == Method::POST => review::review(call, plural),
        Target::Objects(place) => match (call.method.as_str(), &place.name) {
            ("GET", Some(name)) => objects::get(call, &store.snapshot(), place, name),
            ("GET", None) => objects::list(call, &store.snapshot(), place),
            ("POST", None) => change::create(call, store, place),
            ("PUT", Some(name)) => change::replace(call, store, place, name),
            ("PATCH", Some(name)) => patch::patch(call, store, place, name),
            ("DELETE", Some(name)) => delete::delete(call, store, place, name),
            ("DELETE", None) => delete::delete_collection(call, store, place),
            _ => Err(Status::method_not_allowed()),
        },
        _ => Err(Status::method_not_allowed()),
    }
}

impl Call {
    fn header(&self, name: &HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The media type of the body, without parameters.
    fn media_type(&self) -> &str {
        self.header(&header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim()
    }

    /// The time of the call as Kubernetes writes times: RFC 3339, in seconds.
    fn timestamp(&self) -> String {
        jiff::Timestamp::from_second(self.now).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
    }
}

/// The body as JSON where it is Kubernetes' protobuf, otherwise as it is.
fn as_json(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Status> {
    let is_protobuf = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().starts_with(protobuf::MEDIA_TYPE.as_bytes()));
    if !is_protobuf || body.is_empty() {
        return Ok(body);
    }
    let value = protobuf::decode(&body).ok_or_else(|| Status::unsupported_media_type("application/json"))?;
    Ok(Bytes::from(value.to_string()))
}

/// RFC 6750 §2.1; the scheme is case-insensitive.
fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn cluster_by_id(snapshot: &Snapshot, id: &str) -> Option<Arc<Stored<Cluster>>> {
    snapshot.all_clusters().find(|cluster| cluster.id == id && !cluster.is_registered()).cloned()
}
