//! One user's connection on a socket: opened, read, written, ended.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rustix::net::Shutdown;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::drive::shard::engine;
use crate::drive::shard::engine::Engine;
use crate::drive::transport::layer::Arrived;
use crate::drive::transport::layer::Layer;
use crate::drive::transport::layer::Unwaiting;
use crate::drive::transport::read::Read;
use crate::drive::transport::tcp;
use crate::irc::session::Closed;
use crate::irc::wire::framer::Framer;
use crate::measure::operation::Operation;
use crate::units::id::UserId;

pub(crate) struct Connection {
    /// `None` until the connect is done.
    stream: Option<Rc<TcpStream>>,
    /// What lies upon it; taken away while it is used.
    layer: Layer,
    /// Whether it can carry lines.
    is_up: bool,
    framer: Framer,
    task: JoinHandle<()>,
    /// Whether a task waits for room to write.
    is_writing: bool,
    /// Whether our side is to be closed once everything is written.
    wants_finish: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins a connect.
pub(crate) fn open(engine: &Rc<RefCell<Engine>>, user: UserId, server: usize) {
    let slot = engine.borrow().slot(user);
    let task = tokio::task::spawn_local(live(Rc::clone(engine), user, server));
    let connection = Connection {
        stream: None,
        layer: Layer::Plain,
        is_up: false,
        framer: Framer::new(),
        task,
        is_writing: false,
        wants_finish: false,
    };
    engine.borrow_mut().connections[slot] = Some(connection);
}

/// The life of a connection from its connect to its end.
async fn live(engine: Rc<RefCell<Engine>>, user: UserId, server: usize) {
    let (address, source) = {
        let this = engine.borrow();
        let address = this.handshakes.server(server).map(|server| server.address);
        (
            address,
            address.and_then(|address| this.source(user, &address)),
        )
    };
    let connected = match address {
        Some(address) => tcp::connect(address, source).await,
        None => Err(io::ErrorKind::AddrNotAvailable.into()),
    };
    let slot = engine.borrow().slot(user);
    let stream = match connected {
        Ok(stream) => Rc::new(stream),
        Err(error) => {
            let closed = if error.kind() == io::ErrorKind::ConnectionRefused {
                Closed::Reset
            } else {
                Closed::Local
            };
            end(&engine, slot, user, closed);
            return;
        }
    };
    let is_secured = match begin(&engine, slot, user, server, &stream) {
        Ok(is_secured) => is_secured,
        Err(closed) => return end(&engine, slot, user, closed),
    };
    engine::carry(&engine);
    flush(&engine, user);
    loop {
        if stream.readable().await.is_err() {
            end(&engine, slot, user, Closed::Reset);
            return;
        }
        match receive(&engine, slot, user, &stream) {
            // What TLS has to answer is nobody's line.
            Received::Bytes if is_secured => flush(&engine, user),
            Received::Bytes => {}
            Received::End(closed) => {
                end(&engine, slot, user, closed);
                return;
            }
        }
        // Sends that came due while this was read do not wait for the timer.
        engine::turn(&engine);
    }
}

/// Begins what follows TCP: TLS where the server wants it, else the session. Returns which.
fn begin(
    engine: &Rc<RefCell<Engine>>,
    slot: usize,
    user: UserId,
    server: usize,
    stream: &Rc<TcpStream>,
) -> Result<bool, Closed> {
    let mut this = engine.borrow_mut();
    let this = &mut *this;
    this.with_shard(|shard, now| shard.handle_reached(user, Operation::ConnectTcp, now));
    let layer = this.handshakes.begin(user, server);
    let layer = layer.map_err(|_| Closed::Insecure)?;
    let is_secured = layer.is_secured();
    if let Some(connection) = &mut this.connections[slot] {
        connection.stream = Some(Rc::clone(stream));
        connection.layer = layer;
        connection.is_up = !is_secured;
        if connection.is_up {
            this.with_shard(|shard, now| shard.handle_connected(user, now));
        }
    }
    Ok(is_secured)
}

enum Received {
    Bytes,
    End(Closed),
}

/// Reads once and hands over the lines.
fn receive(
    engine: &Rc<RefCell<Engine>>,
    slot: usize,
    user: UserId,
    stream: &TcpStream,
) -> Received {
    let mut this = engine.borrow_mut();
    // Lent for the call: the state machine must not be able to reach it.
    let Some(mut buffer) = this.buffer.take() else {
        return Received::Bytes;
    };
    let received = match buffer.read(stream) {
        Ok(read) if read.count == 0 => Received::End(Closed::Eof),
        Ok(read) => hear(&mut this, slot, user, read, buffer.bytes(read.count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Bytes,
        Err(_) => Received::End(Closed::Reset),
    };
    this.buffer = Some(buffer);
    drop(this);
    if let Received::End(Closed::Insecure) = received {
        // The server is told why, as far as that goes in one write.
        write(engine, slot, user);
    }
    received
}

/// Hands over the lines in bytes that arrived.
fn hear(this: &mut Engine, slot: usize, user: UserId, read: Read, bytes: &[u8]) -> Received {
    let now = this.clock.now();
    // What the networks behind a bouncer wrote has monotonic times: a stamp of the time of day may be stepped before them.
    let is_judged_beside = this.with_shard(|shard, _| shard.is_of_bouncer());
    let stamp = read.stamp.filter(|_| is_judged_beside != Some(true));
    let at = stamp.map_or(now, |stamp| this.clock.of_stamp(stamp, now));
    let Some(connection) = &mut this.connections[slot] else {
        return Received::Bytes;
    };
    let mut framer = std::mem::take(&mut connection.framer);
    let mut layer = std::mem::take(&mut connection.layer);
    let mut is_up = connection.is_up;
    let mut room = std::mem::take(&mut this.text);
    let outcome = this.with_shard(|shard, now| {
        shard.handle_read(read.count);
        layer.receive(bytes, &mut room, |arrived| match arrived {
            Arrived::Agreed => {
                is_up = true;
                shard.handle_reached(user, Operation::ConnectTls, now);
                shard.handle_connected(user, now);
            }
            Arrived::Text(text) => framer.push(text, |line| match line {
                Ok(line) => shard.handle_line(user, line, at),
                Err(_) => shard.handle_line_too_long(user),
            }),
        })
    });
    this.text = room;
    if let Some(connection) = &mut this.connections[slot] {
        connection.framer = framer;
        connection.layer = layer;
        connection.is_up = is_up;
    }
    match outcome {
        Some(Err(_)) => Received::End(Closed::Insecure),
        _ => Received::Bytes,
    }
}

fn end(engine: &Rc<RefCell<Engine>>, slot: usize, user: UserId, closed: Closed) {
    let taken = engine.borrow_mut().connections[slot].take();
    let was_up = taken.as_ref().is_some_and(|connection| connection.is_up);
    tell_end(engine, user, closed, was_up);
    engine::turn(engine);
    // Dropped last: it aborts the very task that runs here, which ends at its next await.
    drop(taken);
}

/// Reads what has come, then resets a connection.
pub(crate) fn reset(engine: &Rc<RefCell<Engine>>, user: UserId) {
    let slot = engine.borrow().slot(user);
    let stream = engine.borrow().connections[slot]
        .as_ref()
        .and_then(|connection| connection.stream.clone());
    if let Some(stream) = stream {
        while let Received::Bytes = receive(engine, slot, user, &stream) {
            if !is_waiting(&stream) {
                break;
            }
        }
        tcp::reset_at_end(&stream);
    }
    close(engine, user, Closed::Local);
}

/// Returns whether bytes wait to be read.
fn is_waiting(stream: &TcpStream) -> bool {
    rustix::io::ioctl_fionread(stream).is_ok_and(|count| count > 0)
}

/// Leaves a connection standing, to be read and closed by nobody while the run lasts.
pub(crate) fn abandon(engine: &Rc<RefCell<Engine>>, user: UserId) {
    let slot = engine.borrow().slot(user);
    let Some(connection) = engine.borrow_mut().connections[slot].take() else {
        return;
    };
    connection.task.abort();
    let mut this = engine.borrow_mut();
    this.abandoned.push(connection);
    this.with_shard(|shard, now| shard.handle_closed(user, Closed::Local, now));
}

/// Ends a connection from our side, or gives up its connect.
pub(crate) fn close(engine: &Rc<RefCell<Engine>>, user: UserId, closed: Closed) {
    let slot = engine.borrow().slot(user);
    let Some(connection) = engine.borrow_mut().connections[slot].take() else {
        return;
    };
    tell_end(engine, user, closed, connection.is_up);
}

/// Tells the end of a connection, or that it could not be made.
fn tell_end(engine: &Rc<RefCell<Engine>>, user: UserId, closed: Closed, was_up: bool) {
    engine.borrow_mut().with_shard(|shard, now| {
        if was_up {
            shard.handle_closed(user, closed, now);
        } else {
            shard.handle_connect_failed(user, closed, now);
        }
    });
}

/// Writes what is outgoing, as far as the kernel takes it now; a task waits for room for the rest.
pub(crate) fn flush(engine: &Rc<RefCell<Engine>>, user: UserId) {
    let slot = engine.borrow().slot(user);
    if write(engine, slot, user) {
        return;
    }
    let mut this = engine.borrow_mut();
    let Some(connection) = &mut this.connections[slot] else {
        return;
    };
    let Some(stream) = connection.stream.clone() else {
        return;
    };
    if std::mem::replace(&mut connection.is_writing, true) {
        return;
    }
    drop(this);
    let engine = Rc::clone(engine);
    tokio::task::spawn_local(async move {
        while stream.writable().await.is_ok() {
            // Of a connection that has ended meanwhile, the reader tells.
            let is_same = engine.borrow().connections[slot]
                .as_ref()
                .and_then(|connection| connection.stream.as_ref())
                .is_some_and(|current| Rc::ptr_eq(current, &stream));
            if !is_same {
                return;
            }
            if write(&engine, slot, user) {
                break;
            }
        }
        if let Some(connection) = &mut engine.borrow_mut().connections[slot] {
            connection.is_writing = false;
        }
    });
}

/// Writes what is outgoing; returns whether nothing is left to wait for.
fn write(engine: &Rc<RefCell<Engine>>, slot: usize, user: UserId) -> bool {
    let mut this = engine.borrow_mut();
    let this = &mut *this;
    let Some(connection) = &mut this.connections[slot] else {
        return true;
    };
    let Some(stream) = connection.stream.clone() else {
        return true;
    };
    let wants_finish = connection.wants_finish;
    let clock = this.clock;
    let mut layer = std::mem::take(&mut connection.layer);
    let is_done = this.with_shard(|shard, _| {
        loop {
            match layer.send(shard.outgoing(user), &mut Unwaiting(&stream)) {
                Ok(count) if count > 0 => shard.handle_accepted(user, count, clock.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Of an end the reader tells.
                Ok(_) | Err(_) => return true,
            }
        }
    });
    let is_done = is_done.unwrap_or(true);
    if is_done && wants_finish {
        layer.close(&mut Unwaiting(&stream));
        // The other side may have ended it first; then there is nothing left to close.
        let _ = rustix::net::shutdown(&*stream, Shutdown::Write);
    }
    if let Some(connection) = &mut this.connections[slot] {
        connection.layer = layer;
    }
    is_done
}

/// Writes what is outgoing, then closes our side.
pub(crate) fn finish(engine: &Rc<RefCell<Engine>>, user: UserId) {
    let slot = engine.borrow().slot(user);
    if let Some(connection) = &mut engine.borrow_mut().connections[slot] {
        connection.wants_finish = true;
    }
    flush(engine, user);
}
