//! Modules of services that speak the query protocol.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::emit::{constraint, constraints, errors, header, optional, rust_type, structure};
use super::model::{Member, Model, Shape};
use super::{Files, names};

pub(crate) fn generate(model: &Model) -> Result<Files, String> {
    let inputs: BTreeSet<String> = model.inputs().into_iter().collect();
    let outputs: BTreeSet<String> = model.outputs().into_iter().collect();
    let read: BTreeSet<String> = model.nested(inputs.iter().cloned())?;
    let written: BTreeSet<String> = model.nested(outputs.iter().cloned())?;
    if let Some(both) = inputs.intersection(&written).chain(outputs.intersection(&read)).next() {
        return Err(format!("{}: {both} is an operation's own and nested", model.name));
    }
    let checked: BTreeSet<String> = inputs.union(&read).cloned().collect();
    let name = &model.name;
    Ok(Files::from([
        (format!("{name}.rs"), root(model)?),
        (format!("{name}/constraints.rs"), constraints(model, &checked)?),
        (format!("{name}/inputs.rs"), inputs_file(model)?),
        (format!("{name}/outputs.rs"), outputs_file(model)?),
        (format!("{name}/types.rs"), types_file(model, &read, &written)?),
    ]))
}

fn root(model: &Model) -> Result<String, String> {
    let mut text =
        header(model, &format!("The `{}` service: operations, inputs, outputs, errors.", model.name));
    text.push_str(
        "mod constraints;\nmod inputs;\nmod outputs;\nmod types;\n\npub use inputs::*;\npub use outputs::*;\npub use types::*;\n\n\
         use irsa_wire::error::ErrorShape;\nuse irsa_wire::query::Operation;\n\n",
    );
    let namespace = model.xml_namespace.as_deref().ok_or("a query service needs an XML namespace")?;
    let _ = writeln!(
        text,
        "/// The `Version` of requests.\npub const API_VERSION: &str = {:?};\n",
        model.api_version
    );
    let _ = writeln!(text, "/// The namespace of answers.\npub const XMLNS: &str = {namespace:?};\n");
    text.push_str("/// The operations, by name.\npub const OPERATIONS: &[Operation] = &[\n");
    for (name, operation) in &model.operations {
        let is_signed = operation.authtype.as_deref() != Some("none");
        let codes: Vec<String> = operation
            .errors
            .iter()
            .filter_map(|error| model.errors.get(error))
            .map(|error| format!("{:?}", error.code))
            .collect();
        let _ = writeln!(
            text,
            "Operation {{ name: {name:?}, is_signed: {is_signed}, errors: &[{}] }},",
            codes.join(", ")
        );
    }
    text.push_str("];\n\n");
    text.push_str(&errors(model));
    Ok(text)
}

fn inputs_file(model: &Model) -> Result<String, String> {
    let mut body = String::new();
    for (name, operation) in &model.operations {
        let input = format!("{name}Input");
        match &operation.input {
            Some(shape) => {
                body.push_str(&structure(model, shape, &input, &format!("Input of `{name}`."), "", |_| {
                    String::new()
                })?);
                body.push_str(&read(model, shape, &input)?);
            }
            None => {
                let _ = writeln!(
                    body,
                    "/// Input of `{name}`, which has no members.\n#[derive(Debug, Clone, Default, PartialEq, Eq)]\npub struct {input};\n"
                );
            }
        }
        let reader = match &operation.input {
            Some(shape) if !model.members(shape)?.is_empty() => {
                "let mut checks = Validator::new();\nlet input = Self::read(&mut checks, params.root());\nchecks.finish(input)"
            }
            Some(_) => "let _ = params;\nOk(Self {})",
            None => "let _ = params;\nOk(Self)",
        };
        let _ = writeln!(
            body,
            "impl Decode for {input} {{\nfn decode(params: &Params) -> Result<Self, ValidationError> {{\n{reader}\n}}\n}}\n"
        );
    }
    let mut text = header(model, "Inputs, decoded from parameters and checked.");
    text.push_str("use irsa_wire::query::{Decode, Node, Params, Text, ValidationError, Validator};\n\n");
    text.push_str("use super::constraints::*;\n");
    text.push_str(&type_imports(&body, &model.nested(model.inputs())?));
    text.push_str(&body);
    if !text.contains("Text::ANY") {
        text = text.replace("Params, Text, ", "Params, ");
    }
    Ok(text)
}

