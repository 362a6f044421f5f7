//! The patch as it goes over the wire. It is written once, as JSON, while the mutation is decided: building values first would
//! cost more than the mutation itself.
//!
//! The patch is additive: it knows no other operation than `add`, and the mutation adds only at places where nothing is, or
//! between the elements of lists.

use serde::Serialize;
use serde_json::Value;

use crate::json_patch::{PatchError, PatchOperation, apply};

/// What the patch of a pod of few containers takes.
const USUAL_BYTES: usize = 2_048;

/// A JSON patch (RFC 6902) of `add` operations.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// The operations without the brackets around them.
    operations: Vec<u8>,
}

#[derive(Serialize)]
struct Add<'a, T> {
    op: &'static str,
    path: &'a str,
    value: &'a T,
}

impl Patch {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The patch as JSON; `[]` when it is empty.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.operations.len() + 2);
        json.push(b'[');
        json.extend_from_slice(&self.operations);
        json.push(b']');
        json
    }

    /// The operations one by one.
    #[must_use]
    pub fn operations(&self) -> Vec<PatchOperation> {
        serde_json::from_slice(&self.to_json()).unwrap_or_default()
    }

    /// Patches a pod.
    ///
    /// # Errors
    /// [`PatchError`] when it is not the pod that the patch was made for.
    pub fn apply_to(&self, pod: &mut Value) -> Result<(), PatchError> {
        apply(pod, &self.operations())
    }

    pub(super) fn add(&mut self, path: &str, value: &impl Serialize) {
        let length = self.operations.len();
        if length > 0 {
            self.operations.push(b',');
        } else {
            self.operations.reserve(USUAL_BYTES);
        }
        // The values are our own structures of texts and numbers: they are always written.
        if serde_json::to_writer(&mut self.operations, &Add { op: "add", path, value }).is_err() {
            self.operations.truncate(length);
        }
    }
}

impl std::fmt::Debug for Patch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_json()))
    }
}
