//! The only code that opens sockets to a target or for one.

pub mod address;
pub mod certificate;
pub mod endpoint;
pub mod layer;
pub mod read;
pub mod stamped;
pub mod tcp;
pub mod tls;
