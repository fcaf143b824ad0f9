//! Tests of the network as a whole.

mod accounts;
mod bans;
mod channels;
mod families;
mod harness;
mod history;
mod labels;
mod limits;
mod links;
mod look_ups;
mod messaging;
mod model;
mod monitor;
mod queries;
mod registration;
mod services;
mod sightings;
