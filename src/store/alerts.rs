//! Commit 4: what rules found, once per series and level, with what is owed to channels, in one transaction.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::facts::told_text;
use super::marks::expected_scopes;
use super::{Reader, Store, StoreError, epoch, instant, unsigned};
use crate::config::Config;
use crate::domain::alert::{Amount, Finding, Message, Part, Period, Subject};
use crate::domain::sql::QueryTextPolicy;
use crate::rules::Filter;

/// An alert to be stored.
#[derive(Clone, Debug)]
pub struct Found {
    pub series: String,
    pub level: u32,
    pub rule: String,
    pub severity: &'static str,
    pub subject: &'static str,
    pub name: String,
    pub period: Period,
    pub title: String,
    pub message: Message,
    /// To whom it is owed.
    pub channels: Vec<String>,
}

/// An alert and one channel it is owed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    pub id: String,
    pub found_at: DateTime<Utc>,
    pub severity: String,
    pub title: String,
    pub channel: Option<String>,
    /// `recorded`, `waiting`, `delivered` or `given up`.
    pub delivery: String,
    pub attempts: u64,
    pub error: Option<String>,
}

impl Store {
    /// Which of these were told before, at their level or a higher one.
    pub async fn unknown(&self, findings: Vec<Finding>) -> Result<Vec<Finding>, StoreError> {
        self.write(move |tx| {
            let mut new = Vec::new();
            for finding in findings {
                if !is_known(tx, &finding.series(), finding.level)? {
                    new.push(finding);
                }
            }
            Ok(new)
        })
        .await
    }

    /// Stores what was found and what is owed for it, and that `hours` have been judged. Returns how many are new.
    pub async fn found(
        &self,
        found: Vec<Found>,
        hours: Vec<i64>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write(move |tx| {
            let mut new = 0;
            for alert in &found {
                if !is_known(tx, &alert.series, alert.level)? {
                    insert(tx, alert, now)?;
                    new += 1;
                }
            }
            for hour in &hours {
                tx.prepare_cached("DELETE FROM to_judge WHERE hour = ?1")?.execute([hour])?;
            }
            Ok(new)
        })
        .await
    }
}

impl Store {
    /// Hours are to be looked at again as if they had been built: for measurements.
    pub async fn judge_again(&self, hours: Vec<i64>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO to_judge VALUES (?1)")?;
            hours.iter().try_for_each(|hour| insert.execute([hour]).map(drop))
        })
        .await
    }
}

impl Reader {
    /// The newest hour of which the book has usage.
    pub fn newest_hour(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT max(hour) FROM usage_hour";
        let hour: Option<i64> =
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(|source| self.sqlite(source))?;
        Ok(hour.map(instant))
    }
}

fn is_known(tx: &Connection, series: &str, level: u32) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM alert WHERE series = ?1 AND level >= ?2")?.exists(params![series, level])
}

fn insert(tx: &Connection, alert: &Found, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let message = serde_json::to_string(&alert.message)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT INTO alert (alert_id, series, level, found_at, rule, severity, subject, name, period, period_start,
                                  title, message)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let row = tx.prepare_cached(sql)?.insert(params![
        alert.message.id(),
        alert.series,
        alert.level,
        epoch(now),
        alert.rule,
        alert.severity,
        alert.subject,
        alert.name,
        alert.period.name,
        epoch(alert.period.start),
        alert.title,
        message,
    ])?;
    for channel in &alert.channels {
        tx.prepare_cached("INSERT INTO outbox (channel, alert, owed_at, next_at) VALUES (?1, ?2, ?3, ?3)")?
            .execute(params![channel, row, epoch(now)])?;
    }
    Ok(())
}

