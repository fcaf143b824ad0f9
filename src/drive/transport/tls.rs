//! TLS on connections: settings from certificates, and the handshakes of both sides.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::InvalidDnsNameError;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::TlsConnector;
use tokio_rustls::TlsStream;

use crate::drive::transport::stamped::StampedStream;

/// Why TLS can't be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file holds no certificate.
    #[error("expected a certificate in PEM, found none")]
    NoCertificate,
    /// A certificate can't be read.
    #[error("expected certificates in PEM")]
    Certificate(#[source] pem::Error),
    /// A private key can't be read.
    #[error("expected a private key in PEM")]
    Key(#[source] pem::Error),
    /// The system has no certificates to trust.
    #[error("expected the system's certificates of authorities, found none")]
    NoRoots,
    /// A host can't be named in a certificate.
    #[error("expected a host name or an address, found `{host}`")]
    Host {
        /// The host.
        host: String,
        /// Why.
        source: InvalidDnsNameError,
    },
    /// A key is not that of its certificate, or a certificate serves no purpose here.
    #[error("expected a certificate and its key")]
    Refused(#[source] rustls::Error),
}

/// Settings for the side that clients connect to.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

/// Settings for the side that connects.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl ServerTls {
    /// Returns settings with this chain of certificates and the key of its first.
    ///
    /// # Errors
    ///
    /// When one of them can't be read, or they do not belong together.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = read_certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Refused)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Refused)?;
        Ok(Self(Arc::new(config)))
    }

    /// Agrees with a client on TLS.
    ///
    /// # Errors
    ///
    /// When they do not agree, or the connection ends.
    pub async fn accept(&self, stream: StampedStream) -> io::Result<TlsStream<StampedStream>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0));
        Ok(TlsStream::Server(acceptor.accept(stream).await?))
    }
}

impl ClientTls {
    /// Returns settings to reach `host`, whose certificate is trusted if one of `authorities` (PEM) vouches for it, or one of
    /// the system's where none are given.
    ///
    /// # Errors
    ///
    /// When the authorities can't be read, the system has none, or no certificate can be for such a host.
    pub fn new(host: &str, authorities: Option<&[u8]>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(authorities) = authorities {
            for certificate in read_certificates(authorities)? {
                roots.add(certificate).map_err(TlsError::Refused)?;
            }
        } else {
            // Some systems hold one that can't be read beside all that can.
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err(TlsError::NoRoots);
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Refused)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|source| TlsError::Host {
            host: host.to_owned(),
            source,
        })?;
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// Agrees with a server on TLS, and on who it is.
    ///
    /// # Errors
    ///
    /// When they do not agree, the server's certificate is not trusted, or the connection ends.
    pub async fn connect(&self, stream: StampedStream) -> io::Result<TlsStream<StampedStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await?;
        Ok(TlsStream::Client(stream))
    }
}

fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(TlsError::Certificate)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_named() {
        let told = |pem: &[u8]| ServerTls::new(pem, b"").map(drop).unwrap_err().to_string();
        assert_eq!(told(b"leaves"), "expected a certificate in PEM, found none");
        let cut = b"-----BEGIN CERTIFICATE-----\nMIIB\n";
        assert_eq!(told(cut), "expected certificates in PEM");
        let error = ClientTls::new("irc.example", Some(b"leaves")).map(drop);
        assert!(matches!(error, Err(TlsError::NoCertificate)));
    }
}
