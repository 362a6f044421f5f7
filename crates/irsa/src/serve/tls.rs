//! The certificate authority of the data folder, and the server certificate that it signs at every start.
//!
//! Both keys are ECDSA P-256: an RSA handshake costs as much as twenty token checks. The authority lives as long as the data
//! folder, since clients keep its certificate (kubeconfig, `--issuer-ca`, SDK trust stores); the server's certificate is made
//! anew at every start and never stored.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;

use crate::data_folder::DataFolder;
use crate::error::CliError;

/// What the TLS port needs.
pub(super) struct TlsSettings {
    /// The authority's certificate, as PEM.
    pub(super) authority_pem: String,
    /// The server's side of handshakes.
    pub(super) config: Arc<ServerConfig>,
}

/// Reads or makes the authority, and makes a certificate for this machine's names and the issuer's host.
pub(super) fn settings(folder: &DataFolder, issuer_base: &str) -> Result<TlsSettings, CliError> {
    let (authority_pem, authority) = authority(folder)?;
    let key = KeyPair::generate().map_err(unmade)?;
    let mut params =
        CertificateParams::new(vec!["localhost".to_owned(), "*.localhost".to_owned()]).map_err(unmade)?;
    for address in ["127.0.0.1", "::1"] {
        if let Ok(address) = address.parse::<IpAddr>() {
            params.subject_alt_names.push(rcgen::SanType::IpAddress(address));
        }
    }
    if let Some(name) = issuer_host(issuer_base) {
        params.subject_alt_names.push(name);
    }
    params.distinguished_name = named("OpenIRSA server");
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority).map_err(unmade)?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(unmade)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unmade)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(unmade)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsSettings { authority_pem, config: Arc::new(config) })
}

fn authority(folder: &DataFolder) -> Result<(String, Issuer<'static, KeyPair>), CliError> {
    let stored = fs::read_to_string(folder.path().join("ca.pem"))
        .and_then(|pem| Ok((pem, fs::read_to_string(folder.path().join("ca.key"))?)));
    if let Ok((pem, key_pem)) = stored {
        let key = KeyPair::from_pem(&key_pem).map_err(unreadable)?;
        return Ok((pem, Issuer::new(authority_params(), key)));
    }
    let key = KeyPair::generate().map_err(unmade)?;
    let params = authority_params();
    let certificate = params.self_signed(&key).map_err(unmade)?;
    let pem = certificate.pem();
    folder.write("ca.key", 0o600, key.serialize_pem().as_bytes())?;
    folder.write("ca.pem", 0o644, pem.as_bytes())?;
    Ok((pem, Issuer::new(params, key)))
}

/// The same at every start, so that the key alone has to be read back.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("OpenIRSA certificate authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn issuer_host(issuer_base: &str) -> Option<rcgen::SanType> {
    match url::Url::parse(issuer_base).ok()?.host()? {
        url::Host::Domain("localhost") => None,
        url::Host::Domain(name) => Some(rcgen::SanType::DnsName(name.to_owned().try_into().ok()?)),
        url::Host::Ipv4(address) => Some(rcgen::SanType::IpAddress(address.into())),
        url::Host::Ipv6(address) => Some(rcgen::SanType::IpAddress(address.into())),
    }
}

fn unmade(error: impl std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-X008", format!("the TLS certificate could not be made: {error}"))
}

fn unreadable(error: impl std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-X008", format!("ca.pem or ca.key in the data folder cannot be read: {error}"))
        .with_fix("restore both, or remove both to get a new authority (clients must then trust it anew)")
}
