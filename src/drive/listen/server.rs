//! One thread between the network's state machine and its clients' sockets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use crate::drive::clock::Clock;
use crate::drive::timer::Timer;
use crate::drive::transport::layer::Arrived;
use crate::drive::transport::layer::Layer;
use crate::drive::transport::layer::Unwaiting;
use crate::drive::transport::read::ReadBuffer;
use crate::drive::transport::tcp;
use crate::drive::transport::tls::ServerTls;
use crate::irc::network::CloseReason;
use crate::irc::network::Output;
use crate::irc::network::client::ClientId;
use crate::irc::network::served::Served;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// How long the thread sleeps at most.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// Wait after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Something done to the network, which tells its owner what came of it.
pub(crate) type Deed<S> = Box<dyn FnOnce(&mut S, Offset) + Send>;

/// What the owner asks for.
pub(crate) enum Order<S> {
    Do(Deed<S>),
    Down { done: SyncSender<()> },
    Up { done: SyncSender<()> },
    Stop,
}

struct Peer {
    stream: Rc<TcpStream>,
    layer: Layer,
    is_writing: bool,
    is_closing: bool,
}

struct Server<S> {
    network: S,
    clock: Clock,
    peers: HashMap<ClientId, Peer>,
    buffer: ReadBuffer,
    /// Text of a read under TLS.
    text: Vec<u8>,
    tls: Option<ServerTls>,
    timer: Rc<Timer>,
    /// When the timer expires.
    armed: Offset,
}

impl<S: Served> Server<S> {
    /// Sees to it that the thread wakes when the network next has something to do, whoever gave it that to do.
    fn arm(&mut self) -> io::Result<()> {
        let next = self.network.next_timer().unwrap_or(Offset::NEVER);
        if next < self.armed {
            self.armed = next;
            self.timer.set(next.since(self.clock.now()))?;
        }
        Ok(())
    }
}

/// Serves until told to stop.
pub(crate) async fn serve<S: Served + 'static>(
    network: S,
    addresses: Vec<SocketAddr>,
    tls: Option<ServerTls>,
    clock: Clock,
    mut orders: Receiver<Order<S>>,
    bound: SyncSender<Vec<SocketAddr>>,
) -> io::Result<()> {
    let listeners = addresses
        .iter()
        .map(|&address| tcp::listen(address))
        .collect::<io::Result<Vec<_>>>()?;
    let addresses = listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<io::Result<Vec<_>>>()?;
    let timer = Rc::new(Timer::new()?);
    let server = Rc::new(RefCell::new(Server {
        network,
        clock,
        peers: HashMap::new(),
        buffer: ReadBuffer::new(),
        text: Vec::new(),
        tls,
        timer: Rc::clone(&timer),
        armed: Offset::ALWAYS,
    }));
    let mut doors = open(&server, listeners);
    // The owner may have gone already; then the first order is to stop.
    let _ = bound.send(addresses.clone());
    loop {
        {
            let mut this = server.borrow_mut();
            this.armed = this.clock.now() + SLEEP_MAX;
            timer.set(SLEEP_MAX)?;
            this.arm()?;
        }
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Do(deed)) => {
                    let mut this = server.borrow_mut();
                    let now = this.clock.now();
                    // Told at once: what the network processes from here on it processes by its new state; what it has
                    // relayed is in its outboxes.
                    deed(&mut this.network, now);
                }
                Some(Order::Down { done }) => {
                    for door in doors.drain(..) {
                        door.abort();
                        // A task that was aborted says so; its listener is closed by then.
                        let _ = door.await;
                    }
                    let mut this = server.borrow_mut();
                    let now = this.clock.now();
                    this.network.restart(now);
                    for (_, peer) in this.peers.drain() {
                        // Its reader holds it too, until this tells both ends.
                        let _ = rustix::net::shutdown(&*peer.stream, rustix::net::Shutdown::Both);
                    }
                    let _ = done.send(());
                }
                Some(Order::Up { done }) => {
                    if doors.is_empty() {
                        let listeners = addresses.iter().map(|&address| tcp::listen(address));
                        doors = open(&server, listeners.collect::<io::Result<Vec<_>>>()?);
                    }
                    let _ = done.send(());
                }
                Some(Order::Stop) | None => {
                    {
                        let mut this = server.borrow_mut();
                        let now = this.clock.now();
                        this.network.shut_down(now);
                    }
                    // Who has no room for its last lines goes without them: nothing waits for a peer that does not read.
                    carry(&server);
                    return Ok(());
                }
            },
            () = timer.expired() => {
                let mut this = server.borrow_mut();
                let now = this.clock.now();
                this.network.handle_timer(now);
            }
        }
        carry(&server);
    }
}

