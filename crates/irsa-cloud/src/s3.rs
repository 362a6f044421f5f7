//! Simple Storage Service.
//!
//! The way of a request: [`Front::answer`] checks the signature (ours) and wraps the body in its [checks](body); s3s, a
//! codec here and nothing more, finds the operation and its typed input ([`protocol`]); [`admission`] asks the policies
//! and makes the permit that the operation's function demands; the function reads or writes [`storage`].
//!
//! Objects belong to buckets, which are entities of the store with owner, region, tags and policy; general purpose
//! buckets without versions, ACLs disabled as AWS has it by default since 2023.
//! Source: S3 API reference.

mod admission;
mod attributes;
mod body;
mod bucket;
mod bucket_policy;
mod bucket_settings;
mod checksum;
mod copy;
mod delete;
mod error;
mod hosts;
mod list;
mod multipart;
mod object;
mod protocol;
mod public_access;
mod put;
mod questions;
mod storage;
mod tagging;
mod unsigned;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use irsa_wire::error::{Envelope, Protocol};
use irsa_wire::sigv4::Presented;
use irsa_wire::sigv4::chunked::Decoder;
use irsa_wire::xml::Format;
use s3s::service::S3Service;

use self::admission::{Exchange, Refused, Signed};
use self::body::{Checked, Claims, Verdict};
use self::hosts::Domains;
use self::storage::Storage;
use crate::authorize::{Call, Facts};
use crate::context::Context;
use crate::credentials::caller::Caller;
use crate::failure::Failure;
use crate::server::authenticate::{Dialect, verified_call};
use crate::server::body::{Body, BoxError};

pub use protocol::OPERATIONS;

/// S3, ready to answer.
pub struct Front {
    codec: S3Service,
    domains: Domains,
}

/// Why the objects cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl Front {
    /// Opens the objects in a folder, or in memory. A host `BUCKET.DOMAIN` with one of `domains` names a bucket.
    ///
    /// # Errors
    /// [`OpenError`] when the folder or what is in it cannot be read and written.
    pub fn open(objects: Option<&Path>, domains: Vec<String>) -> Result<Self, OpenError> {
        let storage = Storage::open(objects).map_err(|error| OpenError(error.to_string()))?;
        let domains = Domains::new(domains);
        Ok(Self { codec: protocol::codec(storage, domains.clone()), domains })
    }

    /// Whether the request's host names a bucket, so that its whole path is a key.
    #[must_use]
    pub fn is_bucket_host(&self, parts: &Parts) -> bool {
        // As the signature and the codec do: HTTP/2 has the host in the URI.
        let header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = header.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        host.is_some_and(|host| self.domains.bucket(host).is_some())
    }

    /// Answers one request; returns the operation's name beside the answer.
    pub async fn answer<B>(
        &self,
        ctx: &Arc<Context>,
        parts: Parts,
        body: B,
        presented: Option<Presented>,
        facts: Arc<Facts>,
    ) -> (&'static str, Response<Body>)
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let method = parts.method.clone();
        let path = parts.uri.path().to_owned();
        let (operation, outcome) = match admit(ctx, parts, body, presented, &facts) {
            Err(failure) => (admission::UNKNOWN, Err(Refused::from(failure))),
            Ok((exchange, request)) => {
                let response = self.codec.call(request).await;
                // What is wrong with the body goes before what an operation made of its end.
                let refused = exchange.verdict.failure().map(Refused::from);
                let refused = refused.or_else(|| exchange.take_refusal());
                let refused = refused.or_else(|| corrected(&exchange, &response));
                let outcome = match refused {
                    Some(refused) => Err(refused),
                    None => response.map_err(|_unsendable| error::internal().into()),
                };
                (exchange.operation(), outcome)
            }
        };
        let mut response = match outcome {
            Ok(response) => response.map(own_body),
            Err(Refused { failure, headers }) => {
                let envelope = Envelope {
                    request_id: &facts.request_id,
                    xmlns: None,
                    resource: Some(&path),
                    format: Format::Xml,
                };
                let mut response = crate::server::failed(&failure, Protocol::RestXml, &envelope);
                response.headers_mut().extend(headers.map(|headers| *headers).unwrap_or_default());
                response
            }
        };
        finish(&mut response, &method, &facts);
        (operation, response)
    }
}

