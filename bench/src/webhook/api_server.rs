//! A local API server with any number of ServiceAccounts, of which every tenth has a role. Its watches never tell anything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Failure;

/// Pages are as long as the client asks for them.
const PAGE: usize = 1_000;

pub(super) async fn serve(accounts: usize) -> Result<SocketAddr, Failure> {
    let pages: Vec<Bytes> = (0..accounts.div_ceil(PAGE).max(1)).map(|page| list(page, accounts)).collect();
    let pages = Arc::new(pages);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let pages = Arc::clone(&pages);
            let service = service_fn(move |request: Request<Incoming>| {
                let query = request.uri().query().unwrap_or_default().to_owned();
                let pages = Arc::clone(&pages);
                async move {
                    if query.contains("watch=1") {
                        return Ok::<_, Infallible>(Response::new(Silent.boxed()));
                    }
                    let token = query.split('&').find_map(|parameter| parameter.strip_prefix("continue="));
                    let page = token.and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
                    Ok(Response::new(match pages.get(page) {
                        Some(page) => Full::new(page.clone()).boxed(),
                        None => Empty::new().boxed(),
                    }))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}

/// A body that never comes.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// As PartialObjectMetadataList shows them.
fn list(page: usize, accounts: usize) -> Bytes {
    let first = page * PAGE;
    let items: Vec<Value> = (first..(first + PAGE).min(accounts)).map(account).collect();
    let next = (first + PAGE < accounts).then(|| (page + 1).to_string());
    let list = json!({
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "1000000", "continue": next}, "items": items,
    });
    Bytes::from(list.to_string())
}

fn account(number: usize) -> Value {
    // The recorded reviews are for this one.
    let (namespace, name) = match number {
        0 => ("demo".to_owned(), "s3-app".to_owned()),
        _ => (format!("team-{:04}", number / 25), format!("service-account-{number:06}")),
    };
    let annotations = number.is_multiple_of(10).then(|| {
        json!({"eks.amazonaws.com/role-arn": format!("arn:aws:iam::111122223333:role/{namespace}-{name}")})
    });
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("5f0f1b6e-0000-4000-8000-{number:012}"),
            "resourceVersion": number.to_string(), "creationTimestamp": "2026-11-22T00:14:00Z",
            "annotations": annotations,
            "managedFields": [{"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1",
                "time": "2026-11-22T00:14:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:eks.amazonaws.com/role-arn": {}}}}}],
        },
    })
}
