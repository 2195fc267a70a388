//! The only source of `now`: system time, or a simulated time that follows tokio's.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Tells the time in UTC. Loops hold one; pure code takes `now` as an argument.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Simulated { start: DateTime<Utc>, since: Instant },
}

impl Clock {
    /// The machine's own time.
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// Starts at `start` and moves with tokio's time, paused or not.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self(Kind::Simulated { start, since: Instant::now() })
    }

    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
            Kind::System => Utc::now(),
            Kind::Simulated { start, since } => {
                *start + TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_follows_tokio() {
        let start = DateTime::UNIX_EPOCH;
        let clock = Clock::starting_at(start);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now() - start, TimeDelta::hours(1));
    }
}
