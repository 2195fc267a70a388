//! Commit 1: a page of events, the executions they name, and what has been walked, in one transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::marks::{touch, touch_hours};
use super::names::{self, Names};
use super::numbers::event_number;
use super::walked::{self, Walk};
use super::{ScopeId, Store, StoreError, epoch};
use crate::config::PrincipalMapping;
use crate::domain::event::{Batch, Event, EventName, Unreadable};
use crate::domain::execution::ExecutionId;
use crate::domain::scope::Scope;
use crate::domain::window::{Window, hour_of};

/// Where a batch comes from, and what of event time is walked once it is stored.
#[derive(Clone, Debug)]
pub enum Origin {
    Lookup {
        scope: ScopeId,
        name: EventName,
        walked: Option<Window>,
    },
    /// The hours of the batch become "seen in files".
    Files,
}

/// What storing a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub stored: u64,
    pub duplicates: u64,
    pub unreadable: u64,
    pub executions_new: u64,
}

impl Store {
    /// Stores a batch. Doing it twice changes nothing but the count of duplicates.
    pub async fn apply(
        &self,
        batch: Batch,
        origin: Origin,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Applied, StoreError> {
        let mappings = self.config.principals.clone();
        self.write(move |tx| {
            let mut page = Page { tx, names: Names::new(tx), mappings: &mappings, now: epoch(now) };
            page.apply(&batch, &origin)
        })
        .await
    }

    /// The number of a scope, made known if it is new.
    pub async fn scope(&self, scope: &Scope) -> Result<ScopeId, StoreError> {
        let scope = scope.clone();
        self.write(move |tx| names::scope_id(tx, &scope)).await
    }
}

struct Page<'a> {
    tx: &'a Connection,
    names: Names<'a>,
    mappings: &'a [PrincipalMapping],
    now: i64,
}

/// What is known of an execution before an event is added to it.
struct Known {
    row: i64,
    answered: bool,
    /// Time and id of the start that counts so far: the earliest, ties by event id.
    start: Option<(i64, Option<String>)>,
    start_event: Option<i64>,
    submitted: Option<i64>,
}

