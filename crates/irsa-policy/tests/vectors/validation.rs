//! AWS's answer to a document, word for word.

use irsa_policy::{Policy, PolicyType};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Report, read};

#[derive(Deserialize)]
struct Table {
    source: String,
    r#type: String,
    cases: Vec<(Value, String)>,
}

#[test]
fn documents_are_answered_as_aws_does() {
    let mut report = Report::default();
    for table in read::<Vec<Table>>("validation.json") {
        let kind = match table.r#type.as_str() {
            "identity" => PolicyType::Identity,
            "trust" => PolicyType::Trust,
            other => panic!("no such type: {other}"),
        };
        for (written, message) in table.cases {
            let text = match &written {
                Value::String(text) => text.clone(),
                document if is_document(document) => document.to_string(),
                statement => json!({ "Version": "2012-10-17", "Statement": statement }).to_string(),
            };
            let found =
                Policy::parse(&text, kind).map_or_else(|error| error.to_string(), |_| "ok".to_owned());
            report.check(|| format!("{text} ({})", table.source), &found, &message);
        }
    }
    report.finish(135);
}

fn is_document(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.is_empty() || members.contains_key("Statement") || members.contains_key("Version")
    })
}
