//! The documents of `tests/lint/CODE`, and how findings are shown.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "the tests read their fixtures, and a failing test may panic"
)]

use std::fs;
use std::path::PathBuf;

use irsa_policy::PolicyType;
use irsa_policy::lint::{Finding, Provider, Role, ServiceAccount, Surroundings, apply, guess, lint};
use serde_json::Value;

/// What a rule is tried with.
pub(crate) struct Fixture {
    /// A document with the mistake.
    pub(crate) bad: String,
    /// One without.
    pub(crate) good: String,
    kind: PolicyType,
    surroundings: Surroundings,
}

impl Fixture {
    pub(crate) fn read(code: &str) -> Self {
        let file = |name: &str| fs::read_to_string(root().join(code).join(name));
        let good = file("good.json").unwrap_or_else(|error| panic!("{code}/good.json: {error}"));
        let bad = file("bad.json").unwrap_or_else(|error| panic!("{code}/bad.json: {error}"));
        let surroundings = match file("surroundings.json") {
            Ok(text) => surroundings(&serde_json::from_str(&text).unwrap()),
            Err(_) => Surroundings::default(),
        };
        let kind = guess(&good).unwrap_or_else(|| panic!("{code}/good.json is no policy"));
        Self { bad, good, kind, surroundings }
    }

    pub(crate) fn lint(&self, text: &str) -> Vec<Finding> {
        lint(text, self.kind, &self.surroundings)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

/// The page on a code.
pub(crate) fn page(code: &str) -> String {
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    fs::read_to_string(pages.join(format!("{code}.md"))).unwrap()
}

/// The folders that are fixtures of a rule.
pub(crate) fn folders() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(Result::unwrap);
    let names =
        entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("IRSA-")).collect()
}

/// One line a finding: severity, code, place, the text at fault; below it the reason and the fix.
pub(crate) fn told(text: &str, findings: &[Finding]) -> String {
    let mut out = String::new();
    for Finding { code, severity, span, line, column, path, reason, fix } in findings {
        let severity = serde_json::to_value(severity).unwrap();
        let spanned = text.get(span.start..span.end).unwrap();
        out += &format!("{} {code} {line}:{column} {path}\n", severity.as_str().unwrap());
        out += &format!("  at: {}\n  {reason}\n", spanned.lines().next().unwrap_or_default());
        if let Some(fix) = fix {
            out += &format!("  fix: {}\n", fix.title);
        }
    }
    out
}

/// The document after as many rounds of fixes as it takes.
pub(crate) fn mended(text: &str, lint: impl Fn(&str) -> Vec<Finding>) -> String {
    let mut text = text.to_owned();
    for _round in 0..20 {
        let findings = lint(&text);
        let after = apply(&text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
        if after == text {
            return text;
        }
        text = after;
    }
    panic!("the fixes never end:\n{text}");
}

fn surroundings(value: &Value) -> Surroundings {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let seconds =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap());
    let list = |key: &str| value.get(key).map(|list| list.as_array().unwrap().as_slice());
    Surroundings {
        role: value.get("role").map(|role| Role {
            arn: text(role, "arn").unwrap(),
            max_session_seconds: seconds(role, "max_session_seconds"),
        }),
        providers: list("providers").map(|list| {
            let provider = |value: &Value| Provider {
                arn: text(value, "arn").unwrap(),
                client_ids: value.get("client_ids").map(|ids| {
                    ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
                }),
            };
            list.iter().map(provider).collect()
        }),
        service_accounts: list("service_accounts").map(|list| {
            let account = |value: &Value| ServiceAccount {
                namespace: text(value, "namespace").unwrap(),
                name: text(value, "name").unwrap(),
                role_arn: text(value, "role_arn"),
                audience: text(value, "audience"),
                token_seconds: seconds(value, "token_seconds"),
            };
            list.iter().map(account).collect()
        }),
    }
}
