//! Tests of the network as a whole.

mod bans;
mod channels;
mod families;
mod harness;
mod limits;
mod links;
mod look_ups;
mod messaging;
mod model;
mod queries;
mod registration;
mod services;
mod sightings;
