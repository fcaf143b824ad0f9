//! The configurations of the servers, as files beside this one, with names such as `@PORT@` for what each start chooses.

use crate::launch::Limits;
use crate::launch::Server;

/// Returns a server's configuration.
///
/// # Panics
///
/// If the server can't have these limits.
pub(crate) fn config(server: Server, limits: Limits) -> &'static str {
    match (server, limits) {
        (Server::Ngircd, Limits::Open) => include_str!("ngircd-open.conf"),
        (Server::Ngircd, Limits::Defaults) => include_str!("ngircd-defaults.conf"),
        (Server::Ngircd, Limits::Gauged) => include_str!("ngircd-oper.conf"),
        (Server::Inspircd, Limits::Open | Limits::Tight) => include_str!("inspircd-open.conf"),
        (Server::Inspircd, Limits::Defaults) => include_str!("inspircd-defaults.conf"),
        (Server::Inspircd, Limits::Gauged) => include_str!("inspircd-oper.conf"),
        (Server::Inspircd, Limits::Fast) => include_str!("inspircd-fast.conf"),
        (Server::Inspircd, Limits::Proxied) => include_str!("inspircd-proxied.conf"),
        (Server::Inspircd, Limits::Strict) => include_str!("inspircd-strict.conf"),
        (Server::Inspircd, Limits::Serviced) => include_str!("inspircd-services.conf"),
        (Server::Hybrid, Limits::Open) => include_str!("hybrid-open.conf"),
        (Server::Hybrid, Limits::Defaults) => include_str!("hybrid-defaults.conf"),
        (Server::Miniircd, _) => "",
        (Server::Ngircd | Server::Hybrid, _) => panic!("{server:?} is not started so: {limits:?}"),
    }
}
