//! Tests of the network as a whole.

mod channels;
mod families;
mod harness;
mod limits;
mod links;
mod messaging;
mod model;
mod queries;
mod registration;
mod services;
