//! Where events come from: CloudTrail's event history, and trail files.

pub mod lookup_events;
pub mod trail_files;

use crate::domain::event::{Event, Unreadable};

/// What one page or one piece of a file gave.
///
/// `read` = events + unreadable + `skipped` + `own`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub read: u64,
    pub events: Vec<Event>,
    pub unreadable: Vec<Unreadable>,
    /// Not Athena, or not one of the four names.
    pub skipped: u64,
    /// Our own calls: counted, never stored.
    pub own: u64,
}
