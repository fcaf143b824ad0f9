//! Who is on the network: servers, clients, nicks.

use crate::irc::network::client::Client;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::irc::network::names::NameTable;
use crate::irc::network::stats::CommandCounts;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// The server that the others are linked to.
pub(super) const HUB: ServerId = ServerId(0);

/// Servers, clients and nicks. Each side of a split has its own nicks.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) clients: Vec<Client>,
    free: Vec<ClientId>,
    pub(super) servers: Vec<Server>,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: Vec<u8>,
    /// Whether it is linked to the hub; the hub is.
    pub(super) is_linked: bool,
    pub(super) user_count: u64,
    /// The most that there ever were.
    pub(super) user_count_max: u64,
    pub(super) invisible_count: u64,
    pub(super) unknown_count: u64,
    /// What its own clients used; the other servers count theirs.
    pub(super) commands: CommandCounts,
    /// The nicks of the side that this server stands for: the hub for all that are linked, a split one for itself.
    nicks: NameTable<ClientId>,
}

impl Directory {
    pub(super) fn new(names: &[String]) -> Self {
        let servers = names.iter().map(|name| Server {
            name: name.as_bytes().to_vec(),
            is_linked: true,
            user_count: 0,
            user_count_max: 0,
            invisible_count: 0,
            unknown_count: 0,
            commands: CommandCounts::default(),
            nicks: NameTable::default(),
        });
        Self {
            clients: Vec::new(),
            free: Vec::new(),
            servers: servers.collect(),
        }
    }

    pub(super) fn client(&self, id: ClientId) -> &Client {
        &self.clients[id.index()]
    }

    pub(super) fn client_mut(&mut self, id: ClientId) -> &mut Client {
        &mut self.clients[id.index()]
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ClientId> + use<> {
        (0..u32::try_from(self.clients.len()).unwrap_or(u32::MAX)).map(ClientId)
    }

    pub(super) fn add(&mut self, server: ServerId, host: &[u8], now: Offset) -> ClientId {
        let client = Client::new(server, host, now);
        self.servers[server.index()].unknown_count += 1;
        if let Some(id) = self.free.pop() {
            self.clients[id.index()] = client;
            return id;
        }
        let count = u32::try_from(self.clients.len());
        assert!(count.is_ok(), "more clients than ids");
        self.clients.push(client);
        ClientId(count.unwrap_or(u32::MAX))
    }

    /// Frees the id of a client that has left.
    pub(super) fn release(&mut self, id: ClientId) {
        let client = self.client_mut(id);
        assert!(client.memberships.is_empty(), "released on a channel");
        let server = client.server;
        *client = Client::new(server, b"", Offset::ZERO);
        client.stage = Stage::Free;
        self.free.push(id);
    }

    /// Moves a client on, and keeps the counts of its server.
    pub(super) fn set_stage(&mut self, id: ClientId, stage: Stage) {
        let client = &mut self.clients[id.index()];
        let was = std::mem::replace(&mut client.stage, stage);
        let is_invisible = client.modes.is_invisible;
        let server = &mut self.servers[client.server.index()];
        match was {
            Stage::Registering => server.unknown_count -= 1,
            Stage::Registered => {
                server.user_count -= 1;
                server.invisible_count -= u64::from(is_invisible);
            }
            Stage::Free | Stage::Gone => {}
        }
        if stage == Stage::Registered {
            server.user_count += 1;
            server.user_count_max = server.user_count_max.max(server.user_count);
            server.invisible_count += u64::from(is_invisible);
        }
    }

    pub(super) fn set_invisible(&mut self, id: ClientId, is_invisible: bool) {
        let client = &mut self.clients[id.index()];
        let was = std::mem::replace(&mut client.modes.is_invisible, is_invisible);
        let server = &mut self.servers[client.server.index()];
        server.invisible_count += u64::from(is_invisible);
        server.invisible_count -= u64::from(was);
    }

    /// Returns the server whose tables hold what `server` sees.
    pub(super) fn side(&self, server: ServerId) -> ServerId {
        if self.servers[server.index()].is_linked {
            HUB
        } else {
            server
        }
    }

    pub(super) fn side_of(&self, id: ClientId) -> ServerId {
        self.side(self.client(id).server)
    }

    pub(super) fn server_of(&self, id: ClientId) -> &Server {
        &self.servers[self.client(id).server.index()]
    }

    pub(super) fn server_of_mut(&mut self, id: ClientId) -> &mut Server {
        let server = self.client(id).server;
        &mut self.servers[server.index()]
    }

    /// Returns the servers on a side.
    pub(super) fn servers_of(&self, side: ServerId) -> impl Iterator<Item = &Server> {
        self.servers
            .iter()
            .enumerate()
            .filter(move |&(index, server)| {
                if side == HUB {
                    server.is_linked
                } else {
                    index == side.index()
                }
            })
            .map(|(_, server)| server)
    }

    /// Returns who holds `nick` on a side, registered or not.
    pub(super) fn holder(&self, side: ServerId, nick: &[u8]) -> Option<ClientId> {
        self.servers[side.index()].nicks.find(nick)
    }

    /// Returns the registered user called `nick` on a side.
    pub(super) fn find(&self, side: ServerId, nick: &[u8]) -> Option<ClientId> {
        self.holder(side, nick)
            .filter(|&id| self.client(id).is_registered())
    }

    /// Gives a client a nick that is free on its side.
    pub(super) fn set_nick(&mut self, id: ClientId, nick: &[u8], now: Offset) {
        let side = self.side_of(id);
        self.drop_nick(id);
        self.servers[side.index()].nicks.insert(nick, id);
        let client = &mut self.clients[id.index()];
        client.nick.clear();
        client.nick.extend_from_slice(nick);
        client.nick_since = now;
        client.rebuild_mask();
    }

    /// Frees the nick for others; the client's own copy stays for its last lines.
    pub(super) fn drop_nick(&mut self, id: ClientId) {
        let side = self.side_of(id);
        let nick = &self.clients[id.index()].nick;
        let nicks = &mut self.servers[side.index()].nicks;
        if !nick.is_empty() && nicks.find(nick) == Some(id) {
            nicks.remove(nick);
        }
    }

    /// Moves the nicks of everybody on `far` from the table of one side to that of the other.
    pub(super) fn move_nicks(&mut self, far: ServerId, from: ServerId, to: ServerId) {
        for id in self.ids() {
            let client = &self.clients[id.index()];
            let holds_nick = !matches!(client.stage, Stage::Free | Stage::Gone);
            if client.server == far && holds_nick && !client.nick.is_empty() {
                self.servers[from.index()].nicks.remove(&client.nick);
                self.servers[to.index()].nicks.insert(&client.nick, id);
            }
        }
    }
}
