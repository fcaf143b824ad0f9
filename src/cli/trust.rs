//! Flags about TLS: whom to trust, and who to be.

use std::error::Error as _;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::files;
use crate::drive::transport::tls::ClientIdentity;
use crate::drive::transport::tls::ServerTls;
use crate::drive::transport::tls::TlsError;
use crate::drive::transport::tls::Trust;
use crate::place::Misread;
use crate::place::Place;

/// What a target is trusted by over TLS, and what it is shown.
#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    /// Trust these authorities (PEM) for an ircs:// target [default: the system's].
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// Certificate (PEM) that clients show, as SASL EXTERNAL needs it.
    #[arg(long, value_name = "PEM", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

/// Who this program is to those who connect to it over TLS.
#[derive(Debug, Args)]
pub(crate) struct ServerTlsArguments {
    /// Speak TLS with clients, by this chain of certificates (PEM).
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the first certificate (PEM).
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TrustArguments {
    /// Reads the files.
    pub(crate) fn read(&self) -> Result<Trust, Error> {
        let identity = match (&self.client_cert, &self.client_key) {
            (Some(certificates), Some(key)) => Some(read_identity(certificates, key)?),
            _ => None,
        };
        let authorities = self.ca.as_deref().map(read).transpose()?;
        Ok(Trust {
            authorities,
            identity,
        })
    }
}

impl ServerTlsArguments {
    /// Reads the files; `None` where there is no TLS.
    pub(crate) fn read(&self) -> Result<Option<ServerTls>, Error> {
        let (Some(certificates), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let tls = ServerTls::new(&read(certificates)?, &read(key)?);
        tls.map(Some)
            .map_err(|error| misread_pair(&error, certificates, key))
    }
}

/// Reads a client's certificate and its key.
pub(crate) fn read_identity(certificates: &Path, key: &Path) -> Result<ClientIdentity, Error> {
    let identity = ClientIdentity {
        certificates: read(certificates)?,
        key: read(key)?,
    };
    match identity.check() {
        Ok(()) => Ok(identity),
        Err(error) => Err(misread_pair(&error, certificates, key)),
    }
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::file("read", files::shown(path), source))
}

/// Returns the error of a file that TLS can't be set up with.
pub(crate) fn misread(error: &TlsError, path: &Path) -> Error {
    let mut what = error.to_string();
    if let Some(source) = error.source() {
        // Writing to a String cannot fail.
        let _ = write!(what, ": {source}");
    }
    Misread::new(what, Place::file(files::shown(path))).into()
}

/// Only the key's own error is the key's; that the two do not belong together is told at the certificate.
fn misread_pair(error: &TlsError, certificates: &Path, key: &Path) -> Error {
    let file = if error.is_of_key() { key } else { certificates };
    misread(error, file)
}