impl Page<'_> {
    fn apply(&mut self, batch: &Batch, origin: &Origin) -> rusqlite::Result<Applied> {
        let mut applied = Applied { unreadable: batch.unreadable.len() as u64, ..Applied::default() };
        let already = match origin {
            Origin::Lookup { scope, name, .. } => {
                Some(walked::intervals(self.tx, *scope, Walk::Name(*name))?)
            }
            Origin::Files => None,
        };
        for event in &batch.events {
            let scope = self.names.scope(&event.scope)?;
            let Some(row) = self.insert_event(scope, event)? else {
                applied.duplicates += 1;
                continue;
            };
            applied.stored += 1;
            if already.as_ref().is_some_and(|walked| walked.contains(event.at)) {
                self.count_late(scope, event)?;
            }
            for id in &event.executions {
                applied.executions_new += u64::from(self.link(scope, row, event, id)?);
            }
            if matches!(origin, Origin::Files) {
                walked::insert(self.tx, scope, Walk::Files, hour_window(event))?;
            }
            touch(self.tx, scope, epoch(event.at))?;
        }
        for record in &batch.unreadable {
            self.insert_unreadable(record, origin)?;
        }
        if let Origin::Lookup { scope, name, walked: Some(window) } = origin {
            walked::insert(self.tx, *scope, Walk::Name(*name), *window)?;
            if *name == EventName::StartQueryExecution {
                touch_hours(self.tx, *scope, *window)?;
            }
        }
        Ok(applied)
    }

    /// `None` for an event that is stored already.
    fn insert_event(&mut self, scope: ScopeId, event: &Event) -> rusqlite::Result<Option<i64>> {
        let known = self
            .tx
            .prepare_cached("SELECT 1 FROM event WHERE event_id = ?1 AND scope_id = ?2")?
            .exists(params![event.id.as_str(), scope.0])?;
        if known {
            return Ok(None);
        }
        let sql = "INSERT INTO event (scope_id, event_id, name, at, principal_id, role_id, session_id,
                       service_id, source_ip_id, user_agent_id, client_id, error_code_id, executions)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let row = self.tx.prepare_cached(sql)?.insert(params![
            scope.0,
            event.id.as_str(),
            event_number(event.name),
            epoch(event.at),
            self.names.principal(&event.principal, self.mappings)?,
            self.names.optional(event.role.as_deref())?,
            self.names.optional(event.session.as_deref())?,
            self.names.optional(event.service.as_deref())?,
            self.names.optional(event.source_ip.as_deref())?,
            self.names.optional(event.user_agent.as_deref())?,
            self.names.id(event.client.as_str())?,
            self.names.optional(event.error_code.as_deref())?,
            event.executions.len() as i64,
        ])?;
        // A record an older version could not read is read now.
        self.tx
            .prepare_cached("DELETE FROM unreadable WHERE event_id = ?1 AND scope_id IS ?2")?
            .execute(params![event.id.as_str(), scope.0])?;
        Ok(Some(row))
    }

    /// Links an event to an execution it names; true when the execution is new.
    fn link(
        &mut self,
        scope: ScopeId,
        event_row: i64,
        event: &Event,
        id: &ExecutionId,
    ) -> rusqlite::Result<bool> {
        let known = self.find(scope, id)?;
        let row = match &known {
            Some(known) => known.row,
            None => self.insert_execution(scope, id)?,
        };
        let runner = event.sets_runner() && self.set_runner(scope, event_row, event, row, known.as_ref())?;
        if !runner {
            self.mention(event_row, row)?;
        }
        Ok(known.is_none())
    }

    fn mention(&self, event_row: i64, row: i64) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO event_execution VALUES (?1, ?2)";
        self.tx.prepare_cached(sql)?.execute([event_row, row]).map(drop)
    }

    fn find(&self, scope: ScopeId, id: &ExecutionId) -> rusqlite::Result<Option<Known>> {
        let sql = "SELECT x.id, x.state IS NOT NULL, x.start_at, v.event_id, v.id, x.submitted
                   FROM execution x LEFT JOIN event v ON v.id = x.start_event_id
                   WHERE x.execution_id = ?1 AND x.scope_id = ?2";
        self.tx
            .prepare_cached(sql)?
            .query_row(params![id.as_str(), scope.0], |row| {
                let start_at: Option<i64> = row.get(2)?;
                let event_id: Option<String> = row.get(3)?;
                Ok(Known {
                    row: row.get(0)?,
                    answered: row.get(1)?,
                    start: start_at.map(|at| (at, event_id)),
                    start_event: row.get(4)?,
                    submitted: row.get(5)?,
                })
            })
            .optional()
    }

    fn insert_execution(&self, scope: ScopeId, id: &ExecutionId) -> rusqlite::Result<i64> {
        let row = self
            .tx
            .prepare_cached("INSERT INTO execution (execution_id, scope_id, status) VALUES (?1, ?2, 0)")?
            .insert(params![id.as_str(), scope.0])?;
        self.tx
            .prepare_cached("INSERT INTO ask (execution, scope_id, started, at) VALUES (?1, ?2, 0, ?3)")?
            .execute(params![row, scope.0, self.now])?;
        Ok(row)
    }

    /// Only a successful start says who ran a query, and of several (replays) the earliest one: true if it is this.
    fn set_runner(
        &mut self,
        scope: ScopeId,
        event_row: i64,
        event: &Event,
        row: i64,
        known: Option<&Known>,
    ) -> rusqlite::Result<bool> {
        let at = epoch(event.at);
        let earlier = known.and_then(|known| known.start.as_ref()).is_some_and(|(start_at, start_id)| {
            let (start_at, start_id) = (*start_at, start_id.as_deref().unwrap_or(""));
            (start_at, start_id) <= (at, event.id.as_str())
        });
        if earlier {
            return Ok(false);
        }
        if let Some(replay) = known.and_then(|known| known.start_event) {
            self.mention(replay, row)?;
        }
        // What Athena answered is better than what the start asked for.
        let answered = known.is_some_and(|known| known.answered);
        let submitted = known.and_then(|known| known.submitted).filter(|_| answered).unwrap_or(at);
        let sql =
            "UPDATE execution SET start_at = ?2, start_event_id = ?3, principal_id = ?4, client_id = ?5,
                       submitted = ?6, before_ledger = 0,
                       workgroup_id = iif(?7, workgroup_id, ?8),
                       database_id = iif(?7, database_id, ?9),
                       catalog_id = iif(?7, catalog_id, ?10)
                   WHERE id = ?1";
        self.tx.prepare_cached(sql)?.execute(params![
            row,
            at,
            event_row,
            self.names.principal(&event.principal, self.mappings)?,
            self.names.id(event.client.as_str())?,
            submitted,
            answered,
            self.names.optional(event.workgroup.as_deref())?,
            self.names.optional(event.database.as_deref())?,
            self.names.optional(event.catalog.as_deref())?,
        ])?;
        self.tx.prepare_cached("UPDATE ask SET started = 1 WHERE execution = ?1")?.execute([row])?;
        if let Some(before) = known.and_then(|known| known.submitted) {
            touch(self.tx, scope, before)?;
        }
        touch(self.tx, scope, submitted)?;
        Ok(true)
    }

    fn count_late(&self, scope: ScopeId, event: &Event) -> rusqlite::Result<()> {
        let hours = (self.now - epoch(event.at)) / 3600;
        let sql = "INSERT INTO lateness VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET events = events + 1";
        self.tx.prepare_cached(sql)?.execute([scope.0, hours]).map(drop)
    }

    fn insert_unreadable(&mut self, record: &Unreadable, origin: &Origin) -> rusqlite::Result<()> {
        let scope = match (&record.scope, origin) {
            (Some(scope), _) => Some(self.names.scope(scope)?),
            (None, Origin::Lookup { scope, .. }) => Some(*scope),
            (None, Origin::Files) => None,
        };
        let (name, at) = (record.name.map(event_number), record.at.map(epoch));
        let event_id = record.event_id.as_ref().map(|id| id.as_str());
        // A damaged copy of an event that is stored takes nothing away from its hour.
        let stored = "SELECT 1 FROM event WHERE event_id = ?1 AND scope_id IS ?2";
        if self.tx.prepare_cached(stored)?.exists(params![event_id, scope.map(|scope| scope.0)])? {
            return Ok(());
        }
        let key =
            serde_json::json!([scope.map(|scope| scope.0), event_id, name, at, record.reason]).to_string();
        let sql = "INSERT OR IGNORE INTO unreadable VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.tx.prepare_cached(sql)?.execute(params![
            key,
            scope.map(|scope| scope.0),
            event_id,
            name,
            at,
            record.reason,
            self.now
        ])?;
        match scope.zip(at) {
            Some((scope, at)) => touch(self.tx, scope, at),
            None => Ok(()),
        }
    }
}

fn hour_window(event: &Event) -> Window {
    let start = hour_of(event.at);
    Window { start, end: start + chrono::TimeDelta::hours(1) }
}
