//! Single requests, for setting the servers up: signed when there is a key.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use irsa_wire::sigv4::{Credentials, sign};
use tokio::net::TcpStream;

use crate::Failure;

/// An access key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Key {
    /// The key in an STS answer.
    pub(crate) fn from_answer(xml: &str) -> Result<Self, Failure> {
        let text = |name| element(xml, name).map(str::to_owned).ok_or_else(|| format!("no {name} in {xml}"));
        Ok(Self {
            id: text("AccessKeyId")?,
            secret: text("SecretAccessKey")?,
            token: Some(text("SessionToken")?),
        })
    }
}

/// The text of the first element of this name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    xml.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// A request of a query service, as a form.
pub(crate) fn form(address: SocketAddr, parameters: &[(&str, &str)]) -> Result<Request<Bytes>, Failure> {
    let body: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    Ok(Request::post("/")
        .header("host", address.to_string())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body.join("&")))?)
}

/// Signs a request for a service in us-east-1.
pub(crate) fn signed(request: Request<Bytes>, key: &Key, service: &str) -> Result<Request<Bytes>, Failure> {
    let (mut parts, body) = request.into_parts();
    if service == "s3" {
        parts.headers.insert("x-amz-content-sha256", irsa_wire::sigv4::sha256_hex(&body).parse()?);
    }
    let credentials = Credentials {
        access_key_id: &key.id,
        secret_access_key: &key.secret,
        session_token: key.token.as_deref(),
    };
    sign(&mut parts, &body, &credentials, "us-east-1", service, now()?)?;
    Ok(Request::from_parts(parts, body))
}

/// Sends one request and returns the answer's body; any status but 2xx is a failure.
pub(crate) async fn call(address: SocketAddr, request: Request<Bytes>) -> Result<String, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let what = format!("{} {}", request.method(), request.uri());
    let response = sender.send_request(request.map(Full::new)).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(format!("{what} at {address}: {status}: {text}").into()) }
}

/// Seconds since the epoch.
pub(crate) fn now() -> Result<i64, Failure> {
    Ok(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?)
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
