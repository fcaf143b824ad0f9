//! One user's connection on a socket: opened, read, written, ended.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rustix::net::Shutdown;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::drive::shard::engine;
use crate::drive::shard::engine::Engine;
use crate::drive::transport::tcp;
use crate::irc::session::Closed;
use crate::irc::wire::framer::Framer;
use crate::units::id::UserId;

pub(crate) struct Connection {
    /// `None` until the connect is done.
    stream: Option<Rc<TcpStream>>,
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
        let address = this.server(server);
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
            fail(&engine, slot, user, closed);
            return;
        }
    };
    {
        let mut this = engine.borrow_mut();
        if let Some(connection) = &mut this.connections[slot] {
            connection.stream = Some(Rc::clone(&stream));
        }
        this.with_shard(|shard, now| shard.handle_connected(user, now));
    }
    engine::carry(&engine);
    loop {
        if stream.readable().await.is_err() {
            end(&engine, slot, user, Closed::Reset);
            return;
        }
        match receive(&engine, slot, user, &stream) {
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
    let this = &mut *this;
    let Some(buffer) = &mut this.buffer else {
        return Received::Bytes;
    };
    let read = match buffer.read(stream) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Received::Bytes,
        Err(_) => return Received::End(Closed::Reset),
    };
    if read.count == 0 {
        return Received::End(Closed::Eof);
    }
    let now = this.clock.now();
    let at = read
        .stamp
        .map_or(now, |stamp| this.clock.of_stamp(stamp, now));
    let Some(connection) = &mut this.connections[slot] else {
        return Received::Bytes;
    };
    let mut framer = std::mem::take(&mut connection.framer);
    // Lent for the call: the state machine must not be able to reach it.
    let Some(buffer) = this.buffer.take() else {
        return Received::Bytes;
    };
    this.with_shard(|shard, _| {
        shard.handle_read(read.count);
        framer.push(buffer.bytes(read.count), |line| match line {
            Ok(line) => shard.handle_line(user, line, at),
            Err(_) => shard.handle_line_too_long(user),
        });
    });
    this.buffer = Some(buffer);
    if let Some(connection) = &mut this.connections[slot] {
        connection.framer = framer;
    }
    Received::Bytes
}

fn fail(engine: &Rc<RefCell<Engine>>, slot: usize, user: UserId, closed: Closed) {
    let taken = engine.borrow_mut().connections[slot].take();
    engine
        .borrow_mut()
        .with_shard(|shard, now| shard.handle_connect_failed(user, closed, now));
    engine::turn(engine);
    // Dropped last: it aborts the very task that runs here, which ends at its next await.
    drop(taken);
}

fn end(engine: &Rc<RefCell<Engine>>, slot: usize, user: UserId, closed: Closed) {
    let taken = engine.borrow_mut().connections[slot].take();
    engine
        .borrow_mut()
        .with_shard(|shard, now| shard.handle_closed(user, closed, now));
    engine::turn(engine);
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
    let was_up = connection.stream.is_some();
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
    let Some(connection) = &this.connections[slot] else {
        return true;
    };
    let Some(stream) = connection.stream.clone() else {
        return true;
    };
    let wants_finish = connection.wants_finish;
    let clock = this.clock;
    let is_done = this.with_shard(|shard, _| {
        loop {
            let outgoing = shard.outgoing(user);
            if outgoing.is_empty() {
                return true;
            }
            match stream.try_write(outgoing) {
                Ok(count) if count > 0 => shard.handle_accepted(user, count, clock.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The reader finds the same end and tells.
                Ok(_) | Err(_) => return true,
            }
        }
    });
    let is_done = is_done.unwrap_or(true);
    if is_done && wants_finish {
        // The other side may have ended it first; then there is nothing left to close.
        let _ = rustix::net::shutdown(&*stream, Shutdown::Write);
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
