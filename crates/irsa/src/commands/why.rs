//! `irsa why`: the operator's side of a denial.

use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use crate::cli::Why;
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::{BAD, FAINT, GOOD, STRONG, result, visible};

pub(crate) async fn why(arguments: Why) -> Result<ExitCode, CliError> {
    let folder = DataFolder::at(arguments.data.folder.as_deref())?;
    let client = Client::of(&folder)?;
    let decision = find(&client, &folder, &arguments).await?;
    let document = serde_json::json!({"apiVersion": "irsa/v1", "kind": "Decision", "decision": decision});
    result(arguments.output, &document, || report(&decision))?;
    Ok(ExitCode::SUCCESS)
}

async fn find(client: &Client, folder: &DataFolder, arguments: &Why) -> Result<Value, CliError> {
    if arguments.last {
        let answer = client.operator(folder, Method::GET, "decisions").await?.json();
        let newest = answer.get("items").and_then(|items| items.get(0)).cloned();
        return newest
            .ok_or_else(|| CliError::no("IRSA-X012", "nothing was denied since the server started"));
    }
    by_message(client, folder, arguments.id.as_deref().unwrap_or_default()).await
}

/// The decision whose id is in `text`.
pub(crate) async fn by_message(client: &Client, folder: &DataFolder, text: &str) -> Result<Value, CliError> {
    let id = authorization_id(text).ok_or_else(|| {
        CliError::usage("IRSA-X012", "no authorization id is in what was given")
            .with_fix("it is the word of twelve letters and digits at the end of an AccessDenied message")
    })?;
    let answer = client.operator(folder, Method::GET, &format!("decisions/{id}")).await?;
    answer.json().get("decision").cloned().ok_or_else(|| {
        CliError::no("IRSA-X012", format!("the server remembers no decision {id}"))
            .with_fix("it remembers the newest 2,048 denials since it started; repeat the call and ask again")
    })
}

/// The id itself, or the one in an error message that was pasted whole.
fn authorization_id(text: &str) -> Option<&str> {
    let candidate = match text.split_once("authorization id: ") {
        Some((_, rest)) => rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?,
        None => text.trim(),
    };
    (candidate.len() == 12 && candidate.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(candidate)
}

/// What people read: who, what, every layer, the statement and condition that decided, and the likely fix.
pub(crate) fn report(decision: &Value) -> String {
    let decision = &printable(decision);
    let text = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default();
    let time =
        decision.get("time").and_then(Value::as_i64).and_then(|time| jiff::Timestamp::from_second(time).ok());
    let mut out = format!(
        "{BAD}DENY{BAD:#}   {STRONG}{}{STRONG:#} on {}   {FAINT}{}{FAINT:#}\n",
        text("action"),
        text("resource"),
        time.map(|time| time.to_string()).unwrap_or_default(),
    );
    out.push_str(&format!("who    {}\n", text("principal")));
    if !text("subject").is_empty() {
        out.push_str(&format!("       for {}\n", text("subject")));
    }
    out.push_str(&format!("why    {}   [{}]\n", text("reason"), text("code")));
    if let Some(explanation) = decision.get("explanation") {
        out.push_str(&layers_report(explanation));
    }
    if let Some(absent) = absent_layers(decision) {
        out.push_str(&format!("       {FAINT}{absent}{FAINT:#}\n"));
    }
    if !text("fix").is_empty() {
        out.push_str(&format!("{GOOD}fix{GOOD:#}    {}\n", text("fix")));
    }
    out.push_str(&format!("{FAINT}more   irsa explain {}{FAINT:#}\n", text("code")));
    out
}

/// How every layer met a request: its policies, their statements, and what did not match.
pub(crate) fn layers_report(explanation: &Value) -> String {
    let explanation = printable(explanation);
    let mut out = String::new();
    items(Some(&explanation), "layers").for_each(|layer| layer_report(&mut out, layer));
    out
}

/// The same without what steers a terminal. Keys, session names and the claims of tokens are written by whoever was denied.
fn printable(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(text)),
        Value::Array(values) => values.iter().map(printable).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), printable(value))).collect()
        }
        other => other.clone(),
    }
}

