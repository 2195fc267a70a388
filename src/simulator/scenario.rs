//! A seeded company on the simulated AWS, and what is true of it.
//!
//! Owns who works there, what they run, and the sums of it. The bytes and dollars of every query are literals written
//! by hand: nothing here is computed by the code under test.

mod company;
mod hour;
mod queries;
mod truth;
mod week;

pub use hour::{HourLoad, hour};
pub use truth::{BadAfternoon, Sum, Truth};
pub use week::{afterwards, regions, week};

#[cfg(test)]
mod tests;
