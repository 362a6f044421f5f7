//! One element of one statement at a time. Each is asked under Allow, where it must allow exactly when it matches, and under
//! Deny beside an Allow of everything, where it must deny exactly when it matches.

use irsa_policy::{
    Attached, Context, Decision, Layer, Layers, Policy, PolicyType, Principal, Request, evaluate, explain,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Report, read};

/// Whether the statement matched; `malformed` when AWS would not save it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Matches(bool),
    Malformed,
    /// Allow and Deny, or `evaluate` and `explain`, disagree: wrong whatever is written.
    Inconsistent(Decision, Decision),
}

impl Outcome {
    fn written(value: &Value) -> Outcome {
        value.as_bool().map_or(Outcome::Malformed, Outcome::Matches)
    }
}

/// Asks about a statement that lacks its effect.
fn ask(version: Option<&str>, statement: &Value, action: &str, resource: &str, context: &Context) -> Outcome {
    let decide = |statements: Value| {
        let mut document = json!({ "Statement": statements });
        if let Some(version) = version {
            document["Version"] = version.into();
        }
        // Boundaries are read like identity policies; session policies may be of 2008 too.
        let policy = Policy::parse(&document.to_string(), PolicyType::Session).ok()?;
        let principal = Principal::User {
            account: "111122223333".into(),
            arn: "arn:aws:iam::111122223333:user/ann".into(),
            id: "AIDAANNEXAMPLE0000001".into(),
        };
        let request = Request { principal: &principal, action, resource, resource_account: None, context };
        let identity = [Attached { name: "vector", policy: &policy }];
        let layers = Layers { identity: &identity, ..Layers::default() };
        let decision = evaluate(&request, &layers);
        assert_eq!(explain(&request, &layers).decision, decision);
        Some(decision)
    };
    let with = |effect: &str| {
        let mut statement = statement.clone();
        statement["Effect"] = effect.into();
        statement
    };
    let everything = json!({ "Effect": "Allow", "NotAction": "nothing:at-all", "NotResource": "arn:aws:nothing:::at-all" });
    let allow = decide(json!([with("Allow")]));
    let deny = decide(json!([everything, with("Deny")]));
    match (allow, deny) {
        (Some(Decision::Allow), Some(Decision::ExplicitDeny(Layer::Identity))) => Outcome::Matches(true),
        (Some(Decision::ImplicitDeny(Layer::Identity)), Some(Decision::Allow)) => Outcome::Matches(false),
        // What is no action at all matches nothing, not even the Allow of everything.
        (Some(Decision::ImplicitDeny(_)), Some(Decision::ImplicitDeny(_))) => Outcome::Matches(false),
        (None, None) => Outcome::Malformed,
        (allow, deny) => {
            let silent = Decision::ImplicitDeny(Layer::Identity);
            Outcome::Inconsistent(allow.unwrap_or(silent), deny.unwrap_or(silent))
        }
    }
}

fn holds(operator: &str, wanted: &Value, key: &str, context: &Context) -> Outcome {
    let condition = json!({ "Action": "*", "Resource": "*", "Condition": { operator: { key: wanted } } });
    ask(Some("2012-10-17"), &condition, "s3:GetObject", "arn:aws:s3:::b/k", context)
}

fn context(value: &Value) -> Context {
    serde_json::from_value(value.clone()).unwrap()
}

#[derive(Deserialize)]
struct Matrix {
    operators: Vec<Sample>,
    rules: Vec<Rule>,
    null: Vec<NullRule>,
}

#[derive(Deserialize)]
struct Sample {
    operator: String,
    negated: bool,
    wanted: String,
    same: String,
    other: String,
}

#[derive(Deserialize)]
struct Rule {
    form: String,
    state: String,
    positive: bool,
    negated: bool,
}

#[derive(Deserialize)]
struct NullRule {
    wanted: String,
    state: String,
    holds: bool,
}

#[test]
fn every_operator_in_every_form_meets_every_state_of_its_key() {
    let matrix: Matrix = read("matrix.json");
    let mut report = Report::default();
    for sample in &matrix.operators {
        for rule in &matrix.rules {
            let context = state(&rule.state, &sample.same, &sample.other);
            let operator = rule.form.replace("{}", &sample.operator);
            let wanted = if sample.negated { rule.negated } else { rule.positive };
            let found = holds(&operator, &json!(sample.wanted), "k", &context);
            report.check(|| format!("{operator}, {}", rule.state), &found, &Outcome::Matches(wanted));
        }
    }
    for rule in &matrix.null {
        let found = holds("Null", &json!(rule.wanted), "k", &state(&rule.state, "v", "v"));
        report.check(
            || format!("Null {}, {}", rule.wanted, rule.state),
            &found,
            &Outcome::Matches(rule.holds),
        );
    }
    report.finish(800);
}

