//! The webhook's serving certificate: where it comes from, and how it changes without a connection being dropped.
//!
//! [`Current`] is what handshakes use, and what readiness asks about. [`files`] keeps it as two files have it, [`managed`]
//! makes it, with an authority of our own that the API server is told to trust.

mod authority;
pub mod files;
mod lease;
pub mod managed;
mod validity;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use validity::Validity;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{file}: {cause}")]
    File {
        /// Which.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The certificate is no PEM, or holds none.
    #[error("no certificate can be read: {0}")]
    Certificate(String),
    /// The key is no PEM, or holds none.
    #[error("no private key can be read: {0}")]
    Key(String),
    /// They do not belong together, or the key is of a kind that is not supported.
    #[error("certificate and key cannot be used: {0}")]
    Mismatch(String),
}

/// A certificate chain with its key.
#[derive(Debug)]
pub struct Serving {
    key: Arc<CertifiedKey>,
    /// When the first certificate is valid.
    pub validity: Validity,
}

impl Serving {
    /// Reads a chain and its key, both PEM, and checks that they belong together.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Certificate(error.to_string()))?;
        let first = chain.first().ok_or_else(|| CertificateError::Certificate("there is none".to_owned()))?;
        let validity = Validity::of(first)
            .ok_or_else(|| CertificateError::Certificate("it is no X.509 certificate".to_owned()))?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateError::Key(error.to_string()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| CertificateError::Mismatch(error.to_string()))?;
        Ok(Self { key: Arc::new(key), validity })
    }
}

/// The certificate that handshakes use now.
#[derive(Debug, Default)]
pub struct Current {
    serving: ArcSwapOption<Serving>,
}

impl Current {
    /// Uses `serving` from the next handshake on. Connections that are open stay open.
    pub fn replace(&self, serving: Serving) {
        self.serving.store(Some(Arc::new(serving)));
    }

    /// When the certificate is valid; none while there is no certificate.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.serving.load().as_ref().map(|serving| serving.validity)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.serving.load().as_ref().map(|serving| Arc::clone(&serving.key))
    }
}
