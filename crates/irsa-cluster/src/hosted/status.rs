//! Kubernetes' answer when it cannot do as asked: a `Status` with its reason, message and HTTP status
//! (`apimachinery/pkg/api/errors`).

use http::StatusCode;
use irsa_store::CommitError;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::resource::Resource;

/// A failure in Kubernetes' own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
}

/// One field of an object that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// `metadata.name`
    pub(super) field: String,
    /// `FieldValueInvalid`, `FieldValueRequired`…
    pub(super) reason: &'static str,
    /// What Kubernetes says of it, without the field's name.
    pub(super) message: String,
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

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
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

    pub(super) fn unsupported_media_type(expected: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {expected}"
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The revision that a list or watch continues from is forgotten.
    pub(super) fn expired(message: &str) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(super) fn not_found(plural: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("{plural} \"{name}\" not found"))
            .about(plural, name)
    }

    pub(super) fn already_exists(resource: Resource, name: &str) -> Self {
        let plural = resource.plural();
        let message = format!("{plural} \"{name}\" already exists");
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(plural, name)
    }

    pub(super) fn forbidden_object(resource: Resource, name: &str, why: &str) -> Self {
        let plural = resource.plural();
        Self::forbidden(format!("{plural} \"{name}\" is forbidden: {why}")).about(plural, name)
    }

    pub(super) fn conflict(resource: Resource, name: &str, why: &str) -> Self {
        let plural = resource.plural();
        let message = format!("Operation cannot be fulfilled on {plural} \"{name}\": {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(plural, name)
    }

    /// An object that breaks rules; `kind` is qualified by its group, `TokenRequest.authentication.k8s.io`.
    pub(super) fn invalid(kind: &str, name: &str, causes: &[Cause]) -> Self {
        let sentences: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let all = match sentences.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{kind} \"{name}\" is invalid: {all}");
        let (short, group) = kind.split_once('.').unwrap_or((kind, ""));
        let mut status = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).about(short, name);
        if !group.is_empty() {
            status.details.insert("group".to_owned(), group.into());
        }
        let causes: Vec<_> = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        status.details.insert("causes".to_owned(), causes.into());
        status
    }

    fn about(mut self, kind: &str, name: &str) -> Self {
        if !name.is_empty() {
            self.details.insert("name".to_owned(), name.into());
        }
        self.details.insert("kind".to_owned(), kind.into());
        self
    }

    /// The `Status` object.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        if let Some(body) = body.as_object_mut() {
            if !self.details.is_empty() {
                body.insert("details".to_owned(), Value::Object(self.details.clone()));
            }
            body.insert("code".to_owned(), self.code.as_u16().into());
        }
        body
    }

    pub(super) fn answer(&self) -> Answer {
        Answer::new(self.code, self.body())
    }
}

/// What the store says comes after Kubernetes' own checks: only a crowd of writers or a broken disk is left.
impl From<CommitError> for Status {
    fn from(error: CommitError) -> Self {
        tracing::error!(%error, "an object was not kept");
        match error {
            CommitError::Conflict => Self::new(
                StatusCode::CONFLICT,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            other => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("Internal error occurred: {other}"),
            ),
        }
    }
}
