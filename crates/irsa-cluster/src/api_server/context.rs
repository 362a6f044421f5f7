//! What a kubeconfig file says about a context, beside how to reach it: for people, and for who passes a cluster on.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{ConnectError, kubeconfig, unusable};
use crate::certificates::Validity;

/// A context of a kubeconfig file (Kubernetes, "Organizing Cluster Access Using kubeconfig Files").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeconfigContext {
    /// Its name.
    pub name: String,
    /// The namespace that kubectl would use with it; none is `default`.
    pub namespace: Option<String>,
    /// The URL of the API server.
    pub server: String,
    /// The certificate authorities of the API server in PEM; none where the system's are used.
    pub certificate_authority: Option<String>,
    /// When the client certificate of the context's user ends, in seconds since the epoch; none where there is none that can be
    /// read. API servers do not say that it has ended: they answer 401, or nothing at all.
    pub client_certificate_ends: Option<i64>,
}

impl KubeconfigContext {
    /// Reads it as kubectl finds it: from the file, or from `$KUBECONFIG` or `~/.kube/config`; without a name, the current
    /// context.
    ///
    /// # Errors
    /// When there is no such file or context, or it names a cluster that the file does not have.
    pub fn read(file: Option<&Path>, name: Option<&str>) -> Result<Self, ConnectError> {
        let config = kubeconfig(file)?;
        let wrong = |cause: String| unusable(file, &cause);
        let name = name.map(str::to_owned).or_else(|| config.current_context.clone());
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| wrong("it has no current-context, and no context was named".to_owned()))?;
        let context = config.contexts.iter().find(|known| known.name == name);
        let context = context
            .and_then(|known| known.context.as_ref())
            .ok_or_else(|| wrong(format!("it has no context `{name}`")))?;
        let cluster = config.clusters.iter().find(|known| known.name == context.cluster);
        let cluster = cluster.and_then(|known| known.cluster.as_ref()).ok_or_else(|| {
            wrong(format!(
                "its context `{name}` names the cluster `{}`, which it does not have",
                context.cluster
            ))
        })?;
        let server = cluster
            .server
            .clone()
            .ok_or_else(|| wrong(format!("its cluster `{}` has no server", context.cluster)))?;
        let authority = data(&cluster.certificate_authority_data, &cluster.certificate_authority).transpose();
        let authority = authority
            .and_then(|pem| pem.map(String::from_utf8).transpose().map_err(|error| error.to_string()))
            .map_err(|cause| wrong(format!("the certificate authority of `{}`: {cause}", context.cluster)))?;
        let user = config.auth_infos.iter().find(|known| Some(&known.name) == context.user.as_ref());
        let user = user.and_then(|known| known.auth_info.as_ref());
        Ok(Self {
            name,
            namespace: context.namespace.clone(),
            server,
            certificate_authority: authority,
            client_certificate_ends: user.and_then(certificate_ends),
        })
    }
}

/// Base64 in the file itself, or else the content of the file that it names.
fn data(inline: &Option<String>, path: &Option<String>) -> Option<Result<Vec<u8>, String>> {
    match (inline, path) {
        (Some(inline), _) => Some(STANDARD.decode(inline.trim()).map_err(|error| error.to_string())),
        (None, Some(path)) => Some(std::fs::read(path).map_err(|error| format!("{path}: {error}"))),
        (None, None) => None,
    }
}

fn certificate_ends(user: &AuthInfo) -> Option<i64> {
    let pem = data(&user.client_certificate_data, &user.client_certificate)?.ok()?;
    let certificate = CertificateDer::pem_slice_iter(&pem).next()?.ok()?;
    Validity::of(&certificate).map(|validity| validity.not_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: a, user: u, namespace: team}}
- {name: two, context: {cluster: b, user: u}}
- {name: broken, context: {cluster: none, user: u}}
clusters:
- {name: a, cluster: {server: 'https://a:6443', certificate-authority-data: LS0tCg==}}
- {name: b, cluster: {server: 'https://b', certificate-authority: ca.pem}}
users:
- {name: u, user: {}}
";

    #[test]
    fn contexts_are_found_as_kubectl_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, CONFIG).unwrap();
        std::fs::write(folder.path().join("ca.pem"), "PEM").unwrap();
        let context = |name: &str, namespace: Option<&str>, server: &str, pem: &str| KubeconfigContext {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            server: server.to_owned(),
            certificate_authority: Some(pem.to_owned()),
            client_certificate_ends: None,
        };
        let read = |name| KubeconfigContext::read(Some(&file), name);
        assert_eq!(read(None).unwrap(), context("one", Some("team"), "https://a:6443", "---\n"));
        assert_eq!(read(Some("two")).unwrap(), context("two", None, "https://b", "PEM"));
        for (name, part) in [("three", "no context `three`"), ("broken", "`none`, which it does not have")] {
            let error = read(Some(name)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        std::fs::write(&file, CONFIG.replace("current-context: one", "")).unwrap();
        assert!(read(None).unwrap_err().to_string().contains("no current-context"));
    }
}
