//! CloudTrail LookupEvents.
