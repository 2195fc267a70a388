//! Cost can be recomputed: when prices or capacity in the configuration change, stored executions follow.

use rusqlite::{Connection, params};

use super::marks::{frozen_before, meta, set_meta, touch};
use super::names::Names;
use super::numbers::{rule_number, terminal_state};
use super::{ScopeId, instant, signed, unsigned};
use crate::domain::execution::{ExecutionId, QueryExecution};
use crate::domain::price::Pricing;
use crate::domain::scope::{AccountId, Region, Scope};

/// Executions priced in one transaction: what changes stays in memory until the commit.
const AT_A_TIME: i64 = 10_000;

/// Starts pricing anew if prices differ from those that the book was priced with.
pub(super) fn apply_pricing(tx: &Connection, pricing: &Pricing) -> rusqlite::Result<()> {
    let now = pricing.basis();
    let before = meta(tx, "pricing")?;
    if before.as_deref() == Some(&now) {
        return Ok(());
    }
    set_meta(tx, "pricing", &now)?;
    if before.is_some() { set_meta(tx, REPRICED, "0") } else { Ok(()) }
}

/// The last row priced anew, while that goes on; a stop or a crash in the middle is taken up here.
const REPRICED: &str = "repriced";

/// Prices the next executions anew; false when none is left.
pub(super) fn reprice_some(tx: &Connection, pricing: &Pricing) -> rusqlite::Result<bool> {
    let Some(after) = meta(tx, REPRICED)?.and_then(|text| text.parse::<i64>().ok()) else {
        return Ok(false);
    };
    let last: Option<i64> = tx.query_row(
        "SELECT max(id) FROM (SELECT id FROM execution WHERE id > ?1 ORDER BY id LIMIT ?2)",
        [after, AT_A_TIME],
        |row| row.get(0),
    )?;
    let Some(last) = last else {
        tx.execute("DELETE FROM meta WHERE key = ?1", [REPRICED])?;
        return Ok(false);
    };
    reprice(tx, pricing, after, last)?;
    set_meta(tx, REPRICED, &last.to_string())?;
    Ok(true)
}

/// The rows after `after`, up to and with `last`.
fn reprice(tx: &Connection, pricing: &Pricing, after: i64, last: i64) -> rusqlite::Result<()> {
    let frozen = frozen_before(tx)?.unwrap_or(i64::MIN);
    let mut names = Names::new(tx);
    let mut select = tx.prepare_cached(
        "SELECT e.id, e.execution_id, e.scope_id, s.account_id, s.region, w.value, e.state, t.value, u.value,
                e.scanned_bytes, coalesce(e.reused, 0), e.submitted
         FROM execution e JOIN scope s ON s.id = e.scope_id
         LEFT JOIN name w ON w.id = e.workgroup_id
         LEFT JOIN name t ON t.id = e.statement_id
         LEFT JOIN name u ON u.id = e.substatement_id
         WHERE e.id > ?1 AND e.id <= ?2 AND e.status = 1 AND e.submitted >= ?3",
    )?;
    let mut update = tx.prepare_cached(
        "UPDATE execution SET billed_bytes = ?2, billing_rule = ?3, price_source_id = ?4, cost = ?5
         WHERE id = ?1 AND (billed_bytes, billing_rule, price_source_id, cost) IS NOT (?2, ?3, ?4, ?5)",
    )?;
    let mut rows = select.query([after, last, frozen])?;
    while let Some(row) = rows.next()? {
        let (id, account, region): (String, String, String) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let parsed = (ExecutionId::parse(&id), AccountId::parse(&account), Region::parse(&region));
        let (Some(id), Some(account), Some(region)) = parsed else { continue };
        let workgroup: Option<String> = row.get(5)?;
        let told = QueryExecution {
            id,
            state: terminal_state(row.get(6)?),
            statement_type: row.get(7)?,
            substatement_type: row.get(8)?,
            scanned_bytes: row.get::<_, Option<i64>>(9)?.map(unsigned),
            reused: row.get(10)?,
            state_reason: None,
            submitted_at: None,
            completed_at: None,
            workgroup: None,
            catalog: None,
            database: None,
            query: None,
            dpu_count: None,
            queue_ms: None,
            execution_ms: None,
            total_ms: None,
        };
        let submitted: i64 = row.get(11)?;
        let charge =
            pricing.charge(&Scope { account, region }, workgroup.as_deref(), &told, instant(submitted));
        let source = charge.price_source.map(|source| source.to_string());
        let changed = update.execute(params![
            row.get::<_, i64>(0)?,
            signed(charge.billed_bytes),
            rule_number(charge.rule),
            names.optional(source.as_deref())?,
            charge.cost.map(|cost| cost.0),
        ])?;
        if changed > 0 {
            touch(tx, ScopeId(row.get(2)?), submitted)?;
        }
    }
    Ok(())
}
