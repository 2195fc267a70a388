//! Single executions: the newest ones of a search, and everything of one shape.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};

use super::{LOOKED_AT, condition};
use crate::domain::selection::Search;
use crate::domain::usage::Measures;
use crate::domain::window::Window;
use crate::store::sums::MEASURES;
use crate::store::sums::measures;
use crate::store::{Reader, StoreError, epoch, unsigned};

/// An execution in a list. Times are UTC.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Listed {
    /// Where the next page begins: `submitted` in Unix seconds, and the row.
    #[serde(skip)]
    pub cursor: (i64, i64),
    pub execution_id: String,
    pub account_id: String,
    pub region: String,
    pub started_at: String,
    pub principal: String,
    pub principal_key: String,
    pub principal_kind: String,
    pub client: String,
    pub workgroup: String,
    pub database: String,
    pub state: String,
    pub state_reason: Option<String>,
    pub scanned_bytes: Option<u64>,
    pub billed_bytes: u64,
    pub billing_rule: String,
    /// Nano-dollars; `None` when not priced.
    pub cost_nano_usd: Option<i64>,
    pub total_ms: Option<u64>,
    pub query_fingerprint: Option<String>,
    pub query_text: Option<String>,
}

/// A page of executions, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    pub executions: Vec<Listed>,
    /// There may be older ones: the next page begins before this.
    pub next: Option<(i64, i64)>,
}

/// A query shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub fingerprint: String,
    pub text: Option<String>,
    /// Different texts of the shape that are stored.
    pub texts: u64,
    /// Of the newest executions of it that may be looked at.
    pub measures: Measures,
    /// There were more than may be looked at.
    pub cut: bool,
    /// By principal key and name, by cost.
    pub principals: Vec<(String, String, Measures)>,
}