/// The layers that could have had a say and have no policy here.
fn absent_layers(decision: &Value) -> Option<String> {
    const LAYERS: [(&str, &str); 4] = [
        ("identity", "no identity-based policy"),
        ("boundary", "no permissions boundary"),
        ("session", "no session policy"),
        ("resource", "no policy of the resource"),
    ];
    let explanation = decision.get("explanation").filter(|explanation| !explanation.is_null())?;
    let named: Vec<&str> =
        items(Some(explanation), "layers").filter_map(|layer| layer.get("layer")?.as_str()).collect();
    if named.contains(&"trust") {
        return None;
    }
    let absent: Vec<&str> =
        LAYERS.iter().filter(|(layer, _)| !named.contains(layer)).map(|(_, words)| *words).collect();
    (!absent.is_empty()).then(|| format!("{} has a say here", absent.join(", ")))
}

fn layer_report(out: &mut String, layer: &Value) {
    let name = layer.get("layer").and_then(Value::as_str).unwrap_or_default();
    let verdict = layer.get("verdict").and_then(Value::as_str).unwrap_or_default();
    out.push_str(&format!("layer  {name}: {}\n", verdict_words(verdict)));
    for policy in items(Some(layer), "policies") {
        let name = policy.get("name").and_then(Value::as_str).unwrap_or_default();
        let verdict = policy.get("verdict").and_then(Value::as_str).unwrap_or_default();
        out.push_str(&format!("       {name}: {}\n", verdict_words(verdict)));
        for statement in items(Some(policy), "statements") {
            statement_report(out, statement);
        }
    }
}

fn statement_report(out: &mut String, statement: &Value) {
    let effect = statement.get("effect").and_then(Value::as_str).unwrap_or_default();
    let sid = statement.get("sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
    let index = statement.get("index").and_then(Value::as_u64).unwrap_or_default();
    let line = statement.get("line").and_then(Value::as_u64).unwrap_or_default();
    let label =
        sid.map_or_else(|| format!("statement {index}"), |sid| format!("statement {index} \"{sid}\""));
    let matched = statement.get("matched").and_then(Value::as_bool).unwrap_or_default();
    let applies = if matched { "applies" } else { "does not apply" };
    out.push_str(&format!("         {effect} {label} (line {line}) {applies}\n"));
    for element in ["action", "principal", "resource"].iter().filter_map(|name| statement.get(name)) {
        if element.get("matched").and_then(Value::as_bool) == Some(false) {
            let name = element.get("element").and_then(Value::as_str).unwrap_or_default();
            let found = element.get("found").and_then(Value::as_str).unwrap_or_default();
            out.push_str(&format!(
                "           {BAD}×{BAD:#} {name} is {found}, not {}\n",
                words(element.get("wanted")).replace(", ", " or ")
            ));
        }
    }
    for condition in items(Some(statement), "conditions") {
        condition_report(out, condition);
    }
}

fn condition_report(out: &mut String, condition: &Value) {
    let text = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
    let matched = condition.get("matched").and_then(Value::as_bool).unwrap_or_default();
    let mark = if matched { format!("{GOOD}√{GOOD:#}") } else { format!("{BAD}×{BAD:#}") };
    let wanted: Vec<String> = items(Some(condition), "wanted")
        .filter_map(|wanted| {
            wanted.get("resolved").or_else(|| wanted.get("value"))?.as_str().map(str::to_owned)
        })
        .collect();
    let found = match condition.get("found") {
        Some(Value::Array(values)) => words(Some(&Value::Array(values.clone()))),
        _ => "nothing: the request has no such key".to_owned(),
    };
    let reason = if text("reason").is_empty() { String::new() } else { format!("   ({})", text("reason")) };
    out.push_str(&format!(
        "           {mark} {} {}\n               wanted {}\n               found  {found}{reason}\n",
        text("operator"),
        text("key"),
        wanted.join(" or "),
    ));
}

fn verdict_words(verdict: &str) -> String {
    match verdict {
        "allow" => format!("{GOOD}allows{GOOD:#}"),
        "deny" => format!("{BAD}denies{BAD:#}"),
        _ => "says nothing".to_owned(),
    }
}

fn items<'a>(value: Option<&'a Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    value.and_then(|value| value.get(name)).and_then(Value::as_array).into_iter().flatten()
}

fn words(values: Option<&Value>) -> String {
    let values = values.and_then(Value::as_array).into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    values.join(", ")
}

#[cfg(test)]
mod tests {
    use super::authorization_id;

    #[test]
    fn ids_are_found_in_pasted_messages() {
        for (text, id) in [
            ("k7q2m9abcdef", Some("k7q2m9abcdef")),
            (
                "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied (authorization id: k7q2m9abcdef)",
                Some("k7q2m9abcdef"),
            ),
            ("Access Denied", None),
            ("../../accounts", None),
        ] {
            assert_eq!(authorization_id(text), id, "{text}");
        }
    }
}
