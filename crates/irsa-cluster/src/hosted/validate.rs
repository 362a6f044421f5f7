//! What an object may be: its shape, and Kubernetes' rules for names, labels and annotations
//! (`apimachinery/pkg/util/validation` and `pkg/api/validation` of Kubernetes 1.32).

use serde_json::{Map, Value};

use super::resource::Resource;
use super::status::{Cause, Status};

/// `TotalAnnotationSizeLimitB`.
const MOST_ANNOTATION_BYTES: usize = 256 * 1024;
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// Reads a manifest: a JSON object of the resource's kind, whose known fields have their types. Also returned are the
/// fields that Kubernetes does not know.
pub(super) fn decode(resource: Resource, bytes: &[u8]) -> Result<(Value, Vec<String>), Status> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Status::bad_request(format!("the object provided is unrecognized: {error}")))?;
    check_shape(resource, &value)?;
    let unknown = unknown_fields(resource, &value);
    Ok((value, unknown))
}

/// Checks kind and types.
pub(super) fn check_shape(resource: Resource, value: &Value) -> Result<(), Status> {
    let kind = resource.kind();
    let Value::Object(members) = value else {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): it is not a JSON object"
        )));
    };
    let stated = |name: &str| members.get(name).and_then(Value::as_str);
    if stated("kind").is_some_and(|stated| stated != kind)
        || stated("apiVersion").is_some_and(|stated| stated != "v1")
    {
        return Err(Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {kind}: no kind \"{}\" is registered for this resource",
            stated("kind").unwrap_or(kind),
            stated("apiVersion").unwrap_or("v1"),
            stated("kind").unwrap_or(kind),
        )));
    }
    let wrong = |found: &Value, field: &str, expected: &str| {
        Err(Status::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {} into Go struct field {field} \
             of type {expected}",
            go_type(found)
        )))
    };
    let empty = Map::new();
    let metadata = match members.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        None | Some(Value::Null) => &empty,
        Some(other) => return wrong(other, &format!("{kind}.metadata"), "v1.ObjectMeta"),
    };
    for name in ["name", "generateName", "namespace", "uid", "resourceVersion"] {
        if let Some(other) = metadata.get(name).filter(|value| !value.is_string() && !value.is_null()) {
            return wrong(other, &format!("ObjectMeta.metadata.{name}"), "string");
        }
    }
    for name in ["labels", "annotations"] {
        match metadata.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => {
                if let Some(other) = entries.values().find(|value| !value.is_string()) {
                    return wrong(other, &format!("ObjectMeta.metadata.{name}"), "string");
                }
            }
            Some(other) => return wrong(other, &format!("ObjectMeta.metadata.{name}"), "map[string]string"),
        }
    }
    let types: &[FieldType] = match resource {
        Resource::ServiceAccounts => &[
            ("secrets", Value::is_array, "[]v1.ObjectReference"),
            ("imagePullSecrets", Value::is_array, "[]v1.LocalObjectReference"),
            ("automountServiceAccountToken", Value::is_boolean, "bool"),
        ],
        Resource::Namespaces => &[
            ("spec", Value::is_object, "v1.NamespaceSpec"),
            ("status", Value::is_object, "v1.NamespaceStatus"),
        ],
    };
    for (name, is_right, expected) in types {
        if let Some(other) = members.get(*name).filter(|value| !value.is_null() && !is_right(value)) {
            return wrong(other, &format!("{kind}.{name}"), expected);
        }
    }
    Ok(())
}

/// A field, what its values are, and Go's name of that type.
type FieldType = (&'static str, fn(&Value) -> bool, &'static str);

/// The paths that `fieldValidation=Strict` refuses.
fn unknown_fields(resource: Resource, value: &Value) -> Vec<String> {
    const METADATA: [&str; 15] = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    let top: &[&str] = match resource {
        Resource::ServiceAccounts => {
            &["kind", "apiVersion", "metadata", "secrets", "imagePullSecrets", "automountServiceAccountToken"]
        }
        Resource::Namespaces => &["kind", "apiVersion", "metadata", "spec", "status"],
    };
    let names = |value: Option<&Value>, known: &[&str], prefix: &str| -> Vec<String> {
        let members = value.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        members.filter(|name| !known.contains(&name.as_str())).map(|name| format!("{prefix}{name}")).collect()
    };
    let mut unknown = names(value.get("metadata"), &METADATA, "metadata.");
    unknown.extend(names(Some(value), top, ""));
    if resource == Resource::Namespaces {
        unknown.extend(names(value.get("spec"), &["finalizers"], "spec."));
    }
    unknown
}

/// Checks names, labels and annotations of a complete object.
pub(super) fn check(resource: Resource, object: &Value) -> Result<(), Status> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name");
    let mut causes = Vec::new();
    if name.is_empty() {
        causes.push(Cause {
            field: "metadata.name".to_owned(),
            reason: "FieldValueRequired",
            message: "Required value: name or generateName is required".to_owned(),
        });
    } else {
        let rule = match resource {
            Resource::Namespaces => dns_label(name),
            Resource::ServiceAccounts => dns_subdomain(name),
        };
        causes.extend(rule.map(|rule| invalid("metadata.name", name, &rule)));
    }
    let entries = |pointer: &str| object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    for (key, value) in entries("/metadata/labels") {
        causes.extend(qualified_name(key).map(|rule| invalid("metadata.labels", key, &rule)));
        let value = value.as_str().unwrap_or_default();
        causes.extend(label_value(value).map(|rule| invalid("metadata.labels", value, &rule)));
    }
    let mut bytes = 0;
    for (key, value) in entries("/metadata/annotations") {
        bytes += key.len() + value.as_str().unwrap_or_default().len();
        let lower = key.to_ascii_lowercase();
        causes.extend(qualified_name(&lower).map(|rule| invalid("metadata.annotations", key, &rule)));
    }
    if bytes > MOST_ANNOTATION_BYTES {
        causes.push(Cause {
            field: "metadata.annotations".to_owned(),
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {MOST_ANNOTATION_BYTES} bytes"),
        });
    }
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(resource.kind(), name, &causes)) }
}

