//! One shard on sockets: a thread, a runtime of its own, its users' connections.

mod connection;
mod engine;
pub mod message;
mod tls;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::Receiver;

use crate::drive::shard::engine::Engine;
use crate::drive::shard::message::FromShard;
use crate::drive::shard::message::ToShard;
use crate::drive::shard::tls::Handshakes;
use crate::drive::timer::Timer;
use crate::drive::transport::endpoint::Endpoint;
use crate::drive::transport::tls::ClientIdentity;
use crate::plan::Plan;
use crate::swarm::Caps;
use crate::swarm::Shard;
use crate::swarm::credentials::Credentials;
use crate::swarm::report::ShardReport;
use crate::units::id::Sharding;

/// What a shard needs to start.
#[derive(Debug)]
pub struct ShardStart {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Which users are its own.
    pub sharding: Sharding,
    /// How each server of the target is reached.
    pub servers: Vec<Endpoint>,
    /// Whether users resume their TLS sessions.
    pub resumes_tls: bool,
    /// Whether source addresses are spread over 127.0.0.0/8.
    pub is_spread: bool,
    /// What must hold whatever the plan says.
    pub caps: Option<Caps>,
    /// What the target asks for.
    pub credentials: Credentials,
    /// The certificate of each user, where users have their own.
    pub identities: Arc<Vec<Option<ClientIdentity>>>,
}

/// Starts a shard's thread. It speaks through `to_run` and listens to `from_run`, and ends with [`FromShard::Report`].
///
/// # Errors
///
/// Returns why the thread could not be started.
pub fn spawn(
    start: ShardStart,
    from_run: Receiver<ToShard>,
    to_run: SyncSender<FromShard>,
) -> io::Result<JoinHandle<()>> {
    let name = format!("shard-{}", start.sharding.shard());
    std::thread::Builder::new().name(name).spawn(move || {
        let shard = start.sharding.shard();
        if let Err(error) = play(start, from_run, &to_run) {
            // The run may have ended already; then nobody is left to tell.
            let _ = to_run.send(FromShard::Broken {
                shard,
                reason: error.to_string(),
            });
        }
    })
}

fn play(
    start: ShardStart,
    mut from_run: Receiver<ToShard>,
    to_run: &SyncSender<FromShard>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let timer = Timer::new()?;
        let mut shard = Shard::new(&start.plan, start.sharding, start.credentials);
        shard.set_caps(start.caps);
        // What a shard is made of takes a second where there are thousands of channels: the run does not begin before.
        let _ = to_run.send(FromShard::Ready);
        let Some(ToShard::Begin(clock)) = from_run.recv().await else {
            return Ok(());
        };
        shard.set_epoch(clock.epoch_unix_micros());
        let engine = Rc::new(RefCell::new(Engine::new(
            shard,
            clock,
            Handshakes::new(start.servers, start.resumes_tls, start.identities),
            start.is_spread,
            to_run.clone(),
        )));
        loop {
            let wait = engine::turn(&engine);
            timer.set(wait)?;
            tokio::select! {
                biased;
                () = timer.expired() => {}
                message = from_run.recv() => match message {
                    Some(ToShard::Finish) | None => break,
                    Some(message) => engine.borrow_mut().handle_message(message),
                },
            }
        }
        engine::say_goodbye(&engine, &timer).await;
        let report = finish(&engine);
        let cpu = engine.borrow().cpu_since_edge();
        // The run may have been ended by a second signal; then nobody is left to tell.
        let _ = to_run.send(FromShard::Report {
            report: Box::new(report),
            cpu,
        });
        Ok(())
    })
}

fn finish(engine: &Rc<RefCell<Engine>>) -> ShardReport {
    engine.borrow_mut().take_report().unwrap_or_default()
}
