//! Simple Storage Service.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use irsa_wire::error::{Envelope, Protocol};
use irsa_wire::sigv4::Presented;
use irsa_wire::xml::Format;

use crate::authorize::Facts;
use crate::context::Context;
use crate::failure::Failure;
use crate::server::body::{Body, BoxError};

/// S3, ready to answer.
#[derive(Default)]
pub struct Front {}

impl Front {
    /// Answers one request; returns the operation's name beside the answer.
    pub async fn answer<B>(
        &self,
        _ctx: &Arc<Context>,
        parts: Parts,
        _body: B,
        _presented: Option<Presented>,
        facts: Arc<Facts>,
    ) -> (&'static str, Response<Body>)
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let failure = Failure::new(
            "NotImplemented",
            StatusCode::NOT_IMPLEMENTED,
            "A header you provided implies functionality that is not implemented",
        );
        let envelope = Envelope {
            request_id: &facts.request_id,
            xmlns: None,
            resource: Some(parts.uri.path()),
            format: Format::Xml,
        };
        ("unknown", crate::server::failed(&failure, Protocol::RestXml, &envelope))
    }
}