impl Reader {
    /// The newest executions of `window` that match, from before `cursor` on. Looks at no more than a fixed number:
    /// `next` then leads on, even from an empty page.
    pub fn executions(
        &self,
        window: Window,
        search: &Search,
        cursor: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Listing, StoreError> {
        self.list(window, search, cursor, limit).map_err(|source| self.sqlite(source))
    }

    fn list(
        &self,
        window: Window,
        search: &Search,
        cursor: Option<(i64, i64)>,
        limit: usize,
    ) -> rusqlite::Result<Listing> {
        let Some(only) = condition(&self.connection, &search.selection)? else {
            return Ok(Listing::default());
        };
        let (before, row) = cursor.unwrap_or((epoch(window.end), i64::MAX));
        // Most searches are answered by one index: of the shape, of the one principal, or of time.
        let principal = search.selection.principal.is_some();
        let indexed = match (&search.shape, principal) {
            (Some(_), _) => "execution_query",
            (None, true) => "execution_principal",
            (None, false) => "execution_submitted",
        };
        let only = if principal { super::indexed(&only) } else { only };
        let shape = match &search.shape {
            Some(_) => "AND query_id IN (SELECT id FROM query WHERE fingerprint = ?5)",
            None => "AND ?5 IS NULL",
        };
        let text = match &search.text {
            Some(_) => {
                "AND (EXISTS (SELECT 1 FROM query q WHERE q.id = e.query_id AND q.text LIKE ?6 ESCAPE '\\')
                        OR e.state_reason LIKE ?6 ESCAPE '\\')"
            }
            None => "AND ?6 IS NULL",
        };
        let state = match search.state.as_deref() {
            Some("QUEUED") => "AND state = 1",
            Some("RUNNING") => "AND state = 2",
            Some("SUCCEEDED") => "AND state = 3",
            Some("FAILED") => "AND state = 4",
            Some("CANCELLED") => "AND state = 5",
            Some(_) => "AND state IS NULL",
            None => "",
        };
        let looked_at = format!(
            "SELECT * FROM execution INDEXED BY {indexed}
             WHERE submitted >= ?1 AND submitted <= ?2 AND (submitted < ?2 OR id < ?3) {shape} {by_index}
             ORDER BY submitted DESC, id DESC LIMIT {LOOKED_AT}",
            by_index = if principal { only.as_str() } else { "" },
        );
        let rest = if principal { "" } else { only.as_str() };
        let sql = format!(
            "SELECT e.submitted, e.id, e.execution_id, s.account_id, s.region, datetime(e.submitted, 'unixepoch'), p.name,
                    p.key, p.kind, coalesce(c.value, ''), coalesce(w.value, ''), coalesce(d.value, ''), e.status,
                    e.state, e.state_reason, e.scanned_bytes, e.billed_bytes, e.billing_rule, e.cost, e.total_ms,
                    q.fingerprint, q.text
             FROM (SELECT * FROM ({looked_at}) e WHERE 1 {rest} {state} {text}
                   ORDER BY submitted DESC, id DESC LIMIT ?4) e
             JOIN scope s ON s.id = e.scope_id JOIN principal p ON p.id = coalesce(e.principal_id, 0)
             LEFT JOIN name c ON c.id = e.client_id LEFT JOIN name w ON w.id = e.workgroup_id
             LEFT JOIN name d ON d.id = e.database_id LEFT JOIN query q ON q.id = e.query_id
             ORDER BY e.submitted DESC, e.id DESC"
        );
        let like = search.text.as_deref().map(|text| {
            let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            format!("%{escaped}%")
        });
        let (start, most) = (epoch(window.start), limit as i64);
        let key = params![start, before, row, most, search.shape, like];
        let mut select = self.connection.prepare_cached(&sql)?;
        let executions = select.query_map(key, listed)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let next = match executions.last() {
            Some(last) if executions.len() == limit => Some(last.cursor),
            _ => {
                let edge =
                    format!("SELECT submitted, id FROM ({looked_at}) LIMIT 1 OFFSET {}", LOOKED_AT - 1);
                let mut select = self.connection.prepare_cached(&edge)?;
                let mut rows = select.query(params![start, before, row, most, search.shape])?;
                rows.next()?.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?))).transpose()?
            }
        };
        Ok(Listing { executions, next })
    }

    /// A query shape, if the book knows it.
    pub fn shape(&self, fingerprint: &str, window: Window) -> Result<Option<Shape>, StoreError> {
        let read = || {
            let sql = "SELECT count(*), max(text) FROM query WHERE fingerprint = ?1";
            let (texts, text): (i64, Option<String>) = self
                .connection
                .prepare_cached(sql)?
                .query_row([fingerprint], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if texts == 0 {
                return Ok(None);
            }
            let sql = format!(
                "SELECT p.key, p.name, x.* FROM (
                     SELECT coalesce(principal_id, 0) AS principal, {MEASURES} FROM (
                         SELECT * FROM execution INDEXED BY execution_query
                         WHERE query_id IN (SELECT id FROM query WHERE fingerprint = ?1)
                             AND submitted >= ?2 AND submitted < ?3 AND before_ledger = 0
                         ORDER BY submitted DESC LIMIT {LOOKED_AT})
                     GROUP BY 1) x
                 JOIN principal p ON p.id = x.principal ORDER BY x.cost DESC, x.executions DESC"
            );
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select
                .query_map(params![fingerprint, epoch(window.start), epoch(window.end)], |row| {
                    Ok((row.get(0)?, row.get(1)?, measures(row, 3)?))
                })?;
            let principals: Vec<(String, String, Measures)> = rows.collect::<rusqlite::Result<_>>()?;
            let mut total = Measures::default();
            principals.iter().for_each(|(_, _, measures)| total.add(measures));
            Ok(Some(Shape {
                fingerprint: fingerprint.to_owned(),
                text,
                texts: unsigned(texts),
                cut: total.executions >= LOOKED_AT.unsigned_abs(),
                measures: total,
                principals,
            }))
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Where the first local day of the book begins.
    pub fn first_day(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT min(start) FROM local_day";
        let first: Option<i64> =
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(|source| self.sqlite(source))?;
        Ok(first.map(crate::store::instant))
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let (status, state): (i64, Option<i64>) = (row.get(12)?, row.get(13)?);
    let state = match (status, state) {
        (2, _) => "denied",
        (3, _) => "gone",
        (_, Some(1)) => "QUEUED",
        (_, Some(2)) => "RUNNING",
        (_, Some(3)) => "SUCCEEDED",
        (_, Some(4)) => "FAILED",
        (_, Some(_)) => "CANCELLED",
        (_, None) => "pending",
    };
    Ok(Listed {
        cursor: (row.get(0)?, row.get(1)?),
        execution_id: row.get(2)?,
        account_id: row.get(3)?,
        region: row.get(4)?,
        started_at: row.get(5)?,
        principal: row.get(6)?,
        principal_key: row.get(7)?,
        principal_kind: row.get(8)?,
        client: row.get(9)?,
        workgroup: row.get(10)?,
        database: row.get(11)?,
        state: state.to_owned(),
        state_reason: row.get(14)?,
        scanned_bytes: row.get::<_, Option<i64>>(15)?.map(unsigned),
        billed_bytes: unsigned(row.get(16)?),
        billing_rule: crate::store::numbers::rule_name(row.get(17)?).to_owned(),
        cost_nano_usd: row.get(18)?,
        total_ms: row.get::<_, Option<i64>>(19)?.map(unsigned),
        query_fingerprint: row.get(20)?,
        query_text: row.get(21)?,
    })
}
