//! CloudTrail log files.
