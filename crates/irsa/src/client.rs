//! Our own small client of the services that we serve: signed requests, and the operator's requests.

use std::time::Duration;

use http::{HeaderValue, Method, Request};
use irsa_wire::sigv4::{self, Credentials};
use serde_json::Value;

use crate::data_folder::{DataFolder, ServerInfo};
use crate::error::CliError;
use crate::serve::now;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Who signs.
#[derive(Clone)]
pub(crate) struct Signer {
    /// The access key.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret_access_key: irsa_store::model::SecretString,
    /// The token of temporary credentials.
    pub(crate) session_token: Option<String>,
}

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: ServerInfo,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The text of the first XML element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Whether the call was answered well.
    pub(crate) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Client {
    /// A client of this server. Our own certificate authority is the only one that its TLS port is trusted by.
    pub(crate) fn new(server: ServerInfo, certificate_authority: Option<&str>) -> Result<Self, CliError> {
        let mut builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = certificate_authority {
            let roots = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?;
            builder = builder.tls_certs_only(roots);
        }
        Ok(Self { http: builder.build().map_err(unusable)?, server })
    }

    /// A client of the server that runs with this data folder.
    pub(crate) fn of(folder: &DataFolder) -> Result<Self, CliError> {
        let authority = std::fs::read_to_string(folder.path().join("ca.pem")).ok();
        Self::new(folder.server()?, authority.as_deref())
    }

    /// The server.
    pub(crate) fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// A call of a query service. Unsigned without a signer.
    pub(crate) async fn query(
        &self,
        service: &str,
        version: &str,
        parameters: &[(&str, &str)],
        signer: Option<&Signer>,
    ) -> Result<Answer, CliError> {
        let mut form = form_urlencoded(&[("Version", version)]);
        form.push('&');
        form.push_str(&form_urlencoded(parameters));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.server.endpoint))
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        self.send(request, form.into_bytes(), service, signer).await
    }

    /// A call of a REST service; `path` begins with a slash.
    pub(crate) async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
        signer: &Signer,
    ) -> Result<Answer, CliError> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.server.endpoint));
        self.send(request, body, service, Some(signer)).await
    }

    /// A request of the operator, whom the data folder's token proves.
    pub(crate) async fn operator(
        &self,
        folder: &DataFolder,
        method: Method,
        path: &str,
    ) -> Result<Answer, CliError> {
        let token = folder.operator_token()?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/_irsa/{path}", self.server.endpoint))
            .header("x-irsa-operator-token", token.expose());
        self.send(request, Vec::new(), "irsa", None).await
    }

    /// A request to a hosted cluster, which is named by its endpoint.
    pub(crate) async fn cluster(
        &self,
        method: Method,
        url: &str,
        bearer: &str,
        body: &Value,
    ) -> Result<Answer, CliError> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/json");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(request, body, "", None).await
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
        service: &str,
        signer: Option<&Signer>,
    ) -> Result<Answer, CliError> {
        let request = request.body(()).map_err(unusable)?;
        let (mut parts, ()) = request.into_parts();
        if let Some(signer) = signer {
            if service == "s3" {
                let hash = HeaderValue::from_str(&sigv4::sha256_hex(&body)).map_err(unusable)?;
                parts.headers.insert("x-amz-content-sha256", hash);
            }
            let credentials = Credentials {
                access_key_id: &signer.access_key_id,
                secret_access_key: signer.secret_access_key.expose(),
                session_token: signer.session_token.as_deref(),
            };
            sigv4::sign(&mut parts, &body, &credentials, &self.server.region, service, now())
                .map_err(unusable)?;
        }
        let request = Request::from_parts(parts, body);
        let request = reqwest::Request::try_from(request).map_err(unusable)?;
        let response = self.http.execute(request).await.map_err(|error| {
            CliError::undecided(
                "IRSA-X003",
                format!("the server at {} does not answer: {error}", self.server.endpoint),
            )
            .with_fix("is `irsa up` running? it writes where it listens into its data folder")
        })?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(unusable)?;
        Ok(Answer { status, body })
    }
}

fn form_urlencoded(parameters: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    serializer.extend_pairs(parameters);
    serializer.finish()
}

fn unusable(error: impl std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-X003", format!("the request could not be made: {error}"))
}
