//! From pieces of usage to what a page draws. Pure.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::domain::usage::{Dimension, Measures};
use crate::report::dollars;
use crate::store::page::{Bucket, Cell, Cells};

/// A part of the whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) label: String,
    /// What a selection of it names.
    pub(super) key: String,
    pub(super) kind: String,
    pub(super) measures: Measures,
    /// Of the largest one's cost, in percent.
    pub(super) percent: u64,
}

/// Cost over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    pub(super) buckets: Vec<String>,
    /// By principal, the highest first, the rest as one; nano-dollars of each bucket.
    pub(super) series: Vec<(String, Vec<i64>)>,
}

pub(super) fn total(cells: &Cells) -> Measures {
    let mut total = Measures::default();
    cells.cells.iter().for_each(|cell| total.add(&cell.measures));
    total
}

/// Groups by cost, highest first.
pub(super) fn groups(cells: &Cells, by: Dimension) -> Vec<Group> {
    let mut sums: HashMap<(String, String, String), Measures> = HashMap::new();
    let mut of_number: HashMap<i64, Measures> = HashMap::new();
    let number = |cell: &Cell| match by {
        Dimension::Workgroup => cell.workgroup,
        Dimension::Client => cell.client,
        Dimension::Database => cell.database,
        _ => cell.principal,
    };
    for cell in &cells.cells {
        of_number.entry(number(cell)).or_default().add(&cell.measures);
    }
    for (number, measures) in of_number {
        let words = match (by, cells.principals.get(&number)) {
            (Dimension::Principal, Some(who)) => (who.name.clone(), who.key.clone(), who.kind.clone()),
            (Dimension::Kind, Some(who)) => (who.kind.clone(), who.kind.clone(), String::new()),
            (Dimension::Team, Some(who)) => (who.team.clone(), who.team.clone(), String::new()),
            _ => {
                let name = cells.names.get(&number).cloned().unwrap_or_default();
                (name.clone(), name, String::new())
            }
        };
        sums.entry(words).or_default().add(&measures);
    }
    let mut groups: Vec<Group> = sums
        .into_iter()
        .map(|((label, key, kind), measures)| Group { label, key, kind, measures, percent: 0 })
        .collect();
    groups.sort_by(|a, b| {
        let rank =
            |group: &Group| (group.measures.cost, group.measures.billed_bytes, group.measures.executions);
        rank(b).cmp(&rank(a)).then_with(|| (&a.label, &a.key).cmp(&(&b.label, &b.key)))
    });
    let highest = groups.first().map_or(0, |group| group.measures.cost).max(1);
    for group in &mut groups {
        group.percent = u64::try_from(group.measures.cost.max(0) * 100 / highest).unwrap_or(0);
    }
    groups
}

/// Cost of each day or month by principal; `top` of them by name.
pub(super) fn course(cells: &Cells, top: usize) -> Course {
    let buckets = every_bucket(cells);
    let place: HashMap<Bucket, usize> =
        buckets.iter().enumerate().map(|(at, bucket)| (*bucket, at)).collect();
    let mut lines: HashMap<i64, Vec<i64>> = HashMap::new();
    for cell in &cells.cells {
        let line = lines.entry(cell.principal).or_insert_with(|| vec![0; buckets.len()]);
        if let Some(value) = place.get(&cell.bucket).and_then(|at| line.get_mut(*at)) {
            *value = value.saturating_add(cell.measures.cost);
        }
    }
    let sum = |line: &[i64]| line.iter().fold(0_i64, |sum, value| sum.saturating_add(*value));
    let mut lines: Vec<(i64, Vec<i64>)> = lines.into_iter().filter(|(_, line)| sum(line) > 0).collect();
    lines.sort_by_key(|(principal, line)| (std::cmp::Reverse(sum(line)), *principal));
    let rest = lines.split_off(top.min(lines.len()));
    let name =
        |principal: i64| cells.principals.get(&principal).map_or_else(String::new, |who| who.name.clone());
    let mut series: Vec<(String, Vec<i64>)> =
        lines.into_iter().map(|(principal, line)| (name(principal), line)).collect();
    if !rest.is_empty() {
        let mut others = vec![0_i64; buckets.len()];
        for (_, line) in &rest {
            others.iter_mut().zip(line).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
        }
        series.push((format!("{} others", rest.len()), others));
    }
    Course { buckets: buckets.iter().map(bucket_name).collect(), series }
}

/// From the first to the last, with those in between in which nothing ran.
fn every_bucket(cells: &Cells) -> Vec<Bucket> {
    let known: BTreeSet<Bucket> = cells.cells.iter().map(|cell| cell.bucket).collect();
    let (Some(first), Some(last)) = (known.first().copied(), known.last().copied()) else {
        return Vec::new();
    };
    let next = |bucket: &Bucket| {
        let next = match bucket {
            Bucket::Day(date) => Bucket::Day(*date + TimeDelta::days(1)),
            Bucket::Month(first) => Bucket::Month(*first + chrono::Months::new(1)),
        };
        (next <= last).then_some(next)
    };
    std::iter::successors(Some(first), next).collect()
}

fn bucket_name(bucket: &Bucket) -> String {
    match bucket {
        Bucket::Day(date) => date.format("%Y-%m-%d").to_string(),
        Bucket::Month(first) => first.format("%Y-%m").to_string(),
    }
}

