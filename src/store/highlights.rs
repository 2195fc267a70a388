//! What stands out in a local day: its query shapes, its most expensive executions, what ended without a result.
//!
//! Kept apart from executions so that nobody has to read a year of them to name the ten that matter.

use rusqlite::Connection;

use super::sums::{MEASURES, SUMS};

/// Shapes of a day that have a row of their own: this many by cost, and as many by executions.
const SHAPES: i64 = 100;
/// Executions of a day that are kept at hand: the most expensive of all, and of each principal.
const TOP: i64 = 100;
const TOP_OF_PRINCIPAL: i64 = 10;

/// Builds the day again, from the executions of `[start, end)`.
pub(super) fn build(tx: &Connection, day: i64, start: i64, end: i64) -> rusqlite::Result<()> {
    for table in ["shape_day", "top_day", "wasted_day"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE day = ?1"))?.execute([day])?;
    }
    let shapes = format!(
        "INSERT INTO shape_day
         WITH text AS (
             SELECT coalesce(query_id, 0) AS id, count(*) AS executions, {MEASURES}
             FROM execution WHERE submitted >= ?2 AND submitted < ?3 AND before_ledger = 0 GROUP BY 1
         ),
         shape AS (
             SELECT coalesce((SELECT min(other.id) FROM query q JOIN query other ON other.fingerprint = q.fingerprint
                              WHERE q.id = text.id), 0) AS id, {SUMS}
             FROM text GROUP BY 1
         ),
         ranked AS (
             SELECT *, row_number() OVER (ORDER BY cost DESC, id) AS dear,
                    row_number() OVER (ORDER BY executions DESC, id) AS frequent
             FROM shape
         )
         SELECT ?1, iif(dear <= ?4 OR frequent <= ?4, id, 0), {SUMS} FROM ranked GROUP BY 2"
    );
    tx.prepare_cached(&shapes)?.execute([day, start, end, SHAPES])?;
    let top = "
        INSERT INTO top_day
        SELECT ?1, id, principal, cost, day_rank, principal_rank
        FROM (SELECT id, coalesce(principal_id, 0) AS principal, cost,
                     row_number() OVER (ORDER BY cost DESC, id) AS day_rank,
                     row_number() OVER (PARTITION BY coalesce(principal_id, 0) ORDER BY cost DESC, id) AS principal_rank
              FROM execution WHERE submitted >= ?2 AND submitted < ?3 AND before_ledger = 0 AND cost > 0)
        WHERE day_rank <= ?4 OR principal_rank <= ?5";
    tx.prepare_cached(top)?.execute([day, start, end, TOP, TOP_OF_PRINCIPAL])?;
    let wasted = "
        INSERT INTO wasted_day
        SELECT ?1, scope_id, coalesce(workgroup_id, 0), coalesce(principal_id, 0), state,
               -- A code is capitals and underscores up to a colon; anything else would be other people's text.
               iif(substr(state_reason, 1, instr(state_reason, ':') - 1) GLOB '[A-Z]*'
                   AND substr(state_reason, 1, instr(state_reason, ':') - 1) NOT GLOB '*[^A-Z0-9_]*',
                   substr(state_reason, 1, instr(state_reason, ':') - 1), '') AS error,
               count(*), sum(cost IS NULL), sum(coalesce(scanned_bytes, 0)), sum(billed_bytes), sum(coalesce(cost, 0)),
               sum(coalesce(total_ms, 0))
        FROM execution
        WHERE submitted >= ?2 AND submitted < ?3 AND before_ledger = 0 AND state IN (4, 5)
        GROUP BY 2, 3, 4, 5, 6";
    tx.prepare_cached(wasted)?.execute([day, start, end]).map(drop)
}
