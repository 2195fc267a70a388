use std::sync::Arc;

use super::*;
use crate::domain::alert::{Amount, Measure, Period};
use crate::domain::usage::Measures;

const TIB: u64 = 1 << 40;

fn hour(n: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(n)
}

fn period(span: Span, from: i64, to: i64) -> Arc<Period> {
    Arc::new(Period { span, start: hour(from), end: hour(to), name: format!("{from}") })
}

fn dims(principal: &str) -> Arc<Dims> {
    Arc::new(Dims {
        principal_key: format!("sso:1/{principal}"),
        principal: principal.to_owned(),
        principal_kind: "user".to_owned(),
        workgroup: "analysts".to_owned(),
        ..Dims::default()
    })
}

fn cell(period: &Arc<Period>, principal: &str, scanned: u64) -> Cell {
    let measures = Measures {
        executions: 1,
        scanned_bytes: scanned,
        cost: (scanned / TIB * 5) as i64,
        ..Measures::default()
    };
    Cell { period: Arc::clone(period), dims: dims(principal), measures }
}

fn rule(check: Check) -> Rule {
    Rule {
        name: "r".to_owned(),
        check,
        filter: Filter::default(),
        severity: Severity::Critical,
        channels: Vec::new(),
    }
}

fn threshold(subject: Subject, limit: u64) -> Rule {
    rule(Check::Threshold(threshold::Settings {
        subject,
        measure: Measure::Scanned,
        span: Span::Hour,
        limit,
    }))
}

fn told(rule: &Rule, facts: &Facts) -> Vec<(String, &'static str, u32, Amount)> {
    let findings = evaluate(std::slice::from_ref(rule), facts, hour(1));
    findings.into_iter().map(|found| (found.name, found.aspect, found.level, found.value)).collect()
}

#[test]
fn a_threshold_is_told_at_its_limit_not_below_and_again_at_every_doubling() {
    for (scanned, level) in
        [(TIB - 1, None), (TIB, Some(0)), (2 * TIB - 1, Some(0)), (2 * TIB, Some(1)), (9 * TIB, Some(3))]
    {
        let facts =
            Facts { cells: vec![cell(&period(Span::Hour, 0, 1), "ann", scanned)], ..Facts::default() };
        let found = told(&threshold(Subject::Everything, TIB), &facts);
        assert_eq!(found.first().map(|(_, _, level, _)| *level), level, "{scanned}");
    }
}

#[test]
fn a_subject_is_summed_over_everything_else_and_a_filter_takes_others_out() {
    let (first, second) = (period(Span::Hour, 0, 1), period(Span::Hour, 1, 2));
    let cells = vec![
        cell(&first, "ann", TIB),
        cell(&first, "ann", TIB),
        cell(&first, "bob", TIB),
        cell(&second, "bob", TIB),
        cell(&period(Span::Day, 0, 24), "ann", 100 * TIB),
    ];
    let facts = Facts { cells, ..Facts::default() };
    let person = threshold(Subject::Principal, 2 * TIB);
    assert_eq!(told(&person, &facts), [("ann".to_owned(), "", 0, Amount::Scanned(2 * TIB))]);
    let all = threshold(Subject::Everything, 2 * TIB);
    assert_eq!(told(&all, &facts), [(String::new(), "", 0, Amount::Scanned(3 * TIB))]);
    let only_bob = Filter { principal: Some("*/bob".to_owned()), ..Filter::default() };
    let bob = Rule { filter: only_bob, ..threshold(Subject::Principal, TIB) };
    assert_eq!(told(&bob, &facts).len(), 2, "one for each hour");
}

#[test]
fn one_execution_is_told_once_however_large() {
    let execution = |id: &str, scanned| ExecutionFact {
        id: id.to_owned(),
        hour: period(Span::Hour, 0, 1),
        dims: dims("ann"),
        measures: Measures { executions: 1, scanned_bytes: scanned, ..Measures::default() },
    };
    let facts =
        Facts { executions: vec![execution("a", 9 * TIB), execution("b", TIB - 1)], ..Facts::default() };
    let found = told(&threshold(Subject::Execution, TIB), &facts);
    assert_eq!(found, [("a".to_owned(), "", 0, Amount::Scanned(9 * TIB))]);
}

#[test]
fn a_budget_is_told_at_half_at_four_fifths_and_when_it_is_gone() {
    let check =
        budget::Settings { subject: Subject::Everything, measure: Measure::Scanned, limit: 100 * TIB };
    let rule = rule(Check::Budget(check));
    for (spent, level) in
        [(49, None), (50, Some(0)), (79, Some(0)), (80, Some(1)), (100, Some(2)), (200, Some(3))]
    {
        let facts =
            Facts { cells: vec![cell(&period(Span::Month, 0, 720), "ann", spent * TIB)], ..Facts::default() };
        assert_eq!(told(&rule, &facts).first().map(|found| found.2), level, "{spent}");
    }
}

#[test]
fn a_forecast_needs_three_days_and_adds_the_average_day_for_the_time_left() {
    let check = budget::Settings { subject: Subject::Everything, measure: Measure::Scanned, limit: 70 * TIB };
    let month = cell(&period(Span::Month, 0, 1 + 31 * 24), "ann", 10 * TIB);
    let recent = vec![cell(&period(Span::Day, -24 * 28, 0), "ann", 8 * TIB)];
    let facts = |recent_days| Facts {
        cells: vec![month.clone()],
        recent: recent.clone(),
        recent_days,
        ..Facts::default()
    };
    assert!(told(&rule(Check::Budget(check.clone())), &facts(2)).is_empty());
    // 31 days are left from hour 1 on: 10 + 31 x 2.
    let forecast = told(&rule(Check::Budget(check)), &facts(4));
    assert_eq!(forecast, [(String::new(), "forecast", 0, Amount::Scanned(72 * TIB))]);
}

