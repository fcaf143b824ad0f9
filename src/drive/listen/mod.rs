//! The simulated network on sockets: the embedded target of a run, and a server for any client.

mod server;

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;

use crate::drive::clock::Clock;
use crate::drive::listen::server::Order;
use crate::drive::transport::tls::ServerTls;
use crate::irc::network::Network;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::served::Served;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// Orders that may wait for the network's thread; a run gives a handful in all.
const ORDERS_MAX: usize = 16;

/// A network that listens. It ends when this is dropped.
#[derive(Debug)]
pub struct Listening<S: Served + 'static = Network> {
    /// The address of each of its servers.
    pub addresses: Vec<SocketAddr>,
    orders: mpsc::Sender<Order<S>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Listening {
    /// Starts a network with one listener per server, on `addresses` in the servers' order; with `tls` on all of them.
    ///
    /// # Errors
    ///
    /// Returns why an address can't be listened on, or the thread not be started.
    pub fn start(
        network: NetworkConfig,
        addresses: Vec<SocketAddr>,
        tls: Option<ServerTls>,
        clock: Clock,
    ) -> io::Result<Self> {
        let make = move |now| Network::new(network, now, clock.epoch_unix_micros());
        Self::serve(make, addresses, tls, clock)
    }

    /// Breaks the link to a server. Returns once it is done: what the network processes from then on it processes apart.
    pub fn split(&self, far: ServerId) {
        self.ask(move |network, now| network.split(now, far));
    }

    /// Heals the link to a server. Returns once it is done.
    pub fn heal(&self, far: ServerId) {
        self.ask(move |network, now| network.heal(now, far));
    }

    /// Kills a server: its link breaks, and its clients' connections end without a word. Returns once it is done.
    pub fn kill(&self, far: ServerId) {
        self.ask(move |network, now| network.kill(now, far));
    }
}

impl<S: Served + 'static> Listening<S> {
    /// Starts what `make` makes on its own thread, with one listener per server, on `addresses` in the servers' order; with `tls` on
    /// all of them.
    ///
    /// # Errors
    ///
    /// Returns why an address can't be listened on, or the thread not be started.
    pub fn serve(
        make: impl FnOnce(Offset) -> S + Send + 'static,
        addresses: Vec<SocketAddr>,
        tls: Option<ServerTls>,
        clock: Clock,
    ) -> io::Result<Self> {
        let (orders, from_owner) = mpsc::channel(ORDERS_MAX);
        let (to_owner, bound) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread()
                    .enable_io()
                    .build_local(LocalOptions::default())?;
                let served = make(clock.now());
                runtime.block_on(server::serve(
                    served, addresses, tls, clock, from_owner, to_owner,
                ))
            })?;
        match bound.recv() {
            Ok(addresses) => Ok(Self {
                addresses,
                orders,
                thread: Some(thread),
            }),
            // It ended before it listened: its own words say why.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => {
                    Err(io::Error::other("the network ended before it listened"))
                }
            },
        }
    }

    /// Does something to the network, and returns what came of it; `None` if the network has ended.
    pub fn ask<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut S, Offset) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, answer) = sync_channel(1);
        let deed = move |network: &mut S, now: Offset| {
            // The owner may have gone; then nobody waits for it.
            let _ = done.send(deed(network, now));
        };
        // A network that has ended answers nothing; what it no longer relays tells.
        self.orders.blocking_send(Order::Do(Box::new(deed))).ok()?;
        answer.recv().ok()
    }

    /// Takes the whole network down, as a crash of its host would: every connection ends, none is accepted, nothing is remembered.
    pub fn take_down(&self) {
        self.order(|done| Order::Down { done });
    }

    /// Brings the network up again on the addresses that it had.
    pub fn bring_up(&self) {
        self.order(|done| Order::Up { done });
    }

    fn order(&self, order: impl FnOnce(SyncSender<()>) -> Order<S>) {
        let (done, answer) = sync_channel(1);
        // A network that has ended answers nothing; what it no longer relays tells.
        if self.orders.blocking_send(order(done)).is_ok() {
            let _ = answer.recv();
        }
    }

    /// Ends the network.
    ///
    /// # Errors
    ///
    /// Returns why it had ended before.
    pub fn stop(mut self) -> io::Result<()> {
        // A network that has ended takes no orders.
        let _ = self.orders.blocking_send(Order::Stop);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the network's thread panicked")),
            None => Ok(()),
        }
    }
}

impl<S: Served + 'static> Drop for Listening<S> {
    fn drop(&mut self) {
        // Not waited for: the process may be ending.
        let _ = self.orders.try_send(Order::Stop);
    }
}
