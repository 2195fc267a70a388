//! What is noted for later: facts about the book, and the hours that are to be built again.

use chrono::TimeDelta;
use rusqlite::{Connection, OptionalExtension};

use super::{ScopeId, epoch};
use crate::config::Config;
use crate::domain::scope::{AccountId, Region, Scope};
use crate::domain::window::{Window, hours_of};

pub(super) fn frozen_before(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let value: Option<String> = meta(connection, "frozen_before")?;
    Ok(value.and_then(|text| text.parse().ok()))
}

pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute([key, value]).map(drop)
}

/// The numbers of the scopes that the configuration expects, for an `IN (...)`: what it names no more is history.
pub(super) fn expected_scopes(connection: &Connection, config: &Config) -> rusqlite::Result<String> {
    let mut select = connection.prepare_cached("SELECT id, account_id, region FROM scope")?;
    let mut rows = select.query([])?;
    let mut numbers: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        let (account, region): (String, String) = (row.get(1)?, row.get(2)?);
        let scope = AccountId::parse(&account).zip(Region::parse(&region));
        if scope.is_some_and(|(account, region)| config.expects(&Scope { account, region })) {
            numbers.push(row.get::<_, i64>(0)?.to_string());
        }
    }
    Ok(numbers.join(", "))
}

/// The hour that `at` (Unix seconds) lies in is to be built again.
pub(super) fn touch(tx: &Connection, scope: ScopeId, at: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO touched VALUES (?1, ?2 / 3600 * 3600)")?
        .execute([scope.0, at])
        .map(drop)
}

/// Every hour a window touches is to be built again.
pub(super) fn touch_hours(tx: &Connection, scope: ScopeId, window: Window) -> rusqlite::Result<()> {
    // One hour more: the next one's coverage may now be open instead of unknown.
    let wide = Window { start: window.start, end: window.end + TimeDelta::seconds(1) };
    hours_of(wide).try_for_each(|hour| touch(tx, scope, epoch(hour)))
}
