//! Who works there: people, machines, and the keys a ledger must group them by, written by hand.

use rand::RngExt;
use rand::rngs::StdRng;

use super::queries::{self as q, Template};
use crate::simulator::Actor;

/// One principal of the company.
pub(super) struct Member {
    /// The key that usage is grouped by.
    pub(super) key: &'static str,
    pub(super) workgroup: &'static str,
    pub(super) database: &'static str,
    pub(super) region: &'static str,
    pub(super) hours: Hours,
    /// Executions in each of those hours.
    pub(super) per_hour: u32,
    /// How often somebody polls each execution with GetQueryExecution.
    pub(super) polls: u32,
    /// What it runs, by weight.
    pub(super) runs: &'static [(u32, Template)],
    /// A session of it: machines get a new name each time.
    pub(super) actor: fn(&mut StdRng) -> Actor,
}

/// UTC hours of the week in which somebody works.
#[derive(Clone, Copy)]
pub(super) enum Hours {
    /// Monday to Friday, 8 to 18.
    Office,
    /// Every so many hours.
    Every(u32),
    /// At this hour of every day.
    At(u32),
}

/// The analyst of the bad afternoon.
pub(super) const DMITRI: Member = Member {
    key: "sso:111122223333/dmitri.orlov@example.com",
    workgroup: "analysts",
    database: "raw",
    region: "us-east-1",
    hours: Hours::Office,
    per_hour: 2,
    polls: 0,
    runs: ANALYST,
    actor: |_| Actor::person("DataAnalyst", "dmitri.orlov@example.com").from_address("203.0.113.41"),
};

const ANALYST: &[(u32, Template)] = &[
    (30, q::COHORT),
    (20, q::AD_HOC),
    (20, q::LOOKUP),
    (10, q::REUSED),
    (5, q::TYPO),
    (3, q::EXPLAIN),
    (2, q::EXPLAIN_ANALYZE),
    (2, q::CANCELLED_EARLY),
    (1, q::CANCELLED_LATE),
    (1, q::EXHAUSTED),
];

