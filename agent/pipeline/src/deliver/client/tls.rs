//! How a destination is trusted over TLS, and how we show it who we are.
//!
//! Where the configuration names no authority, those of the system are trusted, found as OpenSSL and Go find them
//! (`SSL_CERT_FILE`, `SSL_CERT_DIR`, the usual folders): what an operator installed on a host counts there. A container
//! image with nothing in it but the binary has none; there Mozilla's, which are compiled in, take their place.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::exchange::describe;
use crate::plan::{Pem, Tls};

/// Makes what a TLS connection is begun with. Reads files, so it blocks.
pub(super) fn config(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let all = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let versions = if tls.tls13_only { &all[..1] } else { &all[..] };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = if tls.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        builder.with_root_certificates(match &tls.ca {
            Some(ca) => Arc::new(authorities(ca)?),
            None => system_authorities(),
        })
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate).map_err(|error| format!("client certificate: {error}"))?;
            let key = text(key).and_then(|key| PrivateKeyDer::from_pem_slice(&key).map_err(|error| describe(&error)));
            let key = key.map_err(|error| format!("client key: {error}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("client certificate: {error}"))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn authorities(pem: &Pem) -> Result<RootCertStore, String> {
    let failed = |error: String| format!("certificate authority: {error}");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(failed)? {
        roots.add(certificate).map_err(|error| failed(describe(&error)))?;
    }
    Ok(roots)
}

/// The system's authorities, read once: they are a hundred files.
fn system_authorities() -> Arc<RootCertStore> {
    static AUTHORITIES: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    };
    Arc::clone(AUTHORITIES.get_or_init(read))
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text(pem)?).collect();
    match parsed {
        Ok(none) if none.is_empty() => Err("there is no certificate in it".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(describe(&error)),
    }
}

fn text(pem: &Pem) -> Result<Cow<'_, [u8]>, String> {
    match pem {
        Pem::Inline(text) => Ok(Cow::Borrowed(text.as_bytes())),
        Pem::File(path) => match std::fs::read(path) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) => Err(format!("read {}: {}", path.display(), describe(&error))),
        },
    }
}

/// Trusts every certificate, as `insecure_skip_verify` asks. That the server has its key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
