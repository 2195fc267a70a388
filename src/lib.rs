//! The account book of a data lake's Athena queries.

pub mod clock;
pub mod config;
pub mod domain;
pub mod source;
