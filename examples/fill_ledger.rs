//! Fills a ledger with a company's history of 400 days, through the same code that collection uses.
//!
//! `cargo run --release --example fill_ledger -- FILE EXECUTIONS`
//!
//! 200 principals of uneven weight, each with one to three workgroups, clients and databases; one query text per
//! 50 executions. README quotes measurements on what this makes of 10,000,000.

#![expect(clippy::print_stderr, reason = "a tool run by hand")]

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use athena_ledger::config::Config;
use athena_ledger::domain::event::{Batch, EventName, Record, read_record};
use athena_ledger::domain::execution::{Answer, QueryExecution, State};
use athena_ledger::domain::scope::{AccountId, Region, Scope};
use athena_ledger::domain::window::Window;
use athena_ledger::store::{Judged, Origin, Store};
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::CancellationToken;

const DAYS: i64 = 400;
const PRINCIPALS: u32 = 200;
const AT_A_TIME: u64 = 2_500;
const AGENTS: [&str; 7] = [
    "Mozilla/5.0 (Macintosh) Chrome/130",
    "Boto3/1.40 Botocore/1.40 PyAthena/4.2.1",
    "Boto3/1.40 Botocore/1.40 awswrangler/3.17.1",
    "Boto3/1.40 Botocore/1.40 dbt-athena/1.11.1",
    "sbAthenaJDBCDriver/2.0, aws-internal/3",
    "aws-cli/2.31.0 Python/3.13",
    "aws-sdk-go/1.55 (go1.24; linux; amd64)",
];

/// One who runs queries, and how.
struct Habit {
    arn: String,
    user: String,
    workgroups: Vec<String>,
    databases: Vec<String>,
    agents: Vec<&'static str>,
    /// Sum of the weights up to this one.
    upto: f64,
}

struct Company {
    dice: StdRng,
    habits: Vec<Habit>,
    texts: u64,
    scope: Scope,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args.next().context("usage: fill_ledger FILE EXECUTIONS")?;
    let wanted: u64 = args.next().context("usage: fill_ledger FILE EXECUTIONS")?.parse()?;
    let mut config = Config::default();
    config.store.path = path.into();
    let store = Store::open(Arc::new(config), CancellationToken::new())?;
    let mut company = Company::new(wanted)?;
    let scope = store.scope(&company.scope).await?;
    let end: DateTime<Utc> = "2026-11-20T00:00:00Z".parse()?;
    let start = end - TimeDelta::days(DAYS);
    let step = TimeDelta::nanoseconds(
        TimeDelta::days(DAYS).num_nanoseconds().context("400 days fit")? / wanted.max(1) as i64,
    );
    let mut made = 0;
    let mut reached = start;
    while made < wanted {
        let some = AT_A_TIME.min(wanted - made);
        let mut batch = Batch::default();
        for number in made..made + some {
            let at = start
                + step * i32::try_from(number % 1_000_000)?
                + step * 1_000_000 * i32::try_from(number / 1_000_000)?;
            batch.read += 1;
            match read_record(company.record(number, at).as_bytes(), None) {
                Record::Event(event) => batch.events.push(*event),
                other => anyhow::bail!("the generator made {other:?}"),
            }
        }
        made += some;
        let upto = if made == wanted {
            end
        } else {
            start
                + step * 1_000_000 * i32::try_from(made / 1_000_000)?
                + step * i32::try_from(made % 1_000_000)?
        };
        let walked = Window::new(reached, upto);
        reached = upto;
        let name = EventName::StartQueryExecution;
        store.apply(batch, Origin::Lookup { scope, name, walked }, upto).await?;
        let due = store.due(scope, upto, AT_A_TIME as usize).await?;
        let answers = due
            .into_iter()
            .map(|due| {
                let told = company.answer(&due.id);
                (due, Answer::Known(Box::new(told)))
            })
            .collect();
        store.answer((scope, company.scope.clone()), answers, upto, TimeDelta::zero()).await?;
        if made % 500_000 < AT_A_TIME {
            eprintln!("{made} of {wanted}");
        }
    }
    store.rollup(end + TimeDelta::hours(2), Judged::Walked(HashMap::new())).await?;
    Ok(())
}