/// The codec's own answers that are not AWS's: to a body of XML that is too large, and to anonymous callers of what has no
/// row in the table, who are denied it as everything else.
fn corrected(exchange: &Exchange, response: &Result<s3s::HttpResponse, s3s::HttpError>) -> Option<Refused> {
    let Ok(response) = response else { return None };
    match response.status() {
        StatusCode::NOT_IMPLEMENTED if exchange.signed.is_none() => Some(error::access_denied().into()),
        // No operation was reached, and a body that broke off has a verdict.
        StatusCode::INTERNAL_SERVER_ERROR if exchange.operation() == admission::UNKNOWN => {
            Some(error::too_large().into())
        }
        _ => None,
    }
}

/// From a request as it came to one that s3s may read: authenticated, its signature taken off, its body checked.
fn admit<B>(
    ctx: &Arc<Context>,
    mut parts: Parts,
    body: B,
    presented: Option<Presented>,
    facts: &Arc<Facts>,
) -> Result<(Arc<Exchange>, s3s::HttpRequest), Failure>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    unsigned::refuse_forms(&parts)?;
    let decoded_length = decoded_length(&parts.headers)?;
    let (call, signed, decoder) = match &presented {
        Some(presented) => {
            let (call, verified) = verified_call(ctx, &parts, None, presented, facts, Dialect::S3)?;
            (call, Some(Signed::new(presented, facts)), Decoder::new(presented, &verified, decoded_length))
        }
        None => (anonymous(ctx, facts)?, None, unsigned::decoder(&parts.headers, decoded_length)?),
    };
    let payload = presented.as_ref().map(|presented| &presented.payload);
    let claims = Claims::read(&parts, payload)?;
    unsigned::take_off_signature(&mut parts, presented.as_ref().is_some_and(|presented| presented.is_query))?;
    copy::decode_pluses(&mut parts.headers);
    if decoder.is_some() {
        unsigned::take_off_chunks(&mut parts.headers, decoded_length);
    }
    let verdict = Arc::new(Verdict::default());
    let exchange = Arc::new(Exchange::new(Arc::clone(ctx), call, signed, Arc::clone(&verdict)));
    parts.extensions.insert(Arc::clone(&exchange));
    let body = s3s::Body::http_body_unsync(Checked::new(body, decoder, claims, verdict));
    Ok((exchange, Request::from_parts(parts, body)))
}

/// Nobody's call acts in the bucket's account; which that is turns out when the bucket is known.
fn anonymous(ctx: &Context, facts: &Arc<Facts>) -> Result<Call, Failure> {
    let snapshot = ctx.store.snapshot();
    let account = snapshot.accounts().next().map(|account| account.id).ok_or_else(error::access_denied)?;
    Ok(Call { caller: Caller::anonymous(), account, facts: Arc::clone(facts), snapshot })
}

fn decoded_length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get("x-amz-decoded-content-length") else { return Ok(None) };
    let length = value.to_str().ok().and_then(|value| value.parse().ok());
    length.map(Some).ok_or_else(|| {
        error::invalid_argument("The x-amz-decoded-content-length header must be a number of bytes.")
    })
}

fn own_body(body: s3s::Body) -> Body {
    match body.bytes() {
        Some(bytes) => Body::from(bytes),
        None => Body::Streamed(http_body_util::combinators::UnsyncBoxBody::new(body)),
    }
}

fn finish(response: &mut Response<Body>, method: &Method, facts: &Facts) {
    // HEAD: the status is all that is said of an error (S3 API reference, `HeadObject`).
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if response.status() == StatusCode::NOT_MODIFIED || (method == Method::HEAD && is_error) {
        *response.body_mut() = Body::from(Vec::new());
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if let Ok(id) = HeaderValue::from_str(&facts.request_id) {
        response.headers_mut().insert("x-amz-request-id", id.clone());
        response.headers_mut().insert("x-amz-id-2", id);
    }
}
