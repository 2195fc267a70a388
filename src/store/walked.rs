//! Which event time each walk has read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::marks::{meta, set_meta};
use super::numbers::event_number;
use super::reading::Reader;
use super::{ScopeId, Store, StoreError, epoch, instant};
use crate::domain::event::EventName;
use crate::domain::scope::{AccountId, Region, Scope};
use crate::domain::window::{Intervals, Window};

/// A walk of LookupEvents, or the hours that trail files spoke of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    Files,
    Name(EventName),
}

impl Walk {
    fn number(self) -> i64 {
        match self {
            Self::Files => 0,
            Self::Name(name) => event_number(name),
        }
    }
}

impl Reader {
    /// Up to when the starts of a scope were read.
    pub fn walked_until(&self, scope: ScopeId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let walked = intervals(&self.connection, scope, Walk::Name(EventName::StartQueryExecution));
        Ok(walked.map_err(|source| self.sqlite(source))?.last_end())
    }
}

impl Store {
    /// What the walk of one event name has read.
    pub async fn walked(&self, scope: ScopeId, name: EventName) -> Result<Intervals, StoreError> {
        self.write(move |tx| intervals(tx, scope, Walk::Name(name))).await
    }

    /// What was read of starts, of every scope.
    pub async fn all_walked(&self) -> Result<HashMap<ScopeId, Intervals>, StoreError> {
        self.write(|tx| {
            let scopes = tx
                .prepare_cached("SELECT DISTINCT scope_id FROM walked WHERE walk = 1")?
                .query_map([], |row| row.get(0).map(ScopeId))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let starts = Walk::Name(EventName::StartQueryExecution);
            scopes.into_iter().map(|scope| Ok((scope, intervals(tx, scope, starts)?))).collect()
        })
        .await
    }

    /// The scopes of which starts were ever read.
    pub async fn scopes_read(&self) -> Result<Vec<Scope>, StoreError> {
        let sql = "SELECT account_id, region FROM scope
                   WHERE id IN (SELECT scope_id FROM walked WHERE walk = 1) ORDER BY 1, 2";
        self.write(move |tx| {
            let mut select = tx.prepare_cached(sql)?;
            let rows =
                select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let scopes = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
            Ok(scopes
                .filter_map(|(account, region)| {
                    Some(Scope { account: AccountId::parse(&account)?, region: Region::parse(&region)? })
                })
                .collect())
        })
        .await
    }

    /// Records event time as read without storing anything: a read name whose budget ended.
    pub async fn give_up(&self, scope: ScopeId, name: EventName, window: Window) -> Result<(), StoreError> {
        self.write(move |tx| insert(tx, scope, Walk::Name(name), window)).await
    }

    /// When the last 26 hours of this scope were last read a second time.
    pub async fn reread_at(&self, scope: ScopeId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT reread_at FROM scope WHERE id = ?1";
        let at = self.write(move |tx| tx.query_row(sql, [scope.0], |row| row.get::<_, Option<i64>>(0)));
        Ok(at.await?.map(instant))
    }

    pub async fn set_reread_at(&self, scope: ScopeId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let sql = "UPDATE scope SET reread_at = ?2 WHERE id = ?1";
        self.write(move |tx| tx.execute(sql, params![scope.0, epoch(at)]).map(drop)).await
    }
}

impl Store {
    /// Where this scope's book begins: `proposed` at the first pass, and from then on what that said, so that a first
    /// pass which is interrupted goes back as far the next time.
    pub async fn begins(&self, scope: ScopeId, proposed: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        self.write(move |tx| {
            if let Some(begins) = begins(tx, scope)? {
                return Ok(begins);
            }
            set_meta(tx, &begins_key(scope), &epoch(proposed).to_string())?;
            Ok(proposed)
        })
        .await
    }
}

fn begins_key(scope: ScopeId) -> String {
    format!("scope {} begins", scope.0)
}

fn begins(tx: &Connection, scope: ScopeId) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(meta(tx, &begins_key(scope))?.and_then(|text| text.parse().ok()).map(instant))
}

impl Reader {
    /// Where this scope's book begins or was meant to, whichever is earlier.
    pub fn begins(&self, scope: ScopeId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let meant = begins(&self.connection, scope).map_err(|e| self.sqlite(e))?;
        Ok(self.starts_walked(scope)?.first_start().into_iter().chain(meant).min())
    }

    /// What the starts' walk has read.
    pub fn starts_walked(&self, scope: ScopeId) -> Result<Intervals, StoreError> {
        intervals(&self.connection, scope, Walk::Name(EventName::StartQueryExecution))
            .map_err(|e| self.sqlite(e))
    }
}

pub(super) fn intervals(tx: &Connection, scope: ScopeId, walk: Walk) -> rusqlite::Result<Intervals> {
    let sql = "SELECT start, end FROM walked WHERE scope_id = ?1 AND walk = ?2 ORDER BY start";
    let mut select = tx.prepare_cached(sql)?;
    let windows = select.query_map(params![scope.0, walk.number()], |row| {
        Ok(Window { start: instant(row.get(0)?), end: instant(row.get(1)?) })
    })?;
    windows.collect()
}

/// Adds a window, merged with the ones it touches.
pub(super) fn insert(tx: &Connection, scope: ScopeId, walk: Walk, window: Window) -> rusqlite::Result<()> {
    let touching = "scope_id = ?1 AND walk = ?2 AND start <= ?4 AND end >= ?3";
    let key = params![scope.0, walk.number(), epoch(window.start), epoch(window.end)];
    let merge = format!(
        "SELECT min(?3, coalesce(min(start), ?3)), max(?4, coalesce(max(end), ?4)) FROM walked WHERE {touching}"
    );
    let (start, end): (i64, i64) =
        tx.prepare_cached(&merge)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    tx.prepare_cached(&format!("DELETE FROM walked WHERE {touching}"))?.execute(key)?;
    tx.prepare_cached("INSERT INTO walked VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![scope.0, walk.number(), start, end])
        .map(drop)
}
