//! Whole decisions: who asks, which policies speak, what comes out of it.
//!
//! A policy is a list of statements; a statement is JSON or short for it: `Allow s3:* *` in a policy that is attached to its
//! principal, `Allow everyone s3:* *` in one that names it, `Trust role sts:AssumeRole` in a trust policy. The names of callers
//! and principals are those of `principals.json`.

use std::collections::BTreeMap;

use irsa_policy::{
    Attached, Context, Decision, Layer, Layers, Policy, PolicyType, Principal, Request, evaluate, explain,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Report, read};

const ACCOUNT: &str = "111122223333";

#[derive(Deserialize)]
struct Cast {
    callers: BTreeMap<String, Principal>,
    principals: BTreeMap<String, Value>,
    tables: Vec<PrincipalTable>,
}

#[derive(Deserialize)]
struct PrincipalTable {
    source: String,
    owner: String,
    cases: Vec<[String; 6]>,
}

#[derive(Deserialize)]
struct Table {
    source: String,
    #[serde(default = "get_object")]
    action: String,
    #[serde(default = "object")]
    resource: String,
    owner: Option<String>,
    #[serde(default)]
    trust: bool,
    cases: Vec<Case>,
}

fn get_object() -> String {
    "s3:GetObject".to_owned()
}

fn object() -> String {
    "arn:aws:s3:::b/k".to_owned()
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    name: String,
    caller: String,
    ask: Option<String>,
    on: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    context: Context,
    identity: Option<Value>,
    boundary: Option<Value>,
    session: Option<Value>,
    resource_policy: Option<Value>,
    #[serde(default)]
    scp: Vec<Value>,
    #[serde(default)]
    rcp: Vec<Value>,
    endpoint: Option<Value>,
    /// Whether the resource's policy is a KMS key's.
    #[serde(default)]
    key_policy: bool,
    expected: String,
}

#[test]
fn principals_are_granted_as_documented() {
    let cast: Cast = read("principals.json");
    let mut report = Report::default();
    for table in &cast.tables {
        for [principal, caller, identity, boundary, session, expected] in &table.cases {
            let own = |effect: &str| match effect {
                "-" => None,
                "allow" => Some(json!(["Allow s3:* *"])),
                "silent" => Some(json!(["Allow sqs:* *"])),
                "deny" => Some(json!(["Allow s3:* *", "Deny s3:GetObject *"])),
                other => panic!("no such policy: {other}"),
            };
            let granted = (principal != "-").then(|| {
                json!([{ "Effect": "Allow", "Principal": cast.principals[principal], "Action": "s3:GetObject", "Resource": "*" }])
            });
            let case = Case {
                caller: caller.clone(),
                owner: Some(table.owner.clone()),
                identity: own(identity),
                boundary: own(boundary),
                session: own(session),
                resource_policy: granted,
                expected: expected.clone(),
                ..Case::default()
            };
            let what = || {
                format!(
                    "{principal} for {caller}, identity {identity}, boundary {boundary}, session {session} ({})",
                    table.source
                )
            };
            report.check(what, &case.decide(&cast, &get_object(), &object(), false), expected);
        }
    }
    report.finish(110);
}

fn check(file: &str, at_least: usize) {
    let cast: Cast = read("principals.json");
    let mut report = Report::default();
    for table in read::<Vec<Table>>(file) {
        for mut case in table.cases {
            case.owner = case.owner.or_else(|| table.owner.clone());
            let action = case.ask.as_ref().unwrap_or(&table.action);
            let resource = case.on.as_ref().unwrap_or(&table.resource);
            let found = case.decide(&cast, action, resource, table.trust);
            report.check(|| format!("{} ({})", case.name, table.source), &found, &case.expected);
        }
    }
    report.finish(at_least);
}

#[test]
fn layers_decide_as_documented() {
    check("layers.json", 70);
}

#[test]
fn trust_policies_decide_as_documented() {
    check("trust.json", 40);
}

#[test]
fn s3_is_allowed_as_documented() {
    check("s3.json", 28);
}

