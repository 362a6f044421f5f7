//! A Kubernetes API server over HTTPS, as small as the webhook's requests: objects of any kind, lists in pages, watches with
//! bookmarks, 410 for what was compacted, and faults on demand.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The server. Objects outlive its being down.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    kubeconfig: tempfile::NamedTempFile,
    tls: Arc<rustls::ServerConfig>,
    up: Mutex<(CancellationToken, TaskTracker)>,
}

#[derive(Default)]
pub(crate) struct State {
    version: u64,
    /// By path: `/api/v1/namespaces/demo/serviceaccounts/app`.
    objects: BTreeMap<String, Value>,
    events: Vec<(u64, String, Value)>,
    watchers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
    /// Watches from before this version get 410.
    compacted: u64,
    /// Every request's method and path with query.
    pub(crate) requests: Vec<String>,
    /// Requests whose `METHOD path` begins so are held back for so long.
    pub(crate) delays: Vec<(String, Duration)>,
    /// The answers to such requests are made at once, and held back for so long.
    pub(crate) late_answers: Vec<(String, Duration)>,
    /// Requests whose `METHOD path` begins so are refused with this status.
    pub(crate) refusals: Vec<(String, u16)>,
}

impl Stub {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (ca, issuer) = authority();
        let (certificate, key) = issue(&issuer, &["127.0.0.1"]);
        let tls = Arc::new(
            rustls::ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
                )
                .unwrap(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "stub",
            "clusters": [{"name": "stub", "cluster": {
                "server": format!("https://{address}"),
                "certificate-authority-data": base64(ca.as_bytes()),
            }}],
            "users": [{"name": "stub", "user": {"token": "stub"}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
        });
        std::fs::write(kubeconfig.path(), config.to_string()).unwrap();
        let stub = Self {
            address,
            state: Arc::new(Mutex::new(State { version: 1, ..State::default() })),
            kubeconfig,
            tls,
            up: Mutex::default(),
        };
        stub.serve(listener);
        stub
    }

    pub(crate) async fn api(&self) -> irsa_cluster::api_server::ApiServer {
        irsa_cluster::api_server::ApiServer::connect(Some(self.kubeconfig.path()), None).await.unwrap()
    }

    /// Gone: no port, no connection.
    pub(crate) async fn down(&self) {
        let (stop, tasks) = std::mem::take(&mut *self.up.lock().unwrap());
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        self.state.lock().unwrap().watchers.clear();
    }

    /// Back, at the same address.
    pub(crate) async fn up(&self) {
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return self.serve(listener),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    pub(crate) fn put(&self, collection: &str, name: &str, object: Value) {
        self.state.lock().unwrap().put(&format!("{collection}/{name}"), object);
    }

    pub(crate) fn account(&self, name: &str, role: Option<&str>) {
        let annotations = role.map(|role| json!({"eks.amazonaws.com/role-arn": role}));
        self.put(
            "/api/v1/namespaces/demo/serviceaccounts",
            name,
            json!({"metadata": {"namespace": "demo", "name": name, "annotations": annotations}}),
        );
    }

    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn delete(&self, path: &str) {
        self.state.lock().unwrap().delete(path);
    }

    /// Forgets the history: watches end with 410, as after etcd's compaction.
    pub(crate) fn compact(&self) {
        let mut state = self.state.lock().unwrap();
        state.compacted = state.version;
        state.events.clear();
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410}});
        for (_, watcher) in state.watchers.drain(..) {
            let _ = watcher.unbounded_send(line(&gone));
        }
    }

    /// Ends all watches, without a word.
    pub(crate) fn cut_watches(&self) {
        self.state.lock().unwrap().watchers.clear();
    }

    pub(crate) fn requests(&self, beginning: &str) -> usize {
        self.state.lock().unwrap().requests.iter().filter(|request| request.starts_with(beginning)).count()
    }

    pub(crate) fn delay(&self, beginning: &str, time: Duration) {
        self.state.lock().unwrap().delays.push((beginning.to_owned(), time));
    }

    pub(crate) fn answer_late(&self, beginning: &str, time: Duration) {
        self.state.lock().unwrap().late_answers.push((beginning.to_owned(), time));
    }

    pub(crate) fn refuse(&self, beginning: &str, status: u16) {
        self.state.lock().unwrap().refusals.push((beginning.to_owned(), status));
    }

    pub(crate) fn behave(&self) {
        let mut state = self.state.lock().unwrap();
        state.delays.clear();
        state.late_answers.clear();
        state.refusals.clear();
    }

    fn serve(&self, listener: TcpListener) {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (acceptor, state) = (TlsAcceptor::from(Arc::clone(&self.tls)), Arc::clone(&self.state));
        tasks.spawn({
            let (stop, tasks) = (stop.clone(), tasks.clone());
            async move {
                while let Some(Ok((stream, _))) = stop.run_until_cancelled(listener.accept()).await {
                    let (acceptor, state, stop) = (acceptor.clone(), Arc::clone(&state), stop.clone());
                    tasks.spawn(async move {
                        let served = async {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            let service = service_fn(move |request| answer(Arc::clone(&state), request));
                            let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                                .serve_connection(TokioIo::new(stream), service)
                                .await;
                        };
                        stop.run_until_cancelled(served).await;
                    });
                }
            }
        });
        *self.up.lock().unwrap() = (stop, tasks);
    }
}

