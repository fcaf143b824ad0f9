//! Where a shard's users connect to, and what each remembers of its TLS sessions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::drive::transport::endpoint::Endpoint;
use crate::drive::transport::layer::Layer;
use crate::drive::transport::tls::ClientIdentity;
use crate::drive::transport::tls::ClientMemory;
use crate::drive::transport::tls::TlsError;
use crate::units::id::UserId;

/// The servers of a target, and the users' memories of them.
pub(crate) struct Handshakes {
    servers: Vec<Endpoint>,
    resumes: bool,
    /// The certificate of each user, where users have their own.
    identities: Arc<Vec<Option<ClientIdentity>>>,
    /// Made at a user's first connection; none where there is nothing to remember.
    memories: HashMap<UserId, ClientMemory>,
}

impl Handshakes {
    pub(crate) fn new(
        servers: Vec<Endpoint>,
        resumes: bool,
        identities: Arc<Vec<Option<ClientIdentity>>>,
    ) -> Self {
        Self {
            servers,
            resumes,
            identities,
            memories: HashMap::new(),
        }
    }

    /// Returns a server; a target with one address serves all sides.
    pub(crate) fn server(&self, server: usize) -> Option<&Endpoint> {
        self.servers.get(server).or(self.servers.first())
    }

    /// Begins what lies upon a user's connection.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the settings.
    pub(crate) fn begin(&mut self, user: UserId, server: usize) -> Result<Layer, TlsError> {
        let server = self.servers.get(server).or(self.servers.first());
        let Some(tls) = server.and_then(|server| server.tls.as_ref()) else {
            return Ok(Layer::Plain);
        };
        let identity = self.identities.get(user.index()).and_then(Option::as_ref);
        if (self.resumes || identity.is_some()) && !self.memories.contains_key(&user) {
            self.memories
                .insert(user, tls.memory(self.resumes, identity)?);
        }
        let begun = tls.begin(self.memories.get(&user));
        begun.map_err(TlsError::Refused)
    }
}
