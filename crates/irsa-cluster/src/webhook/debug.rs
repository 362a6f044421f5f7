//! `/debug/alpha/cache`: what is known of ServiceAccounts, in the shape that amazon-eks-pod-identity-webhook's
//! `--enable-debugging-handlers` gives it. On the metrics port alone: there are neither tokens nor secrets in it, but the names of
//! everybody's roles.
//!
//! Its `/debug/alpha/cache/clear`, `/debug/alpha/deny` and `/debug/alpha/500` are not here: they make a webhook lose pods.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;

use super::Webhook;
use crate::accounts::Known;
use crate::connections::answer::{Answer, answer, text};

pub(super) const CACHE: &str = "/debug/alpha/cache";

/// With upstream's names, which are Go's fields.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "RoleARN")]
    role_arn: &'a str,
    #[serde(rename = "Audience")]
    audience: &'a str,
    #[serde(rename = "UseRegionalSTS")]
    regional_sts: bool,
    #[serde(rename = "TokenExpiration")]
    token_expiration: i64,
}

impl Webhook {
    /// `NAMESPACE/NAME` to what its annotations say, or the flags where they say nothing. Roles are as annotated.
    pub(super) fn cache_as_json(&self) -> Answer {
        let settings = &self.options.settings;
        let known = self.cache.known();
        let entries: BTreeMap<String, Entry<'_>> = known
            .iter()
            .map(|Known { namespace, name, facts }| {
                let entry = Entry {
                    role_arn: facts.role_arn.as_deref().unwrap_or_default(),
                    audience: facts.audience.as_deref().unwrap_or(&settings.audience),
                    regional_sts: facts.regional_sts.unwrap_or(settings.regional_sts),
                    token_expiration: facts.token_expiration.unwrap_or(settings.token_expiration),
                };
                (format!("{namespace}/{name}"), entry)
            })
            .collect();
        match serde_json::to_vec_pretty(&entries) {
            Ok(json) => answer(StatusCode::OK, "application/json", json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }
}
