//! TLS on connections: settings from certificates, and the handshakes of both sides.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::Connection;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::InvalidDnsNameError;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use rustls::sign::SingleCertAndKey;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::TlsConnector;
use tokio_rustls::TlsStream;

use crate::drive::transport::layer::Layer;
use crate::drive::transport::stamped::StampedStream;

/// Tickets that one user keeps to resume with: a server gives two at once.
const TICKETS_KEPT: usize = 2;

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
    /// A certificate of our own can't be made.
    #[error("making a certificate")]
    Made(#[source] rcgen::Error),
}

impl TlsError {
    /// Returns whether it is the key that can't be read.
    pub fn is_of_key(&self) -> bool {
        matches!(self, Self::Key(_))
    }
}

/// Settings for the side that clients connect to.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

/// Whom to trust, and who to be, in PEM.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Certificates of the authorities that vouch for servers; none for the system's.
    pub authorities: Option<Vec<u8>>,
    /// The certificate that clients show, and its key.
    pub identity: Option<ClientIdentity>,
}

/// The certificate that a client shows, and its key, in PEM.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The chain, the client's own first.
    pub certificates: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key is nobody's to read.
        f.write_str("ClientIdentity")
    }
}

/// Settings for the side that connects.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What one user keeps between its connections: its tickets and its certificate.
#[derive(Clone, Debug)]
pub struct ClientMemory(Arc<ClientConfig>);

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

    /// Begins a connection that a client has made.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the settings.
    pub fn begin(&self) -> Result<Layer, rustls::Error> {
        let connection = ServerConnection::new(Arc::clone(&self.0))?;
        Ok(Connection::Server(connection).into())
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
    /// Returns settings to reach `host`, whose certificate must be vouched for as `trust` says. No connection resumes another's session.
    ///
    /// # Errors
    ///
    /// When the authorities or the client's own certificate can't be read, the system has no authorities, or no certificate can be
    /// for such a host.
    pub fn new(host: &str, trust: &Trust) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(authorities) = &trust.authorities {
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
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Refused)?
            .with_root_certificates(roots);
        let mut config = match &trust.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.read()?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(TlsError::Refused)?
            }
        };
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(host.to_owned()).map_err(|source| TlsError::Host {
            host: host.to_owned(),
            source,
        })?;
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// Returns the memory of a user who resumes its own sessions, or shows a certificate of its own.
    ///
    /// # Errors
    ///
    /// When the certificate can't be read.
    pub fn memory(
        &self,
        resumes: bool,
        identity: Option<&ClientIdentity>,
    ) -> Result<ClientMemory, TlsError> {
        let mut config = ClientConfig::clone(&self.config);
        if resumes {
            config.resumption = Resumption::in_memory_sessions(TICKETS_KEPT);
        }
        if let Some(identity) = identity {
            let (chain, key) = identity.read()?;
            let key = config.crypto_provider().key_provider.load_private_key(key);
            let key = CertifiedKey::new(chain, key.map_err(TlsError::Refused)?);
            config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
        }
        Ok(ClientMemory(Arc::new(config)))
    }

    /// Begins a connection, with what its user remembers.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the settings.
    pub fn begin(&self, memory: Option<&ClientMemory>) -> Result<Layer, rustls::Error> {
        let config = memory.map_or(&self.config, |memory| &memory.0);
        let connection = ClientConnection::new(Arc::clone(config), self.name.clone())?;
        Ok(Connection::Client(connection).into())
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

impl ClientIdentity {
    /// Checks that it can be shown.
    ///
    /// # Errors
    ///
    /// When the certificates or the key can't be read, or do not belong together.
    pub fn check(&self) -> Result<(), TlsError> {
        ServerTls::new(&self.certificates, &self.key).map(drop)
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = read_certificates(&self.certificates)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(TlsError::Key)?;
        Ok((chain, key))
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
        let trust = Trust {
            authorities: Some(b"leaves".to_vec()),
            identity: None,
        };
        let error = ClientTls::new("irc.example", &trust).map(drop);
        assert!(matches!(error, Err(TlsError::NoCertificate)));
    }
}
