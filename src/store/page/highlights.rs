//! What stands out in a span: expensive executions, shapes, what ended without a result.
//!
//! Whole local days are answered by their rollups; anything else by the newest executions that may be looked at, and
//! the answer says when there were more.

use chrono::NaiveDate;
use rusqlite::Row;

use super::{LOOKED_AT, condition, indexed};
use crate::domain::selection::Selection;
use crate::domain::usage::Measures;
use crate::domain::window::Window;
use crate::store::highlights::ERROR;
use crate::store::sums::{MEASURES, SUMS, day_number, measures, months_and_days};
use crate::store::{Reader, StoreError, epoch, unsigned};

/// A span, and the local days that make it up if they do so exactly.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub window: Window,
    /// The first and the last.
    pub days: Option<(NaiveDate, NaiveDate)>,
}

/// Rows, and whether there was more than may be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub rows: Vec<T>,
    pub cut: bool,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), cut: false }
    }
}

/// An execution among the most expensive ones.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TopExecution {
    pub execution_id: String,
    /// UTC.
    pub started_at: String,
    pub principal: String,
    pub principal_key: String,
    pub workgroup: String,
    pub state: String,
    pub scanned_bytes: u64,
    pub cost_nano_usd: i64,
    pub query_fingerprint: Option<String>,
    pub query_text: Option<String>,
}

/// A query shape with what it cost. Without a fingerprint: all other shapes of these days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopShape {
    pub fingerprint: Option<String>,
    pub text: Option<String>,
    pub measures: Measures,
}

/// What ended without a result, by Athena's error.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Wasted {
    /// `FAILED` or `CANCELLED`.
    pub state: String,
    /// Empty where Athena's reason names none.
    pub error: String,
    pub executions: u64,
    pub unpriced: u64,
    pub scanned_bytes: u64,
    pub cost_nano_usd: i64,
    /// From submission to end.
    pub total_ms: u64,
}

impl Reader {
    /// The most expensive executions. Of whole days with a selection: from the ten of each of a principal's days, or
    /// from the hundred of each day.
    pub fn top_executions(
        &self,
        stretch: Stretch,
        selection: &Selection,
        limit: usize,
    ) -> Result<Found<TopExecution>, StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok(Found::default()) };
            let (top, cut) = match stretch.days {
                Some(days) => (top_of_days(days, selection, &only, limit), false),
                None => {
                    let newest = self.newest(stretch.window, selection, &only)?;
                    let top = format!(
                        "SELECT id AS execution, cost FROM ({}) WHERE before_ledger = 0 AND cost > 0 AND ?1 IS ?1 {only}
                         ORDER BY cost DESC LIMIT {limit}",
                        newest.sql
                    );
                    (top, newest.cut)
                }
            };
            let sql = format!(
                "WITH top AS ({top})
                 SELECT e.execution_id, datetime(e.submitted, 'unixepoch'), p.name, p.key, coalesce(w.value, ''),
                        CASE e.state WHEN 3 THEN 'SUCCEEDED' WHEN 4 THEN 'FAILED' ELSE 'CANCELLED' END,
                        e.scanned_bytes, top.cost, q.fingerprint, q.text
                 FROM top JOIN execution e ON e.id = top.execution
                 JOIN principal p ON p.id = coalesce(e.principal_id, 0)
                 LEFT JOIN name w ON w.id = e.workgroup_id LEFT JOIN query q ON q.id = e.query_id
                 ORDER BY top.cost DESC"
            );
            let mut select = self.connection.prepare(&sql)?;
            let rows = select.query_map([&selection.principal], |row| {
                Ok(TopExecution {
                    execution_id: row.get(0)?,
                    started_at: row.get(1)?,
                    principal: row.get(2)?,
                    principal_key: row.get(3)?,
                    workgroup: row.get(4)?,
                    state: row.get(5)?,
                    scanned_bytes: row.get::<_, Option<i64>>(6)?.map_or(0, unsigned),
                    cost_nano_usd: row.get(7)?,
                    query_fingerprint: row.get(8)?,
                    query_text: row.get(9)?,
                })
            })?;
            Ok(Found { rows: rows.collect::<rusqlite::Result<_>>()?, cut })
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Shapes by cost.
    pub fn top_shapes(
        &self,
        stretch: Stretch,
        selection: &Selection,
        limit: usize,
    ) -> Result<Found<TopShape>, StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok(Found::default()) };
            let (shapes, cut) = match stretch.days.filter(|_| selection.is_everything()) {
                // One more: the others together.
                Some(days) => (
                    format!(
                        "SELECT query_id AS id, {SUMS} FROM ({}) GROUP BY 1 ORDER BY cost DESC LIMIT {}",
                        pieces(days, "shape"),
                        limit + 1
                    ),
                    false,
                ),
                None => {
                    let newest = self.newest(stretch.window, selection, &only)?;
                    let shapes = format!(
                        "SELECT min(q.id) AS id, {SUMS} FROM (
                             SELECT coalesce(query_id, 0) AS text, {MEASURES} FROM ({}) WHERE before_ledger = 0 {only}
                             GROUP BY 1) t
                         JOIN query q ON q.id = t.text GROUP BY q.fingerprint ORDER BY cost DESC LIMIT {limit}",
                        newest.sql
                    );
                    (shapes, newest.cut)
                }
            };
            let sql = format!(
                "WITH shapes AS ({shapes})
                 SELECT q.fingerprint, q.text, {SUM_COLUMNS} FROM shapes s LEFT JOIN query q ON q.id = s.id
                 ORDER BY s.cost DESC"
            );
            let mut select = self.connection.prepare(&sql)?;
            let rows = select.query_map([], |row: &Row<'_>| {
                Ok(TopShape { fingerprint: row.get(0)?, text: row.get(1)?, measures: measures(row, 2)? })
            })?;
            Ok(Found { rows: rows.collect::<rusqlite::Result<_>>()?, cut })
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// What ended without a result, by error.
    pub fn wasted(&self, stretch: Stretch, selection: &Selection) -> Result<Found<Wasted>, StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok(Found::default()) };
            let told = selection.client.is_none() && selection.database.is_none();
            let (pieces, cut) = match stretch.days.filter(|_| told) {
                Some(days) => (format!("SELECT * FROM ({}) WHERE 1 {only}", pieces(days, "wasted")), false),
                None => {
                    let newest = self.newest(stretch.window, selection, &only)?;
                    let pieces = format!(
                        "SELECT state, {ERROR} AS error, 1 AS executions, cost IS NULL AS unpriced,
                                coalesce(scanned_bytes, 0) AS scanned_bytes, coalesce(cost, 0) AS cost,
                                coalesce(total_ms, 0) AS total_ms
                         FROM ({}) WHERE before_ledger = 0 AND state IN (4, 5) {only}",
                        newest.sql
                    );
                    (pieces, newest.cut)
                }
            };
            let sql = format!(
                "SELECT iif(state = 4, 'FAILED', 'CANCELLED'), error, sum(executions), sum(unpriced), sum(scanned_bytes),
                        sum(cost), sum(total_ms)
                 FROM ({pieces}) GROUP BY state, error ORDER BY 3 DESC, 1, 2 LIMIT 50"
            );
            let mut select = self.connection.prepare(&sql)?;
            let rows = select.query_map([], |row| {
                Ok(Wasted {
                    state: row.get(0)?,
                    error: row.get(1)?,
                    executions: unsigned(row.get(2)?),
                    unpriced: unsigned(row.get(3)?),
                    scanned_bytes: unsigned(row.get(4)?),
                    cost_nano_usd: row.get(5)?,
                    total_ms: unsigned(row.get(6)?),
                })
            })?;
            Ok(Found { rows: rows.collect::<rusqlite::Result<_>>()?, cut })
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// The newest executions of a window that may be looked at: of the one principal, or of all.
    fn newest(&self, window: Window, selection: &Selection, only: &str) -> rusqlite::Result<Newest> {
        let (index, whose) = match &selection.principal {
            Some(_) => ("execution_principal", indexed(only)),
            None => ("execution_submitted", String::new()),
        };
        let (start, end) = (epoch(window.start), epoch(window.end));
        let newest = format!(
            "FROM execution INDEXED BY {index} WHERE submitted >= {start} AND submitted < {end} {whose} ORDER BY submitted DESC"
        );
        let more = format!("SELECT 1 {newest} LIMIT 1 OFFSET {LOOKED_AT}");
        let cut = self.connection.prepare(&more)?.exists([])?;
        Ok(Newest { sql: format!("SELECT * {newest} LIMIT {LOOKED_AT}"), cut })
    }
}