impl State {
    fn put(&mut self, path: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let kind =
            if self.objects.insert(path.to_owned(), object.clone()).is_some() { "MODIFIED" } else { "ADDED" };
        self.tell(path, kind, object);
    }

    fn delete(&mut self, path: &str) {
        if let Some(mut object) = self.objects.remove(path) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.tell(path, "DELETED", object);
        }
    }

    fn tell(&mut self, path: &str, kind: &str, object: Value) {
        let event = json!({"type": kind, "object": object});
        self.watchers.retain(|(collection, watcher)| {
            !belongs(path, collection) || watcher.unbounded_send(line(&event)).is_ok()
        });
        self.events.push((self.version, path.to_owned(), event));
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let asked = format!("{} {}", parts.method, parts.uri);
    let selected = query.get("fieldSelector").and_then(|selector| selector.strip_prefix("metadata.name%3D"));
    // Of one name: `COLLECTION#NAME`.
    let collection = match selected {
        Some(name) => format!("{path}#{}", name.replace("%2D", "-")),
        None => path.clone(),
    };
    let (delay, late, refusal) = {
        let mut state = state.lock().unwrap();
        state.requests.push(asked.clone());
        (found(&state.delays, &asked), found(&state.late_answers, &asked), found(&state.refusals, &asked))
    };
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(code) = refusal {
        return Ok(failure(code, "Refused"));
    }
    let sent = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
    let answer = decide(&mut state.lock().unwrap(), &parts.method, &path, &collection, &query, sent);
    if let Some(late) = late {
        tokio::time::sleep(late).await;
    }
    Ok(answer)
}

/// What is said of requests that begin so.
fn found<T: Copy>(sayings: &[(String, T)], asked: &str) -> Option<T> {
    sayings.iter().find(|(beginning, _)| asked.starts_with(beginning)).map(|(_, saying)| *saying)
}

fn decide(
    state: &mut State,
    method: &Method,
    path: &str,
    collection: &str,
    query: &BTreeMap<String, String>,
    sent: Value,
) -> Response<Body> {
    match *method {
        Method::GET if query.contains_key("watch") => watch(state, collection, query),
        Method::GET => match state.objects.get(path) {
            Some(object) => success(200, object),
            None if is_collection(path) => list(state, collection, query),
            None => failure(404, "NotFound"),
        },
        Method::POST => {
            let name = sent["metadata"]["name"].as_str().unwrap_or("generated").to_owned();
            let path = format!("{path}/{name}");
            if state.objects.contains_key(&path) {
                failure(409, "AlreadyExists")
            } else {
                state.put(&path, sent);
                success(201, &state.objects[&path])
            }
        }
        Method::PUT => match state.objects.get(path) {
            None => failure(404, "NotFound"),
            Some(known)
                if !sent["metadata"]["resourceVersion"].is_null()
                    && sent["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"] =>
            {
                failure(409, "Conflict")
            }
            Some(_) => {
                state.put(path, sent);
                success(200, &state.objects[path])
            }
        },
        Method::PATCH => match state.objects.get(path).cloned() {
            None => failure(404, "NotFound"),
            Some(mut object) => match apply(&mut object, &sent) {
                Some(()) => {
                    state.put(path, object);
                    success(200, &state.objects[path])
                }
                None => failure(422, "Invalid"),
            },
        },
        _ => failure(405, "MethodNotAllowed"),
    }
}

