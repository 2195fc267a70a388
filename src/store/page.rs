//! What the page shows, read in a few milliseconds from rollups, whatever the size of the book.
//!
//! Where only single executions can tell, a fixed number of them is looked at and the answer says so.

mod book;
mod cells;
mod executions;
mod highlights;

pub use book::{BookNow, Tick, Today, Traffic};
pub use cells::{Bucket, Cell, Cells, Hours, Who};
pub use executions::{Listed, Listing, Shape};
pub use highlights::{Found, Stretch, TopExecution, TopShape, Wasted};

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::selection::Selection;

/// Executions that one request looks at, at most.
pub(super) const LOOKED_AT: i64 = 30_000;

/// A selection as a condition on the numbers of a usage or execution row; `None` selects nothing, because the book
/// does not know some name of it.
fn condition(connection: &Connection, selection: &Selection) -> rusqlite::Result<Option<String>> {
    let mut terms: Vec<String> = Vec::new();
    let mut numbers = |sql: &str, value: &Option<String>, column: &str| -> rusqlite::Result<bool> {
        let Some(value) = value else { return Ok(true) };
        let mut select = connection.prepare_cached(sql)?;
        let found = select
            .query_map([value], |row| row.get::<_, i64>(0))?
            .map(|id| id.map(|id| id.to_string()))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        terms.push(format!("{column} IN ({})", found.join(", ")));
        Ok(!found.is_empty())
    };
    let principal = "coalesce(principal_id, 0)";
    let all = [
        numbers("SELECT id FROM principal WHERE key = ?1", &selection.principal, principal)?,
        numbers("SELECT id FROM principal WHERE kind = ?1", &selection.kind, principal)?,
        numbers("SELECT id FROM principal WHERE coalesce(team, '') = ?1", &selection.team, principal)?,
        numbers(NAME, &selection.workgroup, "coalesce(workgroup_id, 0)")?,
        numbers(NAME, &selection.client, "coalesce(client_id, 0)")?,
        numbers(NAME, &selection.database, "coalesce(database_id, 0)")?,
        numbers("SELECT id FROM scope WHERE account_id = ?1", &selection.account, "scope_id")?,
        numbers("SELECT id FROM scope WHERE region = ?1", &selection.region, "scope_id")?,
    ];
    let known = all.into_iter().all(|known| known);
    Ok(known.then(|| terms.iter().map(|term| format!(" AND {term}")).collect()))
}

/// A condition of one principal, in the form that its index finds.
fn indexed(only: &str) -> String {
    const TERM: &str = "coalesce(principal_id, 0)";
    // What nobody was seen to start has no number.
    if only.contains("coalesce(principal_id, 0) IN (0)") {
        only.replacen("coalesce(principal_id, 0) IN (0)", "principal_id IS NULL", 1)
    } else {
        only.replacen(TERM, "principal_id", 1)
    }
}

const NAME: &str = "SELECT id FROM name WHERE value = ?1";

fn name(connection: &Connection, id: i64) -> rusqlite::Result<String> {
    let sql = "SELECT value FROM name WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row(params![id], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}
