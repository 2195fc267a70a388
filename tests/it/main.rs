//! Everything that needs more than one module: one binary, so that it links once.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alerts;
mod cli;
mod crash;
mod dashboards;
mod deps;
mod docs;
mod flow;
mod layers;
mod oracle;
mod page;
mod retention;
mod schema;
mod scopes;
mod service;
mod simulated;
mod traps;
mod world;
