//! What stands out in a span of local days: expensive executions, shapes, what ended without a result.

use chrono::NaiveDate;
use rusqlite::{Row, params};

use super::{LOOKED_AT, condition, indexed};
use crate::domain::selection::Selection;
use crate::domain::usage::Measures;
use crate::store::sums::measures;
use crate::store::sums::{MEASURES, SUMS, day_number};
use crate::store::{Reader, StoreError, unsigned};

/// An execution among the most expensive of its local day.
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
    /// The most expensive executions from one local day to another, both included. A selection of a principal is
    /// answered from the ten of each of its days, any other from the hundred of each day.
    pub fn top_executions(
        &self,
        days: (NaiveDate, NaiveDate),
        selection: &Selection,
        limit: usize,
    ) -> Result<Vec<TopExecution>, StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok(Vec::new()) };
            // A span's first n are among the first n of its days.
            let whose = match &selection.principal {
                Some(_) => "t.principal_id = (SELECT id FROM principal WHERE key = ?4)".to_owned(),
                None if selection.is_everything() => {
                    format!("t.day_rank <= {} AND ?4 IS NULL", limit.min(100))
                }
                None => "t.day_rank <= 100 AND ?4 IS NULL".to_owned(),
            };
            let filter = if selection.is_everything() {
                String::new()
            } else {
                format!(
                    "AND EXISTS (SELECT 1 FROM execution e WHERE e.id = t.execution {})",
                    qualified(&only)
                )
            };
            let sql = format!(
                "WITH top AS (
                     SELECT t.execution, t.cost FROM top_day t
                     WHERE t.day BETWEEN ?1 AND ?2 AND {whose} {filter}
                     ORDER BY t.cost DESC LIMIT ?3
                 )
                 SELECT e.execution_id, datetime(e.submitted, 'unixepoch'), p.name, p.key, coalesce(w.value, ''),
                        CASE e.state WHEN 3 THEN 'SUCCEEDED' WHEN 4 THEN 'FAILED' ELSE 'CANCELLED' END,
                        e.scanned_bytes, top.cost, q.fingerprint, q.text
                 FROM top JOIN execution e ON e.id = top.execution
                 JOIN principal p ON p.id = coalesce(e.principal_id, 0)
                 LEFT JOIN name w ON w.id = e.workgroup_id LEFT JOIN query q ON q.id = e.query_id
                 ORDER BY top.cost DESC"
            );
            let mut select = self.connection.prepare_cached(&sql)?;
            let (first, last, most) = (day_number(days.0), day_number(days.1), limit as i64);
            let key = params![first, last, most, selection.principal];
            let rows = select.query_map(key, |row| {
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
            rows.collect()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Shapes from one local day to another, both included, by cost. With a selection, of the newest executions that
    /// may be looked at only; `true` then tells that there were more.
    pub fn top_shapes(
        &self,
        days: (NaiveDate, NaiveDate),
        selection: &Selection,
        limit: usize,
    ) -> Result<(Vec<TopShape>, bool), StoreError> {
        let read = || {
            let Some(only) = condition(&self.connection, selection)? else { return Ok((Vec::new(), false)) };
            let key = params![day_number(days.0), day_number(days.1)];
            let shape = |row: &Row<'_>| {
                let fingerprint: Option<String> = row.get(0)?;
                Ok(TopShape { fingerprint, text: row.get(1)?, measures: measures(row, 2)? })
            };
            let names = "SELECT q.fingerprint, q.text, s.* FROM shapes s LEFT JOIN query q ON q.id = s.id";
            if selection.is_everything() {
                let sql = format!(
                    "WITH shapes AS (SELECT query_id AS id, {SUMS} FROM shape_day WHERE day BETWEEN ?1 AND ?2 GROUP BY 1
                                     ORDER BY cost DESC LIMIT {})
                     {} ORDER BY s.cost DESC",
                    limit + 1,
                    names.replace("s.*", SUM_COLUMNS)
                );
                let mut select = self.connection.prepare_cached(&sql)?;
                let shapes = select.query_map(key, shape)?.collect::<rusqlite::Result<Vec<_>>>()?;
                return Ok((shapes, false));
            }
            // The newest that may be looked at: of the one principal, or of all.
            let of_days = "submitted >= (SELECT min(start) FROM local_day WHERE day BETWEEN ?1 AND ?2)
                AND submitted < (SELECT max(end) FROM local_day WHERE day BETWEEN ?1 AND ?2)";
            let (index, whose) = match &selection.principal {
                Some(_) => ("execution_principal", indexed(&only)),
                None => ("execution_submitted", String::new()),
            };
            let newest =
                format!("FROM execution INDEXED BY {index} WHERE {of_days} {whose} ORDER BY submitted DESC");
            let looked_at = format!("SELECT * {newest} LIMIT {LOOKED_AT}");
            let sql = format!(
                "WITH texts AS (SELECT coalesce(query_id, 0) AS text, {MEASURES} FROM ({looked_at})
                             WHERE before_ledger = 0 {only} GROUP BY 1),
                 shapes AS (SELECT min(q.id) AS id, {SUMS} FROM texts JOIN query q ON q.id = texts.text
                            GROUP BY q.fingerprint ORDER BY cost DESC LIMIT {limit})
                 {} ORDER BY s.cost DESC",
                names.replace("s.*", SUM_COLUMNS)
            );
            let mut select = self.connection.prepare_cached(&sql)?;
            let shapes = select.query_map(key, shape)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = format!("SELECT 1 {newest} LIMIT 1 OFFSET {LOOKED_AT}");
            let more = self.connection.prepare_cached(&more)?.exists(key)?;
            Ok((shapes, more))
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// What ended without a result from one local day to another, both included; clients and databases are not told.
    pub fn wasted(
        &self,
        days: (NaiveDate, NaiveDate),
        selection: &Selection,
    ) -> Result<Vec<Wasted>, StoreError> {
        let read = || {
            let selection = Selection { client: None, database: None, ..selection.clone() };
            let Some(only) = condition(&self.connection, &selection)? else { return Ok(Vec::new()) };
            let sql = format!(
                "SELECT iif(state = 4, 'FAILED', 'CANCELLED'), error, sum(executions), sum(unpriced), sum(scanned_bytes),
                        sum(cost), sum(total_ms)
                 FROM wasted_day WHERE day BETWEEN ?1 AND ?2 {only} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50"
            );
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map(params![day_number(days.0), day_number(days.1)], |row| {
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
            rows.collect()
        };
        read().map_err(|source| self.sqlite(source))
    }
}

const SUM_COLUMNS: &str =
    "s.executions, s.failed, s.cancelled, s.unpriced, s.scanned_bytes, s.billed_bytes, s.cost";

/// A condition on a row called `e`.
fn qualified(only: &str) -> String {
    let columns = ["principal_id", "workgroup_id", "client_id", "database_id", "scope_id"];
    columns.iter().fold(only.to_owned(), |sql, column| sql.replace(column, &format!("e.{column}")))
}