/// A cause whose value is shown.
pub(super) fn invalid(field: &str, value: &str, rule: &str) -> Cause {
    Cause {
        field: field.to_owned(),
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {value:?}: {rule}"),
    }
}

fn dns_label(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters".to_owned());
    }
    (!is_dns_label(name)).then(|| {
        format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
             with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
        )
    })
}

fn dns_subdomain(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters".to_owned());
    }
    (!name.split('.').all(is_dns_label)).then(|| {
        format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
             and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
        )
    })
}

fn is_dns_label(text: &str) -> bool {
    let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

/// `prefix/name`, the prefix being a DNS subdomain.
fn qualified_name(key: &str) -> Option<String> {
    let name = match key.split_once('/') {
        Some((_, name)) if name.contains('/') => {
            return Some(
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                 alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                 '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
                    .to_owned(),
            );
        }
        Some(("", _)) => return Some("prefix part must be non-empty".to_owned()),
        Some((prefix, name)) => {
            if let Some(rule) = dns_subdomain(prefix) {
                return Some(format!("prefix part {rule}"));
            }
            name
        }
        None => key,
    };
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 characters".to_owned());
    }
    (!is_name_part(name)).then(|| {
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
         character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            .to_owned()
    })
}

fn label_value(value: &str) -> Option<String> {
    if value.len() > 63 {
        return Some("must be no more than 63 characters".to_owned());
    }
    (!value.is_empty() && !is_name_part(value)).then(|| {
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and \
         end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
         '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            .to_owned()
    })
}

fn is_name_part(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().last()];
    ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check_metadata(resource: Resource, metadata: Value, expected: Option<&str>) {
        let outcome = check(resource, &json!({"metadata": metadata}));
        let message = outcome.err().map(|status| status.body()["message"].as_str().unwrap().to_owned());
        match (expected, &message) {
            (Some(expected), Some(message)) => assert!(message.starts_with(expected), "{message}"),
            (expected, message) => assert_eq!(message.as_deref(), expected, "{metadata}"),
        }
    }

    #[test]
    fn names_follow_rfc_1123() {
        let accounts = Resource::ServiceAccounts;
        for name in ["a", "s3-app", "a.b-c.d0", &"a".repeat(253)] {
            check_metadata(accounts, json!({"name": name}), None);
        }
        for name in ["A", "-a", "a-", "a..b", ".a", "a_b", "é", &"a".repeat(254)] {
            let message =
                format!("ServiceAccount {name:?} is invalid: metadata.name: Invalid value: {name:?}: ");
            check_metadata(accounts, json!({"name": name}), Some(&message));
        }
        check_metadata(Resource::Namespaces, json!({"name": "a.b"}), Some("Namespace \"a.b\" is invalid: "));
        let required =
            "ServiceAccount \"\" is invalid: metadata.name: Required value: name or generateName is required";
        check_metadata(accounts, json!({}), Some(required));
    }

    #[test]
    fn labels_and_annotations_have_rules() {
        let accounts = Resource::ServiceAccounts;
        check_metadata(
            accounts,
            json!({"name": "a", "labels": {"app.kubernetes.io/name": "x_1.y", "b": ""}}),
            None,
        );
        check_metadata(
            accounts,
            json!({"name": "a", "annotations": {"eks.amazonaws.com/role-arn": "any text; \n"}}),
            None,
        );
        let invalid = "ServiceAccount \"a\" is invalid: metadata.";
        for metadata in [
            json!({"name": "a", "labels": {"a": "b c"}}),
            json!({"name": "a", "labels": {"a b": "c"}}),
            json!({"name": "a", "labels": {"a/b/c": "d"}}),
            json!({"name": "a", "labels": {"/b": "d"}}),
            json!({"name": "a", "annotations": {"a b": "c"}}),
            json!({"name": "a", "annotations": {"a": "x".repeat(MOST_ANNOTATION_BYTES)}}),
        ] {
            check_metadata(accounts, metadata, Some(invalid));
        }
    }

    #[test]
    fn shapes_are_checked_and_unknown_fields_found() {
        let decode = |text: &str| decode(Resource::ServiceAccounts, text.as_bytes());
        let (_, unknown) = decode(
            r#"{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"a","anotations":{}},"x":1}"#,
        )
        .unwrap();
        assert_eq!(unknown, ["metadata.anotations", "x"]);
        for bad in [
            "[]",
            "{",
            r#"{"kind":"Pod"}"#,
            r#"{"apiVersion":"v2"}"#,
            r#"{"metadata":[]}"#,
            r#"{"metadata":{"name":1}}"#,
            r#"{"metadata":{"annotations":{"a":1}}}"#,
            r#"{"metadata":{"labels":[]}}"#,
            r#"{"secrets":{}}"#,
        ] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
