//! The daemon: a tick every hour, deliveries every minute, a clean stop.
//!
//! The file's lock is held while there is something to write only, so that `collect --files` and `alerts retry` find
//! their turn between ticks; whoever comes second says so and tries again a minute later.

use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rand::RngExt;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, AwsSettings};
use crate::channel::Channel;
use crate::clock::Clock;
use crate::config::Config;
use crate::stages::{self, Delivered, Report, connect};
use crate::store::{Reader, Store, StoreError};

/// The machine may sleep: the wall's clock is looked at this often.
const LOOK: Duration = Duration::from_secs(20);
const DELIVER_EVERY: TimeDelta = TimeDelta::minutes(1);
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Everything the daemon needs, made at the rim.
#[derive(Debug)]
pub struct Service {
    config: Arc<Config>,
    aws: Aws,
    clock: Clock,
    channels: Vec<Channel>,
    stop: CancellationToken,
    /// A tick has found something to tell.
    found: Notify,
    /// Shared by a tick and the deliveries beside it; closed when neither needs it.
    open: Mutex<Weak<Store>>,
}

impl Service {
    pub fn new(
        config: Arc<Config>,
        aws: AwsSettings,
        clock: Clock,
        channels: Vec<Channel>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            config,
            aws: Aws::new(aws),
            clock,
            channels,
            stop,
            found: Notify::new(),
            open: Mutex::default(),
        }
    }

    /// Runs until the stop signal. An error is one that no waiting would mend, such as a file that is no database.
    pub async fn run(&self, ready: impl FnOnce()) -> Result<(), StoreError> {
        let now = self.clock.now();
        match self.store().await {
            Ok(store) => drop(store.judging_since(now).await?),
            Err(StoreError::Taken { .. }) => {
                tracing::warn!("another athena-ledger is writing: waiting for it")
            }
            Err(error) => return Err(error),
        }
        ready();
        let channels = join_all(self.channels.iter().map(|channel| self.deliver_for_ever(channel)));
        tokio::join!(self.tick_for_ever(), self.digest_for_ever(), channels);
        Ok(())
    }

    /// One pass: read, ask, build, judge.
    pub async fn tick(&self) -> Result<Report, StoreError> {
        let store = self.store().await?;
        let (connections, unreachable) = tokio::select! {
            connected = connect::connect(&self.config, &self.aws) => connected,
            // Nothing was read: the tick goes on with nobody, and ends.
            () = self.stop.cancelled() => Default::default(),
        };
        for scope in &unreachable {
            tracing::error!(stage = "collect", scope = scope.name, "not read: {}", chain(&scope.error));
        }
        let (config, clock) = (Arc::clone(&self.config), self.clock.clone());
        let ctx =
            connect::context(config, clock, store, connections, &unreachable, self.stop.clone()).await?;
        let report = stages::tick(&ctx, None).await?;
        tell(&report);
        if !self.stop.is_cancelled() {
            let found = stages::judge(&ctx).await?;
            tracing::info!(stage = "judge", alerts = found, "judged");
            if found > 0 {
                self.found.notify_waiters();
            }
            let channels = self.channels.iter().map(|channel| channel.name().to_owned()).collect();
            ctx.store.give_up_on_strangers(channels, self.clock.now()).await?;
        }
        Ok(report)
    }

    /// One round of deliveries to a channel.
    async fn deliver(&self, channel: &Channel) -> Result<(), StoreError> {
        let store = self.store().await?;
        let done = stages::deliver_to(&store, channel, &self.clock, &self.stop).await?;
        if done != Delivered::default() {
            let Delivered { delivered, failed, given_up } = done;
            let channel = channel.name();
            tracing::info!(stage = "deliver", channel, delivered, failed, given_up, "delivered");
        }
        Ok(())
    }

    /// The digest, if its time has come.
    async fn digest(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let reader = Reader::open(&self.config.store.path)?;
        if stages::digest_is_missing(&reader, &self.config, now)? {
            let store = self.store().await?;
            if stages::digest(&store, &self.config, now).await? > 0 {
                self.found.notify_waiters();
            }
        }
        Ok(())
    }

    async fn tick_for_ever(&self) {
        // At once: whatever was missed while nobody ran is read first.
        let mut next = self.clock.now();
        while self.reached(next).await {
            next = match self.tick().await {
                Ok(_) => next_tick(self.clock.now(), self.config.collect.every),
                Err(error) => {
                    tracing::error!("the tick ended early: {}", chain(&error));
                    self.clock.now() + AGAIN_AFTER
                }
            };
        }
    }

    /// Each channel by itself: one that hangs delays no other.
    async fn deliver_for_ever(&self, channel: &Channel) {
        while !self.stop.is_cancelled() {
            tokio::select! {
                _ = self.reached(self.clock.now() + DELIVER_EVERY) => {}
                () = self.found.notified() => {}
            }
            let done = match self.is_owed(channel) {
                Ok(true) => self.deliver(channel).await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let channel = channel.name();
                tracing::warn!(stage = "deliver", channel, "nothing was delivered: {}", chain(&error));
            }
        }
    }

    async fn digest_for_ever(&self) {
        while self.reached(self.clock.now() + DELIVER_EVERY).await {
            if let Err(error) = self.digest().await {
                tracing::warn!(stage = "judge", "no digest yet: {}", chain(&error));
            }
        }
    }

    /// Looked up without the lock: most minutes nothing is.
    fn is_owed(&self, channel: &Channel) -> Result<bool, StoreError> {
        let next = Reader::open(&self.config.store.path)?.next_delivery(channel.name())?;
        Ok(next.is_some_and(|at| at <= self.clock.now()))
    }

    /// Waits for an instant of the wall's clock; false at the stop signal.
    async fn reached(&self, at: DateTime<Utc>) -> bool {
        loop {
            let left = (at - self.clock.now()).to_std().unwrap_or_default();
            if self.stop.is_cancelled() || left.is_zero() {
                return !self.stop.is_cancelled();
            }
            tokio::select! {
                () = tokio::time::sleep(left.min(LOOK)) => {}
                () = self.stop.cancelled() => return false,
            }
        }
    }

    async fn store(&self) -> Result<Arc<Store>, StoreError> {
        let mut open = self.open.lock().await;
        if let Some(store) = open.upgrade() {
            return Ok(store);
        }
        let store = Arc::new(Store::open_aside(Arc::clone(&self.config), self.stop.clone()).await?);
        *open = Arc::downgrade(&store);
        Ok(store)
    }
}

