//! The model bouncer on sockets, for tests from end to end.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use splitstorm::sim::bouncer::BouncerConfig;
use splitstorm::sim::bouncer::ConnectionId;
use splitstorm::sim::bouncer::ModelBouncer;
use splitstorm::sim::bouncer::Output;
use splitstorm::units::id::SeatId;
use splitstorm::units::id::Seed;
use splitstorm::units::offset::Offset;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::task::spawn_local;

/// How often it looks for what is due.
const TICK: Duration = Duration::from_millis(5);
/// Events that may wait; connections read no further meanwhile.
const EVENTS_MAX: usize = 4096;
/// Writes that may wait for one connection; one that takes no more is torn off.
const WRITES_MAX: usize = 4096;

/// Where a network is.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// The address to dial.
    pub(crate) address: SocketAddr,
    /// The address to dial from, if not the default one.
    pub(crate) from: Option<IpAddr>,
}

/// A model bouncer that listens on loopback. It ends when this is dropped, and when its time is over.
pub(crate) struct Served {
    /// Where clients attach.
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Event>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Starts a bouncer for `life` at most. Seats dial `routes` by their network's number. The time of day of `config` is replaced by
    /// that of now.
    pub(crate) fn start(
        mut config: BouncerConfig,
        seed: Seed,
        routes: Vec<Route>,
        life: Duration,
    ) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        config.start_unix_micros = u64::try_from(since.unwrap().as_micros()).unwrap();
        let (events, from_all) = mpsc::channel(EVENTS_MAX);
        let (to_owner, bound) = sync_channel(1);
        let to_self = events.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .build_local(LocalOptions::default())
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                to_owner.send(listener.local_addr().unwrap()).unwrap();
                spawn_local(accept(listener, to_self.clone()));
                let routes_of = config.seats.iter();
                let routes = routes_of
                    .map(|seat| routes[usize::from(seat.network)])
                    .collect();
                let shell = Shell {
                    bouncer: ModelBouncer::new(config, seed, Offset::ZERO),
                    epoch: Instant::now(),
                    routes,
                    events: to_self,
                    wires: BTreeMap::new(),
                    dial_count: 0,
                    dials: BTreeMap::new(),
                    client_count: 0,
                };
                shell.serve(from_all).await;
            });
        });
        let ticking = events.clone();
        std::thread::spawn(move || {
            let began = Instant::now();
            while began.elapsed() < life && ticking.blocking_send(Event::Tick).is_ok() {
                std::thread::sleep(TICK);
            }
            let _ = ticking.blocking_send(Event::Stop);
        });
        Self {
            address: bound.recv().unwrap(),
            events,
            thread: Some(thread),
        }
    }

    /// Asks the bouncer something, or does something to it.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut ModelBouncer) -> T + Send + 'static,
    ) -> T {
        let (done, answer) = sync_channel(1);
        let deed = move |bouncer: &mut ModelBouncer| {
            let _ = done.send(deed(bouncer));
        };
        let asked = self.events.blocking_send(Event::Ask(Box::new(deed)));
        assert!(asked.is_ok(), "the bouncer has ended");
        answer.recv().unwrap()
    }

    /// Kills the bouncer and starts it again behind the same address: every connection is torn off.
    pub(crate) fn restart(&self) {
        let (done, answer) = sync_channel(1);
        let asked = self.events.blocking_send(Event::Restart(Box::new(move || {
            let _ = done.send(());
        })));
        assert!(asked.is_ok(), "the bouncer has ended");
        answer.recv().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its time may have been over.
        let _ = self.events.blocking_send(Event::Stop);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the bouncer panicked");
        }
    }
}

/// The other end of a connection. Seats' connections are numbered, so that what an old one says is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Client(ConnectionId),
    Network(SeatId, u64),
}

enum Event {
    Accepted(TcpStream),
    Dialled(SeatId, u64, io::Result<TcpStream>),
    Bytes(Peer, Vec<u8>),
    Closed(Peer),
    Ask(Box<dyn FnOnce(&mut ModelBouncer) + Send>),
    Restart(Box<dyn FnOnce() + Send>),
    Tick,
    Stop,
}

/// One connection: what is written to it, and the two tasks that carry it.
struct Wire {
    /// `None` once nothing more is to be written.
    writes: Option<mpsc::Sender<Vec<u8>>>,
    tasks: [AbortHandle; 2],
}

struct Shell {
    bouncer: ModelBouncer,
    epoch: Instant,
    /// By seat.
    routes: Vec<Route>,
    events: mpsc::Sender<Event>,
    wires: BTreeMap<Peer, Wire>,
    dial_count: u64,
    /// The number of each seat's latest dial.
    dials: BTreeMap<SeatId, u64>,
    client_count: u64,
}

