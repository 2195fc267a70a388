//! What is removed after its time. Usage is kept for ever: hours whose executions go are frozen first.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::answers::HISTORY;
use super::marks::{frozen_before, meta, set_meta};
use super::{Store, StoreError, epoch, instant};
use crate::domain::{day, sql};

/// Rows removed in one transaction.
const AT_A_TIME: i64 = 10_000;

/// Seconds from one look for names that nobody uses any more to the next.
const SWEEP_EVERY: i64 = 7 * 86_400;

/// Every column that refers to `name`.
const NAMED: [(&str, &[&str]); 6] = [
    (
        "event",
        &[
            "role_id",
            "session_id",
            "service_id",
            "source_ip_id",
            "user_agent_id",
            "client_id",
            "error_code_id",
        ],
    ),
    (
        "execution",
        &[
            "client_id",
            "workgroup_id",
            "catalog_id",
            "database_id",
            "statement_id",
            "substatement_id",
            "price_source_id",
        ],
    ),
    ("usage_hour", &["workgroup_id"]),
    ("usage_day", &["workgroup_id", "client_id", "database_id"]),
    ("usage_month", &["workgroup_id", "client_id", "database_id"]),
    ("wasted_day", &["workgroup_id"]),
];

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    pub events: u64,
    pub executions: u64,
    pub query_texts: u64,
}

impl Store {
    /// Applies `[retention]`. To be called after a rollup: frozen hours are never built again.
    pub async fn purge(&self, now: DateTime<Utc>) -> Result<Purged, StoreError> {
        let keep = self.config.retention.clone();
        let before = |kept: Option<TimeDelta>| kept.map(|kept| epoch(now - kept));
        let mut purged = Purged::default();
        for (cut, names) in [(before(keep.read_events), "name <> 1"), (before(keep.events), "name = 1")] {
            let Some(cut) = cut else { continue };
            let sql = format!("id IN (SELECT id FROM event WHERE at < {cut} AND {names} LIMIT {AT_A_TIME})");
            purged.events += self
                .repeat(move |tx| {
                    tx.execute(
                        &format!(
                            "DELETE FROM event_execution WHERE event IN (SELECT id FROM event WHERE {sql})"
                        ),
                        [],
                    )?;
                    tx.execute(&format!("DELETE FROM event WHERE {sql}"), [])
                })
                .await?;
        }
        if let Some(cut) = before(keep.executions) {
            purged.executions = self.purge_executions(cut, now).await?;
        }
        // A text whose executions are gone has nobody left to be kept for.
        if let Some(cut) = before([keep.query_text, keep.executions].into_iter().flatten().min()) {
            purged.query_texts = self.write(move |tx| forget_texts(tx, cut)).await? as u64;
        }
        if purged.events > 0 {
            self.write(move |tx| sweep_names(tx, now)).await?;
        }
        if purged != Purged::default() {
            // Every step frees one page.
            let vacuum = |connection: &Connection| {
                let mut pages = connection.prepare("PRAGMA incremental_vacuum")?;
                let mut rows = pages.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            };
            self.write_outside(vacuum).await?;
        }
        Ok(purged)
    }