fn outputs_file(model: &Model) -> Result<String, String> {
    let mut body = String::new();
    for (name, operation) in &model.operations {
        let output = format!("{name}Output");
        match &operation.output {
            Some(shape) => {
                body.push_str(&structure(
                    model,
                    shape,
                    &output,
                    &format!("Output of `{name}`."),
                    "",
                    |_| String::new(),
                )?);
                body.push_str(&encode(model, shape, &output, operation.result_wrapper.as_deref())?);
            }
            None => {
                let _ = writeln!(
                    body,
                    "/// Output of `{name}`: nothing but the request id.\n#[derive(Debug, Clone, Default, PartialEq, Eq)]\npub struct {output};\n\n\
                     impl EncodeXml for {output} {{\nfn encode_xml(&self, _out: &mut Writer) {{}}\n}}\n"
                );
            }
        }
    }
    let mut text = header(model, "Outputs, written as XML.");
    if body.contains("BTreeMap<") {
        text.push_str("use std::collections::BTreeMap;\n\n");
    }
    text.push_str("use irsa_wire::xml::{EncodeXml, Writer};\n\n");
    text.push_str(&type_imports(&body, &model.nested(model.outputs())?));
    text.push_str(&body);
    Ok(text)
}

fn types_file(
    model: &Model,
    read_types: &BTreeSet<String>,
    written: &BTreeSet<String>,
) -> Result<String, String> {
    let mut body = String::new();
    for shape in read_types.union(written) {
        let name = names::structure(shape);
        body.push_str(&structure(
            model,
            shape,
            &name,
            &format!("`{shape}` of the service model."),
            "",
            |_| String::new(),
        )?);
        if read_types.contains(shape) {
            body.push_str(&read(model, shape, &name)?);
        }
        if written.contains(shape) {
            body.push_str(&encode(model, shape, &name, None)?);
        }
    }
    let mut text = header(model, "Structures inside of inputs and outputs.");
    if body.contains("BTreeMap<") {
        text.push_str("use std::collections::BTreeMap;\n\n");
    }
    if !read_types.is_empty() {
        text.push_str("use irsa_wire::query::{Node, Text, Validator};\n");
    }
    text.push_str("use irsa_wire::xml::{EncodeXml, Writer};\n\n");
    if !read_types.is_empty() {
        text.push_str("use super::constraints::*;\n");
    }
    text.push_str(&body);
    if !text.contains("Text::ANY") {
        text = text.replace("{Node, Text, ", "{Node, ");
    }
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
                format!("{name}::read"),
                format!(", {name}>"),
            ]
            .iter()
            .any(|use_of| body.contains(use_of.as_str()))
        })
        .collect();
    if used.is_empty() { String::new() } else { format!("use super::types::{{{}}};\n\n", used.join(", ")) }
}

/// `fn read(checks, node) -> Self`.
fn read(model: &Model, shape: &str, name: &str) -> Result<String, String> {
    let members = model.members(shape)?;
    if members.is_empty() {
        return Ok(String::new());
    }
    let mut text = format!(
        "impl {name} {{\npub(super) fn read(checks: &mut Validator, node: Node<'_>) -> Self {{\nSelf {{\n"
    );
    for member in &members {
        let mut value = read_member(model, member)?;
        if member.is_required {
            let _ =
                write!(value, ".unwrap_or_else(|| checks.missing({:?}))", names::lower_first(member.name));
        }
        let _ = writeln!(text, "{}: {value},", names::field(member.name));
    }
    text.push_str("}\n}\n}\n\n");
    Ok(text)
}

