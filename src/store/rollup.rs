//! Commit 3: touched hours and their local days and months are built again, whole. Doing it twice is harmless.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, params};

use super::marks::{expected_scopes, frozen_before, meta, set_meta};
use super::sums::{MEASURES, SUMS, day_number, month_number, next_month};
use super::{ScopeId, Store, StoreError, epoch, instant};
use super::{coverage, highlights};
use crate::config::Config;
use crate::domain::day;
use crate::domain::window::{Intervals, Window};

/// What a rollup built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    pub hours: u64,
    pub days: u64,
}

/// Which of the hours that are built rules are to look at.
#[derive(Clone, Debug)]
pub enum Judged {
    All,
    /// Those a scope had begun to be walked of before: what a backfill or files add alone they never see.
    Walked(HashMap<ScopeId, Intervals>),
}

impl Judged {
    fn admits(&self, scope: ScopeId, hour: i64) -> bool {
        let window = Window { start: instant(hour), end: instant(hour + 3_600) };
        match self {
            Self::All => true,
            Self::Walked(before) => before.get(&scope).is_some_and(|walked| walked.overlaps(window)),
        }
    }
}

impl Store {
    /// Brings usage and coverage up to what events and executions say.
    pub async fn rollup(&self, now: DateTime<Utc>, judged: Judged) -> Result<RolledUp, StoreError> {
        let config = Arc::clone(&self.config);
        let zone = config.timezone;
        self.write(move |tx| {
            // Here and not earlier: its days are built again in the same breath.
            apply_timezone(tx, zone)?;
            admit_to_the_ledger(tx)?;
            touch_what_time_changes(tx, now, &expected_scopes(tx, &config)?)?;
            note_today(tx, now, zone)
        })
        .await?;
        let mut done = RolledUp::default();
        let judged = Arc::new(judged);
        loop {
            let (config, judged) = (Arc::clone(&self.config), Arc::clone(&judged));
            let built = self.write(move |tx| build_some(tx, now, &config, &judged)).await?;
            if built == RolledUp::default() {
                return Ok(done);
            }
            done.hours += built.hours;
            done.days += built.days;
        }
    }
}

/// SQLite knows no time zones: what views call today and this month is noted for them.
fn note_today(tx: &Connection, now: DateTime<Utc>, zone: Tz) -> rusqlite::Result<()> {
    let today = day::local_day(now, zone);
    let month_end = day::local_midnight(next_month(today), zone);
    let facts = [
        ("rolled_up_at", epoch(now)),
        ("today", day_number(today)),
        ("month", month_number(today)),
        ("month_end", epoch(month_end)),
    ];
    facts.iter().try_for_each(|(key, value)| set_meta(tx, key, &value.to_string()))
}

/// A backfill moves the ledger's beginning: executions flagged as before it may lie inside now.
fn admit_to_the_ledger(tx: &Connection) -> rusqlite::Result<()> {
    let inside = "before_ledger = 1 AND submitted >=
        (SELECT min(start) / 3600 * 3600 FROM walked w WHERE w.scope_id = execution.scope_id AND w.walk = 1)
        AND submitted >= coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before'), submitted)";
    tx.execute_batch(&format!(
        "INSERT OR IGNORE INTO touched SELECT scope_id, submitted / 3600 * 3600 FROM execution WHERE {inside};
         UPDATE execution SET before_ledger = 0 WHERE {inside};"
    ))
}

