//! Commit 2: what Athena answered. An execution is asked until it is terminal, and never again after that.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::marks::touch;
use super::names::Names;
use super::numbers::{rule_number, state_number};
use super::{ScopeId, Store, StoreError, epoch, signed};
use crate::config::Config;
use crate::domain::execution::{Answer, ExecutionId, QueryExecution};
use crate::domain::price::{BillingRule, Charge};
use crate::domain::scope::Scope;
use crate::domain::sql::{self, QueryTextPolicy};

/// Athena's history: older executions are not known there any more (Athena user guide, "query history").
pub(super) const HISTORY: TimeDelta = TimeDelta::days(45);
/// `gone` is three misses over at least a day; asked at 0, 12 and 24 hours.
const MISSES: i64 = 3;
const MISSED_FOR: TimeDelta = TimeDelta::hours(24);
const ASK_MISSING_AGAIN: TimeDelta = TimeDelta::hours(12);
const ASK_DENIED_AGAIN: TimeDelta = TimeDelta::hours(24);
const ASK_RUNNING_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// An execution to ask Athena about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    row: i64,
    pub id: ExecutionId,
    /// A start was seen for it: asked before those only looked at.
    pub started: bool,
}

/// What storing answers did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enriched {
    pub finished: u64,
    pub running: u64,
    pub missing: u64,
    pub denied: u64,
    pub gone: u64,
}

impl Enriched {
    pub fn add(&mut self, other: &Self) {
        self.finished += other.finished;
        self.running += other.running;
        self.missing += other.missing;
        self.denied += other.denied;
        self.gone += other.gone;
    }
}

