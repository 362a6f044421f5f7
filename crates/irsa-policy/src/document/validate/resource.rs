//! The ARNs under `Resource` and `NotResource`.

use super::{LEGACY, problem};
use crate::document::path::Path;
use crate::document::{Clause, PolicyType, Problem};

/// What the "legacy parsing" refuses: an ARN that is cut off after an empty part, or without a service. It looks only at
/// ARNs whose format is fine otherwise.
pub(super) fn legacy(clause: Option<&Clause>, path: Path<'_>) -> Result<(), Problem> {
    let Some(clause) = clause else { return Ok(()) };
    for text in &clause.values {
        let value = text.value.as_str();
        if value == "*" || format_of(value).is_some() {
            continue;
        }
        let is_cut = value.matches(':').count() < 5 && value.contains("::");
        let is_nameless = value.split(':').nth(2).is_none_or(str::is_empty);
        if is_cut || is_nameless {
            let reason = format!("`{value}` is no ARN: arn:partition:service:region:account:resource");
            return Err(problem(LEGACY, reason, place(clause, path), text.span));
        }
    }
    Ok(())
}

/// The format of the ARNs, in the order of writing.
pub(super) fn formats(clause: Option<&Clause>, path: Path<'_>, kind: PolicyType) -> Result<(), Problem> {
    let Some(clause) = clause else { return Ok(()) };
    for text in &clause.values {
        if let Some(message) = format_of(&text.value) {
            let reason = format!("`{}` does not name a resource", text.value);
            // S3 has one answer to them all.
            let message =
                if kind == PolicyType::Resource { "Policy has invalid resource".to_owned() } else { message };
            return Err(problem(message, reason, place(clause, path), text.span));
        }
    }
    Ok(())
}

fn place(clause: &Clause, path: Path<'_>) -> String {
    format!("{path}.{}", if clause.negated { "NotResource" } else { "Resource" })
}

const IAM_PATHS: &[&str] = &[
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// S3's resources that are of a region and an account (Service Authorization Reference, "Resource types defined by S3").
const S3_REGIONAL: &[&str] =
    &["accesspoint/", "access-grants/", "job/", "storage-lens/", "storage-lens-group/"];

/// AWS's complaint about one resource.
fn format_of(value: &str) -> Option<String> {
    if value == "*" {
        return None;
    }
    let not_an_arn = || Some(format!("Resource {value} must be in ARN format or \"*\"."));
    let Some((scheme, rest)) = value.split_once(':') else { return not_an_arn() };
    let (partition, rest) = split(rest);
    let is_partition = partition == "aws" || partition.starts_with("aws-") || partition.contains('*');
    if !is_partition {
        return Some(format!(
            "Partition \"{partition}\" is not valid for resource \"{}\".",
            padded(partition, rest)
        ));
    }
    if scheme != "arn" {
        return not_an_arn();
    }
    let Some((service, rest)) = rest.map(split).filter(|(service, _)| !service.contains(['*', '?'])) else {
        return Some("Resource vendor must be fully qualified and cannot contain regexes.".to_owned());
    };
    let region = rest.map(split);
    let has_region = region.is_none_or(|(region, _)| !region.is_empty());
    match service {
        "iam" if has_region => Some(format!("IAM resource {value} cannot contain region information.")),
        "s3" if has_region && !is_regional(region) => {
            Some(format!("Resource {value} can not contain region information."))
        }
        "iam" => {
            let path = region.and_then(|(_, rest)| rest.map(split)).and_then(|(_, rest)| rest).unwrap_or("*");
            let is_known = path == "*" || IAM_PATHS.iter().any(|known| path.starts_with(known));
            (!is_known).then(|| {
                format!("IAM resource path must either be \"*\" or start with {}.", IAM_PATHS.join(", "))
            })
        }
        _ => None,
    }
}

/// Whether what follows the service is the rest of an ARN of [`S3_REGIONAL`].
fn is_regional(region: Option<(&str, Option<&str>)>) -> bool {
    let resource = region.and_then(|(_, rest)| rest.map(split)).and_then(|(_, resource)| resource);
    resource.is_some_and(|resource| S3_REGIONAL.iter().any(|kind| resource.starts_with(kind)))
}

/// The ARN as AWS repeats it: missing parts are `*`.
fn padded(partition: &str, rest: Option<&str>) -> String {
    let mut parts: Vec<&str> =
        rest.filter(|rest| !rest.is_empty()).map(|rest| rest.splitn(4, ':').collect()).unwrap_or_default();
    parts.resize(4, "*");
    format!("arn:{partition}:{}", parts.join(":"))
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((part, rest)) => (part, Some(rest)),
        None => (text, None),
    }
}
