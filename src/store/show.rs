//! Everything known about one execution.

use rusqlite::{Row, params};

use super::{Reader, StoreError, unsigned};
use crate::domain::execution::ExecutionId;

/// A row of `query_log`, with who else asked about it. Times are Unix seconds, UTC.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Execution {
    pub execution_id: String,
    pub account_id: String,
    pub region: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub principal: String,
    pub principal_key: String,
    pub principal_kind: String,
    pub principal_type: Option<String>,
    pub team: Option<String>,
    pub role: Option<String>,
    pub session: Option<String>,
    pub service: Option<String>,
    pub client: Option<String>,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    pub workgroup: Option<String>,
    pub catalog: Option<String>,
    pub database_name: Option<String>,
    pub statement_type: Option<String>,
    pub substatement_type: Option<String>,
    /// `pending`, `finished`, `denied` or `gone`.
    pub status: String,
    pub state: Option<String>,
    pub state_reason: Option<String>,
    pub scanned_bytes: Option<u64>,
    pub billed_bytes: u64,
    pub billing_rule: String,
    pub price_source: Option<String>,
    /// Nano-dollars; `None` when not priced.
    pub cost_nano_usd: Option<i64>,
    pub dpu_count: Option<f64>,
    pub queue_ms: Option<u64>,
    pub execution_ms: Option<u64>,
    pub total_ms: Option<u64>,
    pub reused: Option<bool>,
    pub query_fingerprint: Option<String>,
    pub query_text: Option<String>,
    /// `start_event`, or `none` when no start was seen.
    pub attribution: String,
    pub before_ledger: bool,
    pub event_id: Option<String>,
    /// What Athena said last, while it is still to be asked.
    pub last_answer: Option<String>,
    /// The newest other events that name it: replays of the start, and who looked at it.
    pub sightings: Vec<Sighting>,
}

/// An event that names an execution without having started it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sighting {
    pub event_at: String,
    pub event_name: String,
    pub principal: String,
    pub client: String,
    pub error_code: Option<String>,
}

const SIGHTINGS: i64 = 20;

impl Reader {
    /// All executions with this id: one, unless another account or region looked for it too.
    pub fn show(&self, id: &ExecutionId) -> Result<Vec<Execution>, StoreError> {
        let read = || {
            let sql = "SELECT q.*, e.id AS row, e.cost, a.reason
                       FROM execution e JOIN scope s ON s.id = e.scope_id
                       JOIN query_log q ON q.execution_id = e.execution_id
                           AND q.account_id = s.account_id AND q.region = s.region
                       LEFT JOIN ask a ON a.execution = e.id
                       WHERE e.execution_id = ?1 ORDER BY e.id";
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([id.as_str()], |row| Ok((row.get("row")?, execution(row)?)))?;
            rows.map(|row| {
                let (number, mut execution) = row?;
                execution.sightings = self.sightings(number)?;
                Ok(execution)
            })
            .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// Ids that begin with `prefix`, for a mistyped or shortened one; at most five.
    pub fn similar(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let read = || {
            let sql = "SELECT execution_id FROM execution WHERE execution_id >= ?1 AND execution_id < ?1 || char(1114111)
                       ORDER BY execution_id LIMIT 5";
            self.connection
                .prepare_cached(sql)?
                .query_map([prefix], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    fn sightings(&self, execution: i64) -> rusqlite::Result<Vec<Sighting>> {
        let sql = "SELECT l.event_at, l.event_name, l.principal, l.client, l.error_code
                   FROM event_execution x JOIN event e ON e.id = x.event
                   JOIN scope s ON s.id = e.scope_id
                   JOIN event_log l ON l.event_id = e.event_id AND l.account_id = s.account_id AND l.region = s.region
                   WHERE x.execution = ?1 ORDER BY e.at DESC, e.id DESC LIMIT ?2";
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map(params![execution, SIGHTINGS], |row| {
            Ok(Sighting {
                event_at: row.get(0)?,
                event_name: row.get(1)?,
                principal: row.get(2)?,
                client: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                error_code: row.get(4)?,
            })
        })?;
        rows.collect()
    }
}

fn execution(row: &Row<'_>) -> rusqlite::Result<Execution> {
    let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(unsigned));
    Ok(Execution {
        execution_id: row.get("execution_id")?,
        account_id: row.get("account_id")?,
        region: row.get("region")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        principal: row.get("principal")?,
        principal_key: row.get("principal_key")?,
        principal_kind: row.get("principal_kind")?,
        principal_type: row.get("principal_type")?,
        team: row.get("team")?,
        role: row.get("role")?,
        session: row.get("session")?,
        service: row.get("service")?,
        client: row.get("client")?,
        source_ip: row.get("source_ip")?,
        user_agent: row.get("user_agent")?,
        workgroup: row.get("workgroup")?,
        catalog: row.get("catalog")?,
        database_name: row.get("database_name")?,
        statement_type: row.get("statement_type")?,
        substatement_type: row.get("substatement_type")?,
        status: row.get("status")?,
        state: row.get("state")?,
        state_reason: row.get("state_reason")?,
        scanned_bytes: number("scanned_bytes")?,
        billed_bytes: unsigned(row.get("billed_bytes")?),
        billing_rule: row.get("billing_rule")?,
        price_source: row.get("price_source")?,
        cost_nano_usd: row.get("cost")?,
        dpu_count: row.get("dpu_count")?,
        queue_ms: number("queue_ms")?,
        execution_ms: number("execution_ms")?,
        total_ms: number("total_ms")?,
        reused: row.get("reused")?,
        query_fingerprint: row.get("query_fingerprint")?,
        query_text: row.get("query_text")?,
        attribution: row.get("attribution")?,
        before_ledger: row.get("before_ledger")?,
        event_id: row.get("event_id")?,
        last_answer: row.get("reason")?,
        sightings: Vec::new(),
    })
}
