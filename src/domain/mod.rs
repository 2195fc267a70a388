//! Values and arithmetic of the account book: no IO, no clock, no SQL, no AWS.
//!
//! Everything here is made by parsing and then cannot be wrong; `now` is always an argument.

pub mod alert;
pub mod client;
pub mod coverage;
pub mod day;
pub mod event;
pub mod execution;
pub mod price;
pub mod principal;
mod record;
pub mod scope;
pub mod selection;
pub mod sql;
pub mod usage;
pub mod window;
