//! The few requests that we make to a Kubernetes API server, over the `kube` crate's client: it knows kubeconfig files,
//! in-cluster tokens and their renewal.
//!
//! Objects are read into types of a few fields: a typed object would cost memory and time for all that nobody reads.

mod context;

use std::path::Path;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use http::{Request, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;

pub use context::KubeconfigContext;

/// The most time that one request may take; a watch lives longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A Kubernetes API server.
#[derive(Clone)]
pub struct ApiServer {
    client: kube::Client,
}

/// Why a request was not answered as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The API server refused.
    #[error("the API server answers {code} {reason}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// Kubernetes' reason, such as `NotFound`.
        reason: String,
        /// Its message.
        message: String,
    },
    /// It could not be reached, or gave no answer that can be read.
    #[error("the API server cannot be asked: {0}")]
    Unreachable(String),
    /// It gave no answer in time.
    #[error("the API server gives no answer in time")]
    TimedOut,
}

impl ApiError {
    /// The HTTP status, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unreachable(_) | Self::TimedOut => None,
        }
    }
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::refused(&status),
            other => Self::Unreachable(with_causes(&other)),
        }
    }
}

impl ApiError {
    fn refused(status: &kube::core::Status) -> Self {
        Self::Refused { code: status.code, reason: status.reason.clone(), message: status.message.clone() }
    }
}

/// Why there is no API server to ask.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The kubeconfig file.
    #[error("the kubeconfig {file} cannot be used: {cause}")]
    Kubeconfig {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// There is none, and this is no pod either.
    #[error("this is no pod with a ServiceAccount's token: {0}")]
    InCluster(String),
    /// The URL.
    #[error("`{0}` is no URL of an API server")]
    Url(String),
    /// The client.
    #[error("no client can be made: {0}")]
    Client(String),
}

impl ApiServer {
    /// With a kubeconfig file; without one, as a pod. `url` goes before the URL of either (upstream's `--kube-api`).
    ///
    /// # Errors
    /// When neither the file nor a pod's mounted token can be used. The server itself is not asked.
    pub async fn connect(kubeconfig: Option<&Path>, url: Option<&str>) -> Result<Self, ConnectError> {
        let mut config = match kubeconfig {
            Some(file) => configured(Some(file), None).await?,
            None => match (kube::Config::incluster(), url) {
                (Ok(config), _) => config,
                (Err(_), Some(url)) => kube::Config::new(parsed(url)?),
                (Err(error), None) => return Err(ConnectError::InCluster(with_causes(&error))),
            },
        };
        if let Some(url) = url {
            config.cluster_url = parsed(url)?;
        }
        Self::with(config)
    }

    /// As kubectl finds it: a context of the kubeconfig file, or of `$KUBECONFIG` or `~/.kube/config`; without a name, the
    /// current context.
    ///
    /// # Errors
    /// When there is no such file or context, or it cannot be used. The server itself is not asked.
    pub async fn of_context(file: Option<&Path>, context: Option<&str>) -> Result<Self, ConnectError> {
        Self::with(configured(file, context).await?)
    }

    fn with(mut config: kube::Config) -> Result<Self, ConnectError> {
        // Every request has its own deadline and its own retries.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(5));
        let plugin = config.auth_info.exec.as_ref().and_then(|plugin| plugin.command.clone());
        let client = kube::Client::try_from(config).map_err(|error| {
            let cause = with_causes(&error);
            ConnectError::Client(match plugin {
                Some(plugin) => format!("{cause} (the plugin of the context's user is `{plugin}`)"),
                None => cause,
            })
        })?;
        Ok(Self { client })
    }

    /// The object or list at `path`.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str, accept: &str) -> Result<T, ApiError> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Vec::new());
        self.answer(request).await
    }

    /// Sends `body` with `method`: POST, PUT or PATCH.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: http::Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<T, ApiError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, JSON)
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        self.answer(request).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: Result<Request<Vec<u8>>, http::Error>,
    ) -> Result<T, ApiError> {
        let request = request.map_err(|error| ApiError::Unreachable(error.to_string()))?;
        match tokio::time::timeout(REQUEST_TIMEOUT, self.client.request(request)).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(ApiError::TimedOut),
        }
    }

    /// The changes that a watch at `path` sees, until either side ends it.
    ///
    /// # Errors
    /// When the watch does not begin.
    pub(crate) async fn watch<T: DeserializeOwned + Clone>(
        &self,
        path: &str,
        accept: &str,
    ) -> Result<impl Stream<Item = Result<WatchEvent<T>, ApiError>> + use<T>, ApiError> {
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(Vec::new())
            .map_err(|error| ApiError::Unreachable(error.to_string()))?;
        let opened = tokio::time::timeout(REQUEST_TIMEOUT, self.client.request_events(request)).await;
        let events = opened.map_err(|_elapsed| ApiError::TimedOut)??;
        Ok(events.map(|event| match event {
            Ok(WatchEvent::Error(status)) => Err(ApiError::refused(&status)),
            other => other.map_err(ApiError::from),
        }))
    }
}

/// Whole objects.
pub const JSON: &str = "application/json";

async fn configured(file: Option<&Path>, context: Option<&str>) -> Result<kube::Config, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    kube::Config::from_custom_kubeconfig(kubeconfig(file)?, &options)
        .await
        .map_err(|error| unusable(file, &with_causes(&error)))
}

fn kubeconfig(file: Option<&Path>) -> Result<Kubeconfig, ConnectError> {
    let read = match file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    read.map_err(|error| unusable(file, &with_causes(&error)))
}

fn unusable(file: Option<&Path>, cause: &str) -> ConnectError {
    ConnectError::Kubeconfig {
        file: file.map_or_else(|| "of kubectl".to_owned(), |file| file.display().to_string()),
        cause: cause.to_owned(),
    }
}

fn parsed(url: &str) -> Result<http::Uri, ConnectError> {
    let parsed: Option<http::Uri> = url.parse().ok();
    parsed.filter(|uri| uri.host().is_some()).ok_or_else(|| ConnectError::Url(url.to_owned()))
}

/// An error and what caused it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
