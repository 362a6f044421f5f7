//! One port for every AWS service: from an HTTP request to its answer.
//!
//! [`Server::handle`] is the whole way: which service (by the signature's scope, by `Action` and `Version` when unsigned,
//! otherwise S3), who calls ([`authenticate`]), which operation ([`table`]), and the answer. Nothing here knows what an
//! operation does. Our own paths below `/_irsa/` are in [`operator`].

pub mod authenticate;
pub mod body;
mod operator;
pub mod table;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use irsa_wire::error::{Envelope, ErrorBody, Protocol, encode};
use irsa_wire::query::{Params, parse_pairs};
use irsa_wire::sigv4::{Presented, SigError};
use irsa_wire::xml::Format;

use self::authenticate::{Dialect, authenticate};
use self::body::{Body, BodyError, collect};
use self::table::{QueryTable, RestTable};
use crate::authorize::Facts;
use crate::context::Context;
use crate::failure::Failure;
use crate::{eks, iam, s3, sts};

/// The largest body of a query or REST-JSON request. A policy of 131,072 characters is three times that when encoded.
const MOST_BODY_BYTES: usize = 1024 * 1024;
/// The most time that such a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The AWS half, ready to answer.
pub struct Server {
    ctx: Arc<Context>,
    sts: QueryTable,
    iam: QueryTable,
    eks: RestTable,
    s3: s3::Front,
}

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
}

/// What was answered and what to count it as.
struct Answer {
    response: Response<Body>,
    service: &'static str,
    operation: &'static str,
}

impl Server {
    /// A server of these surroundings.
    #[must_use]
    pub fn new(ctx: Arc<Context>, s3: s3::Front) -> Self {
        Self { ctx, sts: sts::table(), iam: iam::table(), eks: eks::table(), s3 }
    }

    /// Answers one request.
    pub async fn handle<B>(&self, peer: Peer, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<body::BoxError>,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let answer = self.route(peer, parts, body).await;
        self.ctx.metrics.answered(
            answer.service,
            answer.operation,
            answer.response.status().as_u16(),
            started.elapsed(),
        );
        answer.response
    }

    /// Whether the request's host names a bucket: then no path of it is anything but a key.
    #[must_use]
    pub fn is_bucket_host(&self, parts: &Parts) -> bool {
        self.s3.is_bucket_host(parts)
    }

    async fn route<B>(&self, peer: Peer, parts: Parts, body: B) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<body::BoxError>,
    {
        let mut facts = self.facts(peer, &parts);
        let presented = match Presented::from_parts(&parts) {
            Ok(presented) => presented,
            Err(error) => return refused_signature(&parts, &facts, &error),
        };
        if let Some(presented) = &presented {
            facts.region.clone_from(&presented.scope.region);
        }
        let facts = Arc::new(facts);
        if parts.uri.path().starts_with("/_irsa/") && !self.s3.is_bucket_host(&parts) {
            let response = operator::answer(&self.ctx, &parts, presented.as_ref(), &facts).await;
            return Answer { response, service: "irsa", operation: "operator" };
        }
        let service = presented.as_ref().map(|presented| presented.scope.service.as_str());
        match service {
            Some("s3") => self.s3(parts, body, presented, facts).await,
            Some("sts") => self.query(&self.sts, parts, body, presented, facts).await,
            Some("iam") => self.query(&self.iam, parts, body, presented, facts).await,
            Some("eks") => self.rest(&self.eks, parts, body, presented, facts).await,
            Some(other) => unknown_service(&parts, &facts, other),
            None if is_unsigned_query(&parts) => self.query(&self.sts, parts, body, None, facts).await,
            None => self.s3(parts, body, None, facts).await,
        }
    }

    fn facts(&self, peer: Peer, parts: &Parts) -> Facts {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Facts {
            request_id: request_id(),
            source_ip: peer.address,
            secure: peer.secure,
            user_agent: user_agent.unwrap_or_default().to_owned(),
            region: self.ctx.region.clone(),
            now: self.ctx.now(),
        }
    }

