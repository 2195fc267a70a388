use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::domain::execution::ExecutionId;

const MB: u64 = 1 << 20;
const TB: u64 = 1 << 40;
const DOLLAR: i64 = 1_000_000_000;

fn scope(region: &str) -> Scope {
    Scope {
        account: AccountId::parse("111122223333").expect("an account"),
        region: Region::parse(region).expect("a region"),
    }
}

fn ended(state: State, kinds: (&str, &str), scanned: Option<u64>) -> QueryExecution {
    QueryExecution {
        id: ExecutionId::parse("x").expect("an id"),
        state,
        state_reason: None,
        submitted_at: None,
        completed_at: None,
        workgroup: None,
        catalog: None,
        database: None,
        statement_type: Some(kinds.0.to_owned()),
        substatement_type: Some(kinds.1.to_owned()),
        query: None,
        scanned_bytes: scanned,
        dpu_count: None,
        queue_ms: None,
        execution_ms: None,
        total_ms: None,
        reused: false,
    }
}

fn charge(pricing: &Pricing, execution: &QueryExecution) -> (BillingRule, u64, Option<i64>) {
    let at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let charge = pricing.charge(&scope("us-east-1"), Some("primary"), execution, at);
    (charge.rule, charge.billed_bytes, charge.cost.map(|cost| cost.0))
}

const SELECT: (&str, &str) = ("DML", "SELECT");

#[test]
fn the_first_rule_that_matches_is_applied() {
    use BillingRule::*;
    use State::*;
    let reused = QueryExecution { reused: true, ..ended(Succeeded, SELECT, Some(0)) };
    let cases = [
        ("running is pending", ended(Running, SELECT, Some(TB)), (Pending, 0, None)),
        ("trap 17: failed is free", ended(Failed, SELECT, Some(TB)), (FreeFailed, 0, Some(0))),
        ("trap 17: cancelled is not", ended(Cancelled, SELECT, Some(TB)), (Scan, TB, Some(5 * DOLLAR))),
        ("reused is free", reused, (FreeReused, 0, Some(0))),
        (
            "DDL that scans nothing is free",
            ended(Succeeded, ("DDL", "CREATE_TABLE"), None),
            (FreeDdl, 0, Some(0)),
        ),
        ("EXPLAIN is free", ended(Succeeded, ("DML", "EXPLAIN"), Some(0)), (FreeDdl, 0, Some(0))),
        (
            "EXPLAIN ANALYZE scans",
            ended(Succeeded, ("UTILITY", "EXPLAIN"), Some(TB)),
            (Scan, TB, Some(5 * DOLLAR)),
        ),
        (
            "trap 16: a CTAS reported as DDL is priced by its bytes",
            ended(Succeeded, ("DDL", "CREATE_TABLE_AS_SELECT"), Some(TB)),
            (Scan, TB, Some(5 * DOLLAR)),
        ),
        (
            "a DML that scans nothing costs the minimum",
            ended(Succeeded, SELECT, Some(0)),
            (Minimum, 10 * MB, Some(47_684)),
        ),
        (
            "trap 18: a small scan costs 10 MB",
            ended(Succeeded, SELECT, Some(1)),
            (Minimum, 10 * MB, Some(47_684)),
        ),
        (
            "exactly 10 MB is no minimum",
            ended(Succeeded, SELECT, Some(10 * MB)),
            (Scan, 10 * MB, Some(47_684)),
        ),
        (
            "trap 18: one byte more is the next MB, not the next 10",
            ended(Succeeded, SELECT, Some(10 * MB + 1)),
            (Scan, 11 * MB, Some(52_452)),
        ),
    ];
    for (name, execution, expected) in cases {
        assert_eq!(charge(&Pricing::default(), &execution), expected, "{name}");
    }
}

#[test]
fn settings_decide_what_aws_leaves_open() {
    let nothing = ended(State::Succeeded, SELECT, Some(0));
    let free = Pricing { zero_scan: ZeroScan::Free, ..Pricing::default() };
    assert_eq!(charge(&free, &nothing).2, Some(0));
    let reused = QueryExecution { reused: true, ..nothing };
    let minimum = Pricing { reused: Reused::Minimum, ..Pricing::default() };
    assert_eq!(charge(&minimum, &reused).0, BillingRule::Minimum);
    let decimal = Pricing { unit: Unit::Decimal, ..Pricing::default() };
    let scanned = ended(State::Succeeded, SELECT, Some(1_000_000_000_000));
    assert_eq!(charge(&decimal, &scanned), (BillingRule::Scan, 1_000_000_000_000, Some(5 * DOLLAR)));
}

