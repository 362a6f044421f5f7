//! Kubernetes' answer when it cannot do as asked: a `Status` with its reason, message and HTTP status
//! (`apimachinery/pkg/api/errors`).

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::json_response;

/// A failure in Kubernetes' own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
}

impl Status {
    pub(super) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Map::new() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    /// What Kubernetes says of a path that nothing serves.
    pub(super) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(super) fn response(&self) -> Response<Vec<u8>> {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let (Some(body), false) = (body.as_object_mut(), self.details.is_empty()) {
            body.insert("details".to_owned(), Value::Object(self.details.clone()));
        }
        json_response(self.code, &body)
    }
}
