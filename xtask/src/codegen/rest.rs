//! Modules of services that speak REST-JSON.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::emit::{constraint, constraints, errors, header, optional, structure};
use super::model::{Member, Model};
use super::{Files, names};

pub(crate) fn generate(model: &Model) -> Result<Files, String> {
    let inputs: BTreeSet<String> = model.inputs().into_iter().collect();
    let read = model.nested(inputs.iter().cloned())?;
    let written = model.nested(model.outputs())?;
    let checked: BTreeSet<String> = inputs.union(&read).cloned().collect();
    let name = &model.name;
    Ok(Files::from([
        (format!("{name}.rs"), root(model)),
        (format!("{name}/constraints.rs"), constraints(model, &checked)?),
        (format!("{name}/inputs.rs"), inputs_file(model)?),
        (format!("{name}/outputs.rs"), outputs_file(model)?),
        (format!("{name}/types.rs"), types_file(model, &read, &written)?),
    ]))
}

fn root(model: &Model) -> String {
    let mut text =
        header(model, &format!("The `{}` service: operations, inputs, outputs, errors.", model.name));
    text.push_str(
        "mod constraints;\nmod inputs;\nmod outputs;\nmod types;\n\npub use inputs::*;\npub use outputs::*;\npub use types::*;\n\n\
         use irsa_wire::error::ErrorShape;\nuse irsa_wire::rest_json::{Binding, DecodeRest};\n\n",
    );
    let _ =
        writeln!(text, "/// The model's version.\npub const API_VERSION: &str = {:?};\n", model.api_version);
    text.push_str("/// The operations, by name.\npub const BINDINGS: &[Binding] = &[\n");
    for name in model.operations.keys() {
        let _ = writeln!(text, "{name}Input::BINDING,");
    }
    text.push_str("];\n\n");
    text.push_str(&errors(model));
    text
}

/// Members of the path and the query string are no part of the body.
fn attribute(member: &Member<'_>) -> String {
    match member.location {
        Some(_) => "#[serde(skip)]\n".to_owned(),
        None => rename(member),
    }
}

fn output_attribute(member: &Member<'_>) -> String {
    let skip = if member.is_required { "" } else { "#[serde(skip_serializing_if = \"Option::is_none\")]\n" };
    format!("{}{skip}", rename(member))
}

/// Where serde's camel case is not the model's.
fn rename(member: &Member<'_>) -> String {
    let mut camel = String::new();
    let mut starts_word = false;
    for character in names::snake(member.name).chars() {
        if character == '_' {
            starts_word = true;
        } else if std::mem::take(&mut starts_word) {
            camel.push(character.to_ascii_uppercase());
        } else {
            camel.push(character);
        }
    }
    if camel == member.name { String::new() } else { format!("#[serde(rename = {:?})]\n", member.name) }
}

fn inputs_file(model: &Model) -> Result<String, String> {
    let mut body = String::new();
    for (name, operation) in &model.operations {
        let shape = operation.input.as_deref().ok_or_else(|| format!("{name} has no input"))?;
        let input = format!("{name}Input");
        let members = model.members(shape)?;
        let has_body = members.iter().any(|member| member.location.is_none());
        let derives = if has_body { ", Deserialize" } else { "" };
        let attribute = |member: &Member<'_>| if has_body { attribute(member) } else { String::new() };
        body.push_str(&structure(model, shape, &input, &format!("Input of `{name}`."), derives, attribute)?);
        let _ = writeln!(
            body,
            "impl DecodeRest for {input} {{\nconst BINDING: Binding = Binding {{ operation: {name:?}, method: {:?}, uri: {:?} }};\n\n\
             fn decode(request: &Request<'_>) -> Result<Self, RestError> {{\nlet mut checks = Validator::new();",
            operation.http.method, operation.http.request_uri
        );
        if has_body {
            body.push_str("let json = request.json()?;\n");
            for member in members.iter().filter(|member| member.location.is_none()) {
                body.push_str(&check_member(model, member)?);
            }
        }
        let bound: Vec<(String, String)> = members
            .iter()
            .filter(|member| member.location.is_some())
            .map(|member| Ok((names::field(member.name), bind(model, member)?)))
            .collect::<Result<_, String>>()?;
        if has_body {
            for (field, value) in &bound {
                let _ = writeln!(body, "let {field} = {value};");
            }
            let fields: Vec<&str> = bound.iter().map(|(field, _)| field.as_str()).collect();
            let rest = if fields.is_empty() { "" } else { ", ..body" };
            body.push_str("checks.finish(())?;\n");
            if fields.is_empty() {
                body.push_str("typed(json)\n");
            } else {
                let _ = writeln!(
                    body,
                    "let body: Self = typed(json)?;\nOk(Self {{ {}{rest} }})",
                    fields.join(", ")
                );
            }
        } else {
            body.push_str("let input = Self {\n");
            for (field, value) in &bound {
                let _ = writeln!(body, "{field}: {value},");
            }
            body.push_str("};\nOk(checks.finish(input)?)\n");
        }
        body.push_str("}\n}\n\n");
    }
    let mut text = header(model, "Inputs, decoded from path, query string and body, and checked.");
    text.push_str("use std::collections::BTreeMap;\n\n");
    text.push_str("use irsa_wire::query::{Text, Validator};\nuse irsa_wire::rest_json::{Binding, DecodeRest, Request, RestError, typed};\n");
    text.push_str("use serde::Deserialize;\nuse serde_json::Value;\n\n");
    text.push_str("use super::constraints::*;\n");
    text.push_str(&type_imports(&body, &model.nested(model.inputs())?));
    text.push_str(&body);
    Ok(text)
}

