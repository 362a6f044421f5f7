//! A pod as far as the mutation looks at it, borrowed from the JSON that it came in. Everything else is skipped over.

use serde::Deserialize;
use serde_json::Value;

use crate::borrowed::{Text, object, text};

object! {
    /// A Pod, or the template of one.
    pub struct Pod {
        pub(super) metadata: "metadata" as Metadata<'a>,
        pub(super) spec: "spec" as Spec<'a>,
    }

    pub(super) struct Metadata {
        name: "name" as Text<'a>,
        generate_name: "generateName" as Text<'a>,
        namespace: "namespace" as Text<'a>,
        pub(super) labels: "labels" as Pairs<'a>,
        pub(super) annotations: "annotations" as Pairs<'a>,
    }

    pub(super) struct Spec {
        service_account_name: "serviceAccountName" as Text<'a>,
        /// The old name of the same field; API servers keep both equal.
        service_account: "serviceAccount" as Text<'a>,
        node_selector: "nodeSelector" as Pairs<'a>,
        os: "os" as Os<'a>,
        pub(super) volumes: "volumes" as Vec<Volume<'a>>,
        pub(super) containers: "containers" as Vec<Container<'a>>,
        pub(super) init_containers: "initContainers" as Vec<Container<'a>>,
    }

    pub(super) struct Os {
        name: "name" as Text<'a>,
    }

    pub(super) struct Container {
        name: "name" as Text<'a>,
        pub(super) env: "env" as Vec<Variable<'a>>,
        pub(super) volume_mounts: "volumeMounts" as Vec<Mount<'a>>,
    }

    pub(super) struct Variable {
        name: "name" as Text<'a>,
    }

    pub(super) struct Mount {
        pub(super) name: "name" as Text<'a>,
        pub(super) mount_path: "mountPath" as Text<'a>,
    }

    pub(super) struct Volume {
        name: "name" as Text<'a>,
        projected: "projected" as Projected<'a>,
    }

    pub(super) struct Projected {
        sources: "sources" as Vec<Source<'a>>,
    }

    pub(super) struct Source {
        downward_api: "downwardAPI" as DownwardApi<'a>,
    }

    pub(super) struct DownwardApi {
        items: "items" as Vec<Item<'a>>,
    }

    pub(super) struct Item {
        path: "path" as Text<'a>,
    }
}

/// Why something is no pod that Kubernetes would take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedPod(String);

/// A map of texts, in the order of the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs<'a>(Vec<(Text<'a>, Option<Text<'a>>)>);

impl<'a> Pod<'a> {
    /// Reads a pod, or a template, from JSON.
    ///
    /// # Errors
    /// [`MalformedPod`] when a field that the mutation looks at has a type that Kubernetes does not take.
    pub fn parse(json: &'a str) -> Result<Self, MalformedPod> {
        serde_json::from_str(json).map_err(|error| MalformedPod(error.to_string()))
    }

    /// As [`Pod::parse`], from a value.
    ///
    /// # Errors
    /// As [`Pod::parse`].
    pub fn of(value: &'a Value) -> Result<Self, MalformedPod> {
        Self::deserialize(value).map_err(|error| MalformedPod(error.to_string()))
    }

    /// `metadata.name`; empty when the API server makes one up.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| text(metadata.name.as_ref()))
    }

    /// `metadata.generateName`.
    #[must_use]
    pub fn generate_name(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| text(metadata.generate_name.as_ref()))
    }

    /// `metadata.namespace`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.as_ref().map_or("", |metadata| text(metadata.namespace.as_ref()))
    }

    /// The pod's ServiceAccount; `default` when it names none, as Kubernetes' ServiceAccount admission controller has it.
    #[must_use]
    pub fn service_account(&self) -> &str {
        let spec = self.spec.as_ref();
        let named = spec.map_or("", |spec| text(spec.service_account_name.as_ref()));
        let old = spec.map_or("", |spec| text(spec.service_account.as_ref()));
        [named, old].into_iter().find(|name| !name.is_empty()).unwrap_or("default")
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, prefix: &str, own: &str) -> Option<&str> {
        self.annotations().find(|(name, _)| is_named(name, prefix, own)).map(|(_, value)| value)
    }

    /// All annotations.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata
            .as_ref()
            .and_then(|metadata| metadata.annotations.as_ref())
            .into_iter()
            .flat_map(Pairs::iter)
    }

    /// Whether it runs on Windows: by its node selector, or by its own word (`spec.os.name`, Kubernetes 1.24). Affinities to
    /// nodes are not looked at, for they may name several systems.
    pub(super) fn is_windows(&self) -> bool {
        let Some(spec) = &self.spec else { return false };
        let selected = spec.node_selector.iter().flat_map(Pairs::iter).any(|(label, os)| {
            matches!(label, "kubernetes.io/os" | "beta.kubernetes.io/os") && os == "windows"
        });
        selected || spec.os.as_ref().is_some_and(|os| text(os.name.as_ref()) == "windows")
    }

    pub(super) fn volume(&self, name: &str) -> Option<&Volume<'a>> {
        let volumes = self.spec.as_ref()?.volumes.as_ref()?;
        volumes.iter().find(|volume| text(volume.name.as_ref()) == name)
    }
}

impl Volume<'_> {
    /// Whether the downward API writes this file into it.
    pub(super) fn has_file(&self, file: &str) -> bool {
        let sources = self.projected.iter().filter_map(|projected| projected.sources.as_ref()).flatten();
        let items = sources.filter_map(|source| source.downward_api.as_ref()?.items.as_ref()).flatten();
        items.into_iter().any(|item| text(item.path.as_ref()) == file)
    }
}

impl Container<'_> {
    pub(super) fn name(&self) -> &str {
        text(self.name.as_ref())
    }

    /// The names of its variables, as far as the mutation may ask for them.
    pub(super) fn aws_variables(&self) -> Vec<&str> {
        let names = self.env.iter().flatten().map(|entry| text(entry.name.as_ref()));
        names.filter(|name| name.starts_with("AWS_")).collect()
    }
}

impl Pairs<'_> {
    /// A null is an empty text, as for Go.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.0.as_ref(), text(value.as_ref())))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.0 == name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of texts")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Whether `name` is `prefix/own`.
pub(super) fn is_named(name: &str, prefix: &str, own: &str) -> bool {
    name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) == Some(own)
}
