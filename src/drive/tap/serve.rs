//! The forwarding: clients are accepted, each gets a connection to the upstream, and bytes pass both ways.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::drive::tap::counts::Notice;
use crate::drive::tap::counts::Side;
use crate::drive::tap::proxy::ProxyProtocol;
use crate::drive::tap::pump::Broken;
use crate::drive::tap::pump::Pump;
use crate::drive::tap::pump::Shared;
use crate::drive::tap::record;
use crate::drive::timer::Timer;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::stamped::StampedStream;
use crate::drive::transport::tcp;
use crate::drive::transport::tls::ClientTls;
use crate::drive::transport::tls::ServerTls;
use crate::traffic::capture::dialogue::ConnectionId;
use crate::traffic::capture::dialogue::Direction;

/// Wait after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time between two looks at the time of day: a step of the system's clock puts times wrong for that long.
const SET_ANEW_EVERY: Duration = Duration::from_secs(1);

/// How long the upstream may take to accept: longer than a SYN that is sent three times.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a side may take to agree on TLS: slow links need a few round trips, idle ones hold a descriptor.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);

/// Time that bytes before a reset have to arrive: a reset throws away what is under way.
const RESET_GRACE: Duration = Duration::from_millis(100);

/// Wait before the recorder is told again that a connection has ended, while its queue is full.
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// What clients are forwarded to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) upstream: TargetUrl,
    pub(crate) client_tls: Option<ServerTls>,
    pub(crate) upstream_tls: Option<ClientTls>,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
}

/// Forwards until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    route: Route,
    shared: Shared,
    mut stop: mpsc::Receiver<()>,
) -> io::Result<()> {
    let route = Rc::new(route);
    let pause = Timer::new()?;
    // Connections end with the set.
    let mut connections = JoinSet::new();
    connections.spawn_local(look(Rc::clone(&route), shared.clone()));
    let setting = Timer::new()?;
    setting.set(SET_ANEW_EVERY)?;
    let mut next = 0_u32;
    loop {
        tokio::select! {
            biased;
            _ = stop.recv() => return Ok(()),
            Some(_) = connections.join_next() => {}
            () = setting.expired() => {
                shared.clock.set(shared.clock.get().set_anew());
                setting.set(SET_ANEW_EVERY)?;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let id = ConnectionId(next);
                    next = next.wrapping_add(1);
                    connections.spawn_local(live(Rc::clone(&route), shared.clone(), id, Rc::new(stream)));
                }
                Err(error) => {
                    shared.board.tell(Notice::NotAccepted(error.to_string()));
                    pause.set(ACCEPT_PAUSE)?;
                    pause.expired().await;
                }
            }
        }
    }
}

/// Looks once, before any client comes, whether the upstream is there.
async fn look(route: Rc<Route>, shared: Shared) {
    // Nobody's behalf: an upstream that waits for a header would complain of none.
    let header = route.proxy_protocol.map(ProxyProtocol::of_nobody);
    if let Err(error) = connect(&route.upstream, header).await {
        shared.board.tell(Notice::Unreachable(error.to_string()));
    }
}

/// The life of one client's connection.
async fn live(route: Rc<Route>, shared: Shared, id: ConnectionId, client: Rc<TcpStream>) {
    shared.board.count(|counts| {
        counts.connections += 1;
        counts.open += 1;
    });
    // A client that is gone already is found out by its first read.
    let _ = tcp::prepare_accepted(&client);
    forward(&route, &shared, id, client).await;
    shared.board.count(|counts| counts.open -= 1);
    let clock = shared.clock.get();
    let at_us = record::unix_us(&clock, clock.now());
    while !shared.intake.close(id, at_us) {
        if pause(CLOSE_PAUSE).await.is_err() {
            return;
        }
    }
}

async fn forward(route: &Route, shared: &Shared, id: ConnectionId, client: Rc<TcpStream>) {
    let from_client = StampedStream::new(Rc::clone(&client));
    let client_stamp = from_client.stamp();
    let failed = |side, error: &io::Error| {
        shared.board.count(|counts| counts.handshakes_failed += 1);
        shared
            .board
            .tell(Notice::Handshake(side, error.to_string()));
    };
    let from_client: Box<dyn Stream> = match &route.client_tls {
        None => Box::new(from_client),
        Some(tls) => match within(HANDSHAKE_MAX, tls.accept(from_client)).await {
            Ok(stream) => Box::new(stream),
            Err(error) => return failed(Side::Client, &error),
        },
    };
    let header = match (
        route.proxy_protocol,
        client.peer_addr(),
        client.local_addr(),
    ) {
        (None, ..) => None,
        (Some(protocol), Ok(from), Ok(to)) => Some(protocol.header(from, to)),
        // A client that is gone already has no address, and no use for a connection.
        (Some(_), ..) => return,
    };
    let upstream = match connect(&route.upstream, header).await {
        Ok(upstream) => Rc::new(upstream),
        Err(error) => {
            shared.board.count(|counts| counts.unreachable += 1);
            shared.board.tell(Notice::Unreachable(error.to_string()));
            return;
        }
    };
    let from_upstream = StampedStream::new(Rc::clone(&upstream));
    let upstream_stamp = from_upstream.stamp();
    let from_upstream: Box<dyn Stream> = match &route.upstream_tls {
        None => Box::new(from_upstream),
        Some(tls) => match within(HANDSHAKE_MAX, tls.connect(from_upstream)).await {
            Ok(stream) => Box::new(stream),
            Err(error) => return failed(Side::Upstream, &error),
        },
    };
    let (client_reader, client_writer) = tokio::io::split(from_client);
    let (upstream_reader, upstream_writer) = tokio::io::split(from_upstream);
    let up = Pump::new(shared, id, Direction::Up, client_stamp);
    let down = Pump::new(shared, id, Direction::Down, upstream_stamp);
    let outcome = tokio::try_join!(
        up.run(client_reader, upstream_writer),
        down.run(upstream_reader, client_writer)
    );
    if outcome == Err(Broken) {
        // Whichever side still is there learns of the reset, after what came before it.
        let _ = pause(RESET_GRACE).await;
        tcp::reset_at_end(&client);
        tcp::reset_at_end(&upstream);
    }
}

/// A connection, under TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Connects to the upstream and writes the header, if there is one: before TLS, and not part of what passes.
async fn connect(upstream: &TargetUrl, header: Option<Vec<u8>>) -> io::Result<TcpStream> {
    within(CONNECT_MAX, async {
        let mut stream = tcp::connect_host(upstream).await?;
        if let Some(header) = header {
            stream.write_all(&header).await?;
        }
        Ok(stream)
    })
    .await
}

/// Waits for an outcome, at most for `wait`.
async fn within<T>(wait: Duration, outcome: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::select! {
        biased;
        outcome = outcome => outcome,
        paused = pause(wait) => {
            paused?;
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

async fn pause(wait: Duration) -> io::Result<()> {
    let timer = Timer::new()?;
    timer.set(wait)?;
    timer.expired().await;
    Ok(())
}