/// Open hours become due, and every hour since the first walked one has a row, read or not, as long as its scope is
/// one of `expected`.
fn touch_what_time_changes(tx: &Connection, now: DateTime<Utc>, expected: &str) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO touched SELECT scope_id, hour FROM coverage_hour WHERE status = 'open'",
        [],
    )?;
    let missing = format!(
        "WITH RECURSIVE hours (scope_id, hour) AS (
            SELECT w.scope_id, min(w.start) / 3600 * 3600 FROM walked w WHERE w.walk = 1 AND w.scope_id IN ({expected})
            GROUP BY w.scope_id
            UNION ALL
            SELECT scope_id, hour + 3600 FROM hours WHERE hour + 3600 < ?1
        )
        INSERT OR IGNORE INTO touched
        SELECT h.scope_id, h.hour FROM hours h LEFT JOIN coverage_hour c USING (scope_id, hour) WHERE c.hour IS NULL"
    );
    tx.execute(&missing, [epoch(now)]).map(drop)
}

fn build_some(
    tx: &Connection,
    now: DateTime<Utc>,
    config: &Config,
    judged: &Judged,
) -> rusqlite::Result<RolledUp> {
    let (late, zone) = (config.collect.late, config.timezone);
    let frozen = frozen_before(tx)?;
    // A day at a time: readers never see a day that is ahead of its hours.
    let first: Option<i64> = tx.query_row("SELECT min(hour) FROM touched", [], |row| row.get(0))?;
    let Some(first) = first else { return Ok(RolledUp::default()) };
    let day = day::local_day(instant(first + 3_599), zone);
    let end = epoch(day::local_midnight(day + TimeDelta::days(1), zone));
    let touched = tx
        .prepare_cached("SELECT scope_id, hour FROM touched WHERE hour < ?1 ORDER BY hour, scope_id")?
        .query_map([end], |row| Ok((ScopeId(row.get(0)?), row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(ScopeId, i64)>>>()?;
    let mut days = BTreeSet::new();
    for (scope, hour) in &touched {
        // Frozen: the executions are gone, so the row is all there is and must stay.
        if frozen.is_none_or(|frozen| *hour >= frozen) {
            build_hour(tx, *scope, *hour)?;
            coverage::build(tx, *scope, instant(*hour), late, now)?;
            if judged.admits(*scope, *hour) {
                tx.prepare_cached("INSERT OR IGNORE INTO to_judge VALUES (?1)")?.execute([*hour])?;
            }
            days.insert(day::local_day(instant(*hour), zone));
            days.insert(day::local_day(instant(*hour + 3_599), zone));
        }
        tx.prepare_cached("DELETE FROM touched WHERE scope_id = ?1 AND hour = ?2")?
            .execute([scope.0, *hour])?;
    }
    let mut months = BTreeSet::new();
    let first = first_live(tx, frozen, zone)?;
    let days: BTreeSet<NaiveDate> =
        days.into_iter().map(|date| first.map_or(date, |(first, _)| date.max(first))).collect();
    for date in &days {
        let start = first.filter(|(first, _)| first == date).map(|(_, start)| start);
        build_day(tx, *date, zone, start)?;
        months.insert((date.year(), date.month()));
    }
    months.iter().try_for_each(|(year, month)| build_month(tx, *year, *month))?;
    Ok(RolledUp { hours: touched.len() as u64, days: days.len() as u64 })
}

fn build_hour(tx: &Connection, scope: ScopeId, hour: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM usage_hour WHERE hour = ?1 AND scope_id = ?2")?
        .execute([hour, scope.0])?;
    let sql = format!(
        "INSERT INTO usage_hour
         SELECT ?1, ?2, coalesce(workgroup_id, 0), coalesce(principal_id, 0), {MEASURES}
         FROM execution WHERE submitted >= ?1 AND submitted < ?1 + 3600 AND scope_id = ?2 AND before_ledger = 0
         GROUP BY 3, 4"
    );
    tx.prepare_cached(&sql)?.execute([hour, scope.0]).map(drop)
}

/// The first local day that is still built, and from when on: its midnight, or the frozen edge, where days of another
/// time zone ended in the middle of a day. What lies between an edge and the first midnight after a day that is
/// frozen counts for the day that begins there: no day may lose it.
fn first_live(tx: &Connection, frozen: Option<i64>, zone: Tz) -> rusqlite::Result<Option<(NaiveDate, i64)>> {
    let Some(frozen) = frozen else { return Ok(None) };
    let date = day::local_day(instant(frozen), zone);
    let is_frozen = "SELECT EXISTS (SELECT 1 FROM local_day WHERE day = ?1 AND start < ?2)";
    let is_frozen = tx.prepare_cached(is_frozen)?.query_row([day_number(date), frozen], |row| row.get(0))?;
    let first = if is_frozen { date + TimeDelta::days(1) } else { date };
    Ok(Some((first, frozen)))
}

/// `start`: where it is not the local midnight.
fn build_day(tx: &Connection, date: NaiveDate, zone: Tz, start: Option<i64>) -> rusqlite::Result<()> {
    let start = start.unwrap_or_else(|| epoch(day::local_midnight(date, zone)));
    let end = epoch(day::local_midnight(date + TimeDelta::days(1), zone));
    let number = day_number(date);
    tx.prepare_cached("INSERT OR REPLACE INTO local_day VALUES (?1, ?2, ?3)")?
        .execute([number, start, end])?;
    tx.prepare_cached("DELETE FROM usage_day WHERE day = ?1")?.execute([number])?;
    let sql = format!(
        "INSERT INTO usage_day
         SELECT ?1, scope_id, coalesce(workgroup_id, 0), coalesce(principal_id, 0), coalesce(client_id, 0),
                coalesce(database_id, 0), {MEASURES}
         FROM execution WHERE submitted >= ?2 AND submitted < ?3 AND before_ledger = 0
         GROUP BY 2, 3, 4, 5, 6"
    );
    tx.prepare_cached(&sql)?.execute([number, start, end])?;
    highlights::build(tx, number, start, end)
}

fn build_month(tx: &Connection, year: i32, month: u32) -> rusqlite::Result<()> {
    let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
    let next = first + chrono::Months::new(1);
    let number = month_number(first);
    tx.prepare_cached("DELETE FROM usage_month WHERE month = ?1")?.execute([number])?;
    let sql = format!(
        "INSERT INTO usage_month
         SELECT ?1, scope_id, workgroup_id, principal_id, client_id, database_id, {SUMS}
         FROM usage_day WHERE day >= ?2 AND day < ?3 GROUP BY 2, 3, 4, 5, 6"
    );
    tx.prepare_cached(&sql)?.execute(params![number, day_number(first), day_number(next)]).map(drop)
}

/// Days are local: another `timezone` builds them again, except those whose executions retention has removed.
fn apply_timezone(tx: &Connection, zone: Tz) -> rusqlite::Result<()> {
    let before = meta(tx, "timezone")?;
    if before.as_deref() == Some(zone.name()) {
        return Ok(());
    }
    set_meta(tx, "timezone", zone.name())?;
    if before.is_none() {
        return Ok(());
    }
    let frozen = frozen_before(tx)?.unwrap_or(i64::MIN);
    for table in ["usage_day", "shape_day", "top_day", "wasted_day"] {
        tx.execute(
            &format!("DELETE FROM {table} WHERE day IN (SELECT day FROM local_day WHERE start >= ?1)"),
            [frozen],
        )?;
    }
    tx.execute("DELETE FROM local_day WHERE start >= ?1", [frozen])?;
    tx.execute_batch(&format!(
        "DELETE FROM usage_month;
         INSERT INTO usage_month
         SELECT strftime('%Y', day * 86400, 'unixepoch') * 12 + strftime('%m', day * 86400, 'unixepoch') - 1,
                scope_id, workgroup_id, principal_id, client_id, database_id, {SUMS}
         FROM usage_day GROUP BY 1, 2, 3, 4, 5, 6;
         INSERT OR IGNORE INTO touched
         SELECT DISTINCT scope_id, submitted / 3600 * 3600 FROM execution WHERE submitted IS NOT NULL;"
    ))
}
