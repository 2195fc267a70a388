//! What rules see of the book: the hours built since they last looked, and what these are compared with.

mod samples;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::marks::{meta, set_meta};
use super::sums::measures;
use super::sums::{MEASURES, SUMS, day_number, month_number};
use super::{Store, StoreError, epoch, instant, unsigned};
use crate::config::Config;
use crate::domain::alert::{Measure, Period, Span, Subject};
use crate::domain::day::local_day;
use crate::domain::scope::Scope;
use crate::domain::sql::{self, QueryTextPolicy};
use crate::rules::{Cell, Check, Dims, ExecutionFact, Facts, FailureFact, JUDGED_AGAIN, Rule, ScopeFact};

/// Days an average is taken of.
const RECENT_DAYS: i64 = 28;

impl Store {
    /// When alerts began; nothing is told of what ended before. The first call says when that is.
    pub async fn judging_since(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        self.write(move |tx| {
            if let Some(since) = meta(tx, "judging_since")?.and_then(|text| text.parse().ok()) {
                return Ok(instant(since));
            }
            set_meta(tx, "judging_since", &epoch(now).to_string())?;
            Ok(now)
        })
        .await
    }

    /// Everything `[[rule]]`s can ask about now. `watched`: the scopes somebody expects to be read.
    pub async fn facts(
        &self,
        watched: Vec<Scope>,
        now: DateTime<Utc>,
    ) -> Result<(Facts, Vec<i64>), StoreError> {
        let config = Arc::clone(&self.config);
        self.write(move |tx| {
            let since = meta(tx, "judging_since")?.and_then(|text| text.parse().ok()).map(instant);
            let mut desk = Desk {
                tx,
                config: &config,
                edge: (now - JUDGED_AGAIN).max(since.unwrap_or(now)),
                dims: Words::default(),
            };
            desk.facts(&watched, since, now)
        })
        .await
    }
}

/// What the numbers of dimensions mean, read once each.
#[derive(Default)]
struct Words {
    names: HashMap<i64, String>,
    known: HashMap<[i64; 5], Arc<Dims>>,
}

struct Desk<'a> {
    tx: &'a Connection,
    config: &'a Config,
    /// What ended at or before this is not judged.
    edge: DateTime<Utc>,
    dims: Words,
}

