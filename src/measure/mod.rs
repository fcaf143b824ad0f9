//! What a run observed: operations, probes, ledgers, reasons, intervals; results that merge.

pub mod act;
pub mod around;
pub mod band;
pub mod bouncer;
pub mod continuity;
pub mod distribution;
pub mod event;
pub mod exemplar;
pub mod forecast;
pub mod interval;
pub mod ledger;
pub mod likeness;
pub mod loss;
pub mod mark;
pub mod migration;
pub mod operation;
pub mod outcome;
mod pieces;
pub mod probe;
pub mod process;
pub mod progress;
pub mod reason;
pub mod said;
pub mod sent;
pub mod warning;
pub mod welcome;
