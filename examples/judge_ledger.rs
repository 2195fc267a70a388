//! How long rules take over a large ledger: `judge_ledger FILE`, a file of `fill_ledger`.
//!
//! Fifty rules of every kind and subject judge the newest hours, five times; a copy is not made, nothing is kept.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that cannot go on has failed")]

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use athena_ledger::config::Config;
use athena_ledger::rules;
use athena_ledger::store::{Reader, Store};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

/// Hours a tick usually builds again: the present one, the one before, and one that got a late event.
const HOURS: i64 = 3;

fn rules() -> String {
    let mut text = String::new();
    let subjects =
        ["everything", "principal", "principal_kind", "team", "workgroup", "client", "database", "account"];
    for (number, subject) in subjects.iter().cycle().take(32).enumerate() {
        let (measure, limit) =
            [("scanned", "1 TB"), ("cost", "$5"), ("executions", "1000"), ("failed", "50")][number / 8];
        let period = ["hour", "day", "month"][number % 3];
        let _ = write!(
            text,
            "[[rule]]\nname = 'threshold {number}'\nkind = 'threshold'\nsubject = '{subject}'\nmeasure = '{measure}'\nperiod = '{period}'\nlimit = '{limit}'\n"
        );
    }
    for (number, subject) in ["everything", "principal", "team", "workgroup"].iter().enumerate() {
        let _ = write!(
            text,
            "[[rule]]\nname = 'budget {number}'\nkind = 'budget'\nsubject = '{subject}'\nlimit = '$100'\n"
        );
        for period in ["hour", "day"] {
            let _ = write!(
                text,
                "[[rule]]\nname = 'spike {number} {period}'\nkind = 'spike'\nsubject = '{subject}'\nperiod = '{period}'\nlimit = '1 GB'\n"
            );
        }
    }
    for (number, period) in ["hour", "day", "hour"].iter().enumerate() {
        let _ = write!(
            text,
            "[[rule]]\nname = 'failing {number}'\nkind = 'failing'\nperiod = '{period}'\nlimit = {}\n",
            5 + number
        );
    }
    for number in 0..2 {
        let _ = write!(
            text,
            "[[rule]]\nname = 'execution {number}'\nkind = 'threshold'\nsubject = 'execution'\nlimit = '{} TB'\n",
            1 + number
        );
    }
    text.push_str("[[rule]]\nname = 'gap'\nkind = 'gap'\n");
    text
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let path: PathBuf = std::env::args_os().nth(1).expect("usage: judge_ledger FILE").into();
    let mut config = Config::parse(&rules(), "rules".as_ref()).expect("valid rules");
    config.store.path.clone_from(&path);
    assert_eq!(config.rules.len(), 50);
    let config = Arc::new(config);
    // Opening brings an older file up to the present schema, with a backup beside it.
    let store = Store::open(Arc::clone(&config), CancellationToken::new()).expect("the file opens");
    let reader = Reader::open(&path).expect("the file opens");
    let scopes: Vec<_> = reader.scopes().expect("scopes").into_iter().map(|(_, scope)| scope).collect();
    let newest = reader.newest_hour().expect("an answer").expect("a ledger that is not empty");
    let now = newest + TimeDelta::minutes(50);
    store.judging_since(now - TimeDelta::days(30)).await.expect("stored");
    let hours: Vec<i64> = (0..HOURS).map(|n| (newest - TimeDelta::hours(n)).timestamp()).collect();
    let mut times = Vec::new();
    for _ in 0..5 {
        store.judge_again(hours.clone()).await.expect("stored");
        let began = Instant::now();
        let (facts, judged) = store.facts(scopes.clone(), now).await.expect("facts");
        let findings = rules::evaluate(&config.rules, &facts, now);
        let found = store.unknown(findings).await.expect("compared").len();
        store.found(Vec::new(), judged, now).await.expect("stored");
        let took = began.elapsed();
        println!(
            "{} rules, {} cells, {found} findings: {:.0} ms",
            config.rules.len(),
            facts.cells.len(),
            took.as_secs_f64() * 1e3
        );
        times.push(took);
    }
    times.sort();
    println!("median {:.0} ms", times[2].as_secs_f64() * 1e3);
}
