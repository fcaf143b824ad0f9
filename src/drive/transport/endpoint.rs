//! Where a server is and how it is reached: its address, and TLS where it wants it.

use std::net::SocketAddr;

use crate::drive::transport::address::TargetError;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::tls::ClientTls;
use crate::drive::transport::tls::TlsError;
use crate::drive::transport::tls::Trust;

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its address.
    pub address: SocketAddr,
    /// How TLS is to be agreed on; `None` for plain text.
    pub tls: Option<ClientTls>,
}

/// Why a target can't be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It has no address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Endpoint {
    /// Returns a server in plain text.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// Finds a target's address and, over TLS, what to trust.
    ///
    /// # Errors
    ///
    /// When the name has no address, or TLS can't be set up for it.
    pub fn resolve(url: &TargetUrl, trust: &Trust) -> Result<Self, EndpointError> {
        let address = url.resolve()?;
        let tls = if url.is_secure {
            Some(ClientTls::new(&url.host, trust)?)
        } else {
            None
        };
        Ok(Self { address, tls })
    }
}