/// Cost by local weekday, from Monday, and hour of the day; nano-dollars.
pub(super) fn heat(hours: &[(DateTime<Utc>, Measures)], zone: Tz) -> [[i64; 24]; 7] {
    let mut heat = [[0_i64; 24]; 7];
    for (hour, measures) in hours {
        let local = hour.with_timezone(&zone);
        let day = heat.get_mut(local.weekday().num_days_from_monday() as usize);
        if let Some(cell) = day.and_then(|day| day.get_mut(local.hour() as usize)) {
            *cell = cell.saturating_add(measures.cost);
        }
    }
    heat
}

/// Dollars and cents, `+` where something of it is not priced, and never $0 for what is not known.
pub(super) fn money(measures: &Measures) -> String {
    match measures.unpriced {
        0 => dollars(measures.cost),
        all if all == measures.executions => "unknown".to_owned(),
        _ => format!("{}+", dollars(measures.cost)),
    }
}

/// The cost of one execution: cents, and of less than a dollar four digits.
pub(super) fn price(cost: Option<i64>) -> String {
    let Some(cost) = cost else { return "unknown".to_owned() };
    let usd = cost as f64 / 1e9;
    match usd {
        ..=0.0 => "$0".to_owned(),
        ..0.001 => format!("${usd:.7}"),
        ..1.0 => format!("${usd:.4}"),
        _ => dollars(cost),
    }
}

/// How a value stands to the one before: `+12%`.
pub(super) fn change(now: i64, before: i64) -> Option<String> {
    if before <= 0 {
        return None;
    }
    let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before);
    Some(format!("{percent:+}%"))
}

/// A time for people: `1.5 h`.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1e3),
        120_000..7_200_000 => format!("{:.1} min", ms as f64 / 6e4),
        _ => format!("{:.1} h", ms as f64 / 3.6e6),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::NaiveDate;

    use super::*;
    use crate::store::page::Who;

    fn day(day: u32) -> Bucket {
        Bucket::Day(NaiveDate::from_ymd_opt(2026, 11, day).expect("a date"))
    }

    fn cells(all: &[(u32, i64, i64)]) -> Cells {
        let cell = |(at, principal, cost): &(u32, i64, i64)| Cell {
            bucket: day(*at),
            principal: *principal,
            workgroup: 7,
            client: 0,
            database: 0,
            measures: Measures { executions: 1, cost: *cost, ..Measures::default() },
        };
        let who = |number: i64| Who {
            key: format!("k{number}"),
            name: format!("n{number}"),
            kind: if number % 2 == 0 { "service" } else { "user" }.to_owned(),
            team: String::new(),
        };
        Cells {
            cells: all.iter().map(cell).collect(),
            principals: all.iter().map(|(_, number, _)| (*number, who(*number))).collect(),
            names: HashMap::from([(7, "w".to_owned()), (0, String::new())]),
        }
    }

    #[test]
    fn a_course_names_the_highest_sums_the_rest_and_leaves_no_day_out() {
        let course = course(&cells(&[(1, 1, 50), (1, 2, 10), (4, 3, 30), (4, 1, 5), (4, 4, 1)]), 2);
        assert_eq!(course.buckets, ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]);
        let expected = [
            ("n1".to_owned(), vec![50, 0, 0, 5]),
            ("n3".to_owned(), vec![0, 0, 0, 30]),
            ("2 others".to_owned(), vec![10, 0, 0, 1]),
        ];
        assert_eq!(course.series, expected);
    }

    #[test]
    fn groups_add_up_to_the_total_whatever_they_are_by() {
        let cells = cells(&[(1, 1, 50), (2, 2, 10), (3, 1, 40)]);
        for by in [Dimension::Principal, Dimension::Kind, Dimension::Workgroup, Dimension::Client] {
            let groups = groups(&cells, by);
            assert_eq!(groups.iter().map(|group| group.measures.cost).sum::<i64>(), 100, "{by:?}");
            assert_eq!(groups.first().map(|group| group.percent), Some(100), "{by:?}");
        }
        let people = groups(&cells, Dimension::Kind);
        assert_eq!(people.iter().map(|group| group.label.as_str()).collect::<Vec<_>>(), ["user", "service"]);
    }

    #[test]
    fn what_is_not_known_is_never_nothing() {
        let of = |executions, unpriced, cost| {
            money(&Measures { executions, unpriced, cost, ..Measures::default() })
        };
        assert_eq!(of(2, 0, 1_500_000_000), "$1.50");
        assert_eq!(of(2, 1, 1_500_000_000), "$1.50+");
        assert_eq!(of(2, 2, 0), "unknown");
        assert_eq!(price(None), "unknown");
        assert_eq!(
            [price(Some(0)), price(Some(47_684)), price(Some(9_765_625))],
            ["$0", "$0.0000477", "$0.0098"]
        );
    }

    #[test]
    fn hours_are_local() {
        let hour = "2026-11-15T23:00:00Z".parse().expect("an instant");
        let measures = Measures { cost: 3, ..Measures::default() };
        let heat = heat(&[(hour, measures)], chrono_tz::Europe::Berlin);
        assert_eq!(heat[0][0], 3, "Sunday 23:00 UTC is Monday midnight");
    }
}