/// `test`, `add` and `replace` of JSON patches.
fn apply(object: &mut Value, patch: &Value) -> Option<()> {
    for operation in patch.as_array()? {
        let path = operation["path"].as_str()?;
        match operation["op"].as_str()? {
            "test" => (object.pointer(path)? == &operation["value"]).then_some(())?,
            _ => {
                let (parent, name) = path.rsplit_once('/')?;
                object
                    .pointer_mut(parent)?
                    .as_object_mut()?
                    .insert(name.to_owned(), operation["value"].clone());
            }
        }
    }
    Some(())
}

fn watch(state: &mut State, collection: &str, query: &BTreeMap<String, String>) -> Response<Body> {
    let from: u64 = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or_default();
    if from < state.compacted {
        return failure(410, "Expired");
    }
    let (sender, receiver) = mpsc::unbounded();
    for (version, path, event) in &state.events {
        if *version > from && belongs(path, collection) {
            let _ = sender.unbounded_send(line(event));
        }
    }
    let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": state.version.to_string()}}});
    let _ = sender.unbounded_send(line(&bookmark));
    state.watchers.push((collection.to_owned(), sender));
    Response::new(BodyExt::boxed(StreamBody::new(receiver.map(|line| Ok(Frame::data(line))))))
}

/// In pages, the token being the number of the first object.
fn list(state: &State, collection: &str, query: &BTreeMap<String, String>) -> Response<Body> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (first, most) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
    let all: Vec<&Value> = state
        .objects
        .iter()
        .filter(|(path, _)| belongs(path, collection))
        .map(|(_, object)| object)
        .collect();
    let page: Vec<&&Value> = all.iter().skip(first).take(most).collect();
    let next = (first + page.len() < all.len()).then(|| (first + page.len()).to_string());
    success(
        200,
        &json!({"metadata": {"resourceVersion": state.version.to_string(), "continue": next}, "items": page}),
    )
}

/// Whether an object is in a collection, which may be that of all namespaces.
fn belongs(path: &str, collection: &str) -> bool {
    let Some((parent, name)) = path.rsplit_once('/') else { return false };
    let (collection, selected) = collection.split_once('#').unwrap_or((collection, name));
    if name != selected {
        return false;
    }
    if parent == collection {
        return true;
    }
    let Some((base, resource)) = collection.rsplit_once('/') else { return false };
    parent.starts_with(&format!("{base}/namespaces/")) && parent.ends_with(&format!("/{resource}"))
}

fn is_collection(path: &str) -> bool {
    ["serviceaccounts", "configmaps", "secrets", "events", "leases", "mutatingwebhookconfigurations"]
        .iter()
        .any(|resource| path.ends_with(&format!("/{resource}")))
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}

fn success(status: u16, object: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(object.to_string())).boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn failure(code: u16, reason: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code});
    success(code, &status)
}

/// An authority: its certificate in PEM, and what signs.
pub(crate) fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

pub(crate) fn issue(issuer: &Issuer<'static, KeyPair>, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
    issue_until(issuer, names, 2090)
}

/// A certificate that is valid until the first day of a year.
pub(crate) fn issue_until(
    issuer: &Issuer<'static, KeyPair>,
    names: &[&str],
    year: i32,
) -> (rcgen::Certificate, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, issuer).unwrap(), key)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
