//! From flags and the files that they name to what decides about pods.

use std::path::Path;

use irsa_cluster::admission::{Decision, Decisions};
use irsa_cluster::mutate::{AllowedRoles, ContainerCredentials, Endpoints, Identities, RoleHome, Settings};

use crate::cli::webhook::{MutationFlags, OnFailure};
use crate::error::CliError;
use crate::input;

/// A bundle is copied into an annotation of every pod; together they may have 256 KiB (Kubernetes, "Annotations").
const MOST_CA_BYTES: usize = 200 * 1024;
/// Lists of identities and roles are read into memory.
const MOST_FILE_BYTES: usize = 16 * 1024 * 1024;

impl MutationFlags {
    /// How pods are mutated.
    ///
    /// # Errors
    /// `IRSA-X070` when a file that a flag names cannot be used.
    pub(crate) fn settings(&self) -> Result<Settings, CliError> {
        let ca_bundle = self.aws_ca_bundle.as_deref().map(ca_bundle).transpose()?;
        let allowed_roles = self.allowed_roles.as_deref().map(allowed_roles).transpose()?;
        let partition = || {
            let region = self.aws_default_region.as_deref().unwrap_or_default();
            self.aws_partition.clone().unwrap_or_else(|| RoleHome::partition_of(region).to_owned())
        };
        let account = self.aws_account_id.as_ref().filter(|_| self.compose_role_arn);
        Ok(Settings {
            annotation_prefix: self.annotation_prefix.clone(),
            audience: self.token_audience.clone(),
            mount_path: self.token_mount_path.clone(),
            token_expiration: self.token_expiration,
            most_token_expiration: self.max_token_expiration,
            region: self.aws_default_region.clone(),
            regional_sts: self.sts_regional_endpoint,
            compose_role_arn: account
                .map(|account| RoleHome { partition: partition(), account: account.to_string() }),
            container_credentials: ContainerCredentials {
                audience: self.container_credentials_audience.clone(),
                mount_path: self.container_credentials_token_mount_path.clone(),
                volume: self.container_credentials_token_volume_name.clone(),
                token_file: self.container_credentials_token_path.clone(),
                full_uri: self.container_credentials_full_uri.clone(),
            },
            endpoints: Endpoints {
                all: self.aws_endpoint_url.clone(),
                sts: self.aws_endpoint_url_sts.clone(),
                s3: self.aws_endpoint_url_s3.clone(),
            },
            ca_bundle,
            session_name_from_pod: self.session_name_from_pod,
            allowed_roles,
        })
    }

    /// The ServiceAccounts of EKS Pod Identity, as the file has them now; none without a file.
    ///
    /// # Errors
    /// `IRSA-X070` when the file is there and is not such a list.
    pub(crate) fn identities(&self) -> Result<Identities, CliError> {
        let Some(file) = &self.watch_container_credentials_config else { return Ok(Identities::default()) };
        if !file.exists() {
            return Ok(Identities::default());
        }
        Identities::parse(&read(file)?).map_err(|error| unusable(file, &error))
    }

    /// What becomes of pods that cannot have their identity; where ServiceAccounts cannot be looked up, `unknown`.
    pub(crate) fn decisions(&self, unknown: Decision) -> Decisions {
        let refused = match self.on_refused_role {
            OnFailure::Allow => Decision::Allow,
            OnFailure::Deny => Decision::Deny,
        };
        Decisions { unknown, refused }
    }
}

fn ca_bundle(file: &Path) -> Result<String, CliError> {
    let text = read(file)?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable(file, &"it has no certificate in PEM"));
    }
    if text.len() > MOST_CA_BYTES {
        return Err(unusable(file, &"it is larger than 200 KiB, which an annotation cannot hold"));
    }
    Ok(text)
}

fn allowed_roles(file: &Path) -> Result<AllowedRoles, CliError> {
    AllowedRoles::parse(&read(file)?).map_err(|error| unusable(file, &error))
}

fn read(file: &Path) -> Result<String, CliError> {
    input::read(file, MOST_FILE_BYTES).map_err(|error| unusable(file, &error))
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage("IRSA-X070", format!("{} cannot be used: {error}", file.display()))
}
