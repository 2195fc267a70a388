//! Everything that needs more than one module: one binary, so that it links once.

mod crash;
mod flow;
mod oracle;
mod schema;
mod traps;
mod world;
