//! `DescribeClusterVersions`, and which versions a cluster may have.
//!
//! Source: EKS user guide, "Amazon EKS Kubernetes release calendar".

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::EksError;
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{
    ClusterVersionInformation, DescribeClusterVersionsInput, DescribeClusterVersionsOutput,
};

/// The version of clusters that ask for none.
pub(super) const DEFAULT: &str = "1.34";
/// The platform version that is shown.
pub(super) const PLATFORM: &str = "eks.1";

struct Version {
    name: &'static str,
    patch: &'static str,
    released: (i16, i8, i8),
    /// The end of standard support.
    standard_until: (i16, i8, i8),
    /// The end of extended support.
    extended_until: (i16, i8, i8),
}

const VERSIONS: [Version; 6] = [
    version("1.35", "1.35.0", (2026, 1, 27), (2027, 3, 27), (2028, 3, 27)),
    version("1.34", "1.34.1", (2025, 10, 2), (2026, 12, 2), (2027, 12, 2)),
    version("1.33", "1.33.5", (2025, 5, 29), (2026, 7, 29), (2027, 7, 29)),
    version("1.32", "1.32.9", (2025, 1, 23), (2026, 3, 23), (2027, 3, 23)),
    version("1.31", "1.31.13", (2024, 9, 26), (2025, 11, 26), (2026, 11, 26)),
    version("1.30", "1.30.14", (2024, 5, 23), (2025, 7, 23), (2026, 7, 23)),
];

const fn version(
    name: &'static str,
    patch: &'static str,
    released: (i16, i8, i8),
    standard_until: (i16, i8, i8),
    extended_until: (i16, i8, i8),
) -> Version {
    Version { name, patch, released, standard_until, extended_until }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    Standard,
    Extended,
    Unsupported,
}

impl Version {
    fn support(&self, now: i64) -> Support {
        match now {
            now if now < seconds(self.standard_until) => Support::Standard,
            now if now < seconds(self.extended_until) => Support::Extended,
            _ => Support::Unsupported,
        }
    }

    fn described(&self, now: i64) -> ClusterVersionInformation {
        let (status, version_status) = match self.support(now) {
            Support::Standard => ("standard-support", "STANDARD_SUPPORT"),
            Support::Extended => ("extended-support", "EXTENDED_SUPPORT"),
            Support::Unsupported => ("unsupported", "UNSUPPORTED"),
        };
        ClusterVersionInformation {
            cluster_version: Some(self.name.to_owned()),
            cluster_type: Some("eks".to_owned()),
            default_platform_version: Some(PLATFORM.to_owned()),
            default_version: Some(self.name == DEFAULT),
            release_date: Some(seconds(self.released)),
            end_of_standard_support_date: Some(seconds(self.standard_until)),
            end_of_extended_support_date: Some(seconds(self.extended_until)),
            status: Some(status.to_owned()),
            version_status: Some(version_status.to_owned()),
            kubernetes_patch_version: Some(self.patch.to_owned()),
        }
    }
}

/// The version that a new cluster gets. The hosted API is the same whichever it is, so that a version outlives AWS's
/// calendar here.
pub(super) fn supported(asked: &str) -> Result<&'static str, EksError> {
    let found = VERSIONS.iter().find(|version| version.name == asked);
    found
        .map(|version| version.name)
        .ok_or_else(|| EksError::InvalidParameter(format!("unsupported Kubernetes version {asked}")))
}

/// The version that a cluster of `current` is updated to: a control plane goes up by one minor version at a time.
pub(super) fn after(current: &str, asked: &str) -> Result<&'static str, EksError> {
    let place = |name: &str| VERSIONS.iter().position(|version| version.name == name);
    let version = supported(asked)?;
    match (place(current), place(version)) {
        (Some(from), Some(to)) if to + 1 == from => Ok(version),
        (Some(from), Some(to)) if to == from => Err(EksError::InvalidParameter(format!(
            "Cluster is already at the desired configuration with version {asked}"
        ))),
        _ => Err(EksError::InvalidParameter(format!(
            "Unsupported Kubernetes minor version update from {current} to {asked}"
        ))),
    }
}

impl Requires for DescribeClusterVersionsInput {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        vec![Check::new("eks:DescribeClusterVersions", "*")]
    }
}

pub(super) fn describe_cluster_versions(
    _ctx: &Context,
    permit: Authorized<DescribeClusterVersionsInput>,
) -> Result<DescribeClusterVersionsOutput, EksError> {
    let (input, now) = (permit.input(), permit.now());
    let wanted = |version: &ClusterVersionInformation| {
        let named = input.cluster_versions.as_ref().filter(|names| !names.is_empty());
        let of = |asked: &Option<String>, is: &Option<String>| asked.is_none() || asked == is;
        let unsupported = version.version_status.as_deref() == Some("UNSUPPORTED");
        named.is_none_or(|names| version.cluster_version.as_ref().is_some_and(|name| names.contains(name)))
            && (!input.default_only.unwrap_or_default() || version.default_version == Some(true))
            && of(&input.cluster_type, &version.cluster_type)
            && of(&input.status, &version.status)
            && of(&input.version_status, &version.version_status)
            && (!unsupported
                || input.include_all.unwrap_or_default()
                || named.is_some()
                || input.status.is_some()
                || input.version_status.is_some())
    };
    let versions = VERSIONS.iter().map(|version| version.described(now)).filter(wanted).collect();
    Ok(DescribeClusterVersionsOutput { cluster_versions: Some(versions), next_token: None })
}

fn seconds((year, month, day): (i16, i8, i8)) -> i64 {
    let date = Date::new(year, month, day).unwrap_or(Date::ZERO);
    date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp().as_second()).unwrap_or_default()
}
