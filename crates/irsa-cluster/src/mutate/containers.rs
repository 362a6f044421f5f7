//! What each container of a pod gets: variables at the end of its environment, and the token's mount.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::chain::{adjusted_session_name, in_container};
use super::facts::csv_record;
use super::identity::Identity;
use super::patch::Patch;
use super::pod::{Container, Pod};
use super::settings::Settings;
use super::volume::TokenVolume;
use super::warning::Warning;
use super::{CA_FILE, CONFIG_FILE};
use crate::annotations::{INCLUDE_CONTAINERS, SKIP_CONTAINERS};
use crate::borrowed::text;

/// The containers that get the identity, by the pod's annotations.
pub(super) struct Chosen {
    only: Option<Vec<String>>,
    skipped: Vec<String>,
}

impl Chosen {
    /// Each annotation is one CSV record of names, without effect if it is malformed. Blanks are part of the names.
    pub(super) fn of(pod: &Pod<'_>, prefix: &str, warnings: &mut Vec<Warning>) -> Self {
        let record = |own: &str| pod.annotation(prefix, own).and_then(csv_record);
        let chosen =
            Self { only: record(INCLUDE_CONTAINERS), skipped: record(SKIP_CONTAINERS).unwrap_or_default() };
        for name in chosen.only.iter().flatten() {
            if !containers(pod).any(|(_, _, container)| container.name() == name) {
                warnings.push(Warning::UnknownContainer(name.clone()));
            }
        }
        chosen
    }

    fn has(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|known| known == name);
        self.only.as_deref().is_none_or(named) && !named(&self.skipped)
    }
}

/// What every container gets.
pub(super) struct Additions<'a> {
    /// The variables that name the credentials, of which a container that has one gets none.
    credentials: Vec<Variable<'a>>,
    /// What names credentials, if the container has it itself.
    credential_names: &'static [&'static str],
    region: Option<&'a str>,
    regional_sts: bool,
    /// Each by itself, where the container does not have it.
    others: Vec<Variable<'a>>,
    volume: &'a TokenVolume<'a>,
}

/// An entry of `env`.
struct Variable<'a> {
    name: &'static str,
    value: VariableValue<'a>,
}

