//! Token buckets: AWS's rate quotas per account and region.

use chrono::{DateTime, Utc};

use super::api::Api;

/// Calls per second and burst; `None` where AWS publishes none. The Athena numbers are of 2023 and unverified since.
pub(super) fn of(api: Api) -> Option<(f64, f64)> {
    match api {
        Api::LookupEvents => Some((2.0, 2.0)),
        Api::BatchGetQueryExecution => Some((20.0, 40.0)),
        Api::GetQueryExecution | Api::GetQueryResults => Some((100.0, 200.0)),
        Api::GetCallerIdentity | Api::AssumeRole | Api::Other => None,
    }
}

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: DateTime<Utc>,
}

impl Bucket {
    /// Full.
    pub(super) fn new(rate: f64, burst: f64, now: DateTime<Utc>) -> Self {
        Self { rate, burst, tokens: burst, at: now }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> bool {
        let passed = (now - self.at).as_seconds_f64().max(0.0);
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        // Two waits of half a second must add up to a token in floating point too.
        let granted = self.tokens >= 1.0 - 1e-6;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_burst_is_spent_at_once_and_comes_back_at_the_rate() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = Bucket::new(2.0, 2.0, start);
        assert_eq!([bucket.take(start), bucket.take(start), bucket.take(start)], [true, true, false]);
        let soon = start + TimeDelta::milliseconds(500);
        assert_eq!([bucket.take(soon), bucket.take(soon)], [true, false]);
        let later = start + TimeDelta::hours(1);
        assert_eq!([bucket.take(later), bucket.take(later), bucket.take(later)], [true, true, false]);
    }
}