/// Begins to accept on each listener.
fn open<S: Served + 'static>(
    server: &Rc<RefCell<Server<S>>>,
    listeners: Vec<TcpListener>,
) -> Vec<JoinHandle<()>> {
    let accepting = (0u16..).zip(listeners).map(|(index, listener)| {
        tokio::task::spawn_local(accept(Rc::clone(server), listener, ServerId(index)))
    });
    accepting.collect()
}

async fn accept<S: Served + 'static>(
    server: Rc<RefCell<Server<S>>>,
    listener: TcpListener,
    at: ServerId,
) {
    let Ok(pause) = Timer::new() else { return };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A client that is gone already is found out by its first read.
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(live(Rc::clone(&server), Rc::new(stream), at, peer));
            }
            Err(_) => {
                if pause.set(ACCEPT_PAUSE).is_ok() {
                    pause.expired().await;
                }
            }
        }
    }
}

/// The life of one client.
async fn live<S: Served + 'static>(
    server: Rc<RefCell<Server<S>>>,
    stream: Rc<TcpStream>,
    at: ServerId,
    peer: SocketAddr,
) {
    let (client, is_secured) = {
        let mut this = server.borrow_mut();
        let now = this.clock.now();
        // Settings that began none would begin none for anybody: the client's own end tells.
        let layer = this.tls.as_ref().map(ServerTls::begin).transpose();
        let Ok(layer) = layer else { return };
        let layer = layer.unwrap_or_default();
        let is_secured = layer.is_secured();
        let client = this.network.handle_connect(now, at, &peer.ip().to_string());
        this.peers.insert(
            client,
            Peer {
                stream: Rc::clone(&stream),
                layer,
                is_writing: false,
                is_closing: false,
            },
        );
        (client, is_secured)
    };
    carry(&server);
    loop {
        if stream.readable().await.is_err() {
            return end(&server, client, &stream, CloseReason::Reset);
        }
        match receive(&server, client, &stream) {
            Ok(true) => {
                carry(&server);
                // What TLS has to answer is nobody's line.
                if is_secured {
                    flush(&server, client);
                }
            }
            Ok(false) => return,
            Err(reason) => return end(&server, client, &stream, reason),
        }
    }
}

