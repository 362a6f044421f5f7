//! The tables that `kubectl get` shows: the server makes the columns (Kubernetes API concepts, "Receiving resources as
//! Tables").

use serde_json::{Value, json};

use super::merge::merge;
use super::resource::Resource;

/// Whether a client asks for tables.
pub(super) fn is_accepted(accept: &str) -> bool {
    let asked = accept.split(',').next().unwrap_or_default();
    asked.contains("as=Table") && asked.contains("g=meta.k8s.io")
}

/// Objects as a table; `list_metadata` is the list's, or the object's.
pub(super) fn table(
    resource: Resource,
    objects: &[Value],
    list_metadata: Value,
    include: Option<&str>,
    now: i64,
) -> Value {
    let column = |name: &str, kind: &str, format: &str, description: &str| json!({"name": name, "type": kind, "format": format, "description": description, "priority": 0});
    let name = column("Name", "string", "name", "Name must be unique within a namespace.");
    let age =
        column("Age", "string", "", "CreationTimestamp is the server's time when this object was created.");
    let middle = match resource {
        Resource::Namespaces => column("Status", "string", "", "The status of the namespace"),
        Resource::ServiceAccounts => {
            column("Secrets", "string", "", "The number of secrets that the account references")
        }
    };
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut row = json!({"cells": cells(resource, object, now)});
            if let Some(included) = included(object, include) {
                merge(&mut row, &json!({"object": included}));
            }
            row
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": [name, middle, age],
        "rows": rows,
    })
}

fn cells(resource: Resource, object: &Value, now: i64) -> Vec<Value> {
    let name = object.pointer("/metadata/name").cloned().unwrap_or_default();
    let middle = match resource {
        Resource::Namespaces => object.pointer("/status/phase").cloned().unwrap_or_default(),
        Resource::ServiceAccounts => {
            object.get("secrets").and_then(Value::as_array).map(Vec::len).unwrap_or_default().into()
        }
    };
    let created = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
    let created = created.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let age = created.map_or_else(|| "<unknown>".to_owned(), |created| age(now - created.as_second()));
    vec![name, middle, age.into()]
}

fn included(object: &Value, include: Option<&str>) -> Option<Value> {
    match include {
        Some("None") => None,
        Some("Object") => Some(object.clone()),
        _ => Some(json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object.get("metadata"),
        })),
    }
}

/// `duration.HumanDuration` of apimachinery.
fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_kubectls() {
        for (seconds, expected) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (3_600, "60m"),
            (10_860, "3h1m"),
            (86_400, "24h"),
            (176_400, "2d1h"),
            (864_000, "10d"),
            (63_072_000 + 86_400, "2y1d"),
            (315_360_000, "10y"),
        ] {
            assert_eq!(age(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn only_the_first_choice_counts() {
        assert!(is_accepted("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"));
        assert!(!is_accepted("application/json,application/json;as=Table;v=v1;g=meta.k8s.io"));
    }
}