    async fn s3<B>(&self, parts: Parts, body: B, presented: Option<Presented>, facts: Arc<Facts>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<body::BoxError>,
    {
        let (operation, response) = self.s3.answer(&self.ctx, parts, body, presented, facts).await;
        Answer { response, service: "s3", operation }
    }

    async fn query<B>(
        &self,
        table: &QueryTable,
        parts: Parts,
        body: B,
        presented: Option<Presented>,
        facts: Arc<Facts>,
    ) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<body::BoxError>,
    {
        let format = Format::accepted_by(&parts.headers);
        let (mut operation, mut table) = ("unknown", table);
        let outcome = async {
            let body = collect(body, MOST_BODY_BYTES, BODY_TIMEOUT).await.map_err(unreadable_body)?;
            let params = query_params(&parts, &body)?;
            if presented.is_none() && params.get("Version") == Some(iam::VERSION) {
                table = &self.iam;
            }
            let row = table.row(&params)?;
            operation = row.name;
            let call = match presented {
                Some(presented) => {
                    Some(authenticate(&self.ctx, &parts, &body, &presented, &facts, Dialect::Query)?)
                }
                None => None,
            };
            row.run(Arc::clone(&self.ctx), call, Arc::clone(&facts), params, format).await
        }
        .await;
        let response = match outcome {
            Ok(bytes) => success(bytes, format.content_type(), &facts),
            Err(failure) => {
                let envelope = Envelope {
                    request_id: &facts.request_id,
                    xmlns: Some(table.xmlns),
                    resource: None,
                    format,
                };
                failed(&failure, Protocol::Query, &envelope)
            }
        };
        Answer { response, service: table.service, operation }
    }

    async fn rest<B>(
        &self,
        table: &RestTable,
        parts: Parts,
        body: B,
        presented: Option<Presented>,
        facts: Arc<Facts>,
    ) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<body::BoxError>,
    {
        let mut operation = "unknown";
        let outcome = async {
            let body = collect(body, MOST_BODY_BYTES, BODY_TIMEOUT).await.map_err(unreadable_body)?;
            let (row, labels) = table.row(&parts)?;
            operation = row.name();
            let presented = presented.ok_or_else(authenticate::missing_rest_token)?;
            let call = authenticate(&self.ctx, &parts, &body, &presented, &facts, Dialect::RestJson)?;
            row.run(Arc::clone(&self.ctx), call, labels, parts.uri.query(), body).await
        }
        .await;
        let response = match outcome {
            Ok(bytes) => success(bytes, "application/json", &facts),
            Err(failure) => {
                let envelope = Envelope {
                    request_id: &facts.request_id,
                    xmlns: None,
                    resource: None,
                    format: Format::Json,
                };
                failed(&failure, Protocol::RestJson, &envelope)
            }
        };
        Answer { response, service: table.service, operation }
    }
}

/// An answer that went well.
fn success(bytes: Vec<u8>, content_type: &'static str, facts: &Facts) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&facts.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// A failure in a service's protocol, with the authorization id in a header when there is one.
pub(crate) fn failed(failure: &Failure, protocol: Protocol, envelope: &Envelope<'_>) -> Response<Body> {
    let mut response = encode(protocol, &failure.body, envelope).map(Body::from);
    if let Some(id) = &failure.authorization_id
        && let Ok(id) = HeaderValue::from_str(id)
    {
        response.headers_mut().insert("x-irsa-authorization-id", id);
    }
    response
}

/// Parameters stand in the form body, or in the query string: of a GET (a presigned GetCallerIdentity is one), and of a POST
/// without a body, as the `object_store` crate exchanges its web identity token.
fn query_params(parts: &Parts, body: &[u8]) -> Result<Params, Failure> {
    let malformed = |error: irsa_wire::query::QueryError| {
        Failure::new("MalformedQueryString", StatusCode::BAD_REQUEST, error.to_string())
    };
    if parts.method == Method::POST && !body.is_empty() {
        return Params::parse(body).map_err(malformed);
    }
    Params::parse(parts.uri.query().unwrap_or_default()).map_err(malformed)
}

/// AWS dispatches an unsigned request of a query service by its Action; S3 has none.
fn is_unsigned_query(parts: &Parts) -> bool {
    if parts.uri.path() != "/" {
        return false;
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if parts.method == Method::POST && is_form {
        return true;
    }
    let query = parts.uri.query().unwrap_or_default();
    parse_pairs(query.as_bytes()).is_ok_and(|pairs| pairs.iter().any(|(name, _)| name == "Action"))
}

fn unreadable_body(error: BodyError) -> Failure {
    match error {
        BodyError::TooLarge => Failure::new(
            "RequestEntityTooLarge",
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The request body exceeds {MOST_BODY_BYTES} bytes."),
        ),
        BodyError::TimedOut => Failure::new(
            "RequestTimeout",
            StatusCode::REQUEST_TIMEOUT,
            "The request body did not arrive in time.",
        ),
        BodyError::Broken(_) => {
            Failure::new("IncompleteBody", StatusCode::BAD_REQUEST, "The request body could not be read.")
        }
    }
}

/// The signature cannot even be read, so that its scope cannot name the service: the shape of the request does.
fn refused_signature(parts: &Parts, facts: &Facts, error: &SigError) -> Answer {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scoped_to =
        |service: &str| authorization.is_some_and(|text| text.contains(&format!("/{service}/aws4_request")));
    let (protocol, service) = if scoped_to("eks") {
        (Protocol::RestJson, "eks")
    } else if scoped_to("iam") {
        (Protocol::Query, "iam")
    } else if scoped_to("sts") || is_unsigned_query(parts) {
        (Protocol::Query, "sts")
    } else {
        (Protocol::RestXml, "s3")
    };
    let format = Format::accepted_by(&parts.headers);
    let xmlns = if service == "iam" { iam::XMLNS } else { sts::XMLNS };
    let envelope = Envelope {
        request_id: &facts.request_id,
        xmlns: Some(xmlns),
        resource: Some(parts.uri.path()),
        format,
    };
    let response = failed(&Failure::from(error.body(protocol)), protocol, &envelope);
    Answer { response, service, operation: "unknown" }
}

/// AWS has another host for every service, and we none for this one.
fn unknown_service(parts: &Parts, facts: &Facts, service: &str) -> Answer {
    let message = format!("The service {service} is not served at this endpoint; STS, IAM, EKS and S3 are.");
    let speaks_json = parts.headers.contains_key("x-amz-target");
    let (protocol, code) = if speaks_json {
        (Protocol::RestJson, "UnknownOperationException")
    } else {
        (Protocol::Query, "InvalidAction")
    };
    let envelope = Envelope {
        request_id: &facts.request_id,
        xmlns: None,
        resource: None,
        format: Format::accepted_by(&parts.headers),
    };
    let error = ErrorBody::new(code, StatusCode::BAD_REQUEST, message);
    Answer {
        response: failed(&Failure::from(error), protocol, &envelope),
        service: "unknown",
        operation: "unknown",
    }
}

/// A random UUID, as AWS's request ids are.
fn request_id() -> String {
    let mut random = [0_u8; 16];
    // Without randomness ids collide in logs; nothing is decided by them.
    let _ = rand::fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}
