//! The sink as a TLS server.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Who a server or a client is.
#[derive(Clone)]
pub struct Identity {
    /// Its certificate and those it was signed by, in PEM.
    pub certificates_pem: String,
    /// The certificate's private key, in PEM.
    pub key_pem: String,
    /// A server takes only clients whose certificate was signed by one of these, in PEM; `None` for anybody.
    pub clients_pem: Option<String>,
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
            clients_pem: None,
        }
    }

    /// A client's certificate that signed itself, good until 2124. Its key is public as well.
    pub fn client() -> Self {
        Self {
            certificates_pem: include_str!("client.crt").to_owned(),
            key_pem: include_str!("client.key").to_owned(),
            clients_pem: None,
        }
    }
}

/// Makes what turns connections into TLS connections.
pub(crate) fn acceptor(identity: &Identity) -> io::Result<TlsAcceptor> {
    let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    let certificates = certificates(&identity.certificates_pem).map_err(|error| invalid(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(|error| invalid(&error))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(&error))?;
    let builder = match &identity.clients_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self::certificates(pem).map_err(|error| invalid(&error))?);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| invalid(&error))?)
        }
    };
    let config = builder.with_single_cert(certificates, key).map_err(|error| invalid(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect()
}