pub(super) const MEMBERS: [Member; 12] = [
    Member {
        key: "sso:111122223333/ann.keller@example.com",
        database: "marts",
        actor: |_| Actor::person("DataAnalyst", "ann.keller@example.com").from_address("203.0.113.40"),
        ..DMITRI
    },
    DMITRI,
    Member {
        key: "sso:111122223333/mei.tanaka@example.com",
        workgroup: "primary",
        per_hour: 3,
        runs: &[
            (20, q::AD_HOC),
            (10, q::EXPLAIN),
            (6, q::EXPLAIN_ANALYZE),
            (4, q::ADD_PARTITION),
            (3, q::SHOW),
            (1, q::RAW_DAY),
        ],
        actor: |_| Actor::person("DataEngineer", "mei.tanaka@example.com").from_address("203.0.113.42"),
        ..DMITRI
    },
    Member {
        key: "sso:111122223333/priya.nair@example.com",
        region: "eu-west-1",
        database: "marts",
        actor: |_| Actor::person("DataAnalyst", "priya.nair@example.com").from_address("203.0.113.43"),
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:user/carlos",
        workgroup: "primary",
        database: "crm",
        per_hour: 1,
        runs: &[
            (6, q::LOOKUP),
            (2, q::TYPO),
            (1, q::HOSTILE[0]),
            (1, q::HOSTILE[1]),
            (1, q::HOSTILE[2]),
            (1, q::HOSTILE[3]),
        ],
        actor: |_| {
            Actor::user("carlos").agent(
                "aws-cli/2.31.5 md/awscrt#0.28.2 ua/2.1 os/macos#15.6 md/arch#arm64 lang/python#3.13.7",
            )
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:user/legacy-report",
        workgroup: "primary",
        database: "marts",
        hours: Hours::Every(1),
        per_hour: 1,
        runs: &[(9, q::TILE), (1, q::TYPO)],
        actor: |_| {
            Actor::user("legacy-report")
                .agent("Boto3/1.26.82 Python/3.8.16 Linux/4.9.0-7-amd64 Botocore/1.29.82")
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/data/airflow-dbt",
        workgroup: "etl",
        database: "marts",
        hours: Hours::Every(1),
        per_hour: 8,
        polls: 1,
        runs: &[(10, q::INSERT), (4, q::CTAS), (8, q::DBT_TEST), (3, q::SHOW), (2, q::DROP)],
        actor: |rng| {
            let session = format!("botocore-session-{}", rng.random_range(1_700_000_000..1_800_000_000_u32));
            Actor::role_under("/data/", "airflow-dbt", &session).agent(
                "Botocore/1.44.5 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.12.7 md/pyimpl#CPython \
                 cfg/retry-mode#standard dbt-athena/1.11.1",
            )
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/glue-etl",
        workgroup: "etl",
        hours: Hours::At(2),
        per_hour: 12,
        runs: &[(1, q::UNLOAD), (5, q::ADD_PARTITION)],
        actor: |_| Actor::role("glue-etl", "GlueJobRunnerSession").through("glue.amazonaws.com"),
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/service-role/aws-quicksight-service-role-v0",
        workgroup: "bi",
        database: "marts",
        hours: Hours::Every(3),
        per_hour: 6,
        runs: &[(2, q::CHART), (1, q::COHORT)],
        actor: |rng| {
            let session = format!(
                "QuickSight-RoleSession-{}",
                rng.random_range(1_000_000_000_000..2_000_000_000_000_u64)
            );
            Actor::role_under("/service-role/", "aws-quicksight-service-role-v0", &session)
                .agent("sbAthenaJDBCDriver/2.0, aws-internal/3")
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/sagemaker-notebook",
        workgroup: "primary",
        hours: Hours::Office,
        per_hour: 3,
        runs: &[(8, q::COHORT), (2, q::RAW_DAY), (1, q::EXHAUSTED)],
        actor: |_| {
            Actor::role("sagemaker-notebook", "SageMaker")
                .agent("Botocore/1.44.5 ua/2.1 os/linux#5.10 lang/python#3.11.9 awswrangler/3.17.1")
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/superset",
        workgroup: "bi",
        database: "marts",
        per_hour: 20,
        polls: 3,
        runs: &[(40, q::TILE), (30, q::CHART), (10, q::REUSED), (10, q::PING), (5, q::COHORT), (2, q::TYPO)],
        actor: |rng| {
            let session = format!("botocore-session-{}", rng.random_range(1_700_000_000..1_800_000_000_u32));
            Actor::role("superset", &session)
                .agent("Botocore/1.44.5 ua/2.1 os/linux#6.8 lang/python#3.11.7 PyAthena/4.2.1")
        },
        ..DMITRI
    },
    Member {
        key: "arn:aws:iam::111122223333:role/invoice-lambda",
        workgroup: "primary",
        database: "crm",
        region: "eu-west-1",
        hours: Hours::Every(1),
        per_hour: 2,
        runs: &[(3, q::LOOKUP), (1, q::PING)],
        actor: |_| {
            Actor::role("invoice-lambda", "invoice-export")
                .agent("aws-sdk-js/3.901.0 ua/2.1 os/linux#5.10 lang/js md/nodejs#22.19.0 exec-env/AWS_Lambda_nodejs22.x")
        },
        ..DMITRI
    },
];

impl Member {
    pub(super) fn pick(&self, rng: &mut StdRng) -> &'static Template {
        let all: u32 = self.runs.iter().map(|(weight, _)| weight).sum();
        let mut left = rng.random_range(0..all.max(1));
        let picked = self.runs.iter().find(|(weight, _)| {
            let hit = left < *weight;
            left = left.saturating_sub(*weight);
            hit
        });
        picked.map_or(&q::PING, |(_, template)| template)
    }
}
