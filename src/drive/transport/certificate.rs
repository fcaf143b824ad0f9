//! A certificate that is made for one run, vouches for itself, and goes with it.

use std::net::IpAddr;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use rcgen::SanType;

use crate::drive::transport::tls::ServerTls;
use crate::drive::transport::tls::TlsError;

/// A certificate and its key.
pub struct OwnCertificate {
    /// In PEM.
    certificate: String,
    /// In PEM.
    key: String,
    der: Vec<u8>,
}

impl OwnCertificate {
    /// Makes one for servers at `hosts`.
    ///
    /// # Errors
    ///
    /// When the system has no randomness for a key.
    pub fn make(hosts: &[IpAddr]) -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = hosts.iter().copied().map(SanType::IpAddress).collect();
        let key = KeyPair::generate().map_err(TlsError::Made)?;
        let certificate = params.self_signed(&key).map_err(TlsError::Made)?;
        Ok(Self {
            der: certificate.der().to_vec(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Returns the settings of a server that shows it.
    ///
    /// # Errors
    ///
    /// As [`ServerTls::new`].
    pub fn server(&self) -> Result<ServerTls, TlsError> {
        ServerTls::new(self.certificate.as_bytes(), self.key.as_bytes())
    }

    /// Returns it in PEM, without the key.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// Returns it in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A key is nobody's to read.
        f.write_str("OwnCertificate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::transport::tls::ClientTls;
    use crate::drive::transport::tls::Trust;

    #[test]
    fn a_server_can_show_it_and_a_client_trust_it() {
        let own = OwnCertificate::make(&["::1".parse().unwrap()]).unwrap();
        own.server().unwrap();
        let trust = Trust {
            authorities: Some(own.pem().as_bytes().to_vec()),
            identity: None,
        };
        ClientTls::new("::1", &trust).unwrap();
        let again = OwnCertificate::make(&[]).unwrap();
        assert_ne!(own.der(), again.der());
    }
}
