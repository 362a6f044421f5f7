//! AWS's three error shapes: the query protocol's `<ErrorResponse>` (JSON when the caller accepts it),
//! REST-JSON's `x-amzn-errortype` with `{"message"}`, and S3's `<Error>`.

use crate::xml::{Format, Writer};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::borrow::Cow;

/// The protocol that the answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// STS and IAM.
    Query,
    /// EKS.
    RestJson,
    /// S3.
    RestXml,
}

/// An error of a service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorShape {
    /// The code on the wire, such as `NoSuchEntity`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the sender is at fault.
    pub sender: bool,
}

/// What went wrong, as the caller gets to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// AWS's error code, such as `AccessDenied`.
    pub code: Cow<'static, str>,
    /// The public message.
    pub message: Cow<'static, str>,
    /// The HTTP status.
    pub status: StatusCode,
    /// Whether the sender is at fault (`<Type>Sender</Type>`), not the service (`Receiver`).
    pub sender: bool,
    /// Further members: S3's `<Region>`, EKS's `clusterName`.
    pub details: Vec<(Cow<'static, str>, String)>,
}

impl ErrorBody {
    /// An error whose fault side follows from the status.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        status: StatusCode,
        message: impl Into<Cow<'static, str>>,
    ) -> ErrorBody {
        let sender = !status.is_server_error();
        ErrorBody { code: code.into(), message: message.into(), status, sender, details: Vec::new() }
    }

    /// Adds a member next to code and message.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> ErrorBody {
        self.details.push((name.into(), value.into()));
        self
    }
}

/// What the error's envelope says of the request.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Goes into the body and the `x-amzn-requestid` (S3: `x-amz-request-id`) header.
    pub request_id: &'a str,
    /// The XML namespace of a query service, such as `https://sts.amazonaws.com/doc/2011-06-15/`.
    pub xmlns: Option<&'a str>,
    /// S3's `<Resource>`: the path asked for.
    pub resource: Option<&'a str>,
    /// XML, or JSON when a caller of a query service asked for it ([`Format::accepted_by`]).
    pub format: Format,
}

/// Writes the answer, with its headers.
pub fn encode(protocol: Protocol, error: &ErrorBody, envelope: &Envelope<'_>) -> Response<Vec<u8>> {
    let (content_type, request_id_header, body) = match protocol {
        Protocol::Query => (envelope.format.content_type(), "x-amzn-requestid", query(error, envelope)),
        Protocol::RestJson => ("application/json", "x-amzn-requestid", rest_json(error)),
        Protocol::RestXml => ("application/xml", "x-amz-request-id", rest_xml(error, envelope)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(envelope.request_id) {
        headers.insert(HeaderName::from_static(request_id_header), value);
    }
    if protocol == Protocol::RestJson
        && let Ok(value) = HeaderValue::from_str(&error.code)
    {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), value);
    }
    response
}

fn query(error: &ErrorBody, envelope: &Envelope<'_>) -> Vec<u8> {
    let kind = if error.sender { "Sender" } else { "Receiver" };
    if envelope.format == Format::Json {
        let body = serde_json::json!({
            "Error": {"Code": error.code, "Message": error.message, "Type": kind},
            "RequestId": envelope.request_id,
        });
        return body.to_string().into_bytes();
    }
    let mut out = Writer::xml();
    out.open_root("ErrorResponse", envelope.xmlns);
    out.open("Error");
    out.text("Type", kind);
    out.text("Code", &error.code);
    out.text("Message", &error.message);
    for (name, value) in &error.details {
        out.text(name, value);
    }
    out.close("Error");
    out.text("RequestId", envelope.request_id);
    out.close_root("ErrorResponse");
    out.into_bytes()
}

fn rest_json(error: &ErrorBody) -> Vec<u8> {
    let mut body = serde_json::Map::new();
    body.insert("message".to_owned(), error.message.as_ref().into());
    for (name, value) in &error.details {
        body.insert(name.to_string(), value.as_str().into());
    }
    serde_json::Value::Object(body).to_string().into_bytes()
}

fn rest_xml(error: &ErrorBody, envelope: &Envelope<'_>) -> Vec<u8> {
    let mut out = Writer::xml_with_declaration();
    out.open_root("Error", None);
    out.text("Code", &error.code);
    out.text("Message", &error.message);
    for (name, value) in &error.details {
        out.text(name, value);
    }
    if let Some(resource) = envelope.resource {
        out.text("Resource", resource);
    }
    out.text("RequestId", envelope.request_id);
    out.text("HostId", envelope.request_id);
    out.close_root("Error");
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: Protocol, format: Format, expected: &str) -> Response<Vec<u8>> {
        let error = ErrorBody::new("AccessDenied", StatusCode::FORBIDDEN, "no <access>");
        let envelope = Envelope { request_id: "rid", xmlns: Some("urn:sts"), resource: Some("/b/k"), format };
        let response = encode(protocol, &error, &envelope);
        assert_eq!(String::from_utf8_lossy(response.body()), expected);
        assert_eq!(response.status(), 403);
        response
    }

    #[test]
    fn three_shapes() {
        let response = check(
            Protocol::Query,
            Format::Xml,
            "<ErrorResponse xmlns=\"urn:sts\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>no &lt;access&gt;</Message></Error><RequestId>rid</RequestId></ErrorResponse>",
        );
        assert_eq!(response.headers()["content-type"], "text/xml");
        assert_eq!(response.headers()["x-amzn-requestid"], "rid");
        check(
            Protocol::Query,
            Format::Json,
            r#"{"Error":{"Code":"AccessDenied","Message":"no <access>","Type":"Sender"},"RequestId":"rid"}"#,
        );
        let response = check(Protocol::RestJson, Format::Xml, r#"{"message":"no <access>"}"#);
        assert_eq!(response.headers()["x-amzn-errortype"], "AccessDenied");
        let response = check(
            Protocol::RestXml,
            Format::Xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>no &lt;access&gt;</Message>\
             <Resource>/b/k</Resource><RequestId>rid</RequestId><HostId>rid</HostId></Error>",
        );
        assert_eq!(response.headers()["x-amz-request-id"], "rid");
    }
}
