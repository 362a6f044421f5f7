//! A role of another account, assumed with the pod's own: an AWS config file that every SDK reads alike.
//!
//! SDKs prefer the pair `AWS_ROLE_ARN` and `AWS_WEB_IDENTITY_TOKEN_FILE` to any profile, so that containers get
//! `AWS_CONFIG_FILE` in its place (AWS SDKs and Tools Reference Guide, "Assume role credential provider").

use super::identity::{Identity, Refusal};
use super::pod::Pod;
use super::settings::Settings;
use super::{Account, TOKEN_FILE};
use crate::annotations::{EXTERNAL_ID, ROLE_ARN, TARGET_ROLE_ARN};

/// STS takes session names of 2 to 64 characters (AssumeRole, RoleSessionName).
const MOST_SESSION_NAME: usize = 64;
/// As above.
const LEAST_SESSION_NAME: usize = 2;

/// The second role of a chain.
pub(super) struct Chain<'a> {
    pub(super) target_role_arn: &'a str,
    /// The AWS config file.
    pub(super) config: String,
}

impl<'a> Chain<'a> {
    /// The pod's annotations win over the ServiceAccount's, each by itself.
    pub(super) fn of(
        pod: &'a Pod<'_>,
        account: &Account<'a>,
        identity: &Identity<'a>,
        settings: &Settings,
    ) -> Result<Option<Self>, Refusal> {
        let prefix = &settings.annotation_prefix;
        let of_pod = |own: &str| pod.annotation(prefix, own).filter(|value| !value.is_empty());
        let of_account = account.facts;
        let target =
            of_pod(TARGET_ROLE_ARN).or(of_account.and_then(|facts| facts.target_role_arn.as_deref()));
        let (Some(target_role_arn), Some(role_arn)) = (target, identity.role_arn.as_deref()) else {
            return Ok(None);
        };
        let external_id = of_pod(EXTERNAL_ID).or(of_account.and_then(|facts| facts.external_id.as_deref()));
        for (own, value) in
            [(ROLE_ARN, Some(role_arn)), (TARGET_ROLE_ARN, Some(target_role_arn)), (EXTERNAL_ID, external_id)]
        {
            if value.is_some_and(|value| value.contains(char::is_control)) {
                return Err(Refusal::Unwritable(format!("{prefix}/{own}")));
            }
        }
        let token_file = in_container(pod, &settings.mount_path, TOKEN_FILE);
        let session = session_name(pod, account.name);
        let external_id = external_id.map(|id| format!("external_id = {id}\n")).unwrap_or_default();
        let config = format!(
            "[profile irsa-source]\n\
             role_arn = {role_arn}\n\
             web_identity_token_file = {token_file}\n\
             role_session_name = {session}\n\
             \n\
             [default]\n\
             role_arn = {target_role_arn}\n\
             source_profile = irsa-source\n\
             role_session_name = {session}\n\
             {external_id}"
        );
        Ok(Some(Self { target_role_arn, config }))
    }
}

/// A file of a volume as the container names it.
pub(super) fn in_container(pod: &Pod<'_>, mount_path: &str, file: &str) -> String {
    let path = format!("{}/{file}", mount_path.trim_end_matches('/'));
    if pod.is_windows() { format!("C:{}", path.replace('/', "\\")) } else { path }
}

/// What a pod's name becomes when it is too long or too short for a session's name; none where it is good, or not yet known.
pub(super) fn adjusted_session_name(name: &str) -> Option<String> {
    match name.len() {
        0 | LEAST_SESSION_NAME..=MOST_SESSION_NAME => None,
        1 => Some(format!("pod-{name}")),
        _ => Some(name.chars().take(MOST_SESSION_NAME).collect()),
    }
}

/// A file cannot name what the API server has yet to make up: there, it is the name's beginning or the ServiceAccount's name.
fn session_name(pod: &Pod<'_>, service_account: &str) -> String {
    let known = [pod.name(), pod.generate_name().trim_end_matches(['-', '.']), service_account];
    let name = known.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    adjusted_session_name(name).unwrap_or_else(|| name.to_owned())
}