enum VariableValue<'a> {
    Borrowed(&'a str),
    Owned(String),
    /// What the kubelet reads from a field of the pod.
    Field(&'static str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mount<'a> {
    name: &'a str,
    read_only: bool,
    mount_path: &'a str,
}

const ROLE_ARN: &str = "AWS_ROLE_ARN";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const AUTHORIZATION_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const CONFIG: &str = "AWS_CONFIG_FILE";
const LOAD_CONFIG: &str = "AWS_SDK_LOAD_CONFIG";

impl<'a> Additions<'a> {
    pub(super) fn new(
        pod: &'a Pod<'_>,
        identity: &'a Identity<'_>,
        volume: &'a TokenVolume<'a>,
        settings: &'a Settings,
    ) -> Self {
        let file = |file: &str| VariableValue::Owned(in_container(pod, volume.mount_path, file));
        let (credential_names, credentials): (&[_], _) = match &identity.role_arn {
            // Without its file, the chain is left out; with the pair, the pod would go on as the first role instead.
            Some(_) if volume.is_chained => {
                let config = Variable { name: CONFIG, value: file(CONFIG_FILE) };
                let load = Variable::new(LOAD_CONFIG, "1");
                let credentials = if volume.has(CONFIG_FILE) { vec![config, load] } else { Vec::new() };
                (&[CONFIG, ROLE_ARN, TOKEN_FILE], credentials)
            }
            Some(role_arn) => {
                let token = Variable { name: TOKEN_FILE, value: file(volume.token_file) };
                (&[ROLE_ARN, TOKEN_FILE], vec![Variable::new(ROLE_ARN, role_arn), token])
            }
            None => {
                let uri = Variable::new(FULL_URI, &settings.container_credentials.full_uri);
                let token = Variable { name: AUTHORIZATION_FILE, value: file(volume.token_file) };
                (&[FULL_URI, AUTHORIZATION_FILE], vec![uri, token])
            }
        };
        let endpoints = &settings.endpoints;
        let mut others = Vec::new();
        for (name, value) in [
            ("AWS_ENDPOINT_URL", &endpoints.all),
            ("AWS_ENDPOINT_URL_STS", &endpoints.sts),
            ("AWS_ENDPOINT_URL_S3", &endpoints.s3),
        ] {
            others.extend(value.as_deref().map(|value| Variable::new(name, value)));
        }
        if volume.has(CA_FILE) {
            others.push(Variable { name: "AWS_CA_BUNDLE", value: file(CA_FILE) });
        }
        let facts = identity.facts;
        let from_pod =
            facts.and_then(|facts| facts.session_name_from_pod).unwrap_or(settings.session_name_from_pod);
        if from_pod && identity.role_arn.is_some() && !volume.is_chained {
            let value = match adjusted_session_name(pod.name()) {
                Some(name) => VariableValue::Owned(name),
                None => VariableValue::Field("metadata.name"),
            };
            others.push(Variable { name: "AWS_ROLE_SESSION_NAME", value });
        }
        Self {
            credentials,
            credential_names,
            region: settings.region.as_deref().filter(|region| !region.is_empty()),
            regional_sts: facts.and_then(|facts| facts.regional_sts).unwrap_or(settings.regional_sts),
            others,
            volume,
        }
    }

    /// Adds to the chosen containers.
    pub(super) fn add_to(
        &self,
        pod: &Pod<'_>,
        chosen: &Chosen,
        patch: &mut Patch,
        warnings: &mut Vec<Warning>,
    ) {
        let mut is_any_chosen = false;
        for (list, index, container) in containers(pod) {
            if chosen.has(container.name()) {
                is_any_chosen = true;
                self.to_container(container, &format!("/spec/{list}/{index}"), patch, warnings);
            }
        }
        if !is_any_chosen {
            warnings.push(Warning::NoContainer);
        }
    }

    fn to_container(
        &self,
        container: &Container<'_>,
        path: &str,
        patch: &mut Patch,
        warnings: &mut Vec<Warning>,
    ) {
        let defined = container.aws_variables();
        let defines = |name: &&str| defined.contains(name);
        let has_credentials = self.credential_names.iter().any(defines);
        let has_region = defines(&"AWS_REGION") || defines(&"AWS_DEFAULT_REGION");
        let has_sts = defines(&"AWS_STS_REGIONAL_ENDPOINTS");
        self.warn_of_half(container, &defined, warnings);
        if has_credentials && has_region && has_sts {
            return;
        }
        let mut added = Vec::new();
        if self.regional_sts && !has_sts {
            added.push(&REGIONAL);
        }
        let region = self.region.filter(|_| !has_region);
        let region =
            region.map(|region| ["AWS_DEFAULT_REGION", "AWS_REGION"].map(|name| Variable::new(name, region)));
        added.extend(region.iter().flatten());
        if !has_credentials {
            added.extend(self.credentials.iter().filter(|variable| !defines(&variable.name)));
        }
        added.extend(self.others.iter().filter(|variable| !defines(&variable.name)));
        append(&format!("{path}/env"), container.env.is_some(), &added, patch);
        self.mount(container, path, patch, warnings);
    }

    fn mount(&self, container: &Container<'_>, path: &str, patch: &mut Patch, warnings: &mut Vec<Warning>) {
        let mounts = container.volume_mounts.as_deref().unwrap_or_default();
        if mounts.iter().any(|mount| text(mount.name.as_ref()) == self.volume.name) {
            return;
        }
        let place = |path: &'_ str| path.trim_end_matches('/').to_owned();
        let taken = |path: &str| place(path) == place(self.volume.mount_path);
        if let Some(other) = mounts.iter().find(|mount| taken(text(mount.mount_path.as_ref()))) {
            let volume = text(other.name.as_ref()).to_owned();
            warnings.push(Warning::MountPathTaken { container: container.name().to_owned(), volume });
            return;
        }
        let mount = Mount { name: self.volume.name, read_only: true, mount_path: self.volume.mount_path };
        append(&format!("{path}/volumeMounts"), container.volume_mounts.is_some(), &[mount], patch);
    }

    fn warn_of_half(&self, container: &Container<'_>, defined: &[&str], warnings: &mut Vec<Warning>) {
        let [.., first, second] = *self.credential_names else { return };
        let (present, missing) = match (defined.contains(&first), defined.contains(&second)) {
            (true, false) => (first, second),
            (false, true) => (second, first),
            _ => return,
        };
        warnings.push(Warning::HalfPreset { container: container.name().to_owned(), present, missing });
    }
}

static REGIONAL: Variable<'static> =
    Variable { name: "AWS_STS_REGIONAL_ENDPOINTS", value: VariableValue::Borrowed("regional") };

impl<'a> Variable<'a> {
    fn new(name: &'static str, value: &'a str) -> Self {
        Self { name, value: VariableValue::Borrowed(value) }
    }
}

impl Serialize for Variable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.name)?;
        match &self.value {
            VariableValue::Borrowed(value) => map.serialize_entry("value", value)?,
            VariableValue::Owned(value) => map.serialize_entry("value", value)?,
            VariableValue::Field(field) => {
                let from = BTreeMap::from([("fieldRef", BTreeMap::from([("fieldPath", field)]))]);
                map.serialize_entry("valueFrom", &from)?;
            }
        }
        map.end()
    }
}

/// The containers with their lists' names and their places in them.
fn containers<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = (&'static str, usize, &'p Container<'a>)> {
    let spec = pod.spec.as_ref();
    let lists = [
        ("containers", spec.and_then(|spec| spec.containers.as_ref())),
        ("initContainers", spec.and_then(|spec| spec.init_containers.as_ref())),
    ];
    lists.into_iter().flat_map(|(list, containers)| {
        containers.into_iter().flatten().enumerate().map(move |(index, container)| (list, index, container))
    })
}

/// Adds elements at the end of a container's list, which may be absent or null.
fn append<T: Serialize>(path: &str, is_there: bool, added: &[T], patch: &mut Patch) {
    if added.is_empty() {
    } else if is_there {
        let end = format!("{path}/-");
        added.iter().for_each(|element| patch.add(&end, element));
    } else {
        patch.add(path, &added);
    }
}
