//! What is to be registered, from flags, files and the cluster itself.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_cluster::api_server::KubeconfigContext;
use irsa_cluster::issuer::keys::{self, IssuerKey};
use irsa_cluster::issuer::live::{self, LiveError};
use irsa_token::jwks::MAX_BYTES;
use serde_json::{Map, Value, json};

use crate::cli::cluster::Register;
use crate::error::CliError;
use crate::input;
use crate::kubernetes::unanswered;
use crate::output::{note, visible};

/// A cluster that others run.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    pub(super) issuer: String,
    /// None where they are to be fetched.
    pub(super) keys: Option<Vec<IssuerKey>>,
    /// The URL of its API server.
    pub(super) endpoint: Option<String>,
    /// The certificate authorities behind it, in PEM.
    authority: Option<String>,
}

impl Source {
    pub(super) async fn of(arguments: &Register) -> Result<Self, CliError> {
        if arguments.from_kubeconfig {
            return Self::of_cluster(arguments).await;
        }
        let context = &arguments.context;
        for (flag, given) in
            [("--kubeconfig", context.kubeconfig.is_some()), ("--context", context.context.is_some())]
        {
            if given {
                return Err(CliError::usage(
                    "IRSA-X036",
                    format!("{flag} names a cluster that is not asked"),
                )
                .with_fix("add --from-kubeconfig"));
            }
        }
        // The command line demands one where there is no cluster to ask.
        let issuer = checked(arguments.issuer.clone().unwrap_or_default())?;
        let keys = arguments.jwks.as_deref().map(read_keys).transpose()?;
        Ok(Self { issuer, keys, endpoint: None, authority: None })
    }

    async fn of_cluster(arguments: &Register) -> Result<Self, CliError> {
        let flags = &arguments.context;
        let context = KubeconfigContext::read(flags.kubeconfig.as_deref(), flags.context.as_deref())
            .map_err(|error| CliError::usage("IRSA-X028", error.to_string()))?;
        if flags.context.is_none() {
            note(&visible(&format!("the current context is `{}`, at {}", context.name, context.server)));
        }
        let live = live::read(&flags.connect().await?).await.map_err(|error| match error {
            LiveError::Api(error) if error.code() == Some(404) => CliError::no(
                "IRSA-X036",
                "the cluster publishes no issuer: its --service-account-issuer is no https:// URL",
            )
            .with_fix("give the API server an issuer that is: `irsa issuer plan` prints how"),
            LiveError::Api(error) => unanswered(&error),
            error => CliError::undecided("IRSA-X036", error.to_string()),
        })?;
        let issuer = checked(live.issuer)?;
        if let Some(asked) = arguments.issuer.as_ref().filter(|asked| **asked != issuer) {
            return Err(CliError::no(
                "IRSA-X036",
                format!("the cluster's issuer is {}, not {asked}", visible(&issuer)),
            )
            .with_fix("leave --issuer out: it is the cluster's"));
        }
        // Other schemes are of no use to anybody but this machine.
        let endpoint = Some(context.server).filter(|server| server.starts_with("https://"));
        let authority = context.certificate_authority.filter(|_| endpoint.is_some());
        Ok(Self { issuer, keys: Some(live.keys), endpoint, authority })
    }

    /// The request.
    pub(super) fn body(&self, name: &str) -> Value {
        let mut body = Map::new();
        body.insert("name".to_owned(), name.into());
        body.insert("identity".to_owned(), json!({"oidc": {"issuer": self.issuer}}));
        if let Some(keys) = &self.keys {
            let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
            body.insert("jwks".to_owned(), json!({"keys": keys}));
        }
        if let Some(endpoint) = &self.endpoint {
            body.insert("endpoint".to_owned(), endpoint.as_str().into());
        }
        if let Some(authority) = &self.authority {
            body.insert("certificateAuthority".to_owned(), json!({"data": STANDARD.encode(authority)}));
        }
        Value::Object(body)
    }
}

fn checked(issuer: String) -> Result<String, CliError> {
    match irsa_token::provider_name(&issuer) {
        Ok(_name) => Ok(issuer),
        Err(error) => {
            Err(CliError::usage("IRSA-X036", format!("`{}` can be no issuer: {error}", visible(&issuer)))
                .with_fix("it is the `iss` of the cluster's tokens: `irsa token inspect` shows it"))
        }
    }
}

fn read_keys(file: &Path) -> Result<Vec<IssuerKey>, CliError> {
    let unusable = |cause: &dyn std::fmt::Display| {
        CliError::usage("IRSA-X036", format!("{} cannot be used: {cause}", file.display()))
            .with_fix("give the output of `kubectl get --raw /openid/v1/jwks`, or the control plane's sa.pub")
    };
    let text = input::read(file, MAX_BYTES).map_err(|error| unusable(&error))?;
    keys::read(&text).map_err(|error| unusable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_what_is_known() {
        let source = Source {
            issuer: "https://kubernetes.default.svc".to_owned(),
            keys: None,
            endpoint: None,
            authority: None,
        };
        let identity = json!({"oidc": {"issuer": "https://kubernetes.default.svc"}});
        assert_eq!(source.body("kind"), json!({"name": "kind", "identity": identity}));
        let key = IssuerKey { kid: "a".to_owned(), algorithm: "ES256".to_owned(), jwk: json!({"kid": "a"}) };
        let source = Source {
            keys: Some(vec![key]),
            endpoint: Some("https://a:6443".to_owned()),
            authority: Some("PEM".to_owned()),
            ..source
        };
        let body = source.body("kind");
        assert_eq!(body.get("jwks"), Some(&json!({"keys": [{"kid": "a"}]})));
        assert_eq!(body.pointer("/certificateAuthority/data"), Some(&json!("UEVN")));
    }

    #[test]
    fn what_sts_takes_for_no_issuer_is_refused() {
        for issuer in ["", "http://issuer.example", "https://", "https://a?b", "issuer.example"] {
            assert_eq!(checked(issuer.to_owned()).unwrap_err().code, "IRSA-X036", "{issuer}");
        }
    }
}