impl Reader {
    /// The newest alerts, one row per channel they are owed to.
    pub fn alerts(&self, limit: usize) -> Result<Vec<AlertRow>, StoreError> {
        let sql =
            "SELECT alert_id, found_epoch, severity, title, channel, delivery, attempts, error FROM alert_log
                   ORDER BY found_epoch DESC, alert_id, channel LIMIT ?1";
        let read = || {
            self.connection
                .prepare_cached(sql)?
                .query_map([limit as i64], |row| {
                    Ok(AlertRow {
                        id: row.get(0)?,
                        found_at: instant(row.get(1)?),
                        severity: row.get(2)?,
                        title: row.get(3)?,
                        channel: row.get(4)?,
                        delivery: row.get(5)?,
                        attempts: row.get::<_, Option<i64>>(6)?.map_or(0, unsigned),
                        error: row.get(7)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// The newest messages as they were told, oldest first.
    pub fn messages(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT message FROM (SELECT id, message FROM alert ORDER BY id DESC LIMIT ?1) ORDER BY id";
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let texts = select.query_map([limit as i64], |row| row.get::<_, String>(0))?;
            texts.collect::<rusqlite::Result<Vec<_>>>()
        };
        let texts = read().map_err(|source| self.sqlite(source))?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Whether the digest of a day was made.
    pub fn is_told(&self, series: &str) -> Result<bool, StoreError> {
        is_known(&self.connection, series, 0).map_err(|source| self.sqlite(source))
    }

    /// How complete a period is, in words.
    pub fn completeness(
        &self,
        period: &Period,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Result<String, StoreError> {
        // Hours that lie in the period; an hour that a local day cuts counts for both of its days. Hours after the
        // last rollup have no row yet and are missing all the same.
        let read = || {
            let scopes = expected_scopes(&self.connection, config)?;
            let sql = format!(
                "WITH RECURSIVE hours (scope_id, hour) AS (
                     SELECT scope_id, max(?1 / 3600 * 3600, min(start) / 3600 * 3600) FROM walked
                     WHERE walk = 1 AND scope_id IN ({scopes}) GROUP BY scope_id
                     UNION ALL
                     SELECT scope_id, hour + 3600 FROM hours WHERE hour + 3600 < ?2
                 )
                 SELECT count(*), coalesce(sum(c.status = 'complete'), 0), coalesce(sum(h.hour + 3600 + ?3 > ?4), 0)
                 FROM hours h LEFT JOIN coverage_hour c USING (scope_id, hour) WHERE h.hour < ?2"
            );
            let late = config.collect.late.num_seconds();
            let key = params![epoch(period.start), epoch(period.end.min(now)), late, epoch(now)];
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            self.connection.prepare_cached(&sql)?.query_row(key, row)
        };
        let (all, complete, open): (i64, i64, i64) = read().map_err(|source| self.sqlite(source))?;
        Ok(match (all - open, open) {
            (_, _) if all == 0 => "nothing read yet".to_owned(),
            (0, _) => "not due yet: CloudTrail may still deliver".to_owned(),
            (due, 0) if due == complete => "complete".to_owned(),
            (due, 0) => {
                format!("{complete} of {due} hours complete: the numbers may be too low")
            }
            (due, open) => format!("{complete} of {due} due hours complete, {open} not due yet"),
        })
    }

    /// The queries that made up most of a subject's value in an hour or day, as far as their text may be told.
    pub fn top_queries(
        &self,
        finding: &Finding,
        filter: &Filter,
        policy: QueryTextPolicy,
        top: usize,
    ) -> Result<Vec<Part>, StoreError> {
        let column = match finding.subject {
            Subject::Principal => "principal_key",
            Subject::PrincipalKind => "principal_kind",
            Subject::Team => "team",
            Subject::Workgroup => "workgroup",
            Subject::Client => "client",
            Subject::Database => "database_name",
            Subject::Account => "account_id",
            Subject::Execution => "execution_id",
            Subject::Query => "query_fingerprint",
            Subject::Everything | Subject::Scope => "''",
        };
        let subject = match finding.subject {
            // Its index finds it; with a function around it, it would not.
            Subject::Execution => "execution_id = ?3".to_owned(),
            _ => format!("coalesce({column}, '') = ?3"),
        };
        // By what the rule measures.
        let measure = match finding.value {
            Amount::Executions(_) => 3,
            Amount::Failed(_) => 4,
            Amount::Scanned(_) => 6,
            Amount::Cost(_) | Amount::Share(_) | Amount::Time(_) => 7,
        };
        let sql = format!(
            "SELECT query_fingerprint, max(query_text), count(*), sum(coalesce(state = 'FAILED', 0)), sum(cost_usd IS NULL),
                    sum(coalesce(scanned_bytes, 0)), CAST(round(sum(coalesce(cost_usd, 0)) * 1e9) AS INTEGER)
             FROM query_log
             WHERE started_epoch >= ?1 AND started_epoch < ?2 AND before_ledger = 0 AND query_fingerprint IS NOT NULL
                 AND {subject}
                 AND (principal_key GLOB ?4 OR principal GLOB ?4) AND principal_kind GLOB ?5 AND coalesce(team, '') GLOB ?6
                 AND coalesce(workgroup, '') GLOB ?7 AND coalesce(client, '') GLOB ?8
                 AND coalesce(database_name, '') GLOB ?9 AND account_id GLOB ?10 AND region GLOB ?11
             GROUP BY 1 ORDER BY {measure} DESC, 7 DESC, 6 DESC, 3 DESC LIMIT ?12"
        );
        let key = if column == "''" { "" } else { finding.key.as_str() };
        // Brackets mean themselves in our globs.
        let glob =
            |glob: &Option<String>| glob.as_deref().map_or("*".to_owned(), |glob| glob.replace('[', "[[]"));
        let read = || {
            self.connection
                .prepare_cached(&sql)?
                .query_map(
                    params![
                        epoch(finding.period.start),
                        epoch(finding.period.end),
                        key,
                        glob(&filter.principal),
                        glob(&filter.principal_kind),
                        glob(&filter.team),
                        glob(&filter.workgroup),
                        glob(&filter.client),
                        glob(&filter.database),
                        glob(&filter.account),
                        glob(&filter.region),
                        top as i64,
                    ],
                    |row| {
                        let text: Option<String> = row.get(1)?;
                        Ok(Part {
                            label: told_text(policy, text.as_deref()),
                            key: row.get(0)?,
                            executions: unsigned(row.get(2)?),
                            failed: unsigned(row.get(3)?),
                            unpriced: unsigned(row.get(4)?),
                            scanned_bytes: unsigned(row.get(5)?),
                            cost: row.get(6)?,
                        })
                    },
                )?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// The first day that alerts saw the end of, if they have begun.
    pub fn judging_since(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let value =
            super::marks::meta(&self.connection, "judging_since").map_err(|source| self.sqlite(source))?;
        Ok(value.and_then(|text| text.parse().ok()).map(instant))
    }
}
