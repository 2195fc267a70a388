//! The account book of a data lake's Athena queries.

pub mod aws;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod report;
pub mod simulator;
pub mod source;
pub mod stages;
pub mod store;
