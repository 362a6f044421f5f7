//! A trimmed service model, typed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// A service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) api_version: String,
    protocol: String,
    pub(crate) xml_namespace: Option<String>,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) errors: BTreeMap<String, Error>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(crate) http: Http,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) result_wrapper: Option<String>,
    pub(crate) authtype: Option<String>,
    pub(crate) errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) request_uri: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Error {
    pub(crate) code: String,
    pub(crate) status: u16,
}

/// A shape as the model writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    members: serde_json::Map<String, Value>,
    #[serde(default)]
    required: BTreeSet<String>,
    member: Option<Target>,
    value: Option<Target>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) sensitive: bool,
    #[serde(default)]
    flattened: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    shape: String,
    location: Option<String>,
    location_name: Option<String>,
}

/// A member of a structure, resolved.
pub(crate) struct Member<'m> {
    /// Its name in the model and on the wire.
    pub(crate) name: &'m str,
    pub(crate) shape_name: String,
    pub(crate) shape: &'m Shape,
    pub(crate) is_required: bool,
    /// `uri` or `querystring`; none for the body.
    pub(crate) location: Option<String>,
    pub(crate) location_name: String,
}

impl Model {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Model, String> {
        let mut model: Model = serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        model.name = name.to_owned();
        if let Some((shape, _)) = model.shapes.iter().find(|(_, shape)| shape.flattened) {
            return Err(format!("{name}: {shape} is flattened, which is not supported"));
        }
        Ok(model)
    }

    pub(crate) fn protocol(&self) -> &str {
        &self.protocol
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("{}: no shape {name}", self.name))
    }

    /// A structure's members, in the model's order. Every name on the wire is the member's own in these models.
    pub(crate) fn members(&self, structure: &str) -> Result<Vec<Member<'_>>, String> {
        let shape = self.shape(structure)?;
        shape
            .members
            .iter()
            .map(|(name, target)| {
                let target: Target =
                    Target::deserialize(target).map_err(|error| format!("{structure}.{name}: {error}"))?;
                let location_name = target.location_name.unwrap_or_else(|| name.clone());
                if target.location.is_none() && location_name != *name {
                    return Err(format!(
                        "{structure}.{name} has another name on the wire, which is not supported"
                    ));
                }
                Ok(Member {
                    name,
                    shape: self.shape(&target.shape)?,
                    shape_name: target.shape,
                    is_required: shape.required.contains(name),
                    location: target.location,
                    location_name,
                })
            })
            .collect()
    }

    /// The element of a list.
    pub(crate) fn element<'m>(&'m self, list: &'m Shape) -> Result<(&'m str, &'m Shape), String> {
        target(self, list.member.as_ref())
    }

    /// The value of a map.
    pub(crate) fn map_value<'m>(&'m self, map: &'m Shape) -> Result<(&'m str, &'m Shape), String> {
        target(self, map.value.as_ref())
    }

    /// The structures below (and without) `root`, sorted.
    pub(crate) fn nested(&self, roots: impl IntoIterator<Item = String>) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<String> = roots.into_iter().collect();
        while let Some(name) = waiting.pop() {
            for member in self.members(&name)? {
                let (shape_name, shape) = match member.shape.kind.as_str() {
                    "list" => self.element(member.shape)?,
                    "map" => self.map_value(member.shape)?,
                    _ => (member.shape_name.as_str(), member.shape),
                };
                if shape.kind == "structure" && found.insert(shape_name.to_owned()) {
                    waiting.push(shape_name.to_owned());
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn inputs(&self) -> Vec<String> {
        self.operations.values().filter_map(|operation| operation.input.clone()).collect()
    }

    pub(crate) fn outputs(&self) -> Vec<String> {
        self.operations.values().filter_map(|operation| operation.output.clone()).collect()
    }
}

fn target<'m>(model: &'m Model, target: Option<&'m Target>) -> Result<(&'m str, &'m Shape), String> {
    let target = target.ok_or_else(|| format!("{}: a list or map without element", model.name))?;
    Ok((&target.shape, model.shape(&target.shape)?))
}