/// Eight weeks of the hour before, `values` TiB each, newest first.
fn with_history(now: u64, values: &[u64]) -> Facts {
    let judged = period(Span::Hour, 0, 1);
    let week = 7 * 24;
    let past = |n: usize| period(Span::Hour, -week * (n as i64 + 1), 1 - week * (n as i64 + 1));
    let history =
        values.iter().enumerate().map(|(n, value)| (Arc::clone(&judged), cell(&past(n), "ann", value * TIB)));
    Facts {
        cells: vec![cell(&judged, "ann", now * TIB)],
        history: history.collect(),
        samples: [(Arc::clone(&judged), (0..values.len()).map(|n| past(n).start).collect())].into(),
        ..Facts::default()
    }
}

#[test]
fn a_spike_is_far_above_the_usual_of_the_same_hour_and_silent_without_four_samples() {
    let check = spike::Settings {
        subject: Subject::Principal,
        measure: Measure::Scanned,
        span: Span::Hour,
        floor: 2 * TIB,
        deviations: 6.0,
    };
    let rule = rule(Check::Spike(check));
    // The median is 10, the scaled deviation 1.48: told from 20, twice the usual, on.
    assert!(told(&rule, &with_history(19, &[9, 10, 11, 10, 12])).is_empty());
    assert_eq!(told(&rule, &with_history(20, &[9, 10, 11, 10, 12])).len(), 1);
    assert!(told(&rule, &with_history(100, &[10, 10, 10])).is_empty(), "three samples are no usual");
    assert!(told(&rule, &with_history(1, &[0, 0, 0, 0])).is_empty(), "below the floor");
    assert_eq!(
        told(&rule, &with_history(2, &[0, 0, 0, 0])).len(),
        1,
        "weeks in which nothing ran are samples"
    );
    // A subject that varies much needs more: the median is 5, the scaled deviation 7.4.
    assert!(told(&rule, &with_history(40, &[0, 10, 0, 10, 5])).is_empty());
}

#[test]
fn a_failing_shape_is_told_with_athenas_reason() {
    let failure = |n: u64| FailureFact {
        period: period(Span::Hour, 0, 1),
        dims: dims("ann"),
        fingerprint: "f".to_owned(),
        text: "SELECT ?".to_owned(),
        reason: format!("COLUMN_NOT_FOUND: {n}"),
        at: hour(0) + TimeDelta::minutes(10 - n as i64),
        measures: Measures { executions: n, failed: n, ..Measures::default() },
    };
    let rule = rule(Check::Failing(failing::Settings { span: Span::Hour, limit: 10 }));
    let facts = Facts { failures: vec![failure(6), failure(4)], ..Facts::default() };
    let found = evaluate(std::slice::from_ref(&rule), &facts, hour(1));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].value, found[0].note.as_deref()),
        (Amount::Failed(10), Some("COLUMN_NOT_FOUND: 4")),
        "the latest"
    );
    assert!(told(&rule, &Facts { failures: vec![failure(9)], ..Facts::default() }).is_empty());
}

#[test]
fn the_auditor_tells_of_its_own_blindness() {
    let well = ScopeFact {
        name: "1/eu".to_owned(),
        account: "1".to_owned(),
        region: "eu".to_owned(),
        due: 26,
        complete: 26,
        reason: None,
        walked_until: Some(hour(0)),
        cost: 100,
        unattributed_cost: 10,
    };
    let rule = rule(Check::Gap(gap::Settings::default()));
    let facts = |scope: ScopeFact| Facts {
        scopes: vec![scope],
        today: Some(period(Span::Day, 0, 24)),
        since: Some(hour(-100)),
        ..Facts::default()
    };
    assert!(told(&rule, &facts(well.clone())).is_empty());
    assert!(
        told(&rule, &facts(ScopeFact { due: 0, complete: 0, cost: 0, unattributed_cost: 0, ..well.clone() }))
            .is_empty()
    );
    let aspects = |scope| told(&rule, &facts(scope)).into_iter().map(|found| found.1).collect::<Vec<_>>();
    assert_eq!(aspects(ScopeFact { complete: 23, ..well.clone() }), ["coverage"]);
    assert_eq!(aspects(ScopeFact { walked_until: Some(hour(-4)), ..well.clone() }), ["lag"]);
    assert_eq!(aspects(ScopeFact { unattributed_cost: 11, ..well.clone() }), ["unattributed"]);
    let young = Facts { since: Some(hour(0)), ..facts(ScopeFact { walked_until: None, ..well }) };
    assert!(told(&rule, &young).is_empty(), "nobody waited before alerts began");
}

#[test]
fn a_series_is_one_rule_subject_period_and_aspect() {
    let facts = Facts { cells: vec![cell(&period(Span::Hour, 0, 1), "ann", 5 * TIB)], ..Facts::default() };
    let one = evaluate(&[threshold(Subject::Principal, TIB)], &facts, hour(1)).remove(0);
    let later = Finding { level: 7, value: Amount::Scanned(1), ..one.clone() };
    assert_eq!(one.series(), later.series());
    let renamed = Finding { key: "a\",\"b".to_owned(), ..one.clone() };
    assert_ne!(one.series(), renamed.series());
}