/// The next full multiple of `every`, and up to a tenth of it later, so that not all accounts of a company begin at
/// the same second.
fn next_tick(now: DateTime<Utc>, every: TimeDelta) -> DateTime<Utc> {
    let step = every.num_seconds().max(1);
    let mark = (now.timestamp().div_euclid(step) + 1) * step;
    let jitter = rand::rng().random_range(0..=(step / 10).min(300));
    DateTime::from_timestamp(mark + jitter, 0).unwrap_or(now + every)
}

/// One line per stage.
fn tell(report: &Report) {
    for failure in report.scopes.iter().flat_map(|scope| &scope.failures) {
        tracing::error!(stage = "collect", scope = failure.scope, "ended early: {}", chain(&failure.error));
    }
    let events = report.scopes.iter().map(|scope| scope.events_read).sum::<u64>();
    let stored = report.scopes.iter().map(|scope| scope.events_stored).sum::<u64>();
    let new = report.scopes.iter().map(|scope| scope.executions_new).sum::<u64>();
    let throttled = report.scopes.iter().map(|scope| scope.throttled).sum::<u64>();
    let finished = report.scopes.iter().map(|scope| scope.enriched.finished).sum::<u64>();
    let counts = report.counts;
    let seconds = report.elapsed.as_secs();
    tracing::info!(stage = "collect", events, stored, new, throttled, seconds, "read");
    tracing::info!(stage = "enrich", finished, pending = counts.pending, denied = counts.denied, "asked");
    tracing::info!(stage = "rollup", hours = report.rolled_up.hours, days = report.rolled_up.days, "built");
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_begin_at_full_hours_and_a_little_later() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::minutes(59);
        for _ in 0..50 {
            let next = next_tick(now, TimeDelta::hours(1));
            assert!(next >= now + TimeDelta::minutes(1) && next <= now + TimeDelta::minutes(6), "{next}");
        }
        let full = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        assert!(
            next_tick(full, TimeDelta::hours(1)) >= full + TimeDelta::hours(1),
            "never twice in one hour"
        );
    }
}
