//! Conservation: what the tables must say about each other, checked on the stored rows.

use rusqlite::{Connection, OptionalExtension};

use super::{Reader, Store, StoreError, unsigned};

/// One law, and by how much it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    pub says: &'static str,
    /// Rows, executions or nano-dollars that are on one side only; 0 when the law holds.
    pub off_by: i64,
}

/// What the book holds. `executions` = `pending` + `finished` + `denied` + `gone`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub executions: u64,
    pub pending: u64,
    pub finished: u64,
    pub denied: u64,
    pub gone: u64,
    /// Found after their hour was frozen: in no total.
    pub adjustments: u64,
}

impl Store {
    /// Counts the book's rows.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.write(counts).await
    }
}

fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    // Only the few that are not finished are counted one by one: a book of years has millions of the rest.
    let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM execution),
                      (SELECT count(*) FROM ask a JOIN execution e ON e.id = a.execution WHERE e.status = 0),
                      (SELECT count(*) FROM ask a JOIN execution e ON e.id = a.execution WHERE e.status = 2),
                      (SELECT count(*) FROM execution WHERE status = 3),
                      (SELECT coalesce(sum(executions), 0) FROM adjustment_hourly)";
    connection.query_row(sql, [], |row| {
        let count = |column| Ok::<_, rusqlite::Error>(unsigned(row.get(column)?));
        let (executions, pending, denied, gone) = (count(1)?, count(2)?, count(3)?, count(4)?);
        Ok(Counts {
            events: count(0)?,
            executions,
            pending,
            denied,
            gone,
            finished: executions.saturating_sub(pending + denied + gone),
            adjustments: count(5)?,
        })
    })
}

/// The live part of the book: hours that retention has not frozen.
const LIVE: &str =
    "(SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before'), -1 << 62))";

impl Reader {
    /// Every law of the book.
    pub fn laws(&self) -> Result<Vec<Law>, StoreError> {
        laws(&self.connection).map_err(|source| self.sqlite(source))
    }

    /// `PRAGMA quick_check`: `None` when the file is sound, else SQLite's first complaint.
    pub fn damage(&self) -> Result<Option<String>, StoreError> {
        let first = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        first.map(|text| (text != "ok").then_some(text)).map_err(|source| self.sqlite(source))
    }
}

/// What the book holds and since when, for `check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    pub counts: Counts,
    /// Days with at least one walked hour.
    pub days: u64,
    /// Pending executions of scopes whose event history was never read.
    pub no_scope: u64,
}

impl Reader {
    pub fn stock(&self) -> Result<Stock, StoreError> {
        let read = || {
            let days =
                "SELECT coalesce((max(end) - min(start) + 86399) / 86400, 0) FROM walked WHERE walk = 1";
            let no_scope =
                "SELECT count(*) FROM ask WHERE scope_id NOT IN (SELECT scope_id FROM walked WHERE walk = 1)";
            let number = |sql| self.connection.query_row(sql, [], |row| row.get(0)).map(unsigned);
            Ok(Stock { counts: counts(&self.connection)?, days: number(days)?, no_scope: number(no_scope)? })
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Why Athena denied what it denied, in the newest words.
    pub fn denied_reason(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT a.reason FROM ask a JOIN execution e ON e.id = a.execution WHERE e.status = 2
                   ORDER BY a.at DESC LIMIT 1";
        let reason = self.connection.query_row(sql, [], |row| row.get(0)).optional();
        reason.map(Option::flatten).map_err(|source| self.sqlite(source))
    }

    /// Workgroups whose executions of the last 30 days report DPUs: scope, name, executions.
    pub fn dpu_workgroups(&self) -> Result<Vec<(String, String, u64)>, StoreError> {
        let sql = "SELECT s.account_id || '/' || s.region, w.value, count(*)
                   FROM execution e JOIN scope s ON s.id = e.scope_id JOIN name w ON w.id = e.workgroup_id
                   WHERE e.dpu_count > 0 AND e.submitted > (SELECT max(submitted) FROM execution) - 30 * 86400
                   GROUP BY 1, 2 ORDER BY 3 DESC";
        let read = || {
            let mut select = self.connection.prepare(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?))))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.sqlite(source))
    }
}

fn laws(connection: &Connection) -> rusqlite::Result<Vec<Law>> {
    let law = |says, sql: &str| {
        let off_by = connection.query_row(sql, [], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(Law { says, off_by })
    };
    let in_hours = format!("FROM execution WHERE submitted / 3600 * 3600 >= {LIVE} AND before_ledger = 0");
    Ok(vec![
        law(
            "every execution that is pending or denied is still to be asked, and no other",
            "SELECT (SELECT count(*) FROM execution e LEFT JOIN ask a ON a.execution = e.id
                     WHERE (e.status IN (0, 2)) <> (a.execution IS NOT NULL))
                  + (SELECT count(*) FROM ask a LEFT JOIN execution e ON e.id = a.execution WHERE e.id IS NULL)",
        )?,
        law(
            "every finished execution has a state and a billing rule",
            "SELECT count(*) FROM execution
             WHERE status = 1 AND (coalesce(state, 0) NOT IN (3, 4, 5) OR billing_rule < 2)",
        )?,
        law("no hour waits to be built", "SELECT count(*) FROM touched")?,
        law(
            "hours count every execution of theirs once",
            &format!("SELECT (SELECT count(*) {in_hours}) - (SELECT coalesce(sum(executions), 0) FROM usage_hour WHERE hour >= {LIVE})"),
        )?,
        law(
            "hours cost what their executions cost",
            &format!("SELECT (SELECT coalesce(sum(cost), 0) {in_hours}) - (SELECT coalesce(sum(cost), 0) FROM usage_hour WHERE hour >= {LIVE})"),
        )?,
        law(
            "days cost what their executions cost",
            &format!(
                "SELECT (SELECT coalesce(sum(cost), 0) FROM execution WHERE submitted >= {LIVE} AND before_ledger = 0)
                      - (SELECT coalesce(sum(u.cost), 0) FROM usage_day u JOIN local_day d USING (day) WHERE d.start >= {LIVE})"
            ),
        )?,
        law(
            "months are the sum of their days",
            "SELECT abs((SELECT coalesce(sum(cost), 0) FROM usage_month) - (SELECT coalesce(sum(cost), 0) FROM usage_day))
                  + abs((SELECT coalesce(sum(executions), 0) FROM usage_month) - (SELECT coalesce(sum(executions), 0) FROM usage_day))",
        )?,
        law(
            "coverage and usage agree about every hour",
            "SELECT abs((SELECT coalesce(sum(cost), 0) FROM coverage_hour) - (SELECT coalesce(sum(cost), 0) FROM usage_hour))
                  + abs((SELECT coalesce(sum(executions), 0) FROM coverage_hour) - (SELECT coalesce(sum(executions), 0) FROM usage_hour))",
        )?,
        law(
            "coverage accounts for every execution: pending, finished, denied or gone",
            "SELECT coalesce(sum(abs(executions - pending - finished - denied - gone)), 0) FROM coverage_hour",
        )?,
    ])
}