impl Desk<'_> {
    fn facts(
        &mut self,
        watched: &[Scope],
        since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<(Facts, Vec<i64>)> {
        let (rules, zone) = (&self.config.rules, self.config.timezone);
        let all = self
            .tx
            .prepare_cached("SELECT hour FROM to_judge ORDER BY hour")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let judged = |period: &Period| period.end > self.edge && period.start <= now;
        let hours: Vec<Arc<Period>> =
            all.iter().map(|at| Arc::new(Period::hour(instant(*at)))).filter(|hour| judged(hour)).collect();
        let dates: BTreeSet<NaiveDate> = hours.iter().map(|hour| local_day(hour.start, zone)).collect();
        let days: Vec<Arc<Period>> =
            dates.iter().map(|date| Arc::new(Period::day(*date, zone))).filter(|day| judged(day)).collect();
        let firsts: BTreeSet<NaiveDate> = dates.iter().filter_map(|date| date.with_day(1)).collect();
        let months: Vec<Arc<Period>> = firsts
            .iter()
            .map(|first| Arc::new(Period::month(*first, zone)))
            .filter(|month| judged(month))
            .collect();
        let mut facts = Facts {
            today: Some(Arc::new(Period::day(local_day(now, zone), zone))),
            since,
            ..Facts::default()
        };
        if rules.iter().any(|rule| spans(rule).contains(&Span::Hour)) {
            for period in &hours {
                let live = format!(
                    "SELECT scope_id, coalesce(workgroup_id, 0), coalesce(principal_id, 0), coalesce(client_id, 0),
                            coalesce(database_id, 0), {MEASURES}
                     FROM execution WHERE submitted >= ?1 AND submitted < ?2 AND before_ledger = 0 GROUP BY 1, 2, 3, 4, 5"
                );
                facts.cells.extend(self.cells(period, &live, [epoch(period.start), epoch(period.end)])?);
            }
        }
        if rules.iter().any(|rule| spans(rule).contains(&Span::Day)) {
            for period in &days {
                facts.cells.extend(self.cells(period, &daily(), both(local_day(period.start, zone)))?);
            }
        }
        if rules.iter().any(|rule| spans(rule).contains(&Span::Month)) {
            let monthly = format!(
                "SELECT scope_id, workgroup_id, principal_id, client_id, database_id, {SUMS} FROM usage_month
                 WHERE month BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3, 4, 5"
            );
            for period in &months {
                let number = month_number(local_day(period.start, zone));
                facts.cells.extend(self.cells(period, &monthly, [number, number])?);
            }
            let today = local_day(now, zone);
            let window = [day_number(today) - RECENT_DAYS, day_number(today) - 1];
            let recent = Arc::new(Period::day(today, zone));
            facts.recent = self.cells(&recent, &daily(), window)?;
            // A day without queries is known too.
            let sql = "SELECT count(*) FROM local_day WHERE day BETWEEN ?1 AND ?2";
            facts.recent_days = unsigned(self.tx.query_row(sql, window, |row| row.get(0))?);
        }
        let spikes = |span| {
            rules.iter().any(|rule| matches!(&rule.check, Check::Spike(settings) if settings.span == span))
        };
        for period in hours.iter().filter(|_| spikes(Span::Hour)) {
            self.hours_before(period, &mut facts)?;
        }
        for period in days.iter().filter(|_| spikes(Span::Day)) {
            self.days_before(period, &mut facts)?;
        }
        for period in &hours {
            facts.executions.extend(self.executions(period)?);
        }
        let failing: BTreeSet<Span> = rules
            .iter()
            .filter_map(|rule| match &rule.check {
                Check::Failing(settings) => Some(settings.span),
                _ => None,
            })
            .collect();
        for period in hours.iter().chain(&days).filter(|period| failing.contains(&period.span)) {
            facts.failures.extend(self.failures(period)?);
        }
        if rules.iter().any(|rule| matches!(rule.check, Check::Gap(_))) {
            facts.scopes =
                watched.iter().map(|scope| self.scope(scope, now)).collect::<rusqlite::Result<_>>()?;
        }
        Ok((facts, all))
    }

    fn cells(&mut self, period: &Arc<Period>, sql: &str, key: [i64; 2]) -> rusqlite::Result<Vec<Cell>> {
        let tx = self.tx;
        let mut select = tx.prepare_cached(sql)?;
        let mut rows = select.query(key)?;
        let mut cells = Vec::new();
        while let Some(row) = rows.next()? {
            let dims = self.dims(dims_of(row)?)?;
            cells.push(Cell { period: Arc::clone(period), dims, measures: measures(row, 5)? });
        }
        Ok(cells)
    }

    /// Executions as large as the smallest limit of a rule about single ones.
    fn executions(&mut self, period: &Arc<Period>) -> rusqlite::Result<Vec<ExecutionFact>> {
        let least = |wanted: Measure| {
            let limits = self.config.rules.iter().filter_map(|rule| match &rule.check {
                Check::Threshold(s) if s.subject == Subject::Execution && s.measure == wanted => {
                    Some(s.limit)
                }
                _ => None,
            });
            limits.min().map(super::signed)
        };
        let (scanned, cost) = (least(Measure::Scanned), least(Measure::Cost));
        if scanned.is_none() && cost.is_none() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT scope_id, coalesce(workgroup_id, 0), coalesce(principal_id, 0), coalesce(client_id, 0),
                    coalesce(database_id, 0), {MEASURES}, execution_id
             FROM execution WHERE submitted >= ?1 AND submitted < ?2 AND before_ledger = 0
                 AND (scanned_bytes >= ?3 OR cost >= ?4) GROUP BY id"
        );
        let tx = self.tx;
        let mut select = tx.prepare_cached(&sql)?;
        let mut rows = select.query(params![epoch(period.start), epoch(period.end), scanned, cost])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(ExecutionFact {
                id: row.get(12)?,
                hour: Arc::clone(period),
                dims: self.dims(dims_of(row)?)?,
                measures: measures(row, 5)?,
            });
        }
        Ok(found)
    }

    fn failures(&mut self, period: &Arc<Period>) -> rusqlite::Result<Vec<FailureFact>> {
        // The reason beside max() is that of its row, the latest (SQLite: bare columns of an aggregate).
        let sql = format!(
            "SELECT scope_id, coalesce(workgroup_id, 0), coalesce(principal_id, 0), coalesce(client_id, 0),
                    coalesce(database_id, 0), {MEASURES}, query_id, coalesce(state_reason, ''), max(submitted)
             FROM execution WHERE submitted >= ?1 AND submitted < ?2 AND before_ledger = 0 AND state = 4
                 AND query_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, query_id"
        );
        let tx = self.tx;
        let mut select = tx.prepare_cached(&sql)?;
        let mut rows = select.query([epoch(period.start), epoch(period.end)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (fingerprint, text): (String, Option<String>) = tx
                .prepare_cached("SELECT fingerprint, text FROM query WHERE id = ?1")?
                .query_row([row.get::<_, i64>(12)?], |query| Ok((query.get(0)?, query.get(1)?)))?;
            let reason: String = row.get(13)?;
            found.push(FailureFact {
                period: Arc::clone(period),
                dims: self.dims(dims_of(row)?)?,
                text: told_text(self.config.alerts.query_text, text.as_deref()),
                reason: told_reason(self.config.alerts.query_text, &reason),
                at: instant(row.get(14)?),
                fingerprint,
                measures: measures(row, 5)?,
            });
        }
        Ok(found)
    }

    fn scope(&self, scope: &Scope, now: DateTime<Utc>) -> rusqlite::Result<ScopeFact> {
        let find = "SELECT id FROM scope WHERE account_id = ?1 AND region = ?2";
        let key = params![scope.account.as_str(), scope.region.as_str()];
        let id: Option<i64> = self.tx.prepare_cached(find)?.query_row(key, |row| row.get(0)).optional()?;
        let until = now - self.config.collect.late;
        let hours = "FROM coverage_hour WHERE scope_id = ?1 AND hour > ?2 - 3600 AND hour <= ?3 - 3600";
        let window = params![id, epoch(self.edge), epoch(until)];
        let counts = format!("SELECT count(*), coalesce(sum(status = 'complete'), 0) {hours}");
        let (due, complete) =
            self.tx.prepare_cached(&counts)?.query_row(window, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let why = format!(
            "SELECT coalesce(reason, 'not walked') {hours} AND status <> 'complete' ORDER BY hour LIMIT 1"
        );
        let reason = self.tx.prepare_cached(&why)?.query_row(window, |row| row.get(0)).optional()?;
        let walked = "SELECT max(end) FROM walked WHERE scope_id = ?1 AND walk = 1";
        let walked: Option<i64> = self.tx.prepare_cached(walked)?.query_row([id], |row| row.get(0))?;
        let sums =
            "SELECT coalesce(sum(cost), 0), coalesce(sum(iif(principal_id = 0, cost, 0)), 0) FROM usage_hour
                    WHERE hour >= ?1 AND scope_id = ?2";
        let (cost, nobodys) = self
            .tx
            .prepare_cached(sums)?
            .query_row(params![epoch(self.edge), id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(ScopeFact {
            name: scope.to_string(),
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            due: unsigned(due),
            complete: unsigned(complete),
            reason,
            walked_until: walked.map(instant),
            cost: unsigned(cost),
            unattributed_cost: unsigned(nobodys),
        })
    }

    fn dims(&mut self, key: [i64; 5]) -> rusqlite::Result<Arc<Dims>> {
        if let Some(known) = self.dims.known.get(&key) {
            return Ok(Arc::clone(known));
        }
        let [scope, workgroup, principal, client, database] = key;
        let mut dims = self
            .tx
            .prepare_cached("SELECT account_id, region FROM scope WHERE id = ?1")?
            .query_row([scope], |row| {
                Ok(Dims { account: row.get(0)?, region: row.get(1)?, ..Dims::default() })
            })?;
        let sql = "SELECT key, name, kind, coalesce(team, '') FROM principal WHERE id = ?1";
        (dims.principal_key, dims.principal, dims.principal_kind, dims.team) =
            self.tx
                .prepare_cached(sql)?
                .query_row([principal], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        dims.workgroup = self.name(workgroup)?;
        dims.client = self.name(client)?;
        dims.database = self.name(database)?;
        let dims = Arc::new(dims);
        self.dims.known.insert(key, Arc::clone(&dims));
        Ok(dims)
    }

    fn name(&mut self, id: i64) -> rusqlite::Result<String> {
        if let Some(known) = self.dims.names.get(&id) {
            return Ok(known.clone());
        }
        let sql = "SELECT value FROM name WHERE id = ?1";
        let value: String = self.tx.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        self.dims.names.insert(id, value.clone());
        Ok(value)
    }
}

fn dims_of(row: &Row<'_>) -> rusqlite::Result<[i64; 5]> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
}

/// The spans a rule looks at.
fn spans(rule: &Rule) -> Vec<Span> {
    match &rule.check {
        Check::Threshold(settings) => vec![settings.span],
        Check::Spike(settings) => vec![settings.span],
        Check::Budget(_) => vec![Span::Month],
        Check::Failing(_) | Check::Gap(_) => Vec::new(),
    }
}

fn daily() -> String {
    format!(
        "SELECT scope_id, workgroup_id, principal_id, client_id, database_id, {SUMS} FROM usage_day
         WHERE day BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3, 4, 5"
    )
}

fn both(date: NaiveDate) -> [i64; 2] {
    [day_number(date), day_number(date)]
}

/// SQL as it may leave the house. What was stored redacted stays so.
pub(super) fn told_text(policy: QueryTextPolicy, text: Option<&str>) -> String {
    let told = text.and_then(|text| sql::stored_text(policy, text));
    told.unwrap_or_else(|| "(text not kept)".to_owned())
}

/// Athena's reasons quote values: beyond `full` only the error's name is told.
fn told_reason(policy: QueryTextPolicy, reason: &str) -> String {
    match policy {
        QueryTextPolicy::Full => reason.to_owned(),
        QueryTextPolicy::Redacted | QueryTextPolicy::None => sql::redacted_reason(reason),
    }
}
