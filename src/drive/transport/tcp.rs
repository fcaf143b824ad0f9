//! TCP connections: from which address, with which options.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use socket2::Domain;
use socket2::Protocol;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

use crate::drive::transport::address::TargetUrl;

/// Connections that may wait to be accepted: as many as the kernel lets wait by default.
const BACKLOG: i32 = 4_096;

/// Connects to a target, from `source` where one is given.
///
/// # Errors
///
/// Returns why the kernel or the target refused.
pub async fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    if let Some(source) = source {
        // The port is chosen at connect, where the kernel can share it between targets.
        setsockopt(&socket, IpBindAddressNoPort, &true)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    // Lines are written whole; waiting for more to send with them would be the generator's own delay.
    socket.set_tcp_nodelay(true)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    TcpSocket::from_std_stream(socket.into())
        .connect(target)
        .await
}

/// Connects to the first address of a host that accepts.
///
/// # Errors
///
/// Returns why the name has no address, or why the last address refused.
pub async fn connect_host(host: &TargetUrl) -> io::Result<TcpStream> {
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in tokio::net::lookup_host((host.host.as_str(), host.port)).await? {
        match connect(address, None).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Gives an accepted connection the options that a connected one has.
///
/// # Errors
///
/// Returns why the kernel refused: the connection is gone already.
pub fn prepare_accepted(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, ReceiveTimestampns, &true)?;
    Ok(())
}

/// Makes the end of a connection a reset: its peer learns that this was no orderly end.
pub fn reset_at_end(stream: &TcpStream) {
    // A connection that refuses is gone already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Connects once and waits for it, for what happens before a run.
///
/// # Errors
///
/// Returns why the kernel or the target refused, or that it took longer than `timeout`.
pub fn connect_blocking(
    target: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&target.into(), timeout)?;
    Ok(socket.into())
}

/// Listens on an address.
///
/// # Errors
///
/// Returns why the kernel refused.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
