//! An AdmissionReview's request, borrowed from the body. The pod is read in a second step, so that one that cannot be read still
//! gets an answer with the request's UID.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{MOST_BYTES, Outcome};
use crate::borrowed::{Text, object, text};
use crate::mutate::{MalformedPod, Pod};

/// A review to be answered.
#[derive(Debug)]
pub struct Request<'a> {
    pub(super) api_version: &'static str,
    pub(super) uid: Cow<'a, str>,
    namespace: Cow<'a, str>,
    is_dry_run: bool,
    pod: Result<Pod<'a>, NoPod>,
}

#[derive(Debug)]
enum NoPod {
    Foreign(String),
    Unreadable(MalformedPod),
}

/// Why a body is no review. The answer is an HTTP error with this text: without the request's UID there is no review to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is too long.
    #[error("the body is longer than {MOST_BYTES} bytes")]
    TooLarge,
    /// It is no AdmissionReview.
    #[error("the body is no AdmissionReview: {0}")]
    NoReview(String),
    /// Its version is none that is spoken here.
    #[error(
        "`{0}` is no version of AdmissionReview; expected admission.k8s.io/v1 or admission.k8s.io/v1beta1"
    )]
    Version(String),
    /// It has no request, or one without a UID.
    #[error("the AdmissionReview has no request with a UID")]
    NoRequest,
}

impl Malformed {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::NoReview(_) | Self::Version(_) | Self::NoRequest => 400,
        }
    }
}

/// The versions, as they are echoed.
const VERSIONS: [&str; 2] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];

object! {
    struct Review {
        api_version: "apiVersion" as Text<'a>,
        kind: "kind" as Text<'a>,
        request: "request" as Content<'a>,
    }

    struct Content {
        uid: "uid" as Text<'a>,
        kind: "kind" as Type<'a>,
        resource: "resource" as Type<'a>,
        sub_resource: "subResource" as Text<'a>,
        namespace: "namespace" as Text<'a>,
        operation: "operation" as Text<'a>,
        dry_run: "dryRun" as bool,
        object: "object" as &'a RawValue,
    }

    struct Type {
        group: "group" as Text<'a>,
        version: "version" as Text<'a>,
        kind: "kind" as Text<'a>,
        resource: "resource" as Text<'a>,
    }
}

impl<'a> Request<'a> {
    /// Reads the body of a review.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.len() > MOST_BYTES {
            return Err(Malformed::TooLarge);
        }
        let no_review = |error: serde_json::Error| Malformed::NoReview(error.to_string());
        let review: Review<'a> = serde_json::from_slice(body).map_err(no_review)?;
        let (kind, version) = (text(review.kind.as_ref()), text(review.api_version.as_ref()));
        if kind != "AdmissionReview" {
            return Err(Malformed::NoReview(format!("its kind is `{}`", shortened(kind))));
        }
        let api_version = VERSIONS.into_iter().find(|known| *known == version);
        let api_version = api_version.ok_or_else(|| Malformed::Version(shortened(version)))?;
        let content = review.request.ok_or(Malformed::NoRequest)?;
        let pod = pod(&content);
        let uid = content.uid.map(|uid| uid.0).filter(|uid| !uid.is_empty()).ok_or(Malformed::NoRequest)?;
        let namespace = content.namespace.map(|namespace| namespace.0).unwrap_or_default();
        let is_dry_run = content.dry_run.unwrap_or(false);
        Ok(Self { api_version, uid, namespace, is_dry_run, pod })
    }

    /// The namespace and name of the ServiceAccount that the answer depends on; none where it depends on none.
    #[must_use]
    pub fn service_account(&self) -> Option<(&str, &str)> {
        let pod = self.pod.as_ref().ok()?;
        Some((self.namespace.as_ref(), pod.service_account()))
    }

    /// The namespace. A pod that is being made need not have it in its metadata yet.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The pod's name; empty when the API server makes one up.
    #[must_use]
    pub fn name(&self) -> &str {
        self.pod.as_ref().map_or("", Pod::name)
    }

    /// How the name that the API server makes up begins.
    #[must_use]
    pub fn generate_name(&self) -> &str {
        self.pod.as_ref().map_or("", Pod::generate_name)
    }

    /// Whether nothing is to come of it: then no Events are to be written either.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }

    pub(super) fn pod(&self) -> Result<&Pod<'a>, Outcome> {
        self.pod.as_ref().map_err(|reason| match reason {
            NoPod::Foreign(reason) => Outcome::Foreign(reason.clone()),
            NoPod::Unreadable(reason) => Outcome::Unreadable(reason.to_string()),
        })
    }
}

fn pod<'a>(content: &Content<'a>) -> Result<Pod<'a>, NoPod> {
    let foreign = |what: String| {
        Err(NoPod::Foreign(format!("the review is not about the creation of a pod but {what}")))
    };
    let kind = content
        .kind
        .as_ref()
        .map(|kind| [&kind.group, &kind.version, &kind.kind].map(|part| text(part.as_ref())));
    let resource = content.resource.as_ref();
    let resource = resource.map(|of| [&of.group, &of.version, &of.resource].map(|part| text(part.as_ref())));
    if kind != Some(["", "v1", "Pod"]) || resource != Some(["", "v1", "pods"]) {
        return foreign(format!(
            "about another kind of object, {}",
            shortened(&kind.unwrap_or_default().join("/"))
        ));
    }
    let sub_resource = text(content.sub_resource.as_ref());
    if !sub_resource.is_empty() {
        return foreign(format!("about pods/{}", shortened(sub_resource)));
    }
    let operation = text(content.operation.as_ref());
    if operation != "CREATE" {
        return foreign(format!("a {}", shortened(operation)));
    }
    let object = content.object.map_or("null", RawValue::get);
    Pod::parse(object).map_err(NoPod::Unreadable)
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
