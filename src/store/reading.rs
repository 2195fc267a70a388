//! The file opened read-only, for reports.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::marks::{frozen_before, meta};
use super::sums::scope_filter;
use super::{ScopeId, Store, StoreError, VERSION, epoch, instant, unsigned};
use crate::domain::scope::{AccountId, Region, Scope};
use crate::domain::window::Window;

/// The database, open for reading. Takes no lock that a writer would wait for longer than one query.
#[derive(Debug)]
pub struct Reader {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        if path.is_dir() {
            return Err(StoreError::NotADatabase { path: path.to_owned() });
        }
        let sqlite = |source| StoreError::sqlite(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(sqlite)?;
        // Pages are read once per report: let the kernel keep them.
        connection.pragma_update(None, "mmap_size", 1_i64 << 30).map_err(sqlite)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
        if version > VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found: version, known: VERSION });
        }
        if version == 0 {
            return Err(StoreError::NotADatabase { path: path.to_owned() });
        }
        if version < VERSION {
            return Err(StoreError::Older { path: path.to_owned(), found: version, known: VERSION });
        }
        Ok(Self { path: path.to_owned(), connection })
    }

    pub(super) fn sqlite(&self, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, source)
    }

    /// The zone that days were built in, if any were.
    pub fn timezone(&self) -> Result<Option<String>, StoreError> {
        meta(&self.connection, "timezone").map_err(|source| self.sqlite(source))
    }

    /// Every scope the book knows, in order of account and region.
    pub fn scopes(&self) -> Result<Vec<(ScopeId, Scope)>, StoreError> {
        let read = || {
            let mut rows = self
                .connection
                .prepare_cached("SELECT id, account_id, region FROM scope ORDER BY account_id, region")?;
            let scopes = rows.query_map([], |row| {
                let (account, region): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((ScopeId(row.get(0)?), AccountId::parse(&account).zip(Region::parse(&region))))
            })?;
            scopes.collect::<rusqlite::Result<Vec<_>>>()
        };
        let parsed = read().map_err(|source| self.sqlite(source))?.into_iter();
        Ok(parsed
            .filter_map(|(id, parts)| parts.map(|(account, region)| (id, Scope { account, region })))
            .collect())
    }

    /// Executions of `window` that were found after retention had frozen their hour. `scopes`: only these.
    pub fn adjustments(&self, window: Window, scopes: Option<&[ScopeId]>) -> Result<u64, StoreError> {
        let frozen = self.frozen_before()?;
        let Some(window) = frozen.and_then(|edge| Window::new(window.start, window.end.min(edge))) else {
            return Ok(0);
        };
        let sql = format!(
            "SELECT count(*) FROM execution WHERE submitted >= ?1 AND submitted < ?2 AND before_ledger = 0 {}",
            scope_filter(scopes)
        );
        let bounds = [epoch(window.start), epoch(window.end)];
        let count = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| select.query_row(bounds, |row| row.get(0)));
        count.map(unsigned).map_err(|source| self.sqlite(source))
    }

    /// When usage and coverage were last brought up to date.
    pub fn rolled_up_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at = meta(&self.connection, "rolled_up_at").map_err(|source| self.sqlite(source))?;
        Ok(at.and_then(|text| text.parse().ok()).map(instant))
    }

    /// Executions submitted before this instant may have been removed by retention; their hours are frozen.
    pub fn frozen_before(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        frozen_before(&self.connection).map(|at| at.map(instant)).map_err(|source| self.sqlite(source))
    }
}

impl Store {
    /// The same file, read-only.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(self.path())
    }
}
