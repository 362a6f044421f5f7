//! Where a pod finds the AWS services: at AWS itself, at an endpoint that the user names, or at the `irsa up` of this machine.

use std::path::Path;

use irsa_cluster::mutate::Settings;

use crate::cli::{Data, PodIdentity};
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::input;

/// A bundle of certificate authorities is read into memory and into an annotation, which may have 256 KiB.
const MOST_CA_BYTES: usize = 200 * 1024;

/// Where a pod finds the AWS services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AwsServices {
    /// The URL of all of them; none is AWS itself.
    pub(super) endpoint: Option<String>,
    /// The certificate authorities to trust there, in PEM.
    pub(super) ca_bundle: Option<String>,
    /// The region.
    pub(super) region: Option<String>,
}

impl AwsServices {
    /// As the flags say, for the pods of a kubeconfig's context.
    pub(super) fn of(which: &PodIdentity, data: &Data) -> Result<Self, CliError> {
        let asked = || which.region.clone().filter(|region| !region.is_empty());
        if which.services.local {
            let server = DataFolder::at(data.folder.as_deref())?.server()?;
            let region = asked().unwrap_or(server.region);
            return Ok(Self { endpoint: Some(server.endpoint), ca_bundle: None, region: Some(region) });
        }
        let of_shell = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = asked().or_else(|| of_shell("AWS_REGION")).or_else(|| of_shell("AWS_DEFAULT_REGION"));
        let endpoint =
            which.services.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let ca_bundle = which.services.endpoint_ca.as_deref().map(certificates).transpose()?;
        Ok(Self { endpoint, ca_bundle, region })
    }

    /// Whether calls go to AWS.
    pub(crate) fn is_aws_itself(&self) -> bool {
        self.endpoint.is_none()
    }

    /// How the webhook would be set up. On EKS it names the region's own STS, which our endpoints do not need to be told.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            region: self.region.clone(),
            regional_sts: self.region.is_some() && self.endpoint.is_none(),
            ca_bundle: self.ca_bundle.clone(),
            ..Settings::default()
        }
    }
}

fn certificates(file: &Path) -> Result<String, CliError> {
    let unusable = |cause: &dyn std::fmt::Display| {
        CliError::usage("IRSA-X034", format!("{} cannot be used: {cause}", file.display()))
            .with_fix("--endpoint-ca takes certificates in PEM")
    };
    let text = input::read(file, MOST_CA_BYTES).map_err(|error| unusable(&error))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable(&"it has no certificate in PEM"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_is_the_regions_own_at_aws_alone() {
        let check = |endpoint: Option<&str>, region: Option<&str>, expected: bool| {
            let (endpoint, region) = (endpoint.map(str::to_owned), region.map(str::to_owned));
            let services = AwsServices { endpoint, region, ca_bundle: None };
            assert_eq!(services.settings().regional_sts, expected, "{services:?}");
        };
        check(None, Some("eu-central-1"), true);
        check(None, None, false);
        check(Some("http://127.0.0.1:4566"), Some("eu-central-1"), false);
    }

    #[test]
    fn certificates_are_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        assert_eq!(certificates(&file).unwrap_err().code, "IRSA-X034");
        std::fs::write(&file, "no certificate").unwrap();
        assert!(certificates(&file).unwrap_err().message.contains("no certificate in PEM"));
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(certificates(&file).unwrap(), "-----BEGIN CERTIFICATE-----\n");
    }
}