fn bind(model: &Model, member: &Member<'_>) -> Result<String, String> {
    let (wire, shown) = (&member.location_name, member.name);
    let source = match member.location.as_deref() {
        Some("uri") => "label",
        Some("querystring") => "query",
        other => return Err(format!("{shown}: location {other:?} is not supported")),
    };
    let mut value = match member.shape.kind.as_str() {
        "string" => {
            let constraint = constraint(model, &member.shape_name, member.shape);
            format!("checks.text({shown:?}, request.{source}({wire:?}), &{constraint})")
        }
        "integer" => format!(
            "checks.integer({shown:?}, request.{source}({wire:?}), {}, {})",
            optional(member.shape.min),
            optional(member.shape.max)
        ),
        "boolean" => format!("checks.boolean({shown:?}, request.{source}({wire:?}))"),
        "list" if source == "query" => {
            let (min, max) = (optional(member.shape.min), optional(member.shape.max));
            let (element_name, element) = model.element(member.shape)?;
            let constraint = constraint(model, element_name, element);
            format!("checks.repeated({shown:?}, request.query_all({wire:?}), {min}, {max}, &{constraint})")
        }
        other => return Err(format!("{shown}: a parameter of type {other} is not supported")),
    };
    if member.is_required {
        let _ = write!(value, ".unwrap_or_else(|| checks.missing({shown:?}))");
    }
    Ok(value)
}

/// Statements that check a member of the JSON object `json`.
fn check_member(model: &Model, member: &Member<'_>) -> Result<String, String> {
    let name = member.name;
    let mut text = String::new();
    if member.is_required {
        let _ = writeln!(text, "if json.get({name:?}).is_none() {{\nchecks.missing::<()>({name:?});\n}}");
    }
    let (min, max) = (optional(member.shape.min.filter(|min| *min > 0)), optional(member.shape.max));
    match member.shape.kind.as_str() {
        "string" => {
            let constraint = constraint(model, &member.shape_name, member.shape);
            if constraint != "Text::ANY" {
                let _ = writeln!(
                    text,
                    "checks.text({name:?}, json.get({name:?}).and_then(Value::as_str), &{constraint});"
                );
            }
        }
        "integer" if (&min, &max) != (&"None".to_owned(), &"None".to_owned()) => {
            let _ = writeln!(
                text,
                "if let Some(number) = json.get({name:?}).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok()) {{\n\
                 checks.range({name:?}, number, {min}, {max});\n}}"
            );
        }
        "structure" => {
            let structure = names::structure(&member.shape_name);
            if checks_anything(model, &member.shape_name)? {
                let _ = writeln!(
                    text,
                    "if let Some(json) = json.get({name:?}) {{\nchecks.structure({name:?}, |checks| {structure}::check(checks, json));\n}}"
                );
            }
        }
        "list" => {
            let (element_name, element) = model.element(member.shape)?;
            let mut inner = String::new();
            if member.shape.max.is_some() || min != "None" {
                let _ = writeln!(inner, "checks.length({name:?}, elements.len(), value, {min}, {max});");
            }
            let element_constraint = constraint(model, element_name, element);
            if element.kind == "string" && element_constraint != "Text::ANY" {
                let _ = writeln!(
                    inner,
                    "let texts: Vec<String> = elements.iter().filter_map(Value::as_str).map(str::to_owned).collect();\n\
                     checks.texts({name:?}, &texts, &{element_constraint});"
                );
            }
            if element.kind == "structure" && checks_anything(model, element_name)? {
                let structure = names::structure(element_name);
                let _ = writeln!(
                    inner,
                    "for (position, json) in elements.iter().enumerate() {{\n\
                     checks.element({name:?}, position + 1, |checks| {structure}::check(checks, json));\n}}"
                );
            }
            if !inner.is_empty() {
                let _ = writeln!(
                    text,
                    "if let Some(value) = json.get({name:?})\n&& let Some(elements) = value.as_array() {{\n{inner}}}"
                );
            }
        }
        "map" if max != "None" || min != "None" => {
            let _ = writeln!(
                text,
                "if let Some(value) = json.get({name:?})\n&& let Some(entries) = value.as_object() {{\n\
                 checks.length({name:?}, entries.len(), value, {min}, {max});\n}}"
            );
        }
        _ => {}
    }
    Ok(text)
}