fn read_member(model: &Model, member: &Member<'_>) -> Result<String, String> {
    let (wire, shown) = (member.name, names::lower_first(member.name));
    let (min, max) = (optional(member.shape.min), optional(member.shape.max));
    Ok(match member.shape.kind.as_str() {
        "string" => {
            let constraint = constraint(model, &member.shape_name, member.shape);
            format!("checks.text({shown:?}, node.get({wire:?}), &{constraint})")
        }
        "integer" => format!("checks.integer({shown:?}, node.get({wire:?}), {min}, {max})"),
        "boolean" => format!("checks.boolean({shown:?}, node.get({wire:?}))"),
        "structure" => {
            let name = names::structure(&member.shape_name);
            format!(
                "node.child({wire:?}).map(|node| checks.structure({shown:?}, |checks| {name}::read(checks, node)))"
            )
        }
        "list" => {
            let (element_name, element) = model.element(member.shape)?;
            let (min, max) = (optional(member.shape.min.filter(|min| *min > 0)), max);
            if element.kind == "string" {
                let constraint = constraint(model, element_name, element);
                format!("checks.text_list({shown:?}, node.list({wire:?}), {min}, {max}, &{constraint})")
            } else {
                let name = rust_type(model, element_name, element)?;
                format!("checks.list({shown:?}, node.list({wire:?}), {min}, {max}, {name}::read)")
            }
        }
        other => return Err(format!("{wire}: an input of type {other} is not supported")),
    })
}

/// `impl EncodeXml`.
fn encode(model: &Model, shape: &str, name: &str, result: Option<&str>) -> Result<String, String> {
    let mut text = format!("impl EncodeXml for {name} {{\n");
    if let Some(result) = result {
        let _ = writeln!(text, "const RESULT: Option<&'static str> = Some({result:?});\n");
    }
    let members = model.members(shape)?;
    let out = if members.is_empty() { "_out" } else { "out" };
    let _ = writeln!(text, "fn encode_xml(&self, {out}: &mut Writer) {{");
    for member in &members {
        let field = names::field(member.name);
        if member.is_required {
            let _ = writeln!(text, "{};", write_member(model, member, &format!("self.{field}"), true)?);
        } else {
            let write = write_member(model, member, "value", false)?;
            let _ = writeln!(text, "if let Some(value) = &self.{field} {{\n{write};\n}}");
        }
    }
    text.push_str("}\n}\n\n");
    Ok(text)
}

fn write_member(model: &Model, member: &Member<'_>, value: &str, is_place: bool) -> Result<String, String> {
    let wire = member.name;
    let reference = if is_place { format!("&{value}") } else { value.to_owned() };
    let copied = if is_place { value.to_owned() } else { format!("*{value}") };
    Ok(match member.shape.kind.as_str() {
        "string" => format!("out.text({wire:?}, {reference})"),
        "integer" => {
            let number = if is_place { format!("{value}.into()") } else { format!("(*{value}).into()") };
            format!("out.number({wire:?}, {number})")
        }
        "boolean" => format!("out.boolean({wire:?}, {copied})"),
        "timestamp" => format!("out.timestamp({wire:?}, {copied})"),
        "blob" => format!("out.blob({wire:?}, {reference})"),
        "structure" => format!("out.structure({wire:?}, {reference})"),
        "list" => {
            let (name, element) = model.element(member.shape)?;
            match element.kind.as_str() {
                "string" => format!("out.texts({wire:?}, {reference})"),
                "structure" => format!("out.list({wire:?}, {reference})"),
                other => return Err(format!("{name}: a list of {other} is not supported")),
            }
        }
        "map" => format!(
            "out.map({wire:?}, {reference}, |out, name, value| {})",
            write_map_value(model, member.shape)?
        ),
        other => return Err(format!("{wire}: an output of type {other} is not supported")),
    })
}

fn write_map_value(model: &Model, map: &Shape) -> Result<&'static str, String> {
    let (name, value) = model.map_value(map)?;
    match value.kind.as_str() {
        "string" => Ok("out.text(name, value)"),
        "integer" => Ok("out.number(name, (*value).into())"),
        other => Err(format!("{name}: a map of {other} is not supported")),
    }
}