impl Shell {
    async fn serve(mut self, mut from_all: mpsc::Receiver<Event>) {
        while let Some(event) = from_all.recv().await {
            let now = Offset::ZERO + self.epoch.elapsed();
            match event {
                Event::Stop => return,
                Event::Accepted(stream) => {
                    let id = ConnectionId(self.client_count);
                    self.client_count += 1;
                    self.open(Peer::Client(id), stream);
                    self.bouncer.handle_client_connected(now, id);
                }
                Event::Dialled(seat, number, outcome) => {
                    if self.dials.get(&seat) == Some(&number) {
                        match outcome {
                            Ok(stream) => {
                                self.open(Peer::Network(seat, number), stream);
                                self.bouncer.handle_upstream_connected(now, seat);
                            }
                            Err(_) => self.bouncer.handle_upstream_closed(now, seat),
                        }
                    }
                }
                // What a connection said that has been torn off since is lost.
                Event::Bytes(peer, bytes) if self.wires.contains_key(&peer) => match peer {
                    Peer::Client(id) => self.bouncer.handle_client_bytes(now, id, &bytes),
                    Peer::Network(seat, _) => {
                        self.bouncer.handle_upstream_bytes(now, seat, &bytes);
                    }
                },
                Event::Closed(peer) => self.close(now, peer),
                Event::Ask(deed) => deed(&mut self.bouncer),
                Event::Restart(done) => {
                    for (_, wire) in std::mem::take(&mut self.wires) {
                        wire.tasks.iter().for_each(AbortHandle::abort);
                    }
                    self.dials.clear();
                    self.bouncer.restart(now);
                    done();
                }
                Event::Bytes(..) | Event::Tick => {}
            }
            if self.bouncer.next_timer().is_some_and(|due| due <= now) {
                self.bouncer.handle_timer(now);
            }
            self.act(now);
        }
    }

    /// Does what the bouncer wants done.
    fn act(&mut self, now: Offset) {
        loop {
            let mut bytes = Vec::new();
            let peer = match self.bouncer.poll() {
                Output::Wait => return,
                Output::Dial(seat) => {
                    self.dial(seat);
                    continue;
                }
                Output::CloseClient(id) => {
                    // What was handed over is written first, and the rest is the client's to close.
                    if let Some(wire) = self.wires.get_mut(&Peer::Client(id)) {
                        wire.writes = None;
                    }
                    continue;
                }
                Output::ToClient(id) => {
                    self.bouncer.take_for_client(id, &mut bytes);
                    Peer::Client(id)
                }
                Output::ToUpstream(seat) => {
                    self.bouncer.take_for_upstream(seat, &mut bytes);
                    let number = self.dials.get(&seat).copied().unwrap_or(0);
                    Peer::Network(seat, number)
                }
            };
            let wire = self.wires.get(&peer);
            let writes = wire.and_then(|wire| wire.writes.as_ref());
            let is_full = writes.is_some_and(|writes| writes.try_send(bytes).is_err());
            if is_full {
                self.close(now, peer);
            }
        }
    }

    fn dial(&mut self, seat: SeatId) {
        self.dial_count += 1;
        let (number, route) = (self.dial_count, self.routes[seat.index()]);
        self.dials.insert(seat, number);
        let events = self.events.clone();
        spawn_local(async move {
            let outcome = connect(route).await;
            let _ = events.send(Event::Dialled(seat, number, outcome)).await;
        });
    }

    fn open(&mut self, peer: Peer, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let (writes, mut to_write) = mpsc::channel::<Vec<u8>>(WRITES_MAX);
        let events = self.events.clone();
        let reading = spawn_local(async move {
            let mut bytes = [0; 1 << 14];
            while let Ok(count) = reader.read(&mut bytes).await {
                let read = bytes[..count].to_vec();
                if count == 0 || events.send(Event::Bytes(peer, read)).await.is_err() {
                    break;
                }
            }
            let _ = events.send(Event::Closed(peer)).await;
        });
        let writing = spawn_local(async move {
            while let Some(bytes) = to_write.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            let _ = writer.shutdown().await;
        });
        let wire = Wire {
            writes: Some(writes),
            tasks: [reading.abort_handle(), writing.abort_handle()],
        };
        self.wires.insert(peer, wire);
    }

    fn close(&mut self, now: Offset, peer: Peer) {
        let Some(wire) = self.wires.remove(&peer) else {
            return;
        };
        wire.tasks.iter().for_each(AbortHandle::abort);
        match peer {
            Peer::Client(id) => self.bouncer.handle_client_closed(now, id),
            Peer::Network(seat, _) => self.bouncer.handle_upstream_closed(now, seat),
        }
    }
}

async fn accept(listener: TcpListener, events: mpsc::Sender<Event>) {
    while let Ok((stream, _)) = listener.accept().await {
        if events.send(Event::Accepted(stream)).await.is_err() {
            return;
        }
    }
}

async fn connect(route: Route) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = route.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(route.address).await
}
