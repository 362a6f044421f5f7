//! An answer of the Kubernetes API before it becomes bytes.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

/// A status, a body, and what the client is warned of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    status: StatusCode,
    body: Body,
    warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    Json(Value),
    /// One event of a watch a line.
    Lines(Vec<Value>),
    Text(&'static str),
    /// What anybody may read and keep, with its media type.
    Public(&'static str, Value),
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body: Body::Json(body), warnings: Vec::new() }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    pub(super) fn created(body: Value) -> Self {
        Self::new(StatusCode::CREATED, body)
    }

    pub(super) fn events(events: Vec<Value>) -> Self {
        Self { status: StatusCode::OK, body: Body::Lines(events), warnings: Vec::new() }
    }

    pub(super) fn text(text: &'static str) -> Self {
        Self { status: StatusCode::OK, body: Body::Text(text), warnings: Vec::new() }
    }

    pub(super) fn public(media_type: &'static str, document: Value) -> Self {
        Self { status: StatusCode::OK, body: Body::Public(media_type, document), warnings: Vec::new() }
    }

    /// Adds warnings, which `kubectl` shows.
    pub(super) fn warned(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    pub(super) fn response(self) -> Response<Vec<u8>> {
        let mut cache = "no-cache, private";
        let (media_type, bytes) = match self.body {
            Body::Json(value) => ("application/json", value.to_string().into_bytes()),
            Body::Text(text) => ("text/plain; charset=utf-8", text.as_bytes().to_vec()),
            Body::Public(media_type, document) => {
                cache = "public, max-age=3600";
                (media_type, document.to_string().into_bytes())
            }
            Body::Lines(values) => {
                let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
                ("application/json", lines.into_bytes())
            }
        };
        let mut response = Response::new(bytes);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        for warning in self.warnings {
            // RFC 7234 §5.5; Kubernetes writes code 299 and no agent.
            let text = format!("299 - \"{}\"", warning.replace('\\', "\\\\").replace('"', "\\\""));
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.append(header::WARNING, value);
            }
        }
        response
    }
}
