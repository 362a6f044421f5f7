//! The volume that carries the token and, beside it, what else is asked for: certificate authorities and an AWS config file,
//! each of which is put into an annotation of the pod, from where the downward API writes it into the volume.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chain::Chain;
use super::identity::Identity;
use super::patch::Patch;
use super::pod::Pod;
use super::settings::Settings;
use super::warning::Warning;
use super::{CA_FILE, CONFIG_FILE, TOKEN_FILE, Token, VOLUME};
use crate::annotations::{AWS_CONFIG, CA_BUNDLE};
use crate::json_patch::escape;

/// EKS' own label, whatever the annotations' prefix is.
const POD_IDENTITY_LABEL: &str = "eks.amazonaws.com/pod-identity";

/// The token's volume.
pub(super) struct TokenVolume<'a> {
    pub(super) name: &'a str,
    pub(super) mount_path: &'a str,
    pub(super) token_file: &'a str,
    /// Files beside the token, with the annotations that hold them.
    files: Vec<File<'a>>,
    /// A volume of this name that is there already is the user's, or was added by an earlier call; it is kept.
    is_there: bool,
    is_for_pod_identity: bool,
    /// Whether a role is to be assumed with the role, for which the config file is needed.
    pub(super) is_chained: bool,
}

struct File<'a> {
    name: &'static str,
    annotation: String,
    content: &'a str,
}

impl<'a> TokenVolume<'a> {
    pub(super) fn of(
        pod: &Pod<'_>,
        identity: &Identity<'_>,
        chain: Option<&'a Chain<'_>>,
        settings: &'a Settings,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let is_for_pod_identity = identity.role_arn.is_none();
        let agent = &settings.container_credentials;
        let (name, mount_path, token_file) = if is_for_pod_identity {
            (agent.volume.as_str(), agent.mount_path.as_str(), agent.token_file.as_str())
        } else {
            (VOLUME, settings.mount_path.as_str(), TOKEN_FILE)
        };
        let there = pod.volume(name);
        let wanted = [
            (CA_FILE, CA_BUNDLE, settings.ca_bundle.as_deref()),
            (CONFIG_FILE, AWS_CONFIG, chain.map(|chain| chain.config.as_str())),
        ];
        let mut files = Vec::new();
        for (file, annotation, content) in wanted {
            let Some(content) = content else { continue };
            if there.is_some_and(|volume| !volume.has_file(file)) {
                warnings.push(Warning::VolumeTaken { volume: name.to_owned(), file });
            } else {
                let annotation = format!("{}/{annotation}", settings.annotation_prefix);
                files.push(File { name: file, annotation, content });
            }
        }
        let (is_there, is_chained) = (there.is_some(), chain.is_some());
        Self { name, mount_path, token_file, files, is_there, is_for_pod_identity, is_chained }
    }

    /// Whether this file is beside the token.
    pub(super) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|known| known.name == file)
    }

    /// Adds the volume, and to the pod's metadata what it needs.
    pub(super) fn add_to(&self, pod: &Pod<'_>, token: &Token, patch: &mut Patch) {
        self.add_metadata(pod, patch);
        if self.is_there {
            return;
        }
        let volume = self.volume(token);
        let Some(spec) = &pod.spec else { return };
        match spec.volumes {
            Some(_) => patch.add("/spec/volumes/0", &volume),
            None => patch.add("/spec/volumes", &[volume]),
        }
    }

    fn add_metadata(&self, pod: &Pod<'_>, patch: &mut Patch) {
        let metadata = pod.metadata.as_ref();
        let labels = metadata.and_then(|metadata| metadata.labels.as_ref());
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        let label = [(POD_IDENTITY_LABEL, "enabled")].into_iter().filter(|_| self.is_for_pod_identity);
        let label: BTreeMap<_, _> =
            label.filter(|(name, _)| labels.is_none_or(|labels| !labels.has(name))).collect();
        let files = self.files.iter().filter(|_| !self.is_there);
        let files = files.map(|file| (file.annotation.as_str(), file.content));
        let files: BTreeMap<_, _> =
            files.filter(|(name, _)| annotations.is_none_or(|there| !there.has(name))).collect();
        if metadata.is_none() && !(label.is_empty() && files.is_empty()) {
            patch.add("/metadata", &BTreeMap::<&str, &str>::new());
        }
        for (map, is_there, added) in
            [("labels", labels.is_some(), label), ("annotations", annotations.is_some(), files)]
        {
            if !is_there && !added.is_empty() {
                patch.add(&format!("/metadata/{map}"), &added);
                continue;
            }
            for (name, value) in added {
                patch.add(&format!("/metadata/{map}/{}", escape(name)), &value);
            }
        }
    }

    fn volume<'v>(&'v self, token: &'v Token) -> Volume<'v> {
        let mut sources = vec![Source::ServiceAccountToken {
            audience: &token.audience,
            expiration_seconds: token.expiration_seconds,
            path: self.token_file,
        }];
        let item = |file: &'v File<'_>| Item {
            path: file.name,
            field_ref: FieldRef { field_path: format!("metadata.annotations['{}']", file.annotation) },
        };
        if !self.files.is_empty() {
            sources.push(Source::DownwardApi { items: self.files.iter().map(item).collect() });
        }
        Volume { name: self.name, projected: Projected { sources } }
    }
}

#[derive(Serialize)]
struct Volume<'a> {
    name: &'a str,
    projected: Projected<'a>,
}

#[derive(Serialize)]
struct Projected<'a> {
    sources: Vec<Source<'a>>,
}

#[derive(Serialize)]
enum Source<'a> {
    #[serde(rename = "serviceAccountToken", rename_all = "camelCase")]
    ServiceAccountToken { audience: &'a str, expiration_seconds: i64, path: &'a str },
    #[serde(rename = "downwardAPI")]
    DownwardApi { items: Vec<Item> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    path: &'static str,
    field_ref: FieldRef,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldRef {
    field_path: String,
}
