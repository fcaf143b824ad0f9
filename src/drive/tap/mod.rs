//! A recording proxy: bytes pass unchanged, and copies of them become a trace as they go.

pub mod counts;
pub mod output;
pub mod proxy;
mod pump;
mod queue;
mod record;
mod serve;

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;

use crate::drive::clock::Clock;
use crate::drive::tap::counts::Board;
use crate::drive::tap::counts::Counts;
use crate::drive::tap::counts::Notice;
use crate::drive::tap::output::Destination;
use crate::drive::tap::output::Output;
use crate::drive::tap::output::OutputError;
use crate::drive::tap::proxy::ProxyProtocol;
use crate::drive::tap::pump::Shared;
use crate::drive::tap::record::Recorder;
use crate::drive::tap::serve::Route;
use crate::drive::transport::address::TargetUrl;
use crate::drive::transport::tcp;
use crate::drive::transport::tls::ClientTls;
use crate::drive::transport::tls::ServerTls;
use crate::traffic::capture::live::LiveTrace;

/// What a tap is to do.
#[derive(Debug)]
pub struct TapOptions {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where their bytes go.
    pub upstream: TargetUrl,
    /// TLS towards the clients.
    pub client_tls: Option<ServerTls>,
    /// TLS towards the upstream.
    pub upstream_tls: Option<ClientTls>,
    /// How the upstream is told who its clients are, if it is.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Where the trace goes.
    pub destination: Destination,
    /// The version of the tool, for the trace's head.
    pub tool: String,
}

/// Why there is no tap.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapError {
    /// The trace can't be begun.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The address can't be listened on.
    #[error("can't listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread can't be started, or ended early.
    #[error("can't run the tap")]
    Thread(#[source] io::Error),
}

/// A tap that listens.
#[derive(Debug)]
pub struct Tap {
    /// The address that clients connect to.
    pub address: SocketAddr,
    board: Board,
    stop: mpsc::Sender<()>,
    forwarding: JoinHandle<io::Result<()>>,
    recording: JoinHandle<()>,
}

impl Tap {
    /// Starts a tap that makes a trace of what passes.
    ///
    /// # Errors
    ///
    /// Returns why the trace can't be begun, or the address not be listened on.
    pub fn start(options: TapOptions, live: LiveTrace, clock: Clock) -> Result<Self, TapError> {
        let board = Board::default();
        let route = Route {
            upstream: options.upstream,
            client_tls: options.client_tls,
            upstream_tls: options.upstream_tls,
            proxy_protocol: options.proxy_protocol,
        };
        let (intake, outlet) = queue::queue();
        let (stop, asked) = mpsc::channel(1);
        let (to_owner, bound) = sync_channel(1);
        let for_forwarding = board.clone();
        let address = options.listen;
        let listen = |source| TapError::Listen { address, source };
        let forwarding = std::thread::Builder::new()
            .name("tap".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread()
                    .enable_io()
                    .build_local(LocalOptions::default())?;
                runtime.block_on(async {
                    let listener = tcp::listen(address)?;
                    // The owner may have gone already; then it is told to stop.
                    let _ = to_owner.send(listener.local_addr()?);
                    let shared = Shared::new(clock, for_forwarding, intake);
                    serve::serve(listener, route, shared, asked).await
                })
            })
            .map_err(TapError::Thread)?;
        let Ok(address) = bound.recv() else {
            // It ended before it listened: its own words say why.
            let source = match forwarding.join() {
                Ok(Err(source)) => source,
                Ok(Ok(())) | Err(_) => io::Error::other("the tap ended before it listened"),
            };
            return Err(listen(source));
        };
        // Begun once nothing else can fail, so that a tap that does not start leaves no file.
        let output = Output::begin(options.destination, live.meta(&options.tool))?;
        let recorder_board = board.clone();
        let recording = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || Recorder::new(live, output, recorder_board, clock).run(&outlet))
            .map_err(TapError::Thread)?;
        Ok(Self {
            address,
            board,
            stop,
            forwarding,
            recording,
        })
    }

    /// Returns what was counted so far.
    pub fn counts(&self) -> Counts {
        self.board.counts()
    }

    /// Takes what there is to say; each kind of notice comes once.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.board.take_notices()
    }

    /// Returns whether the forwarding has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.forwarding.is_finished()
    }

    /// Closes all connections and ends the trace. Returns the counts and what was not said yet.
    ///
    /// # Errors
    ///
    /// Returns why the forwarding had ended before.
    pub fn stop(self) -> Result<(Counts, Vec<Notice>), TapError> {
        // A tap that has ended takes no orders.
        let _ = self.stop.blocking_send(());
        let outcome = self.forwarding.join();
        // The recorder ends once the forwarding has let go of the queue.
        let recorded = self.recording.join();
        let panicked = |_| TapError::Thread(io::Error::other("a thread of the tap panicked"));
        outcome.map_err(panicked)?.map_err(TapError::Thread)?;
        recorded.map_err(panicked)?;
        Ok((self.board.counts(), self.board.take_notices()))
    }
}
