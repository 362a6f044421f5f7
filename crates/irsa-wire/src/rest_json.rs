//! The REST-JSON protocol (EKS): inputs spread over the path, the query string and a JSON body.
//!
//! [`find`] matches a path against the models' URI templates; what it found, the query string and the body make a
//! [`Request`], from which generated types decode themselves.

use crate::query::{ValidationError, decode_percent, parse_pairs};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Largest JSON body that is decoded, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// An operation as its service model binds it to HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The operation, such as `DescribeCluster`.
    pub operation: &'static str,
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The URI template, such as `/clusters/{name}`.
    pub uri: &'static str,
}

/// An input that can be read from a REST-JSON request.
pub trait DecodeRest: Sized {
    /// The operation, with its method and URI template.
    const BINDING: Binding;

    /// Reads and checks the input.
    ///
    /// # Errors
    /// [`RestError`]: a body that is not the operation's JSON, or constraints that are violated.
    fn decode(request: &Request<'_>) -> Result<Self, RestError>;
}

/// Why a REST-JSON request has no input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// The path, query string or body cannot be read. Code `SerializationException`, status 400.
    #[error("{0}")]
    Serialization(String),
    /// Constraints of the service model.
    #[error(transparent)]
    Validation(#[from] ValidationError),
}

/// The parts of a request that carry input.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    labels: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Joins the labels that [`route`] found with the query string and the body.
    ///
    /// # Errors
    /// [`RestError::Serialization`] for an oversized body or a malformed query string.
    pub fn new(
        labels: Vec<(&'static str, String)>,
        query: Option<&str>,
        body: &'a [u8],
    ) -> Result<Request<'a>, RestError> {
        if body.len() > MAX_BODY {
            return Err(RestError::Serialization(format!("the request body exceeds {MAX_BODY} bytes")));
        }
        let query = parse_pairs(query.unwrap_or_default().as_bytes())
            .map_err(|error| RestError::Serialization(error.to_string()))?;
        Ok(Request { labels, query, body })
    }

    /// A value from the path.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_all(name).next()
    }

    /// All query parameters of this name, in order.
    pub fn query_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The JSON body without its nulls, which mean the same as absence; an empty body is an empty object.
    ///
    /// # Errors
    /// [`RestError::Serialization`] when it is not a JSON object.
    pub fn json(&self) -> Result<Value, RestError> {
        let body = if self.body.trim_ascii().is_empty() { b"{}" } else { self.body };
        let mut value: Value =
            serde_json::from_slice(body).map_err(|error| RestError::Serialization(error.to_string()))?;
        if !value.is_object() {
            return Err(RestError::Serialization("the body must be a JSON object".to_owned()));
        }
        remove_nulls(&mut value);
        Ok(value)
    }
}

/// A value of the body as its type.
///
/// # Errors
/// [`RestError::Serialization`] when the JSON has another type.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, RestError> {
    serde_json::from_value(value).map_err(|error| RestError::Serialization(error.to_string()))
}

/// Depth is bounded by `serde_json`'s own limit of 128.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => {
            elements.retain(|element| !element.is_null());
            elements.iter_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

/// The binding that a method and a raw (still percent-encoded) path belong to, with the path's labels decoded.
/// Literal segments win over labels: `/clusters/{name}` does not shadow `/cluster-versions`.
pub fn find<'t>(
    bindings: &'t [Binding],
    method: &str,
    path: &str,
) -> Option<(&'t Binding, Vec<(&'static str, String)>)> {
    bindings
        .iter()
        .filter(|binding| binding.method == method)
        .filter_map(|binding| Some((binding, route(binding.uri, path)?)))
        .min_by_key(|(_, labels)| labels.len())
}

/// The labels of a raw path, decoded, when it has the form of a URI template.
pub fn route(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let template = template.split('?').next().unwrap_or_default();
    let template = template.strip_suffix('/').unwrap_or(template);
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        let label = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(label) = label else {
            if wanted != segment {
                return None;
            }
            continue;
        };
        if segment.is_empty() {
            return None;
        }
        // An ARN is sent with its slashes encoded, but some clients leave them: `{resourceArn}` at the end takes the rest.
        let rest: Vec<&str> = if label.ends_with("Arn") { segments.by_ref().collect() } else { Vec::new() };
        let mut value = segment.to_owned();
        for piece in rest {
            value.push('/');
            value.push_str(piece);
        }
        found.push((label, decode_percent(value.as_bytes()).ok()?));
    }
    segments.next().is_none().then_some(found)
}

/// A successful answer.
///
/// # Errors
/// When the output cannot be written as JSON (a map whose keys are not strings), which no generated type can cause.
pub fn response<T: Serialize>(output: &T, request_id: &str) -> Result<Response<Vec<u8>>, serde_json::Error> {
    let mut response = Response::new(serde_json::to_vec(output)?);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDINGS: &[Binding] = &[
        Binding { operation: "ListClusters", method: "GET", uri: "/clusters" },
        Binding { operation: "DescribeCluster", method: "GET", uri: "/clusters/{name}" },
        Binding { operation: "DescribeUpdate", method: "GET", uri: "/clusters/{name}/updates/{updateId}" },
        Binding { operation: "UntagResource", method: "DELETE", uri: "/tags/{resourceArn}" },
    ];

    fn check(method: &str, path: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let found = find(BINDINGS, method, path);
        let found = found.as_ref().map(|(binding, labels)| {
            (
                binding.operation,
                labels.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
            )
        });
        assert_eq!(found, expected.map(|(name, labels)| (name, labels.to_vec())), "{method} {path}");
    }

    #[test]
    fn paths_find_their_operation() {
        check("GET", "/clusters", Some(("ListClusters", &[])));
        check("GET", "/clusters/", Some(("ListClusters", &[])));
        check("GET", "/clusters/a%20b", Some(("DescribeCluster", &[("name", "a b")])));
        check("GET", "/clusters/a/updates/u", Some(("DescribeUpdate", &[("name", "a"), ("updateId", "u")])));
        check("GET", "/clusters/a/updates", None);
        check("POST", "/clusters", None);
        let arn = Some(("UntagResource", &[("resourceArn", "arn:aws:eks:r:1:cluster/a")][..]));
        check("DELETE", "/tags/arn%3Aaws%3Aeks%3Ar%3A1%3Acluster%2Fa", arn);
        check("DELETE", "/tags/arn:aws:eks:r:1:cluster/a", arn);
    }

    #[test]
    fn query_and_body() {
        let request = Request::new(Vec::new(), Some("tagKeys=a&tagKeys=b%2F"), b" ").unwrap();
        assert_eq!(request.query_all("tagKeys").collect::<Vec<_>>(), ["a", "b/"]);
        assert_eq!(request.json().unwrap(), serde_json::json!({}));
        let request = Request::new(Vec::new(), None, br#"{"a":null,"b":{"c":[1,null],"d":null}}"#).unwrap();
        assert_eq!(request.json().unwrap(), serde_json::json!({"b": {"c": [1]}}));
        assert!(Request::new(Vec::new(), None, b"[]").unwrap().json().is_err());
        assert!(matches!(Request::new(Vec::new(), Some("a=%"), b""), Err(RestError::Serialization(_))));
    }
}
