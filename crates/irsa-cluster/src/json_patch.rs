//! JSON Patch (RFC 6902): the form of a webhook's answer, and one of the forms in which clients change objects.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most operations of one patch (Kubernetes: `maxJSONPatchOperations`).
pub const MOST_OPERATIONS: usize = 10_000;
/// The most bytes that `copy` operations may add together (Kubernetes: `AccumulatedCopySizeLimit`).
const MOST_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// One operation. Paths are JSON pointers (RFC 6901); `-` at the end of a path is the place after an array's last element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// Adds a member or element, or replaces the member.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// Where.
        path: String,
    },
    /// Replaces what is there.
    Replace {
        /// Where.
        path: String,
        /// By what.
        value: Value,
    },
    /// Takes a value from one place to another.
    Move {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// Copies a value.
    Copy {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// Fails unless this value is there.
    Test {
        /// Where.
        path: String,
        /// What must be there.
        value: Value,
    },
}

/// Why a patch does not apply. The document is then half patched: patch a copy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Nothing is at the path.
    #[error("there is nothing at `{0}`")]
    Missing(String),
    /// The path is not a JSON pointer, or its last part cannot be an index.
    #[error("`{0}` is not a place in the document")]
    NoPlace(String),
    /// A `test` failed.
    #[error("the test of `{0}` failed")]
    TestFailed(String),
    /// More operations or copies than are allowed.
    #[error("the patch is too large")]
    TooLarge,
}

/// Applies the operations in order.
///
/// # Errors
/// [`PatchError`] for the first one that does not apply.
pub fn apply(document: &mut Value, patch: &[PatchOperation]) -> Result<(), PatchError> {
    if patch.len() > MOST_OPERATIONS {
        return Err(PatchError::TooLarge);
    }
    let mut copied = 0;
    for operation in patch {
        match operation {
            PatchOperation::Add { path, value } => add(document, path, value.clone())?,
            PatchOperation::Remove { path } => drop(remove(document, path)?),
            PatchOperation::Replace { path, value } => {
                let place = document.pointer_mut(path).ok_or_else(|| PatchError::Missing(path.clone()))?;
                value.clone_into(place);
            }
            PatchOperation::Move { from, path } => {
                if path.strip_prefix(from.as_str()).is_some_and(|below| below.starts_with('/')) {
                    return Err(PatchError::NoPlace(path.clone()));
                }
                let value = remove(document, from)?;
                add(document, path, value)?;
            }
            PatchOperation::Copy { from, path } => {
                let value = document.pointer(from).ok_or_else(|| PatchError::Missing(from.clone()))?.clone();
                copied += value.to_string().len();
                if copied > MOST_COPIED_BYTES {
                    return Err(PatchError::TooLarge);
                }
                add(document, path, value)?;
            }
            PatchOperation::Test { path, value } => {
                if document.pointer(path) != Some(value) {
                    return Err(PatchError::TestFailed(path.clone()));
                }
            }
        }
    }
    Ok(())
}

/// A member's name as a part of a pointer.
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let no_place = || PatchError::NoPlace(path.to_owned());
    let (parent, last) = split(path)?;
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(last, value);
        }
        Some(Value::Array(elements)) if last == "-" => elements.push(value),
        Some(Value::Array(elements)) => {
            let index = index(&last).filter(|index| *index <= elements.len()).ok_or_else(no_place)?;
            elements.insert(index, value);
        }
        Some(_) => return Err(no_place()),
        None => return Err(PatchError::Missing(parent.to_owned())),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, PatchError> {
    let missing = || PatchError::Missing(path.to_owned());
    let (parent, last) = split(path)?;
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => members.shift_remove(&last).ok_or_else(missing),
        Some(Value::Array(elements)) => {
            let index = index(&last).filter(|index| *index < elements.len()).ok_or_else(missing)?;
            Ok(elements.remove(index))
        }
        _ => Err(missing()),
    }
}

