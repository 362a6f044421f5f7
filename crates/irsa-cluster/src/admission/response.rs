//! An AdmissionReview's response, written into one buffer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::Request;
use crate::mutate::{Patch, Warning};

/// More warnings than these are not sent (Kubernetes drops what is beyond 4,096 characters together).
const MOST_WARNINGS: usize = 12;

/// A response being put together.
pub(super) struct Response<'a> {
    request: &'a Request<'a>,
    allowed: bool,
    pub(super) patch: Option<&'a Patch>,
    pub(super) warnings: &'a [Warning],
    /// A warning in words of its own.
    pub(super) sentence: Option<&'a str>,
    /// Annotations of the audit event; the API server puts the webhook's name before each key.
    pub(super) audit: Vec<(&'static str, &'a str)>,
    pub(super) status: Option<Status>,
}

/// Why something is denied (`metav1.Status`).
#[derive(Debug, Serialize)]
pub(super) struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

impl Status {
    pub(super) fn bad_request(message: String) -> Self {
        Self { code: 400, reason: "BadRequest", message }
    }

    pub(super) fn forbidden(message: String) -> Self {
        Self { code: 403, reason: "Forbidden", message }
    }

    pub(super) fn unavailable(message: String) -> Self {
        Self { code: 503, reason: "ServiceUnavailable", message }
    }
}

impl<'a> Response<'a> {
    pub(super) fn new(request: &'a Request<'a>, allowed: bool) -> Self {
        Self { request, allowed, patch: None, warnings: &[], sentence: None, audit: Vec::new(), status: None }
    }

    /// The whole review.
    pub(super) fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Review<'r, 'a> {
            kind: &'static str,
            api_version: &'static str,
            response: &'r Response<'a>,
        }
        let review =
            Review { kind: "AdmissionReview", api_version: self.request.api_version, response: self };
        let mut json = Vec::with_capacity(2_048);
        // Texts and numbers of our own structures: they are always written.
        let _ = serde_json::to_writer(&mut json, &review);
        json
    }
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("uid", &self.request.uid)?;
        map.serialize_entry("allowed", &self.allowed)?;
        if let Some(status) = &self.status {
            map.serialize_entry("status", status)?;
        }
        if let Some(patch) = self.patch {
            map.serialize_entry("patchType", "JSONPatch")?;
            map.serialize_entry("patch", &STANDARD.encode(patch.to_json()))?;
        }
        if !self.warnings.is_empty() || self.sentence.is_some() {
            let sentences = self.warnings.iter().take(MOST_WARNINGS).map(Warning::sentence);
            let sentences: Vec<String> = sentences.chain(self.sentence.map(str::to_owned)).collect();
            map.serialize_entry("warnings", &sentences)?;
        }
        if !self.audit.is_empty() {
            map.serialize_entry("auditAnnotations", &Pairs(&self.audit))?;
        }
        map.end()
    }
}

struct Pairs<'a>(&'a [(&'static str, &'a str)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
