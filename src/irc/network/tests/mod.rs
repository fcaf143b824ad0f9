//! Tests of the network as a whole.

mod channels;
mod harness;
mod limits;
mod links;
mod messaging;
mod model;
mod queries;
mod registration;
