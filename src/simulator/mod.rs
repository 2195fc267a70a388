//! AWS as a state model: CloudTrail's event history, Athena and STS behind their wire formats.
//!
//! Owns [`World`], what a test or the demo edits, and two ways to reach it: in process (`wire`) and on loopback
//! (`server`). Never uses the code under test: its truth is written as literals. Never verifies a signature,
//! never runs a query, never knows a result.

mod answer;
mod api;
mod athena;
mod execution;
mod faults;
mod history;
mod identity;
mod lookup;
mod quota;
mod request;
mod sts;
mod wire;
mod world;

pub mod receiver;
pub mod scenario;
pub mod server;

pub use api::{Api, Calls, Count, Seen};
pub use execution::{End, StartSpec};
pub use faults::{Faults, UnknownIds};
pub use identity::{Actor, Identity};
pub use world::World;

use crate::domain::scope::{AccountId, Region, Scope};

/// The simulated company's account.
pub const ACCOUNT: &str = "111122223333";
/// Its main region.
pub const REGION: &str = "us-east-1";
/// The credentials of the default caller, the role `athena-ledger` of [`ACCOUNT`].
pub const ACCESS_KEY_ID: &str = "ASIASIMULATEDLEDGER1";
/// Any secret will do: signatures are not verified.
pub const SECRET_ACCESS_KEY: &str = "simulated-and-not-verified";

/// [`ACCOUNT`].
#[expect(clippy::expect_used, reason = "a constant of twelve digits")]
pub fn account() -> AccountId {
    AccountId::parse(ACCOUNT).expect("twelve digits")
}

/// [`ACCOUNT`] in [`REGION`].
#[expect(clippy::expect_used, reason = "a constant region code")]
pub fn home() -> Scope {
    Scope { account: account(), region: Region::parse(REGION).expect("a region code") }
}

#[cfg(test)]
mod tests;
