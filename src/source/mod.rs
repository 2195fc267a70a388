//! Where events come from: CloudTrail's event history, and trail files.

pub mod lookup_events;
pub mod trail_files;
