//! The simulated company.