/// Reads once and hands over the bytes. Returns whether the client is still this one, or how it ended.
fn receive<S: Served + 'static>(
    server: &Rc<RefCell<Server<S>>>,
    client: ClientId,
    stream: &Rc<TcpStream>,
) -> Result<bool, CloseReason> {
    let mut this = server.borrow_mut();
    let this = &mut *this;
    // The network may have closed it, and its id may be another's by now.
    if !this
        .peers
        .get(&client)
        .is_some_and(|peer| Rc::ptr_eq(&peer.stream, stream))
    {
        return Ok(false);
    }
    match this.buffer.read(stream) {
        Ok(read) if read.count == 0 => Err(CloseReason::Eof),
        Ok(read) => {
            let now = this.clock.now();
            let bytes = this.buffer.bytes(read.count);
            let Some(peer) = this.peers.get_mut(&client) else {
                return Ok(false);
            };
            let network = &mut this.network;
            let received = peer.layer.receive(bytes, &mut this.text, |arrived| {
                if let Arrived::Text(text) = arrived {
                    network.handle_bytes(now, client, text);
                }
            });
            if received.is_err() {
                // The client is told why, as far as that goes in one write.
                let _ = peer.layer.send(b"", &mut Unwaiting(stream));
                return Err(CloseReason::Reset);
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(_) => Err(CloseReason::Reset),
    }
}

fn end<S: Served + 'static>(
    server: &Rc<RefCell<Server<S>>>,
    client: ClientId,
    stream: &Rc<TcpStream>,
    reason: CloseReason,
) {
    {
        let mut this = server.borrow_mut();
        if !this
            .peers
            .get(&client)
            .is_some_and(|peer| Rc::ptr_eq(&peer.stream, stream))
        {
            return;
        }
        this.peers.remove(&client);
        let now = this.clock.now();
        this.network.handle_closed(now, client, reason);
    }
    carry(server);
}

/// Carries out what the network asks for until it asks for nothing.
fn carry<S: Served + 'static>(server: &Rc<RefCell<Server<S>>>) {
    loop {
        let output = server.borrow_mut().network.poll();
        match output {
            Output::Wait => {
                // A timer that can't be set leaves what there was of it: the thread wakes within a minute.
                let _ = server.borrow_mut().arm();
                return;
            }
            Output::Writable(client) => flush(server, client),
            Output::Close(client) => {
                if let Some(peer) = server.borrow_mut().peers.get_mut(&client) {
                    peer.is_closing = true;
                }
                flush(server, client);
            }
        }
    }
}

/// Writes what waits for a client; a task waits for room for the rest, and a client that is to be closed is closed after it.
fn flush<S: Served + 'static>(server: &Rc<RefCell<Server<S>>>, client: ClientId) {
    let Some(stream) = server
        .borrow()
        .peers
        .get(&client)
        .map(|peer| Rc::clone(&peer.stream))
    else {
        return;
    };
    if write(server, client, &stream) {
        return;
    }
    {
        let mut this = server.borrow_mut();
        let Some(peer) = this.peers.get_mut(&client) else {
            return;
        };
        if std::mem::replace(&mut peer.is_writing, true) {
            return;
        }
    }
    let server = Rc::clone(server);
    tokio::task::spawn_local(async move {
        while stream.writable().await.is_ok() {
            if write(&server, client, &stream) {
                break;
            }
        }
        {
            let mut this = server.borrow_mut();
            if let Some(peer) = this
                .peers
                .get_mut(&client)
                .filter(|peer| Rc::ptr_eq(&peer.stream, &stream))
            {
                peer.is_writing = false;
            }
        }
        // What is to be done once everything has left.
        carry(&server);
    });
}

/// Writes what waits for a client; returns whether nothing is left to wait for.
fn write<S: Served + 'static>(
    server: &Rc<RefCell<Server<S>>>,
    client: ClientId,
    stream: &Rc<TcpStream>,
) -> bool {
    let is_closing = {
        let mut this = server.borrow_mut();
        let this = &mut *this;
        let Some(peer) = this
            .peers
            .get_mut(&client)
            .filter(|peer| Rc::ptr_eq(&peer.stream, stream))
        else {
            return true;
        };
        loop {
            let now = this.clock.now();
            let outgoing = this.network.outgoing(now, client);
            match peer.layer.send(outgoing, &mut Unwaiting(stream)) {
                Ok(count) if count > 0 => this.network.consume(now, client, count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The reader finds the same end.
                Ok(_) | Err(_) => break,
            }
        }
        peer.is_closing
    };
    if is_closing {
        if let Some(peer) = server.borrow_mut().peers.get_mut(&client) {
            peer.layer.close(&mut Unwaiting(stream));
        }
        // Dropping it would not do: its reader holds it too, until this tells both ends.
        let _ = rustix::net::shutdown(&**stream, rustix::net::Shutdown::Both);
        end(server, client, stream, CloseReason::Asked);
    }
    true
}
