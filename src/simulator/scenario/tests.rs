//! The company's truth against what the simulated AWS says.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::company::MEMBERS;
use super::*;
use crate::clock::Clock;
use crate::simulator::World;
use crate::simulator::home;

/// A Saturday, 03:30 UTC.
fn end() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_231_800, 0).expect("a valid time")
}

fn company(seed: u64) -> (World, Truth) {
    let world = World::new(Clock::starting_at(end()));
    let truth = week(&world, end(), seed);
    (world, truth)
}

#[tokio::test(start_paused = true)]
async fn a_week_is_of_a_plausible_size_and_its_sums_agree() {
    let (_, truth) = company(1);
    assert!((3_000..5_000).contains(&truth.total.executions), "{:?}", truth.total);
    for parts in [
        truth.by_principal.values().copied().collect::<Vec<_>>(),
        truth.by_scope.values().copied().collect(),
        truth.by_hour.values().copied().collect(),
    ] {
        let cost: u64 = parts.iter().map(|sum| sum.cost_nano_usd).sum();
        let executions: u64 = parts.iter().map(|sum| sum.executions).sum();
        assert_eq!((cost, executions), (truth.total.cost_nano_usd, truth.total.executions));
    }
    assert_eq!(truth.by_principal.len(), MEMBERS.len());
    let worked_in: Vec<_> = truth.by_scope.keys().map(|scope| scope.region.clone()).collect();
    assert!(regions().iter().all(|region| worked_in.contains(region)) && worked_in.len() == regions().len());
    assert_eq!(truth.starts, truth.total.executions + truth.replays + truth.refused);
    assert!(truth.replays >= 6 && truth.refused >= 12);
    // 4 x 6 TiB and 2 x 4 TiB.
    let afternoon = truth.bad_afternoon.expect("a week has a working day");
    assert_eq!(afternoon.sum.cost_nano_usd, 160_000_000_000);
    assert_eq!(afternoon.sum.executions, 6);
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_a_company() {
    assert_eq!(company(1).1, company(1).1);
    assert_ne!(company(1).1, company(2).1);
}

/// Arithmetic of the test's own: nano-dollars are billed bytes x $5 / 2^40, half up.
#[test]
fn the_literals_are_right() {
    for (_, template) in MEMBERS.iter().flat_map(|member| member.runs) {
        let exact = (u128::from(template.billed) * 10_000_000_000 + (1 << 40)) / (1 << 41);
        assert_eq!(u128::from(template.cost_nano_usd), exact, "{}", template.sql);
        let floor = template.scanned.next_multiple_of(1 << 20).max(10 << 20);
        assert!(template.billed == 0 || template.billed == floor, "{}", template.sql);
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_aws_tells_what_the_truth_says() {
    let (world, truth) = company(3);
    let state = world.lock();
    let (mut states, mut scanned) = (BTreeMap::<String, u64>::new(), 0);
    for execution in state.executions.values().flat_map(|executions| executions.values()) {
        let answer = execution.json(end());
        let name = answer["Status"]["State"].as_str().expect("a state").to_owned();
        *states.entry(name).or_default() += 1;
        scanned += answer["Statistics"]["DataScannedInBytes"].as_u64().unwrap_or(0);
    }
    let expected: BTreeMap<String, u64> =
        truth.by_state.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect();
    assert_eq!(states, expected);
    assert_eq!(scanned, truth.total.scanned_bytes);
    let events = || state.trails.values().flat_map(|trail| &trail.events);
    assert!(events().all(|event| event.visible_at <= end()), "all is visible at the end");
    let starts = events().filter(|event| event.name() == "StartQueryExecution").count();
    assert_eq!(starts as u64, truth.starts);
    assert_eq!(events().count() as u64, truth.starts + truth.reads);
    let late = events().filter(|event| event.visible_at - event.at > TimeDelta::hours(1)).count();
    assert!(late > 10, "{late} events are later than an hour");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_load_lies_evenly_inside_its_span() {
    let world = World::new(Clock::starting_at(end()));
    let load = HourLoad { end: end(), span: TimeDelta::hours(1), queries: 100, read_events: 250, seed: 1 };
    let truth = hour(&world, load);
    assert_eq!((truth.total.executions, truth.starts, truth.reads), (100, 100, 250));
    let records = world.records(&home());
    assert_eq!(records.len(), 350);
    let times: Vec<String> = records
        .iter()
        .map(|record| serde_json::from_str::<Value>(record).expect("JSON")["eventTime"].to_string())
        .collect();
    assert_eq!(
        [times[0].as_str(), times[99].as_str()],
        ["\"2026-11-21T02:30:18Z\"", "\"2026-11-21T03:29:42Z\""]
    );
}
