//! The issuer of the tokens: discovery and JWKS over plain HTTP on loopback, for the servers that fetch them.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use irsa_token::sign::{SigningKey, jwks_document};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Failure;

/// Serves the keys of `issuer` and returns where.
pub(crate) async fn serve(key: &SigningKey, issuer: &str) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let discovery = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string();
    let keys = jwks_document([key]).to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (discovery, keys) = (discovery.clone(), keys.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let text =
                    if request.uri().path().ends_with("/keys") { keys.clone() } else { discovery.clone() };
                async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}