/// Whether a structure, or one inside of it, has constraints.
fn checks_anything(model: &Model, shape: &str) -> Result<bool, String> {
    for member in model.members(shape)? {
        if !check_member(model, &member)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn outputs_file(model: &Model) -> Result<String, String> {
    let mut body = String::new();
    for (name, operation) in &model.operations {
        let shape = operation.output.as_deref().ok_or_else(|| format!("{name} has no output"))?;
        body.push_str(&structure(
            model,
            shape,
            &format!("{name}Output"),
            &format!("Output of `{name}`."),
            ", Serialize",
            output_attribute,
        )?);
    }
    let mut text = header(model, "Outputs, written as JSON; times are numbers.");
    text.push_str("use std::collections::BTreeMap;\n\nuse serde::Serialize;\n\n");
    text.push_str(&type_imports(&body, &model.nested(model.outputs())?));
    text.push_str(&body);
    Ok(text)
}

fn types_file(model: &Model, read: &BTreeSet<String>, written: &BTreeSet<String>) -> Result<String, String> {
    let mut body = String::new();
    for shape in read.union(written) {
        let derives = match (read.contains(shape), written.contains(shape)) {
            (true, true) => ", Deserialize, Serialize",
            (true, false) => ", Deserialize",
            _ => ", Serialize",
        };
        let written = written.contains(shape);
        let attribute =
            |member: &Member<'_>| if written { output_attribute(member) } else { attribute(member) };
        body.push_str(&structure(
            model,
            shape,
            &names::structure(shape),
            &format!("`{shape}` of the service model."),
            derives,
            attribute,
        )?);
        if read.contains(shape) && checks_anything(model, shape)? {
            let name = names::structure(shape);
            let _ = writeln!(
                body,
                "impl {name} {{\npub(super) fn check(checks: &mut Validator, json: &Value) {{"
            );
            for member in model.members(shape)? {
                body.push_str(&check_member(model, &member)?);
            }
            body.push_str("}\n}\n\n");
        }
    }
    let mut text = header(model, "Structures inside of inputs and outputs.");
    text.push_str("use std::collections::BTreeMap;\n\n");
    text.push_str(
        "use irsa_wire::query::Validator;\nuse serde::{Deserialize, Serialize};\nuse serde_json::Value;\n\n",
    );
    text.push_str("use super::constraints::*;\n\n");
    text.push_str(&body);
    Ok(text)
}

fn type_imports(body: &str, nested: &BTreeSet<String>) -> String {
    let used: Vec<String> = nested
        .iter()
        .map(|shape| names::structure(shape))
        .filter(|name| {
            [
                format!("Vec<{name}>"),
                format!("Option<{name}>"),
                format!(": {name},"),
                format!("{name}::check"),
                format!(", {name}>"),
            ]
            .iter()
            .any(|use_of| body.contains(use_of.as_str()))
        })
        .collect();
    if used.is_empty() { String::new() } else { format!("use super::types::{{{}}};\n\n", used.join(", ")) }
}