/// `same+other` are two values, `none` is a key without any.
fn state(name: &str, same: &str, other: &str) -> Context {
    let mut context = Context::new();
    match name {
        "absent" => {}
        "none" => drop(context.set_all("k", Vec::<String>::new())),
        "empty-text" => drop(context.set("k", "")),
        "present" => drop(context.set("k", same)),
        values => {
            let values: Vec<&str> = values
                .split('+')
                .map(|value| match value {
                    "same" => same,
                    "other" => other,
                    unknown => panic!("no such state: {unknown}"),
                })
                .collect();
            context.set_all("k", values);
        }
    }
    context
}

#[derive(Deserialize)]
struct Table<C> {
    source: String,
    cases: Vec<C>,
}

/// The operator, the policy's values, the request's values, what comes of it.
type Comparison = (String, Value, Vec<String>, Value);

#[test]
fn conditions_compare_as_documented() {
    let tables: Vec<Table<Comparison>> = read("conditions.json");
    let mut report = Report::default();
    for table in tables {
        for (operator, wanted, found, written) in table.cases {
            let mut context = Context::new();
            context.set_all("k", found.clone());
            let outcome = holds(&operator, &wanted, "k", &context);
            let what = || format!("{operator} {wanted} on {found:?} ({})", table.source);
            report.check(what, &outcome, &Outcome::written(&written));
        }
    }
    report.finish(110);
}

#[test]
fn actions_match_as_documented() {
    let tables: Vec<Table<(String, Value, String, Value)>> = read("actions.json");
    let mut report = Report::default();
    for table in tables {
        for (element, wanted, asked, written) in table.cases {
            let statement = json!({ element.as_str(): wanted, "Resource": "*" });
            let outcome = ask(Some("2012-10-17"), &statement, &asked, "arn:aws:s3:::b/k", &Context::new());
            report.check(|| format!("{element} {wanted} on {asked}"), &outcome, &Outcome::written(&written));
        }
    }
    report.finish(25);
}

#[test]
fn resources_match_as_documented() {
    let tables: Vec<Table<(String, Value, String, Value)>> = read("resources.json");
    let mut report = Report::default();
    for table in tables {
        for (element, wanted, asked, written) in table.cases {
            let statement = json!({ "Action": "*", element.as_str(): wanted });
            let outcome = ask(Some("2012-10-17"), &statement, "s3:GetObject", &asked, &Context::new());
            report.check(|| format!("{element} {wanted} on {asked}"), &outcome, &Outcome::written(&written));
        }
    }
    report.finish(35);
}

#[derive(Debug, Deserialize)]
struct Variable {
    #[serde(default = "current")]
    version: Option<String>,
    #[serde(default)]
    not: bool,
    resource: Option<String>,
    asked: Option<String>,
    operator: Option<String>,
    key: Option<String>,
    wanted: Option<String>,
    context: Value,
    matches: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default is of the field's type")]
fn current() -> Option<String> {
    Some("2012-10-17".to_owned())
}

#[test]
fn variables_are_replaced_as_documented() {
    let tables: Vec<Table<Variable>> = read("variables.json");
    let mut report = Report::default();
    for table in tables {
        for case in table.cases {
            let statement = match (&case.resource, &case.operator) {
                (Some(resource), None) => {
                    let element = if case.not { "NotResource" } else { "Resource" };
                    json!({ "Action": "*", element: resource })
                }
                (None, Some(operator)) => {
                    let key = case.key.as_deref().unwrap_or("k");
                    json!({ "Action": "*", "Resource": "*", "Condition": { operator: { key: case.wanted } } })
                }
                _ => panic!("either a resource or an operator: {case:?}"),
            };
            let asked = case.asked.as_deref().unwrap_or("arn:aws:s3:::b/k");
            let outcome =
                ask(case.version.as_deref(), &statement, "s3:GetObject", asked, &context(&case.context));
            report.check(|| format!("{case:?}"), &outcome, &Outcome::Matches(case.matches));
        }
    }
    report.finish(45);
}

#[derive(Deserialize)]
struct Subjects {
    source: String,
    key: String,
    cases: Vec<(String, Value, Value, bool)>,
}

#[test]
fn claims_meet_conditions_as_documented() {
    let tables: Vec<Subjects> = read("subjects.json");
    let mut report = Report::default();
    for table in tables {
        for (operator, wanted, claim, written) in table.cases {
            let context = match &claim {
                Value::Null => Context::new(),
                claim => context(&json!({ table.key.as_str(): claim })),
            };
            let outcome = holds(&operator, &wanted, &table.key, &context);
            let what = || format!("{operator} {wanted} on {claim} ({})", table.source);
            report.check(what, &outcome, &Outcome::Matches(written));
        }
    }
    report.finish(75);
}