struct Newest {
    sql: String,
    cut: bool,
}

/// `?1` is the key of the one principal, if it is one.
fn top_of_days(days: (NaiveDate, NaiveDate), selection: &Selection, only: &str, limit: usize) -> String {
    // A span's first n are among the first n of its days.
    let first = if selection.is_everything() { limit.min(100) } else { 100 };
    let (index, whose) = match &selection.principal {
        Some(_) => {
            ("top_day_principal", "t.principal_id = (SELECT id FROM principal WHERE key = ?1)".to_owned())
        }
        // The second term is the index's own.
        None => ("top_day_rank", format!("t.day_rank <= {first} AND t.day_rank <= 100 AND ?1 IS NULL")),
    };
    let filter = if selection.is_everything() {
        String::new()
    } else {
        format!("AND EXISTS (SELECT 1 FROM execution e WHERE e.id = t.execution {})", qualified(only))
    };
    format!(
        "SELECT t.execution, t.cost FROM top_day t INDEXED BY {index} WHERE t.day BETWEEN {} AND {} AND {whose} {filter}
         ORDER BY t.cost DESC LIMIT {limit}",
        day_number(days.0),
        day_number(days.1)
    )
}

const SUM_COLUMNS: &str =
    "s.executions, s.failed, s.cancelled, s.unpriced, s.scanned_bytes, s.billed_bytes, s.cost";

/// The rows of a span from the rollups of months and days: `shape` or `wasted`.
fn pieces(days: (NaiveDate, NaiveDate), of: &str) -> String {
    let (months, days) = months_and_days(day_number(days.0), day_number(days.1));
    let months = months.iter().map(|month| format!("SELECT * FROM {of}_month WHERE month = {month}"));
    let days =
        days.iter().map(|(from, to)| format!("SELECT * FROM {of}_day WHERE day BETWEEN {from} AND {to}"));
    months.chain(days).collect::<Vec<_>>().join(" UNION ALL ")
}

/// A condition on a row called `e`.
fn qualified(only: &str) -> String {
    let columns = ["principal_id", "workgroup_id", "client_id", "database_id", "scope_id"];
    columns.iter().fold(only.to_owned(), |sql, column| sql.replace(column, &format!("e.{column}")))
}
