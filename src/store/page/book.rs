//! The book as the last rollup left it: how far it reaches, today, this month, and the ticks that made it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use crate::domain::usage::Measures;
use crate::store::sums::SUMS;
use crate::store::sums::measures;
use crate::store::{Reader, Store, StoreError, epoch, instant, signed, unsigned};

/// The one row of `ledger_now`. Money in dollars.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct BookNow {
    pub as_of: DateTime<Utc>,
    pub timezone: String,
    /// Up to when every scope was read; `None`: no scope was.
    pub walked_to: Option<DateTime<Utc>>,
    pub due_hours: u64,
    pub complete_hours: u64,
    /// Local.
    pub today: String,
    pub today_cost_usd: f64,
    pub month: String,
    pub month_unpriced: u64,
    pub month_scanned_bytes: u64,
    pub month_cost_usd: f64,
    pub month_unattributed_usd: f64,
    /// `None` with fewer than three days known.
    pub month_forecast_usd: Option<f64>,
}

/// Today, hour by hour, since local midnight. Money in dollars.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Today {
    pub day: String,
    /// The UTC hours.
    pub hours: Vec<String>,
    /// Of every hour: the total so far, `None` where nothing was read yet, and the usual one.
    pub total_usd: Vec<Option<f64>>,
    pub usual_usd: Vec<Option<f64>>,
    /// By principal, the highest last value first.
    pub principals: Vec<(String, Vec<f64>)>,
}

/// A tick that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub began_at: DateTime<Utc>,
    pub elapsed_ms: u64,
    pub events_read: u64,
    pub finished: u64,
    pub throttled: u64,
    pub failures: u64,
    pub api_calls: BTreeMap<String, u64>,
}

/// All ticks together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// By API.
    pub calls: Vec<(String, u64)>,
    pub throttled: u64,
    /// Scopes that could not be read to their end.
    pub failures: u64,
    pub ticks: u64,
}

impl Store {
    /// Notes a tick that came to its end.
    pub async fn ticked(&self, tick: Tick) -> Result<(), StoreError> {
        self.write(move |tx| {
            let calls = serde_json::to_string(&tick.api_calls)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let sql = "INSERT INTO tick (began_at, elapsed_ms, events_read, finished, throttled, failures, api_calls)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let numbers = [tick.elapsed_ms, tick.events_read, tick.finished, tick.throttled, tick.failures];
            let [elapsed, events, finished, throttled, failures] = numbers.map(signed);
            tx.prepare_cached(sql)?
                .execute(params![epoch(tick.began_at), elapsed, events, finished, throttled, failures, calls])
                .map(drop)
        })
        .await
    }
}

impl Reader {
    /// `None` before the first rollup.
    pub fn now(&self) -> Result<Option<BookNow>, StoreError> {
        let sql = "SELECT as_of_epoch, timezone, walked_to_epoch, due_hours, complete_hours, today, today_cost_usd, month,
                          month_unpriced, month_scanned_bytes, month_cost_usd, month_unattributed_usd, month_forecast_usd
                   FROM ledger_now";
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let row = select.query_row([], |row| {
                Ok(BookNow {
                    as_of: instant(row.get(0)?),
                    timezone: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                    walked_to: row.get::<_, Option<i64>>(2)?.map(instant),
                    due_hours: unsigned(row.get(3)?),
                    complete_hours: unsigned(row.get(4)?),
                    today: row.get(5)?,
                    today_cost_usd: row.get(6)?,
                    month: row.get(7)?,
                    month_unpriced: unsigned(row.get(8)?),
                    month_scanned_bytes: unsigned(row.get(9)?),
                    month_cost_usd: row.get(10)?,
                    month_unattributed_usd: row.get(11)?,
                    month_forecast_usd: row.get(12)?,
                })
            });
            row.optional()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Today so far, with the `top` highest principals; those behind them are in the total only.
    pub fn today(&self, top: usize) -> Result<Today, StoreError> {
        let read = || {
            let mut today = Today::default();
            let sql =
                "SELECT day, hour_at, cost_usd, usual_cost_usd FROM usual_total_today ORDER BY hour_epoch";
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                today.day = row.get(0)?;
                today.hours.push(row.get(1)?);
                today.total_usd.push(row.get(2)?);
                today.usual_usd.push(row.get(3)?);
            }
            let sql =
                "SELECT principal_key, principal, cost_usd FROM running_total_today ORDER BY hour_epoch";
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query([])?;
            let mut lines: BTreeMap<String, (String, Vec<f64>)> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let line = lines.entry(row.get(0)?).or_insert((row.get(1)?, Vec::new()));
                line.1.push(row.get(2)?);
            }
            let last = |line: &(String, Vec<f64>)| line.1.last().copied().unwrap_or_default();
            today.principals = lines.into_values().filter(|line| last(line) > 0.0).collect();
            today.principals.sort_by(|a, b| last(b).total_cmp(&last(a)));
            today.principals.truncate(top);
            Ok(today)
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// The newest ticks, newest first.
    pub fn ticks(&self, limit: usize) -> Result<Vec<Tick>, StoreError> {
        let sql = "SELECT began_at, elapsed_ms, events_read, finished, throttled, failures, api_calls
                   FROM tick ORDER BY id DESC LIMIT ?1";
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([limit as i64], |row| {
                let calls: String = row.get(6)?;
                Ok(Tick {
                    began_at: instant(row.get(0)?),
                    elapsed_ms: unsigned(row.get(1)?),
                    events_read: unsigned(row.get(2)?),
                    finished: unsigned(row.get(3)?),
                    throttled: unsigned(row.get(4)?),
                    failures: unsigned(row.get(5)?),
                    api_calls: serde_json::from_str(&calls).unwrap_or_default(),
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// All ticks together.
    pub fn traffic(&self) -> Result<Traffic, StoreError> {
        let read = || {
            let sql =
                "SELECT c.key, sum(c.value) FROM tick, json_each(tick.api_calls) c GROUP BY 1 ORDER BY 1";
            let mut select = self.connection.prepare_cached(sql)?;
            let calls = select
                .query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?
                .collect::<rusqlite::Result<Vec<(String, u64)>>>()?;
            let sql = "SELECT coalesce(sum(throttled), 0), coalesce(sum(failures), 0), count(*) FROM tick";
            let sums = |row: &rusqlite::Row<'_>| {
                Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?)))
            };
            let (throttled, failures, ticks) = self.connection.query_row(sql, [], sums)?;
            Ok(Traffic { calls, throttled, failures, ticks })
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Everything the book was charged with since its beginning: by account, region, kind and workgroup.
    pub fn totals(&self) -> Result<Vec<([String; 4], Measures)>, StoreError> {
        let sql = format!(
            "SELECT s.account_id, s.region, p.kind, w.value, {SUMS}
             FROM usage_month u JOIN scope s ON s.id = u.scope_id JOIN principal p ON p.id = u.principal_id
             JOIN name w ON w.id = u.workgroup_id GROUP BY 1, 2, 3, 4"
        );
        let read = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map([], |row| {
                Ok(([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?], measures(row, 4)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Up to when each scope was read: account, region, instant.
    pub fn walked_to(&self) -> Result<Vec<(String, String, DateTime<Utc>)>, StoreError> {
        let sql = "SELECT s.account_id, s.region, max(w.end) FROM walked w JOIN scope s ON s.id = w.scope_id
                   WHERE w.walk = 1 GROUP BY 1, 2 ORDER BY 1, 2";
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, instant(row.get(2)?))))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }
}