#[test]
fn trap_19_a_region_without_a_known_price_is_unpriced_never_five_dollars() {
    let list = PriceList::default();
    let price = |region: &str| {
        list.price(&scope(region).region, NaiveDate::default())
            .map(|(price, source)| (price.0, source.to_string()))
    };
    assert_eq!(price("sa-east-1"), Some((9 * DOLLAR, "list 2022-12-13".to_owned())));
    assert_eq!(price("us-east-1"), Some((5 * DOLLAR, "list 2026-08-31".to_owned())));
    assert_eq!(price("eu-central-1"), Some((5 * DOLLAR, "assumed".to_owned())));
    for unknown in ["cn-northwest-1", "us-gov-west-1", "xx-nowhere-1"] {
        assert_eq!(price(unknown), None, "{unknown}");
    }
}

#[test]
fn trap_20_capacity_holds_for_its_workgroup_and_time_only() {
    let day = |n| DateTime::UNIX_EPOCH + TimeDelta::days(n);
    let capacity = Capacity {
        workgroup: "reserved".to_owned(),
        account: None,
        region: None,
        from: Some(day(10).date_naive()),
        to: Some(day(20).date_naive()),
    };
    let pricing = Pricing { capacity: vec![capacity], ..Pricing::default() };
    let execution = ended(State::Succeeded, SELECT, Some(TB));
    let rule = |workgroup, at| pricing.charge(&scope("us-east-1"), workgroup, &execution, at).rule;
    assert_eq!(rule(Some("reserved"), day(10)), BillingRule::Capacity);
    assert_eq!(rule(Some("reserved"), day(20)), BillingRule::Capacity);
    for (workgroup, at) in
        [(Some("reserved"), day(9)), (Some("reserved"), day(21)), (Some("other"), day(15)), (None, day(15))]
    {
        assert_eq!(rule(workgroup, at), BillingRule::Scan);
    }
}

#[test]
fn the_override_that_began_last_wins_and_a_region_of_its_own_before_all() {
    let day = |n| (DateTime::UNIX_EPOCH + TimeDelta::days(n)).date_naive();
    let own = |region: Option<&str>, dollars: Option<i64>, discount_ppm, from| PriceOverride {
        region: region.map(|region| scope(region).region),
        per_terabyte: dollars.map(|dollars| NanoUsd(dollars * DOLLAR)),
        discount_ppm,
        from,
    };
    let list = PriceList {
        overrides: vec![
            own(Some("us-east-1"), Some(4), 0, Some(day(100))),
            own(Some("us-east-1"), Some(3), 0, Some(day(200))),
            own(None, None, 100_000, None),
        ],
    };
    let price = |region, at| list.price(&scope(region).region, at).map(|(price, _)| price.0);
    assert_eq!(price("us-east-1", day(50)), Some(4_500_000_000), "the general discount");
    assert_eq!(price("us-east-1", day(150)), Some(4 * DOLLAR));
    assert_eq!(price("us-east-1", day(200)), Some(3 * DOLLAR));
    assert_eq!(price("xx-nowhere-1", day(200)), None, "a discount on an unknown price is unknown");
}

#[test]
fn prices_are_parsed_exactly() {
    assert_eq!(NanoUsd::parse("5"), Some(NanoUsd(5 * DOLLAR)));
    assert_eq!(NanoUsd::parse("4.75"), Some(NanoUsd(4_750_000_000)));
    assert_eq!(NanoUsd::parse("0.000000001"), Some(NanoUsd(1)));
    for bad in ["", ".5", "-1", "5e3", "1.0000000001", "1,5", "99999999999999"] {
        assert_eq!(NanoUsd::parse(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn billed_bytes_round_up_to_a_megabyte_above_a_floor(scanned in 0..u64::MAX / 2) {
        let (_, billed, cost) = charge(&Pricing::default(), &ended(State::Succeeded, SELECT, Some(scanned)));
        prop_assert!(billed >= scanned && billed % MB == 0 && billed >= 10 * MB);
        prop_assert!(billed < scanned + MB || billed == 10 * MB);
        let twice = 2 * i128::from(billed) * i128::from(5 * DOLLAR);
        let cost = i128::from(cost.expect("us-east-1 has a price"));
        prop_assert!(cost == i128::from(i64::MAX) || (twice - 2 * cost * i128::from(TB)).abs() <= i128::from(TB));
    }

    #[test]
    fn more_bytes_never_cost_less(a in 0..1_u64 << 50, b in 0..1_u64 << 50) {
        let cost = |scanned| charge(&Pricing::default(), &ended(State::Succeeded, SELECT, Some(scanned))).2;
        prop_assert!(cost(a.min(b)) <= cost(a.max(b)));
    }
}
