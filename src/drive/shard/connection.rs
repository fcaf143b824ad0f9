//! One user's connection on a socket: opened, read, written, ended.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rustix::net::Shutdown;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::drive::shard::engine;
use crate::drive::shard::engine::Engine;
use crate::drive::transport::secured::Secured;
use crate::drive::transport::secured::Unwaiting;
use crate::drive::transport::tcp;
use crate::irc::session::Closed;
use crate::irc::wire::framer::Framer;
use crate::measure::operation::Operation;
use crate::swarm::Shard;
use crate::units::id::UserId;

pub(crate) struct Connection {
    /// `None` until the connect is done.
    stream: Option<Rc<TcpStream>>,
    /// TLS upon it; `None` where there is none, and while a read's text is handed over.
    tls: Option<Box<Secured>>,
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
        tls: None,
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
    let is_secure = match begin(&engine, slot, user, server, &stream) {
        Ok(is_secure) => is_secure,
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
            Received::Bytes if is_secure => flush(&engine, user),
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
    let tls = this.handshakes.begin(user, server);
    let tls = tls.map_err(|_| Closed::Insecure)?;
    let is_secure = tls.is_some();
    if let Some(connection) = &mut this.connections[slot] {
        connection.stream = Some(Rc::clone(stream));
        connection.is_up = tls.is_none();
        connection.tls = tls.map(Box::new);
        if connection.is_up {
            this.with_shard(|shard, now| shard.handle_connected(user, now));
        }
    }
    Ok(is_secure)
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
    let mut tls = connection.tls.take();
    let was_up = connection.is_up;
    // Lent for the call: the state machine must not be able to reach it.
    let Some(buffer) = this.buffer.take() else {
        return Received::Bytes;
    };
    let mut text = std::mem::take(&mut this.text);
    let outcome = this.with_shard(|shard, now| {
        shard.handle_read(read.count);
        let mut hear = |bytes: &[u8], shard: &mut Shard| {
            framer.push(bytes, |line| match line {
                Ok(line) => shard.handle_line(user, line, at),
                Err(_) => shard.handle_line_too_long(user),
            });
        };
        let bytes = buffer.bytes(read.count);
        let Some(tls) = &mut tls else {
            hear(bytes, shard);
            return Ok(true);
        };
        let mut is_up = was_up;
        let mut come_up = |shard: &mut Shard| {
            if !std::mem::replace(&mut is_up, true) {
                shard.handle_reached(user, Operation::ConnectTls, now);
                shard.handle_connected(user, now);
            }
        };
        tls.feed(bytes, &mut text, |bytes| {
            // A server may speak with its last word of the handshake.
            come_up(shard);
            hear(bytes, shard);
        })?;
        if !tls.is_handshaking() {
            come_up(shard);
        }
        Ok(is_up)
    });
    this.text = text;
    this.buffer = Some(buffer);
    if let Some(connection) = &mut this.connections[slot] {
        connection.framer = framer;
        connection.tls = tls;
    }
    match outcome {
        Some(Err::<_, rustls::Error>(_)) => {
            // The server is told why, as far as that goes in one write.
            write(engine, slot, user);
            Received::End(Closed::Insecure)
        }
        Some(Ok(is_up)) => {
            if let Some(connection) = &mut this.connections[slot] {
                connection.is_up = is_up;
            }
            Received::Bytes
        }
        None => Received::Bytes,
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
    let mut tls = connection.tls.take();
    let is_done = this.with_shard(|shard, _| {
        loop {
            if let Some(tls) = &mut tls {
                match tls.flush(&mut Unwaiting(&stream)) {
                    Ok(0) => {}
                    Ok(count) => shard.handle_accepted(user, count, clock.now()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                    Err(_) => return true,
                }
                let outgoing = shard.outgoing(user);
                if outgoing.is_empty() || tls.is_handshaking() {
                    return true;
                }
                tls.take(outgoing);
                continue;
            }
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
        if let Some(tls) = &mut tls {
            tls.close();
            // Who is leaving does not wait for room to say so.
            let _ = tls.flush(&mut Unwaiting(&stream));
        }
        // The other side may have ended it first; then there is nothing left to close.
        let _ = rustix::net::shutdown(&*stream, Shutdown::Write);
    }
    if let Some(connection) = &mut this.connections[slot] {
        connection.tls = tls;
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