impl Company {
    fn new(executions: u64) -> Result<Self> {
        let mut dice = StdRng::seed_from_u64(42);
        let mut upto = 0.0;
        let some = |dice: &mut StdRng, prefix: &str, all: u32| {
            (0..dice.random_range(1..=3))
                .map(|_| format!("{prefix}{}", dice.random_range(0..all)))
                .collect::<Vec<_>>()
        };
        let habits = (0..PRINCIPALS)
            .map(|number| {
                upto += 1.0 / f64::from(number + 1);
                let user = format!("person{number:03}");
                Habit {
                    arn: format!("arn:aws:iam::111122223333:user/{user}"),
                    user,
                    workgroups: some(&mut dice, "workgroup", 12),
                    databases: some(&mut dice, "database", 20),
                    agents: (0..dice.random_range(1..=3))
                        .map(|_| AGENTS[dice.random_range(0..AGENTS.len())])
                        .collect(),
                    upto,
                }
            })
            .collect();
        let account = AccountId::parse("111122223333").context("an account")?;
        let region = Region::parse("us-east-1").context("a region")?;
        Ok(Self { dice, habits, texts: (executions / 50).max(1), scope: Scope { account, region } })
    }

    /// A CloudTrail record of one start.
    fn record(&mut self, number: u64, at: DateTime<Utc>) -> String {
        let all = self.habits.last().map_or(0.0, |habit| habit.upto);
        let throw = self.dice.random_range(0.0..all);
        let habit = &self.habits[self.habits.partition_point(|habit| habit.upto <= throw)];
        let pick = |dice: &mut StdRng, from: usize| dice.random_range(0..from);
        let workgroup = &habit.workgroups[pick(&mut self.dice, habit.workgroups.len())];
        let database = &habit.databases[pick(&mut self.dice, habit.databases.len())];
        let agent = habit.agents[pick(&mut self.dice, habit.agents.len())];
        let (id, event_id) = (uuid(&mut self.dice), uuid(&mut self.dice));
        format!(
            r#"{{"userIdentity":{{"type":"IAMUser","arn":"{}","accountId":"111122223333","userName":"{}"}},
            "eventTime":"{}","eventSource":"athena.amazonaws.com","eventName":"StartQueryExecution",
            "awsRegion":"us-east-1","sourceIPAddress":"10.0.{}.{}","userAgent":"{agent}","eventID":"{event_id}",
            "recipientAccountId":"111122223333","requestParameters":{{"workGroup":"{workgroup}",
            "queryExecutionContext":{{"database":"{database}","catalog":"awsdatacatalog"}}}},
            "responseElements":{{"queryExecutionId":"{id}"}}}}"#,
            habit.arn,
            habit.user,
            at.format("%Y-%m-%dT%H:%M:%SZ"),
            number % 4,
            number % 200,
        )
    }

    fn answer(&mut self, id: &athena_ledger::domain::execution::ExecutionId) -> QueryExecution {
        let text = self.dice.random_range(0..self.texts);
        let state = match self.dice.random_range(0..100) {
            0..4 => State::Failed,
            4..6 => State::Cancelled,
            _ => State::Succeeded,
        };
        let scanned = 1_u64 << self.dice.random_range(10..42);
        let run = self.dice.random_range(400..90_000);
        let columns: String = (0..12).map(|n| format!("column_{text}_{n}, ")).collect();
        QueryExecution {
            id: id.clone(),
            state,
            state_reason: (state == State::Failed)
                .then(|| "SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved".to_owned()),
            submitted_at: None,
            completed_at: None,
            workgroup: None,
            catalog: None,
            database: None,
            statement_type: Some("DML".to_owned()),
            substatement_type: Some("SELECT".to_owned()),
            query: Some(format!(
                "SELECT {columns} count(*) AS n FROM events_{} WHERE day BETWEEN date '2026-01-01' AND date '2026-11-01' \
                 AND country = 'NL' GROUP BY 1, 2, 3 ORDER BY n DESC LIMIT {text}",
                text % 97
            )),
            scanned_bytes: Some(self.dice.random_range(scanned / 2..=scanned)),
            dpu_count: None,
            queue_ms: Some(self.dice.random_range(50..900)),
            execution_ms: Some(run),
            total_ms: Some(run + 700),
            reused: false,
        }
    }
}

fn uuid(dice: &mut StdRng) -> String {
    let bits: u128 = dice.random();
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
