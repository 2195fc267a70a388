//! Stage 5: the outbox -> channels, at least once, in order per channel; a channel that fails holds up no other.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rand::RngExt;

use crate::channel::{Channel, SendError, idempotency_key};
use crate::clock::Clock;
use crate::store::{Owed, Sent, Store, StoreError};
use tokio_util::sync::CancellationToken;

/// The first wait, doubled by every failure, up to the longest; a fifth more or less, so that many do not come at once.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(30);
/// The longest wish of a receiver that is granted: an alert is of no use after a day.
const LONGEST_WISH: Duration = Duration::from_secs(6 * 3_600);
/// Messages looked at in one round.
const A_ROUND: usize = 100;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub delivered: u64,
    pub failed: u64,
    pub given_up: u64,
}

/// Sends what is due to every channel, side by side.
pub async fn deliver(
    store: &Store,
    channels: &[Channel],
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<Delivered, StoreError> {
    let names = channels.iter().map(|channel| channel.name().to_owned()).collect();
    let mut total =
        Delivered { given_up: store.give_up_on_strangers(names, clock.now()).await?, ..Delivered::default() };
    let rounds = join_all(channels.iter().map(|channel| deliver_to(store, channel, clock, stop))).await;
    for round in rounds {
        let round = round?;
        total.delivered += round.delivered;
        total.failed += round.failed;
        total.given_up += round.given_up;
    }
    Ok(total)
}

/// Sends what is due to one channel, in order, for as long as it takes it.
pub async fn deliver_to(
    store: &Store,
    channel: &Channel,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<Delivered, StoreError> {
    let mut done = Delivered::default();
    for (index, owed) in store.owed(channel.name().to_owned(), A_ROUND, clock.now()).await?.iter().enumerate()
    {
        if stop.is_cancelled() {
            break;
        }
        if owed.next_at > clock.now() {
            if owed.refused {
                continue;
            }
            // What came later waits behind it.
            break;
        }
        if index > 0 {
            tokio::time::sleep(channel.rest()).await;
        }
        let result = tokio::select! {
            result = channel.send(&owed.message, clock.now().timestamp()) => result,
            // Sent or not: it is owed until a receiver was heard to take it.
            () = stop.cancelled() => break,
        };
        let now = clock.now();
        let Err(error) = result else {
            store.sent(channel.name().to_owned(), owed, Sent::Delivered, now).await?;
            done.delivered += 1;
            continue;
        };
        let refused = error.is_refusal();
        let sent = Sent::Again { at: again_at(owed, &error, now), why: error.to_string(), refused };
        let key = idempotency_key(&owed.message, channel.name());
        if store.sent(channel.name().to_owned(), owed, sent, now).await? {
            tracing::error!(channel = channel.name(), alert = key, "given up after a day: {error}");
            done.given_up += 1;
            if !refused {
                // Whatever is behind it would meet the same silence: a round is over after one.
                break;
            }
        } else {
            tracing::warn!(
                channel = channel.name(),
                alert = key,
                "not delivered, to be tried again: {error}"
            );
            done.failed += 1;
            if !refused {
                break;
            }
        }
    }
    Ok(done)
}

fn again_at(owed: &Owed, error: &SendError, now: DateTime<Utc>) -> DateTime<Utc> {
    let doubled = FIRST_WAIT * 2_i32.saturating_pow(u32::try_from(owed.attempts).unwrap_or(u32::MAX).min(10));
    let wait = doubled.min(LONGEST_WAIT);
    let jitter = wait.num_milliseconds() * rand::rng().random_range(-20..=20) / 100;
    let wish = error.retry_after().map_or(TimeDelta::zero(), |wish| {
        TimeDelta::from_std(wish.min(LONGEST_WISH)).unwrap_or(LONGEST_WAIT)
    });
    now + (wait + TimeDelta::milliseconds(jitter)).max(wish)
}
