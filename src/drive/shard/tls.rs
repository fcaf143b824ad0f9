//! Where a shard's users connect to, and what each remembers of its TLS sessions.

use std::collections::HashMap;

use crate::drive::transport::endpoint::Endpoint;
use crate::drive::transport::secured::Secured;
use crate::drive::transport::tls::ClientMemory;

/// The servers of a target, and the users' memories of them.
pub(crate) struct Handshakes {
    servers: Vec<Endpoint>,
    resumes: bool,
    /// By the user's place in the shard, made at its first connection; none where nobody has anything to remember.
    memories: HashMap<usize, ClientMemory>,
}

impl Handshakes {
    pub(crate) fn new(servers: Vec<Endpoint>, resumes: bool) -> Self {
        Self {
            servers,
            resumes,
            memories: HashMap::new(),
        }
    }

    /// Returns a server; a target with one address serves all sides.
    pub(crate) fn server(&self, server: usize) -> Option<&Endpoint> {
        self.servers.get(server).or(self.servers.first())
    }

    /// Begins TLS for the user in a slot; `None` where the server wants none.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the settings.
    pub(crate) fn begin(
        &mut self,
        slot: usize,
        server: usize,
    ) -> Option<Result<Secured, rustls::Error>> {
        let server = self.servers.get(server).or(self.servers.first())?;
        let tls = server.tls.as_ref()?;
        if self.resumes && !self.memories.contains_key(&slot)
            // Without a certificate of its own nothing can be wrong with it.
            && let Ok(memory) = tls.memory(true, None)
        {
            self.memories.insert(slot, memory);
        }
        Some(tls.begin(self.memories.get(&slot)))
    }
}