impl Store {
    /// The next executions to ask about, started ones first. Those Athena has forgotten become `gone` unasked.
    pub async fn due(
        &self,
        scope: ScopeId,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        self.write(move |tx| {
            // Only what would be asked now is looked at, and in pieces: a backlog may be large.
            for _ in 0..20 {
                if forget(tx, scope, now)? == 0 {
                    break;
                }
            }
            let sql = "SELECT a.execution, x.execution_id, a.started FROM ask a JOIN execution x ON x.id = a.execution
                       WHERE a.scope_id = ?1 AND a.at <= ?2 ORDER BY a.started DESC, a.at, a.execution LIMIT ?3";
            let mut select = tx.prepare_cached(sql)?;
            let rows = select.query_map(params![scope.0, epoch(now), limit as i64], |row| {
                let (row_id, id, started): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(ExecutionId::parse(&id).map(|id| Due { row: row_id, id, started }))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
        .await
    }

    /// Stores what Athena answered to `due`. What it would not say now is due again `retry_after` from now.
    pub async fn answer(
        &self,
        scope: (ScopeId, Scope),
        answers: Vec<(Due, Answer)>,
        now: DateTime<Utc>,
        retry_after: TimeDelta,
    ) -> Result<Enriched, StoreError> {
        let config = Arc::clone(&self.config);
        self.write(move |tx| {
            let mut done = Enriched::default();
            let mut desk = Desk {
                tx,
                names: Names::new(tx),
                config: &config,
                scope: (scope.0, &scope.1),
                now,
                retry_after,
            };
            for (due, answer) in &answers {
                desk.store(due.row, answer, &mut done)?;
            }
            Ok(done)
        })
        .await
    }
}

/// Executions older than Athena's history are not asked about: every answer would be an error. Looks at the next ones
/// to ask only, and returns how many of them it gave up.
fn forget(tx: &Connection, scope: ScopeId, now: DateTime<Utc>) -> rusqlite::Result<usize> {
    const NEXT: i64 = 500;
    let sql = "SELECT execution, submitted FROM (
                   SELECT a.execution, x.start_at, coalesce(x.submitted, x.start_at) AS submitted, a.started FROM ask a JOIN execution x ON x.id = a.execution
                   WHERE a.scope_id = ?1 AND a.at <= ?2 ORDER BY a.started DESC, a.at, a.execution LIMIT ?4)
               WHERE started = 1 AND start_at < ?3";
    let mut select = tx.prepare_cached(sql)?;
    let key = [scope.0, epoch(now), epoch(now - HISTORY), NEXT];
    let rows = select
        .query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    for (row, submitted) in &rows {
        set_gone(tx, *row)?;
        touch(tx, scope, *submitted)?;
    }
    Ok(rows.len())
}

fn set_gone(tx: &Connection, row: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM ask WHERE execution = ?1")?.execute([row])?;
    let sql = "UPDATE execution SET status = 3, billing_rule = ?2, cost = NULL WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![row, rule_number(BillingRule::Unknown)]).map(drop)
}

struct Desk<'a> {
    tx: &'a Connection,
    names: Names<'a>,
    config: &'a Config,
    scope: (ScopeId, &'a Scope),
    now: DateTime<Utc>,
    retry_after: TimeDelta,
}

impl Desk<'_> {
    fn store(&mut self, row: i64, answer: &Answer, done: &mut Enriched) -> rusqlite::Result<()> {
        self.touch(row)?;
        match answer {
            Answer::Known(told) if told.state.is_terminal() => {
                self.update(row, told, 1)?;
                self.tx.prepare_cached("DELETE FROM ask WHERE execution = ?1")?.execute([row])?;
                done.finished += 1;
            }
            Answer::Known(told) => {
                self.update(row, told, 0)?;
                self.ask_again(row, ASK_RUNNING_AGAIN, told.state.as_str())?;
                done.running += 1;
            }
            Answer::NotFound => self.miss(row, done)?,
            Answer::Denied(reason) => {
                let sql = "UPDATE execution SET status = 2, billing_rule = ?2, cost = NULL WHERE id = ?1";
                self.tx.prepare_cached(sql)?.execute(params![row, rule_number(BillingRule::Unknown)])?;
                self.ask_again(row, ASK_DENIED_AGAIN, reason)?;
                done.denied += 1;
            }
            Answer::NotNow(reason) => self.ask_again(row, self.retry_after, reason)?,
        }
        self.touch(row)
    }

    fn miss(&self, row: i64, done: &mut Enriched) -> rusqlite::Result<()> {
        let sql = "UPDATE ask SET misses = misses + 1, first_missed_at = coalesce(first_missed_at, ?2)
                   WHERE execution = ?1 RETURNING misses, first_missed_at";
        let (misses, first): (i64, i64) = self
            .tx
            .prepare_cached(sql)?
            .query_row([row, epoch(self.now)], |found| Ok((found.get(0)?, found.get(1)?)))?;
        if misses >= MISSES && epoch(self.now) - first >= MISSED_FOR.num_seconds() {
            done.gone += 1;
            return set_gone(self.tx, row);
        }
        done.missing += 1;
        self.ask_again(row, ASK_MISSING_AGAIN, "Athena does not know this id")
    }

    fn ask_again(&self, row: i64, after: TimeDelta, reason: &str) -> rusqlite::Result<()> {
        let sql = "UPDATE ask SET at = ?2, reason = ?3 WHERE execution = ?1";
        self.tx.prepare_cached(sql)?.execute(params![row, epoch(self.now + after), reason]).map(drop)
    }

    fn touch(&self, row: i64) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO touched
                   SELECT scope_id, submitted / 3600 * 3600 FROM execution WHERE id = ?1 AND submitted IS NOT NULL";
        self.tx.prepare_cached(sql)?.execute([row]).map(drop)
    }

    fn update(&mut self, row: i64, told: &QueryExecution, status: i64) -> rusqlite::Result<()> {
        let (start_at, started_workgroup) = self.started(row)?;
        let submitted = told.submitted_at.map(epoch).or(start_at);
        let workgroup = told.workgroup.as_deref().or(started_workgroup.as_deref());
        let charge = if told.state.is_terminal() {
            let at = submitted.map_or(self.now, super::instant);
            self.config.pricing.charge(self.scope.1, workgroup, told, at)
        } else {
            Charge::PENDING
        };
        let sql = "UPDATE execution SET status = ?2, state = ?3, submitted = ?4, completed = ?5,
                       workgroup_id = coalesce(?6, workgroup_id), catalog_id = coalesce(?7, catalog_id),
                       database_id = coalesce(?8, database_id), statement_id = ?9, substatement_id = ?10,
                       query_id = ?11, state_reason = ?12, scanned_bytes = ?13, billed_bytes = ?14,
                       billing_rule = ?15, price_source_id = ?16, cost = ?17, dpu_count = ?18, queue_ms = ?19,
                       execution_ms = ?20, total_ms = ?21, reused = ?22, before_ledger = ?23
                   WHERE id = ?1 AND status <> 1";
        let before_ledger = start_at.is_none() && self.is_before_ledger(submitted)?;
        let price_source = charge.price_source.map(|source| source.to_string());
        self.tx.prepare_cached(sql)?.execute(params![
            row,
            status,
            state_number(told.state),
            submitted,
            told.completed_at.map(epoch),
            self.names.optional(workgroup)?,
            self.names.optional(told.catalog.as_deref())?,
            self.names.optional(told.database.as_deref())?,
            self.names.optional(told.statement_type.as_deref())?,
            self.names.optional(told.substatement_type.as_deref())?,
            self.query(told, submitted)?,
            told.state_reason.as_deref().map(|reason| self.reason(reason)),
            told.scanned_bytes.map(signed),
            signed(charge.billed_bytes),
            rule_number(charge.rule),
            self.names.optional(price_source.as_deref())?,
            charge.cost.map(|cost| cost.0),
            told.dpu_count,
            told.queue_ms.map(signed),
            told.execution_ms.map(signed),
            told.total_ms.map(signed),
            told.reused,
            before_ledger,
        ])?;
        Ok(())
    }

    fn started(&self, row: i64) -> rusqlite::Result<(Option<i64>, Option<String>)> {
        let sql = "SELECT x.start_at, w.value FROM execution x LEFT JOIN name w ON w.id = x.workgroup_id WHERE x.id = ?1";
        self.tx.prepare_cached(sql)?.query_row([row], |found| Ok((found.get(0)?, found.get(1)?)))
    }

    fn is_before_ledger(&self, submitted: Option<i64>) -> rusqlite::Result<bool> {
        // A frozen hour may have counted it before retention removed it: who only looks at it again adds nothing.
        let sql = "SELECT ?2 / 3600 * 3600 < max(
            coalesce((SELECT min(start) FROM walked WHERE scope_id = ?1 AND walk = 1) / 3600 * 3600, 0),
            coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before'), 0))";
        let Some(submitted) = submitted else { return Ok(false) };
        self.tx.prepare_cached(sql)?.query_row([self.scope.0.0, submitted], |found| found.get(0))
    }

    /// The row of the query's text, as far as privacy lets it be stored.
    fn query(&self, told: &QueryExecution, submitted: Option<i64>) -> rusqlite::Result<Option<i64>> {
        let Some(text) = told.query.as_deref().filter(|text| !sql::is_mask(text)) else { return Ok(None) };
        let fingerprint = sql::fingerprint(text);
        let stored = sql::stored_text(self.config.query_text, text);
        let hash = sql::content_hash(stored.as_deref().unwrap_or(fingerprint.as_str()));
        let day = submitted.unwrap_or_else(|| epoch(self.now)) / 86_400 * 86_400;
        let sql = "INSERT INTO query (hash, fingerprint, text, last_seen) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (hash) DO UPDATE SET last_seen = excluded.last_seen, text = excluded.text
                       WHERE excluded.last_seen > last_seen";
        self.tx.prepare_cached(sql)?.execute(params![hash, fingerprint.as_str(), stored, day])?;
        let id = "SELECT id FROM query WHERE hash = ?1";
        self.tx.prepare_cached(id)?.query_row([hash], |found| found.get(0)).map(Some)
    }

    /// Athena's reasons quote values and names; beyond `full` only the error's own name is kept.
    fn reason(&self, reason: &str) -> String {
        match self.config.query_text {
            QueryTextPolicy::Full => reason.to_owned(),
            QueryTextPolicy::Redacted | QueryTextPolicy::None => sql::redacted_reason(reason),
        }
    }
}
