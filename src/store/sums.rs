//! The words that all usage tables share: their measures, and the numbers of local days and months.

use chrono::{Datelike, NaiveDate, TimeDelta};
use rusqlite::Row;

use super::{ScopeId, unsigned};
use crate::domain::usage::Measures;

/// The measures of a usage row, from executions.
pub(super) const MEASURES: &str = "count(*) AS executions, sum(coalesce(state = 4, 0)) AS failed,
    sum(coalesce(state = 5, 0)) AS cancelled, sum(cost IS NULL) AS unpriced,
    sum(coalesce(scanned_bytes, 0)) AS scanned_bytes, sum(billed_bytes) AS billed_bytes,
    sum(coalesce(cost, 0)) AS cost";

/// The measures of a usage row, from other usage rows.
pub(super) const SUMS: &str =
    "sum(executions) AS executions, sum(failed) AS failed, sum(cancelled) AS cancelled,
    sum(unpriced) AS unpriced, sum(scanned_bytes) AS scanned_bytes, sum(billed_bytes) AS billed_bytes,
    sum(cost) AS cost";

/// The measures of a row, from the column `first` on.
pub(super) fn measures(row: &Row<'_>, first: usize) -> rusqlite::Result<Measures> {
    let count = |offset| Ok::<_, rusqlite::Error>(unsigned(row.get(first + offset)?));
    Ok(Measures {
        executions: count(0)?,
        failed: count(1)?,
        cancelled: count(2)?,
        unpriced: count(3)?,
        scanned_bytes: count(4)?,
        billed_bytes: count(5)?,
        cost: row.get(first + 6)?,
    })
}

/// A condition on `scope_id`; `None` is all scopes.
pub(super) fn scope_filter(scopes: Option<&[ScopeId]>) -> String {
    scopes.map_or_else(String::new, |scopes| {
        let numbers: Vec<String> = scopes.iter().map(|scope| scope.0.to_string()).collect();
        format!("AND scope_id IN ({})", numbers.join(", "))
    })
}

/// The first of the month after.
pub(super) fn next_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date) + chrono::Months::new(1)
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
    (date - NaiveDate::default()).num_days()
}

pub(super) fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// Days from one number to another, both included, as whole months and what is left of days at their ends.
pub(super) fn months_and_days(from: i64, to: i64) -> (Vec<i64>, Vec<(i64, i64)>) {
    let date = |number| NaiveDate::default() + TimeDelta::days(number);
    let first = date(from);
    let month = if first.day() == 1 { first } else { next_month(first) };
    let months: Vec<NaiveDate> = std::iter::successors(Some(month), |m| Some(next_month(*m)))
        .take_while(|m| next_month(*m) <= date(to + 1))
        .collect();
    let Some(last) = months.last() else { return (Vec::new(), vec![(from, to)]) };
    let days = [(from, day_number(month) - 1), (day_number(next_month(*last)), to)];
    let months = months.iter().map(|m| month_number(*m)).collect();
    (months, days.into_iter().filter(|(from, to)| from <= to).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_into_whole_months_and_the_days_around_them_without_a_gap() {
        let date = |text: &str| day_number(text.parse().expect("a date"));
        let month = |text: &str| month_number(text.parse().expect("a date"));
        for (from, to, months, days) in [
            (
                "2026-01-15",
                "2026-04-02",
                vec!["2026-02-01", "2026-03-01"],
                vec![("2026-01-15", "2026-01-31"), ("2026-04-01", "2026-04-02")],
            ),
            ("2026-02-01", "2026-02-28", vec!["2026-02-01"], vec![]),
            ("2026-02-01", "2026-02-27", vec![], vec![("2026-02-01", "2026-02-27")]),
            (
                "2025-12-31",
                "2026-02-01",
                vec!["2026-01-01"],
                vec![("2025-12-31", "2025-12-31"), ("2026-02-01", "2026-02-01")],
            ),
            ("2026-05-05", "2026-05-05", vec![], vec![("2026-05-05", "2026-05-05")]),
        ] {
            let expected = (
                months.into_iter().map(month).collect::<Vec<_>>(),
                days.into_iter().map(|(from, to)| (date(from), date(to))).collect::<Vec<_>>(),
            );
            assert_eq!(months_and_days(date(from), date(to)), expected, "{from} to {to}");
        }
    }
}
