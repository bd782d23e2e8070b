//! The sink as a TLS server.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Who a server is.
#[derive(Clone)]
pub struct Identity {
    /// Its certificate and those it was signed by, in PEM.
    pub certificates_pem: String,
    /// The certificate's private key, in PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for Identity {
    /// Leaves the key out.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// A certificate for `localhost` and `127.0.0.1` that signed itself, good until 2124. Its key is public: for tests
    /// only.
    pub fn loopback() -> Self {
        Self {
            certificates_pem: include_str!("loopback.crt").to_owned(),
            key_pem: include_str!("loopback.key").to_owned(),
        }
    }
}

/// Makes what turns connections into TLS connections.
pub(crate) fn acceptor(identity: &Identity) -> io::Result<TlsAcceptor> {
    let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    let certificates = CertificateDer::pem_slice_iter(identity.certificates_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(|error| invalid(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| invalid(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
