//! What a kube-apiserver has to be told, in the words of the tool that installs it.
//!
//! The flags are Kubernetes': the first `--service-account-issuer` signs, all are accepted; every `--service-account-key-file`
//! verifies. The audience of AWS is never added to `--api-audiences`: a token for STS must not open the API server.

/// A tool that installs clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// `ClusterConfiguration` of kubeadm.
    Kubeadm,
    /// `/etc/rancher/k3s/config.yaml`.
    K3s,
    /// A `Cluster` of kind.
    Kind,
    /// A machine configuration of Talos.
    Talos,
    /// A `Cluster` of kOps.
    Kops,
}

impl Distribution {
    /// All, with their names.
    pub const ALL: [(&'static str, Distribution); 5] = [
        ("kubeadm", Distribution::Kubeadm),
        ("k3s", Distribution::K3s),
        ("kind", Distribution::Kind),
        ("talos", Distribution::Talos),
        ("kops", Distribution::Kops),
    ];
}

/// The part of the tool's configuration that makes `issuer` the issuer of the cluster's tokens. `previous` stays accepted.
#[must_use]
pub fn configuration(distribution: Distribution, issuer: &str, previous: Option<&str>) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let jwks = format!("{base}{}", irsa_token::discovery::JWKS_PATH);
    let issuers: Vec<&str> = std::iter::once(issuer).chain(previous).collect();
    match distribution {
        Distribution::Kubeadm => kubeadm(&issuers, &jwks),
        Distribution::Kind => {
            let patch = format!("kind: ClusterConfiguration\n{}", kubeadm(&issuers, &jwks));
            let patch: String = patch.lines().map(|line| format!("          {line}\n")).collect();
            format!(
                "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: control-plane\n    kubeadmConfigPatches:\n      - |\n{patch}"
            )
        }
        Distribution::K3s => {
            let issuers: String =
                issuers.iter().map(|issuer| format!("  - service-account-issuer={issuer}\n")).collect();
            format!("kube-apiserver-arg:\n{issuers}  - service-account-jwks-uri={jwks}\n")
        }
        Distribution::Talos => {
            let more: String = issuers.iter().skip(1).map(|issuer| format!("        - {issuer}\n")).collect();
            if more.is_empty() {
                format!(
                    "cluster:\n  apiServer:\n    extraArgs:\n      service-account-issuer: {issuer}\n      service-account-jwks-uri: {jwks}\n"
                )
            } else {
                format!(
                    "cluster:\n  apiServer:\n    extraArgs:\n      service-account-issuer:\n        - {issuer}\n{more}      service-account-jwks-uri: {jwks}\n"
                )
            }
        }
        Distribution::Kops => {
            let more: String = issuers.iter().skip(1).map(|issuer| format!("      - {issuer}\n")).collect();
            let more = if more.is_empty() {
                String::new()
            } else {
                format!("    additionalServiceAccountIssuers:\n{more}")
            };
            format!(
                "spec:\n  kubeAPIServer:\n    serviceAccountIssuer: {issuer}\n{more}    serviceAccountJWKSURI: {jwks}\n"
            )
        }
    }
}

/// `extraArgs` of kubeadm's v1beta4, which takes a name more than once.
fn kubeadm(issuers: &[&str], jwks: &str) -> String {
    let issuers: String = issuers
        .iter()
        .map(|issuer| format!("    - name: service-account-issuer\n      value: {issuer}\n"))
        .collect();
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\napiServer:\n  extraArgs:\n{issuers}    - name: service-account-jwks-uri\n      value: {jwks}\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const NEW: &str = "https://issuer.example.com/c1";
    const OLD: &str = "https://kubernetes.default.svc.cluster.local";

    fn yaml(distribution: Distribution, previous: Option<&str>) -> Value {
        let text = configuration(distribution, NEW, previous);
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[test]
    fn every_configuration_is_yaml_with_issuer_and_keys() {
        for (name, distribution) in Distribution::ALL {
            for previous in [None, Some(OLD)] {
                let text = configuration(distribution, NEW, previous);
                let _: Value = yaml(distribution, previous);
                assert!(
                    text.contains(NEW) && text.contains("https://issuer.example.com/c1/openid/v1/jwks"),
                    "{name}"
                );
                assert_eq!(text.contains(OLD), previous.is_some(), "{name}");
                assert!(!text.contains("sts.amazonaws.com"), "{name}");
            }
        }
    }

    #[test]
    fn the_new_issuer_comes_first() {
        let kubeadm = yaml(Distribution::Kubeadm, Some(OLD));
        assert_eq!(kubeadm["apiServer"]["extraArgs"][0]["value"], NEW);
        assert_eq!(kubeadm["apiServer"]["extraArgs"][1]["value"], OLD);
        assert_eq!(
            yaml(Distribution::K3s, Some(OLD))["kube-apiserver-arg"][0],
            format!("service-account-issuer={NEW}")
        );
        assert_eq!(
            yaml(Distribution::Talos, Some(OLD))["cluster"]["apiServer"]["extraArgs"]["service-account-issuer"]
                [0],
            NEW
        );
        assert_eq!(yaml(Distribution::Kops, Some(OLD))["spec"]["kubeAPIServer"]["serviceAccountIssuer"], NEW);
        let kind = yaml(Distribution::Kind, None);
        let patch = kind["nodes"][0]["kubeadmConfigPatches"][0].as_str().unwrap();
        let patch: Value = serde_saphyr::from_str(patch).unwrap();
        assert_eq!(patch["apiServer"]["extraArgs"][0]["value"], NEW);
    }
}
