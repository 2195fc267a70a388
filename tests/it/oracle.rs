//! A naive ledger, events in and totals out, against the pipeline: shuffled, late, duplicated, faulty.

use std::collections::BTreeMap;

use athena_ledger::simulator::{Actor, End, Faults, StartSpec, home};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use crate::world::Book;

const MIB: u64 = 1 << 20;
const PEOPLE: [&str; 3] = ["ann", "ben", "cem"];

/// One thing that happens in the simulated account.
#[derive(Clone, Debug)]
struct Query {
    minutes_ago: i64,
    person: usize,
    scanned: u64,
    end: u8,
    shown_after: Option<i64>,
    replayed_by: Option<usize>,
    looked_at: Option<i64>,
}

fn queries() -> impl Strategy<Value = Vec<Query>> {
    let query = (
        1..110_i64,
        0..PEOPLE.len(),
        prop_oneof![0..3_u64, 1..200 * MIB, 1..(1_u64 << 45)],
        0..8_u8,
        prop_oneof![4 => Just(Some(0)), 2 => (0..200_i64).prop_map(Some), 1 => Just(None)],
        prop::option::weighted(0.2, 0..PEOPLE.len()),
        prop::option::weighted(0.4, 0..60_i64),
    );
    let query = query.prop_map(|(minutes_ago, person, scanned, end, shown_after, replayed_by, looked_at)| {
        Query { minutes_ago, person, scanned, end, shown_after, replayed_by, looked_at }
    });
    prop::collection::vec(query, 0..25)
}

/// The naive ledger: (hour, person) -> (executions, billed bytes, nano-dollars).
type Totals = BTreeMap<(i64, String), (u64, u64, u64)>;

fn naive(queries: &[Query], at: impl Fn(i64) -> DateTime<Utc>) -> Totals {
    let mut totals = Totals::new();
    for query in queries {
        let replay = query.replayed_by;
        // A start that never shows leaves its replay as the earliest one seen; without any, nobody is charged,
        // and without a look the execution is not even known.
        let runner = match (query.shown_after, replay) {
            (Some(_), _) => PEOPLE[query.person],
            (None, Some(by)) => PEOPLE[by],
            (None, None) if query.looked_at.is_some() => "unattributed",
            (None, None) => continue,
        };
        let billed = match query.end {
            0 => 0,
            _ => (query.scanned.div_ceil(MIB) * MIB).max(10 * MIB),
        };
        let cost = (u128::from(billed) * 5_000_000_000 + (1 << 39)) >> 40;
        let hour = at(query.minutes_ago).timestamp() / 3600 * 3600;
        let sums = totals.entry((hour, runner.to_owned())).or_default();
        sums.0 += 1;
        sums.1 += billed;
        sums.2 += cost as u64;
    }
    totals
}

fn happen(book: &Book, queries: &[Query]) {
    for query in queries {
        let at = book.ago(query.minutes_ago);
        let end = match query.end {
            0 => End::Failed("GENERIC_INTERNAL_ERROR".to_owned()),
            1 => End::Cancelled,
            _ => End::Succeeded,
        };
        let id = book.world.start(StartSpec {
            by: Actor::user(PEOPLE[query.person]).into(),
            scanned: query.scanned,
            end,
            shown_after: query.shown_after.map(TimeDelta::minutes),
            ..StartSpec::at(at)
        });
        if let Some(by) = query.replayed_by {
            book.world.replay(&home(), &id, at + TimeDelta::seconds(2), Actor::user(PEOPLE[by]));
        }
        if let Some(minutes) = query.looked_at {
            book.world.read(&home(), at + TimeDelta::minutes(minutes), Actor::user("poller"), &id);
        }
    }
}

fn booked(book: &Book) -> Totals {
    let sql = "SELECT hour_epoch, principal, sum(executions), sum(billed_bytes), CAST(round(sum(cost_usd) * 1e9) AS INTEGER)
               FROM usage_hourly GROUP BY 1, 2";
    let number = |text: &str| text.parse::<u64>().expect("a number");
    book.rows(sql)
        .iter()
        .map(|row| {
            let parts: Vec<&str> = row.split(" | ").collect();
            let sums = (number(parts[2]), number(parts[3]), number(parts[4]));
            ((parts[0].parse().expect("an hour"), parts[1].to_owned()), sums)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_book_says_what_a_naive_ledger_says(queries in queries(), faults in 0..3_u8, seed in 0..1_000_u64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let book = Book::new();
            happen(&book, &queries);
            if faults > 0 {
                book.world.set_faults(Faults::mixed(0.02 * f64::from(faults), seed));
            }
            book.live(3).await;
            book.world.set_faults(Faults::default());
            // The very late are found by the daily second reading, what looked at them by the walks after it.
            book.live(25).await;
            prop_assert_eq!(booked(&book), naive(&queries, |minutes| book.ago(minutes)));
            Ok(())
        })?;
    }
}
