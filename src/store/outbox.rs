//! Commit 5: what is owed to channels. A row is tried until it is delivered or given up; never removed before.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::{Reader, Store, StoreError, epoch, instant, unsigned};
use crate::domain::alert::Message;

/// After this a channel is taken for gone; `alerts retry` begins anew.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(1);

/// A message that is owed to a channel.
#[derive(Clone, Debug)]
pub struct Owed {
    row: i64,
    pub message: Message,
    pub attempts: u64,
    pub next_at: DateTime<Utc>,
    /// The channel refused this very message: those behind it need not wait.
    pub refused: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Delivered,
    /// To be tried again at this time. The reason must be free of secrets.
    Again {
        at: DateTime<Utc>,
        why: String,
        refused: bool,
    },
}

impl Store {
    /// What is owed to a channel, oldest first. What the channel refused holds up no other: it is here when it is due.
    pub async fn owed(
        &self,
        channel: String,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Owed>, StoreError> {
        self.write(move |tx| {
            let sql = "SELECT o.alert, a.message, o.attempts, o.next_at, o.refused FROM outbox o JOIN alert a ON a.id = o.alert
                       WHERE o.channel = ?1 AND o.delivered_at IS NULL AND o.gave_up_at IS NULL
                           AND (o.refused = 0 OR o.next_at <= ?3)
                       ORDER BY o.alert LIMIT ?2";
            let mut select = tx.prepare_cached(sql)?;
            let rows = select.query_map(params![channel, limit as i64, epoch(now)], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, unsigned(row.get(2)?), instant(row.get(3)?), row.get(4)?))
            })?;
            let (mut owed, mut broken) = (Vec::new(), Vec::new());
            for row in rows {
                let (row, message, attempts, next_at, refused) = row?;
                match serde_json::from_str(&message) {
                    Ok(message) => owed.push(Owed { row, message, attempts, next_at, refused }),
                    Err(_) => broken.push(row),
                }
            }
            // Written by us as JSON: a row that somebody edited is nobody's message.
            for row in broken {
                let sql = "UPDATE outbox SET gave_up_at = ?3, error = 'the message in the database is broken'
                           WHERE channel = ?1 AND alert = ?2";
                tx.prepare_cached(sql)?.execute(params![channel, row, epoch(now)])?;
            }
            Ok(owed)
        })
        .await
    }

    /// Stores how an attempt ended; true when the message is given up with it.
    pub async fn sent(
        &self,
        channel: String,
        owed: &Owed,
        sent: Sent,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let row = owed.row;
        self.write(move |tx| match sent {
            Sent::Delivered => {
                let sql = "UPDATE outbox SET attempts = attempts + 1, delivered_at = ?3, error = NULL
                           WHERE channel = ?1 AND alert = ?2";
                tx.prepare_cached(sql)?.execute(params![channel, row, epoch(now)])?;
                Ok(false)
            }
            Sent::Again { at, why, refused } => {
                let sql = "UPDATE outbox SET attempts = attempts + 1, next_at = ?3, error = ?4, refused = ?5,
                               gave_up_at = iif(owed_at + ?6 <= ?7, ?7, NULL)
                           WHERE channel = ?1 AND alert = ?2 RETURNING gave_up_at IS NOT NULL";
                let key =
                    params![channel, row, epoch(at), why, refused, GIVE_UP_AFTER.num_seconds(), epoch(now)];
                tx.prepare_cached(sql)?.query_row(key, |row| row.get(0))
            }
        })
        .await
    }

    /// What is owed to channels that are not configured any more is given up after the same time.
    pub async fn give_up_on_strangers(
        &self,
        channels: Vec<String>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write(move |tx| {
            let known = serde_json::json!(channels).to_string();
            let sql = "UPDATE outbox SET gave_up_at = ?1, error = 'no channel of this name is configured any more'
                       WHERE delivered_at IS NULL AND gave_up_at IS NULL AND channel NOT IN (SELECT value FROM json_each(?2))
                           AND owed_at + ?3 <= ?1";
            tx.execute(sql, params![epoch(now), known, GIVE_UP_AFTER.num_seconds()]).map(|rows| rows as u64)
        })
        .await
    }

    /// Owes again what was given up, or one alert whatever became of it. Returns how many deliveries that is.
    pub async fn retry(&self, alert_id: Option<String>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write(move |tx| {
            // Its day begins anew: what is old would be given up at the first failure.
            let again = "UPDATE outbox SET gave_up_at = NULL, delivered_at = NULL, owed_at = ?1, next_at = ?1, refused = 0";
            let which = if alert_id.is_some() {
                "alert = (SELECT id FROM alert WHERE alert_id = ?2)"
            } else {
                "gave_up_at IS NOT NULL AND ?2 IS NULL"
            };
            tx.execute(&format!("{again} WHERE {which}"), params![epoch(now), alert_id]).map(|rows| rows as u64)
        })
        .await
    }
}

impl Reader {
    /// When the next message to a channel is due, if one is owed at all.
    pub fn next_delivery(&self, channel: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT min(next_at) FROM outbox
                   WHERE channel = ?1 AND delivered_at IS NULL AND gave_up_at IS NULL";
        let at: Option<i64> = self
            .connection
            .query_row(sql, [channel], |row| row.get(0))
            .map_err(|source| self.sqlite(source))?;
        Ok(at.map(instant))
    }

    /// Messages that are owed, and messages that were given up.
    pub fn outbox(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT coalesce(sum(delivered_at IS NULL AND gave_up_at IS NULL), 0), coalesce(sum(gave_up_at IS NOT NULL), 0)
                   FROM outbox";
        let counts = self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (owed, gone): (i64, i64) = counts.map_err(|source| self.sqlite(source))?;
        Ok((unsigned(owed), unsigned(gone)))
    }
}
