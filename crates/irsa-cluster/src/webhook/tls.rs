//! The server's side of handshakes: versions and cipher suites by the names that Go's `crypto/tls` has for them, since these
//! are what upstream's flags take.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::certificates::Current;

/// What may be negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The lowest version.
    pub least: TlsVersion,
    /// Go's names of cipher suites; empty is all that are supported.
    pub cipher_suites: Vec<String>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { least: TlsVersion::Tls12, cipher_suites: Vec::new() }
    }
}

/// A version of TLS. Lower ones are not supported (RFC 8996 forbids them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

/// Why options cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsOptionsError {
    /// None of the suites is supported.
    #[error("none of the cipher suites is supported: {0}")]
    NoSuite(String),
    /// The TLS library refuses the combination.
    #[error("these TLS options do not go together: {0}")]
    Refused(#[from] rustls::Error),
}

/// Go's names of the suites that there are.
const SUITES: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_AES_128_GCM_SHA256", cipher_suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", cipher_suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// The configuration of a server whose certificate is always `current`.
///
/// # Errors
/// [`TlsOptionsError`]
pub fn server_config(
    options: &TlsOptions,
    current: Arc<Current>,
) -> Result<Arc<ServerConfig>, TlsOptionsError> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    if !options.cipher_suites.is_empty() {
        provider.cipher_suites = suites(&options.cipher_suites)?;
    }
    let versions: &[&SupportedProtocolVersion] = match options.least {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::<CryptoProvider>::new(provider))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// As with Go, a list says nothing about TLS 1.3, whose suites are always there.
fn suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, TlsOptionsError> {
    let mut chosen = Vec::new();
    for name in names {
        match SUITES.iter().find(|(known, _)| known == name) {
            Some((_, suite)) => chosen.push(*suite),
            None => tracing::warn!(name, "this cipher suite is not supported, and left out"),
        }
    }
    if chosen.is_empty() {
        return Err(TlsOptionsError::NoSuite(names.join(",")));
    }
    let of_13 = SUITES.iter().map(|(_, suite)| *suite).filter(|suite| suite.tls13().is_some());
    for suite in of_13 {
        if !chosen.contains(&suite) {
            chosen.push(suite);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_gos_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let chosen = suites(&names(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_RC4_128_SHA"]));
        assert_eq!(chosen.unwrap().len(), 4, "the one that there is, and those of TLS 1.3");
        assert!(suites(&names(&["TLS_RSA_WITH_RC4_128_SHA"])).is_err());
    }
}