impl Case {
    fn decide(&self, cast: &Cast, action: &str, resource: &str, is_trust: bool) -> String {
        let principal = &cast.callers[&self.caller];
        let compile = |statements: &Value, kind| vec![policy(cast, statements, kind)];
        let attached = |policies: &[Policy]| -> Vec<(String, Policy)> {
            policies.iter().map(|policy| ("vector".to_owned(), policy.clone())).collect()
        };
        let layer = |statements: &Option<Value>, kind| {
            statements.as_ref().map(|statements| attached(&several(cast, statements, kind)))
        };
        let levels = |levels: &[Value], kind| -> Vec<Vec<(String, Policy)>> {
            levels.iter().map(|level| attached(&several(cast, level, kind))).collect()
        };
        let kind = if is_trust { PolicyType::Trust } else { PolicyType::Resource };
        let identity = layer(&self.identity, PolicyType::Identity).unwrap_or_default();
        let boundary =
            self.boundary.as_ref().map(|boundary| attached(&compile(boundary, PolicyType::Boundary)));
        let session = layer(&self.session, PolicyType::Session);
        let resource_policy =
            self.resource_policy.as_ref().map(|statements| attached(&compile(statements, kind)));
        let scp = levels(&self.scp, PolicyType::ServiceControl);
        let rcp = levels(&self.rcp, PolicyType::ResourceControl);
        let endpoint = layer(&self.endpoint, PolicyType::Resource).unwrap_or_default();

        let (identity, endpoint) = (borrow(&identity), borrow(&endpoint));
        let session = session.as_deref().map(borrow);
        let (scp, rcp): (Vec<_>, Vec<_>) =
            (scp.iter().map(|l| borrow(l)).collect(), rcp.iter().map(|l| borrow(l)).collect());
        let scp: Vec<&[Attached<'_>]> = scp.iter().map(Vec::as_slice).collect();
        let rcp: Vec<&[Attached<'_>]> = rcp.iter().map(Vec::as_slice).collect();
        let layers = Layers {
            identity: &identity,
            boundary: boundary.as_deref().and_then(|policies| borrow(policies).into_iter().next()),
            session: session.as_deref(),
            resource: resource_policy.as_deref().and_then(|policies| borrow(policies).into_iter().next()),
            resource_is_trust: is_trust,
            resource_must_allow: self.key_policy,
            scp: &scp,
            rcp: &rcp,
            endpoint: &endpoint,
        };
        let owner = self.owner.as_deref().unwrap_or(ACCOUNT);
        let request =
            Request { principal, action, resource, resource_account: Some(owner), context: &self.context };
        let decision = evaluate(&request, &layers);
        assert_eq!(explain(&request, &layers).decision, decision, "{}", self.name);
        written(decision)
    }
}

/// A decision as the files write it.
fn written(decision: Decision) -> String {
    let name = |layer: Layer| serde_json::to_value(layer).unwrap().as_str().unwrap().to_owned();
    match decision {
        Decision::Allow => "Allow".to_owned(),
        Decision::ImplicitDeny(layer) => format!("ImplicitDeny {}", name(layer)),
        Decision::ExplicitDeny(layer) => format!("ExplicitDeny {}", name(layer)),
    }
}

fn borrow(policies: &[(String, Policy)]) -> Vec<Attached<'_>> {
    policies.iter().map(|(name, policy)| Attached { name, policy }).collect()
}

/// A list of lists is several policies, a list of statements one, an empty list none.
fn several(cast: &Cast, statements: &Value, kind: PolicyType) -> Vec<Policy> {
    let lists = statements.as_array().unwrap();
    match lists.first() {
        None => Vec::new(),
        Some(Value::Array(_)) => lists.iter().map(|one| policy(cast, one, kind)).collect(),
        Some(_) => vec![policy(cast, statements, kind)],
    }
}

fn policy(cast: &Cast, statements: &Value, kind: PolicyType) -> Policy {
    let statements: Vec<Value> =
        statements.as_array().unwrap().iter().map(|one| statement(cast, one)).collect();
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Policy::parse_unsaved(&text, kind).unwrap_or_else(|error| panic!("{text}: {error}: {}", error.reason()))
}

fn statement(cast: &Cast, short: &Value) -> Value {
    let Some(text) = short.as_str() else { return short.clone() };
    let principal = |name: &str| match name {
        "account" => cast.principals["account root"].clone(),
        name => cast.principals[name].clone(),
    };
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["Trust", who, action] => json!({ "Effect": "Allow", "Principal": principal(who), "Action": action }),
        [effect, action, resource] => json!({ "Effect": effect, "Action": action, "Resource": resource }),
        [effect, who, action, resource] => {
            json!({ "Effect": effect, "Principal": principal(who), "Action": action, "Resource": resource })
        }
        _ => panic!("no statement: {text}"),
    }
}
