//! The patches that are objects themselves: JSON merge patch (RFC 7396) and Kubernetes' strategic merge patch, as far as
//! Namespaces and ServiceAccounts have lists that it merges.
//!
//! Depth is bounded by the JSON parser's own limit of 128.

use serde_json::{Map, Value};

/// Applies a merge patch: null removes, objects merge, everything else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        patch.clone_into(target);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, patch) in patch {
        if patch.is_null() {
            members.shift_remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), patch);
        }
    }
}

/// Applies a strategic merge patch (Kubernetes community, "Strategic Merge Patch"): lists of objects are merged by the key
/// that their type declares, `finalizers` as a set, and directives delete, replace and reorder.
pub(super) fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        patch.clone_into(target);
        return;
    };
    match directive(patch) {
        Some("delete") => {
            *target = Value::Object(Map::new());
            return;
        }
        Some("replace") => *target = Value::Object(Map::new()),
        _ if !target.is_object() => *target = Value::Object(Map::new()),
        _ => {}
    }
    let Value::Object(members) = target else { return };
    for (name, patch) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let unwanted = patch.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(Value::Array(elements)) = members.get_mut(list) {
                elements.retain(|element| !unwanted.contains(element));
            }
        } else if name.starts_with('$') {
            // `$setElementOrder` and `$retainKeys` concern order and unions, of which there are none here.
        } else if patch.is_null() {
            members.shift_remove(name);
        } else {
            let value = members.entry(name.clone()).or_insert(Value::Null);
            match (list_key(name), patch) {
                (Some(key), Value::Array(patch)) => merge_list(value, patch, key),
                (None, Value::Array(patch)) if name == "finalizers" => add_to_set(value, patch),
                _ => strategic(value, patch),
            }
        }
    }
}

/// The key by which a list of this name is merged (`patchMergeKey` in `core/v1` and `meta/v1`).
fn list_key(name: &str) -> Option<&'static str> {
    match name {
        "secrets" | "imagePullSecrets" => Some("name"),
        "ownerReferences" => Some("uid"),
        "conditions" => Some("type"),
        _ => None,
    }
}

fn merge_list(target: &mut Value, patch: &[Value], key: &str) {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(elements) = target else { return };
    let replaces = patch.iter().any(|element| {
        element.as_object().is_some_and(|element| directive(element) == Some("replace") && element.len() == 1)
    });
    if replaces {
        elements.clear();
    }
    for patch in patch {
        let same = |element: &Value| element.get(key).is_some() && element.get(key) == patch.get(key);
        match patch.as_object().and_then(directive) {
            Some("delete") => elements.retain(|element| !same(element)),
            Some("replace") => {}
            _ => match elements.iter_mut().find(|element| same(element)) {
                Some(element) => strategic(element, patch),
                None => elements.push(patch.clone()),
            },
        }
    }
}

fn add_to_set(target: &mut Value, patch: &[Value]) {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    if let Value::Array(elements) = target {
        for added in patch {
            if !elements.contains(added) {
                elements.push(added.clone());
            }
        }
    }
}

fn directive(patch: &Map<String, Value>) -> Option<&str> {
    patch.get("$patch").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7396, appendix A.
    #[test]
    fn merges_as_the_rfc_says() {
        let check = |target: Value, patch: Value, expected: Value| {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} with {patch}");
        };
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"}));
        check(json!({"a": "b"}), json!({"a": null}), json!({}));
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}}));
        check(json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]}));
        check(json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"]));
        check(json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1}));
        check(json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"}));
        check(json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}}));
    }

    #[test]
    fn merges_lists_by_their_keys() {
        let check = |target: Value, patch: Value, expected: Value| {
            let mut merged = target.clone();
            strategic(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} with {patch}");
        };
        check(
            json!({"secrets": [{"name": "a", "x": 1}, {"name": "b"}]}),
            json!({"secrets": [{"name": "a", "x": 2}, {"name": "c"}], "$setElementOrder/secrets": [{"name": "c"}]}),
            json!({"secrets": [{"name": "a", "x": 2}, {"name": "b"}, {"name": "c"}]}),
        );
        check(
            json!({"secrets": [{"name": "a"}, {"name": "b"}]}),
            json!({"secrets": [{"name": "a", "$patch": "delete"}]}),
            json!({"secrets": [{"name": "b"}]}),
        );
        check(
            json!({"secrets": [{"name": "a"}]}),
            json!({"secrets": [{"$patch": "replace"}, {"name": "z"}]}),
            json!({"secrets": [{"name": "z"}]}),
        );
        check(
            json!({"metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}}}),
            json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"], "labels": {"x": null}}}),
            json!({"metadata": {"finalizers": ["b", "c"], "labels": {}}}),
        );
        check(
            json!({"metadata": {"labels": {"x": "1", "y": "2"}}}),
            json!({"metadata": {"labels": {"$patch": "replace", "z": "3"}}}),
            json!({"metadata": {"labels": {"z": "3"}}}),
        );
    }
}
