//! What was usual: the same hour and weekday of weeks before.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Desk, SUMS, both, daily};
use crate::domain::alert::Period;
use crate::domain::day::local_day;
use crate::rules::{Facts, spike};
use crate::store::epoch;
use crate::store::marks::expected_scopes;

/// An hour that may serve as a sample of what is usual: read whole, and all but a twentieth of it told by Athena. One
/// workgroup that may not be seen must not silence every rule.
const USABLE: &str = "(status = 'complete' OR (status = 'partial' AND reason NOT LIKE 'only partly%'
    AND reason NOT LIKE 'files%' AND finished * 20 >= executions * 19))";

impl Desk<'_> {
    /// The same hour of weeks before. Rollups do not tell clients and databases of hours.
    pub(super) fn hours_before(&mut self, period: &Arc<Period>, facts: &mut Facts) -> rusqlite::Result<()> {
        let usage = format!(
            "SELECT scope_id, workgroup_id, principal_id, 0, 0, {SUMS} FROM usage_hour
             WHERE hour BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3"
        );
        let scopes = expected_scopes(self.tx, self.config)?;
        let whole = format!(
            "SELECT count(*) > 0 AND min({USABLE}) FROM coverage_hour WHERE hour = ?1 AND scope_id IN ({scopes})"
        );
        for week in 1..=spike::WEEKS {
            let past = Arc::new(Period::hour(period.start - TimeDelta::weeks(week)));
            let at = epoch(past.start);
            if self.tx.prepare_cached(&whole)?.query_row([at], |row| row.get::<_, Option<bool>>(0))?
                != Some(true)
            {
                continue;
            }
            facts.samples.entry(Arc::clone(period)).or_default().insert(past.start);
            let cells = self.cells(&past, &usage, [at, at])?;
            facts.history.extend(cells.into_iter().map(|cell| (Arc::clone(period), cell)));
        }
        Ok(())
    }

    /// The same weekday of weeks before.
    pub(super) fn days_before(&mut self, period: &Arc<Period>, facts: &mut Facts) -> rusqlite::Result<()> {
        let zone = self.config.timezone;
        let scopes = expected_scopes(self.tx, self.config)?;
        let whole = format!(
            "SELECT min({USABLE}) AND count(DISTINCT hour) >= 23 FROM coverage_hour
             WHERE hour >= ?1 AND hour < ?2 AND scope_id IN ({scopes})"
        );
        for week in 1..=spike::WEEKS {
            let date = local_day(period.start, zone) - TimeDelta::weeks(week);
            let past = Arc::new(Period::day(date, zone));
            let bounds = [epoch(past.start), epoch(past.end)];
            if self.tx.prepare_cached(&whole)?.query_row(bounds, |row| row.get::<_, Option<bool>>(0))?
                != Some(true)
            {
                continue;
            }
            facts.samples.entry(Arc::clone(period)).or_default().insert(past.start);
            let cells = self.cells(&past, &daily(), both(date))?;
            facts.history.extend(cells.into_iter().map(|cell| (Arc::clone(period), cell)));
        }
        Ok(())
    }
}