    async fn purge_executions(&self, cut: i64, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let config = Arc::clone(&self.config);
        self.write(move |tx| freeze(tx, cut, epoch(now - HISTORY), config.timezone)).await?;
        let Some((from, last_row)) = self.write(unfinished).await? else { return Ok(0) };
        let purged = self
            .repeat(move |tx| {
                let chosen = "SELECT id FROM execution WHERE submitted >= ?1 AND id <= ?2
                              AND submitted < (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before') LIMIT ?3";
                let key = [from, last_row, AT_A_TIME];
                tx.execute(&format!("DELETE FROM event_execution WHERE execution IN ({chosen})"), key)?;
                tx.execute(&format!("DELETE FROM top_day WHERE execution IN ({chosen})"), key)?;
                tx.execute(&format!("DELETE FROM ask WHERE execution IN ({chosen})"), key)?;
                tx.execute(&format!("DELETE FROM execution WHERE id IN ({chosen})"), key)
            })
            .await?;
        // A purge that was stopped goes on the next time.
        if !self.stop.is_cancelled() {
            self.write(|tx| tx.execute("DELETE FROM meta WHERE key = 'purging'", []).map(drop)).await?;
        }
        Ok(purged)
    }

    async fn repeat<F>(&self, step: F) -> Result<u64, StoreError>
    where
        F: Fn(&Connection) -> rusqlite::Result<usize> + Clone + Send + 'static,
    {
        let mut total = 0;
        loop {
            let removed = self.write(step.clone()).await? as u64;
            total += removed;
            if removed == 0 || self.stop.is_cancelled() {
                return Ok(total);
            }
        }
    }
}

/// Moves the frozen edge to the local midnight before `cut`, but not past anything Athena still owes an answer for:
/// it owes none for what is older than `forgotten`.
fn freeze(tx: &Connection, cut: i64, forgotten: i64, zone: chrono_tz::Tz) -> rusqlite::Result<()> {
    // What an interrupted purge has frozen is removed first: its edge and its last row are known only together.
    if unfinished(tx)?.is_some() {
        return Ok(());
    }
    let owed =
        "SELECT min(x.submitted) FROM ask a JOIN execution x ON x.id = a.execution WHERE x.submitted >= ?1";
    let owed: Option<i64> = tx.query_row(owed, [forgotten], |row| row.get(0))?;
    let cut = owed.map_or(cut, |owed| owed.min(cut));
    let edge = epoch(day::local_midnight(day::local_day(instant(cut), zone), zone));
    let before = frozen_before(tx)?;
    if before.is_some_and(|before| edge <= before) {
        return Ok(());
    }
    // Only what is here now is purged: what is found later stays, as an adjustment.
    let last_row: i64 = tx.query_row("SELECT coalesce(max(id), 0) FROM execution", [], |row| row.get(0))?;
    let from = before.unwrap_or(i64::MIN);
    set_meta(tx, "purging", &format!("{from} {last_row}"))?;
    set_meta(tx, "frozen_before", &edge.to_string())
}

/// Removes SQL last seen before `cut`, and what quotes it: Athena's reasons and alerts.
fn forget_texts(tx: &Connection, cut: i64) -> rusqlite::Result<usize> {
    let texts =
        tx.execute("UPDATE query SET text = NULL WHERE text IS NOT NULL AND last_seen < ?1", [cut])?;
    let done: i64 = meta(tx, "reasons_before")?.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
    let quoting = "SELECT id, state_reason FROM execution
                   WHERE submitted >= ?1 AND submitted < ?2 AND state_reason IS NOT NULL";
    let reasons = tx
        .prepare(quoting)?
        .query_map([done, cut], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let mut update = tx.prepare("UPDATE execution SET state_reason = ?2 WHERE id = ?1")?;
    for (id, reason) in reasons {
        update.execute(params![id, sql::redacted_reason(&reason)])?;
    }
    set_meta(tx, "reasons_before", &cut.max(done).to_string())?;
    tx.execute("DELETE FROM outbox WHERE alert IN (SELECT id FROM alert WHERE found_at < ?1)", [cut])?;
    tx.execute("DELETE FROM alert WHERE found_at < ?1", [cut])?;
    Ok(texts)
}

/// Once a week: addresses, sessions and user agents of events that are gone. Looks at every event and execution.
fn sweep_names(tx: &Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let swept = meta(tx, "names_swept_at")?.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
    if epoch(now) < swept.saturating_add(SWEEP_EVERY) {
        return Ok(());
    }
    let used = NAMED
        .iter()
        .flat_map(|(table, columns)| {
            columns
                .iter()
                .map(move |column| format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL"))
        })
        .collect::<Vec<_>>()
        .join(" UNION ");
    tx.execute(&format!("DELETE FROM name WHERE id > 0 AND id NOT IN ({used})"), [])?;
    set_meta(tx, "names_swept_at", &epoch(now).to_string())
}

/// The purge under way, which a crash may have left unfinished: from when, and up to which row.
fn unfinished(tx: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let value = meta(tx, "purging")?;
    let parsed = value.as_deref().and_then(|text| text.split_once(' '));
    Ok(parsed.and_then(|(from, last)| Some((from.parse().ok()?, last.parse().ok()?))))
}

impl Store {
    /// When retention was last applied.
    pub async fn purged_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let text = self.write(|tx| meta(tx, "purged_at")).await?;
        Ok(text.and_then(|text| text.parse().ok()).map(instant))
    }

    pub async fn set_purged_at(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| set_meta(tx, "purged_at", &epoch(at).to_string())).await
    }

    async fn write_outside<F>(&self, work: F) -> Result<(), StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    {
        let guard = Arc::clone(&self.connection).lock_owned().await;
        let path = self.path.clone();
        match tokio::task::spawn_blocking(move || work(&guard)).await {
            Ok(result) => result.map_err(|source| StoreError::sqlite(&path, source)),
            Err(source) => Err(StoreError::Interrupted { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_names_refer_to_is_looked_at() {
        let sql = Connection::open_in_memory().expect("a database");
        sql.execute_batch(include_str!("../../schema.sql")).expect("the schema is valid");
        let mut keys = sql
            .prepare(
                "SELECT t.name, k.\"from\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) k
                 WHERE t.type = 'table' AND k.\"table\" = 'name' ORDER BY 1, 2",
            )
            .expect("valid");
        let declared: Vec<(String, String)> = keys
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .expect("read");
        let mut known: Vec<(String, String)> = NAMED
            .iter()
            .flat_map(|(table, columns)| {
                columns.iter().map(|column| ((*table).to_owned(), (*column).to_owned()))
            })
            .collect();
        known.sort();
        assert_eq!(known, declared);
    }
}
