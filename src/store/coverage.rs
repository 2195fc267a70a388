//! How complete each hour is, and why not.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::reading::Reader;
use super::walked::{self, Walk};
use super::{ScopeId, StoreError, epoch, unsigned};
use crate::domain::coverage::{Extent, HourFacts, Status, is_due, judge};
use crate::domain::event::EventName;
use crate::domain::window::{Intervals, Window, hours_of};

/// The completeness of one hour, or of the piece of it that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageLine {
    pub scope: ScopeId,
    pub hour: DateTime<Utc>,
    pub status: Status,
    pub reason: Option<String>,
}

/// Builds the row of one hour.
pub(super) fn build(
    tx: &Connection,
    scope: ScopeId,
    hour: DateTime<Utc>,
    late: TimeDelta,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let window = Window { start: hour, end: hour + TimeDelta::hours(1) };
    let walks = Walks::read(tx, scope)?;
    let (status, reason) = judge(&facts(tx, scope, window, &walks)?, is_due(window.end, late, now));
    let bounds = params![scope.0, epoch(window.start), epoch(window.end)];
    let count = |sql: &str| tx.prepare_cached(sql)?.query_row(bounds, |row| row.get::<_, i64>(0));
    let events = count("SELECT count(*) FROM event WHERE at >= ?2 AND at < ?3 AND scope_id = ?1")?;
    // Retention removes events, not what was counted of them.
    let counted = "SELECT coalesce(max(events), 0) FROM coverage_hour WHERE hour = ?2 AND scope_id = ?1";
    let counted =
        tx.prepare_cached(counted)?.query_row([scope.0, epoch(hour)], |row| row.get::<_, i64>(0))?;
    let events = events.max(counted);
    let unreadable = count("SELECT count(*) FROM unreadable WHERE at >= ?2 AND at < ?3 AND scope_id = ?1")?;
    let sql = "
        INSERT OR REPLACE INTO coverage_hour
        SELECT ?2, ?1, ?4, ?5, ?6, count(*), coalesce(sum(status = 1), 0), coalesce(sum(status = 0), 0),
               coalesce(sum(status = 2), 0), coalesce(sum(status = 3), 0), coalesce(sum(start_at IS NULL), 0), ?7,
               coalesce(sum(state = 4), 0), coalesce(sum(state = 5), 0), coalesce(sum(cost IS NULL), 0),
               coalesce(sum(scanned_bytes), 0), coalesce(sum(billed_bytes), 0), coalesce(sum(cost), 0)
        FROM execution WHERE submitted >= ?2 AND submitted < ?3 AND scope_id = ?1 AND before_ledger = 0";
    tx.prepare_cached(sql)?
        .execute(params![
            scope.0,
            epoch(window.start),
            epoch(window.end),
            status.as_str(),
            reason,
            events,
            unreadable
        ])
        .map(drop)
}

impl Reader {
    /// The completeness of every hour of `window` up to `now` for one scope. Hours at the edges are judged by the
    /// piece inside the window, and hours that became due since the last collection as what they are now.
    pub fn coverage(
        &self,
        scope: ScopeId,
        window: Window,
        late: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Vec<CoverageLine>, StoreError> {
        let Some(window) = Window::new(window.start, window.end.min(now)) else { return Ok(Vec::new()) };
        let read = || {
            let walks = Walks::read(&self.connection, scope)?;
            hours_of(window)
                .map(|hour| {
                    let whole = Window { start: hour, end: hour + TimeDelta::hours(1) };
                    let piece = whole.intersect(&window).unwrap_or(whole);
                    let (status, reason) = match stored(&self.connection, scope, hour)? {
                        Some((status, reason)) if piece == whole && status != Status::Open => {
                            (status, reason)
                        }
                        _ => {
                            let facts = facts(&self.connection, scope, piece, &walks)?;
                            judge(&facts, is_due(piece.end, late, now))
                        }
                    };
                    Ok(CoverageLine { scope, hour, status, reason })
                })
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.sqlite(source))
    }
}

struct Walks {
    starts: Intervals,
    files: Intervals,
}

impl Walks {
    fn read(tx: &Connection, scope: ScopeId) -> rusqlite::Result<Self> {
        Ok(Self {
            starts: walked::intervals(tx, scope, Walk::Name(EventName::StartQueryExecution))?,
            files: walked::intervals(tx, scope, Walk::Files)?,
        })
    }
}

fn stored(
    tx: &Connection,
    scope: ScopeId,
    hour: DateTime<Utc>,
) -> rusqlite::Result<Option<(Status, Option<String>)>> {
    let sql = "SELECT status, reason FROM coverage_hour WHERE hour = ?1 AND scope_id = ?2";
    let row = tx
        .prepare_cached(sql)?
        .query_row(params![epoch(hour), scope.0], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.and_then(|(status, reason)| Status::parse(&status).map(|status| (status, reason))))
}

fn facts(tx: &Connection, scope: ScopeId, piece: Window, walks: &Walks) -> rusqlite::Result<HourFacts> {
    let walked = if walks.starts.covers(piece) {
        Extent::Whole
    } else if walks.starts.missing(piece) == [piece] {
        Extent::Nothing
    } else {
        Extent::Part
    };
    let bounds = params![scope.0, epoch(piece.start), epoch(piece.end)];
    let started = "SELECT coalesce(sum(status = 0), 0), coalesce(sum(status = 2), 0), coalesce(sum(status = 3), 0)
                   FROM execution WHERE submitted >= ?2 AND submitted < ?3 AND scope_id = ?1 AND start_at IS NOT NULL";
    let (pending, denied, gone) =
        tx.prepare_cached(started)?.query_row(bounds, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let unreadable = "SELECT count(*) FROM unreadable
                      WHERE at >= ?2 AND at < ?3 AND scope_id = ?1 AND coalesce(name, 1) = 1";
    Ok(HourFacts {
        walked,
        in_files: walks.files.missing(piece) != [piece],
        pending: unsigned(pending),
        denied: unsigned(denied),
        gone: unsigned(gone),
        unreadable: unsigned(tx.prepare_cached(unreadable)?.query_row(bounds, |row| row.get(0))?),
    })
}