/// The pointer to the parent, and the last part, unescaped.
fn split(path: &str) -> Result<(&str, String), PatchError> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| PatchError::NoPlace(path.to_owned()))?;
    if !parent.is_empty() && !parent.starts_with('/') {
        return Err(PatchError::NoPlace(path.to_owned()));
    }
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

/// RFC 6901 §4: digits without a leading zero.
fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || !part.starts_with('0');
    part.parse().ok().filter(|_| plain && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(document: Value, patch: Value, expected: Result<Value, PatchError>) {
        let operations: Vec<PatchOperation> = serde_json::from_value(patch.clone()).unwrap();
        let mut patched = document;
        let outcome = apply(&mut patched, &operations).map(|()| patched);
        assert_eq!(outcome, expected, "{patch}");
    }

    /// RFC 6902, appendix A.
    #[test]
    fn applies_the_rfcs_examples() {
        check(
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            Ok(json!({"foo": "bar", "baz": "qux"})),
        );
        check(
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            Ok(json!({"foo": ["bar", "qux", "baz"]})),
        );
        check(
            json!({"foo": "bar", "baz": 1}),
            json!([{"op": "remove", "path": "/baz"}]),
            Ok(json!({"foo": "bar"})),
        );
        check(
            json!({"foo": ["a", "b", "c"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            Ok(json!({"foo": ["a", "c"]})),
        );
        check(
            json!({"foo": 1}),
            json!([{"op": "replace", "path": "/foo", "value": 2}]),
            Ok(json!({"foo": 2})),
        );
        check(
            json!({"foo": {"waldo": 1}, "qux": {}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            Ok(json!({"foo": {}, "qux": {"thud": 1}})),
        );
        check(
            json!({"foo": [1, 2, 3]}),
            json!([{"op": "move", "from": "/foo/0", "path": "/foo/2"}]),
            Ok(json!({"foo": [2, 3, 1]})),
        );
        check(
            json!({"foo": [1]}),
            json!([{"op": "add", "path": "/foo/-", "value": [2]}]),
            Ok(json!({"foo": [1, [2]]})),
        );
        check(
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            Ok(json!({"/": 9, "~1": 10})),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "copy", "from": "/a", "path": "/b"}]),
            Ok(json!({"a": 1, "b": 1})),
        );
    }

    #[test]
    fn refuses_what_does_not_apply() {
        let missing = |path: &str| Err(PatchError::Missing(path.to_owned()));
        let no_place = |path: &str| Err(PatchError::NoPlace(path.to_owned()));
        check(json!({"foo": "bar"}), json!([{"op": "add", "path": "/baz/bat", "value": 1}]), missing("/baz"));
        check(json!({"foo": "bar"}), json!([{"op": "remove", "path": "/baz"}]), missing("/baz"));
        check(json!({"foo": "bar"}), json!([{"op": "replace", "path": "/baz", "value": 1}]), missing("/baz"));
        check(json!({"foo": []}), json!([{"op": "add", "path": "/foo/1", "value": 1}]), no_place("/foo/1"));
        check(
            json!({"foo": [1]}),
            json!([{"op": "add", "path": "/foo/00", "value": 1}]),
            no_place("/foo/00"),
        );
        check(json!({"foo": 1}), json!([{"op": "add", "path": "foo", "value": 1}]), no_place("foo"));
        check(
            json!({"foo": {}}),
            json!([{"op": "move", "from": "/foo", "path": "/foo/bar"}]),
            no_place("/foo/bar"),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "test", "path": "/a", "value": 2}]),
            Err(PatchError::TestFailed("/a".to_owned())),
        );
    }

    /// Forty doublings would fill any memory.
    #[test]
    fn copies_are_bounded() {
        let doubling: Vec<PatchOperation> = (0..40)
            .map(|step| PatchOperation::Copy { from: String::new(), path: format!("/{step}") })
            .collect();
        assert_eq!(apply(&mut json!({"a": "0123456789"}), &doubling), Err(PatchError::TooLarge));
    }
}
