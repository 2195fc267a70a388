//! What the company runs. Bytes and nano-dollars are literals: $5 per 1_099_511_627_776 bytes (2^40), billed in whole
//! 1_048_576 (2^20), at least ten of them, half a nano-dollar rounded up.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::simulator::{End, StartSpec};

/// A query that is run again and again; `{day}` and `{n}` in its text differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    pub(super) sql: &'static str,
    pub(super) statement: (&'static str, &'static str),
    pub(super) scanned: u64,
    pub(super) billed: u64,
    pub(super) cost_nano_usd: u64,
    pub(super) end: Ending,
    pub(super) seconds: i64,
    pub(super) reused: bool,
    pub(super) requeued: bool,
    pub(super) statistics: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Succeeded,
    Failed(&'static str),
    Cancelled,
}

impl Template {
    /// A start of it, before anybody is named.
    pub(super) fn spec(&self, at: DateTime<Utc>, rng: &mut StdRng) -> StartSpec {
        let mut query = self.sql.replace("{day}", &at.date_naive().to_string());
        query = query.replace("{n}", &rng.random_range(1_000..100_000_u32).to_string());
        if query.contains("{many}") {
            let many: Vec<String> = (0..25_000).map(|n| format!("{n:07}")).collect();
            query = query.replace("{many}", &many.join(","));
        }
        StartSpec {
            query,
            statement: self.statement,
            scanned: self.scanned,
            end: match self.end {
                Ending::Succeeded => End::Succeeded,
                Ending::Failed(reason) => End::Failed(reason.to_owned()),
                Ending::Cancelled => End::Cancelled,
            },
            queue: TimeDelta::milliseconds(rng.random_range(60..900)),
            run: TimeDelta::milliseconds(self.seconds * 1_000 + rng.random_range(0..900)),
            requeued: self.requeued,
            reused: self.reused,
            statistics: self.statistics,
            ..StartSpec::at(at)
        }
    }
}

const SELECT: Template = Template {
    sql: "SELECT 1",
    statement: ("DML", "SELECT"),
    scanned: 0,
    billed: 10_485_760,
    cost_nano_usd: 47_684,
    end: Ending::Succeeded,
    seconds: 2,
    reused: false,
    requeued: false,
    statistics: true,
};

/// A connection test scans nothing and is billed the minimum.
pub(super) const PING: Template = SELECT;

/// 3 MiB, billed as 10.
pub(super) const TILE: Template = Template {
    sql: "SELECT order_date, sum(net) AS net\nFROM marts.daily_revenue\nWHERE order_date >= date '{day}' - interval '28' day\n  AND shop_id = {n}\nGROUP BY 1 ORDER BY 1 -- Superset, chart 17",
    scanned: 3_145_728,
    ..SELECT
};

/// 128 MiB.
pub(super) const CHART: Template = Template {
    sql: "/* dashboard: Executive overview */ SELECT country, approx_distinct(visitor_id) FROM marts.sessions WHERE dt = '{day}' GROUP BY country LIMIT 10000",
    scanned: 134_217_728,
    billed: 134_217_728,
    cost_nano_usd: 610_352,
    seconds: 4,
    ..SELECT
};

/// 2 GiB.
pub(super) const COHORT: Template = Template {
    sql: "WITH first_orders AS (SELECT customer_id, min(order_date) AS d FROM marts.orders GROUP BY 1)\nSELECT date_trunc('month', d), count(*) FROM first_orders WHERE customer_id > {n} GROUP BY 1",
    scanned: 2_147_483_648,
    billed: 2_147_483_648,
    cost_nano_usd: 9_765_625,
    seconds: 9,
    ..SELECT
};

/// Answered from an earlier result: free.
pub(super) const REUSED: Template = Template {
    sql: "SELECT country, approx_distinct(visitor_id) FROM marts.sessions WHERE dt = '{day}' GROUP BY country LIMIT 10000",
    billed: 0,
    cost_nano_usd: 0,
    reused: true,
    ..SELECT
};

/// 12_345_678 bytes, billed as 12 MiB.
pub(super) const LOOKUP: Template = Template {
    sql: "SELECT * FROM crm.customers WHERE email = 'customer-{n}@example.com'",
    scanned: 12_345_678,
    billed: 12_582_912,
    cost_nano_usd: 57_220,
    ..SELECT
};

/// 16 GiB.
pub(super) const AD_HOC: Template = Template {
    sql: "SELECT o.channel, sum(l.quantity * l.price)\nFROM marts.orders o JOIN marts.order_lines l ON l.order_id = o.id\nWHERE o.created_at >= timestamp '{day} 00:00:00'\nGROUP BY 1",
    scanned: 17_179_869_184,
    billed: 17_179_869_184,
    cost_nano_usd: 78_125_000,
    seconds: 21,
    ..SELECT
};

/// 256 GiB.
pub(super) const RAW_DAY: Template = Template {
    sql: "SELECT event_type, count(*) FROM raw.events WHERE ingested_at > date '{day}' GROUP BY 1 -- no partition filter",
    scanned: 274_877_906_944,
    billed: 274_877_906_944,
    cost_nano_usd: 1_250_000_000,
    seconds: 94,
    requeued: true,
    ..SELECT
};

/// 1 GiB costs a half too many: 4_882_812.5 nano-dollars.
pub(super) const INSERT: Template = Template {
    sql: "/* {\"app\": \"dbt\", \"node_id\": \"model.shop.fct_orders\"} */\ninsert into \"awsdatacatalog\".\"marts\".\"fct_orders\" (select * from \"staging\".\"orders__dbt_tmp\" where run = {n})",
    statement: ("DML", "INSERT"),
    scanned: 1_073_741_824,
    billed: 1_073_741_824,
    cost_nano_usd: 4_882_813,
    seconds: 14,
    ..SELECT
};

/// 4 GiB; Athena may call it DDL, and it is charged all the same.
pub(super) const CTAS: Template = Template {
    sql: "/* {\"app\": \"dbt\", \"node_id\": \"model.shop.dim_products\"} */\ncreate table \"marts\".\"dim_products__ha\" with (table_type='iceberg', is_external=false) as select * from staging.products where batch = {n}",
    statement: ("DDL", "CREATE_TABLE_AS_SELECT"),
    scanned: 4_294_967_296,
    billed: 4_294_967_296,
    cost_nano_usd: 19_531_250,
    seconds: 19,
    ..SELECT
};

/// 700_001 bytes, billed as 10 MiB.
pub(super) const DBT_TEST: Template = Template {
    sql: "select count(*) as failures from (select order_id from marts.fct_orders where order_id is null) dbt_internal_test -- {n}",
    scanned: 700_001,
    ..SELECT
};

const FREE: Template = Template { billed: 0, cost_nano_usd: 0, seconds: 1, ..SELECT };

pub(super) const SHOW: Template =
    Template { sql: "SHOW TABLES IN marts 'fct_*'", statement: ("UTILITY", "SHOW_TABLES"), ..FREE };

/// Athena says nothing about what it scanned.
pub(super) const DROP: Template = Template {
    sql: "drop table if exists `marts`.`dim_products__tmp_{n}`",
    statement: ("DDL", "DROP_TABLE"),
    statistics: false,
    ..FREE
};

pub(super) const ADD_PARTITION: Template = Template {
    sql: "ALTER TABLE raw.events ADD IF NOT EXISTS PARTITION (dt = '{day}', hour = {n})",
    statement: ("DDL", "ALTER_TABLE_ADD_PARTITION"),
    ..FREE
};

pub(super) const EXPLAIN: Template = Template {
    sql: "EXPLAIN SELECT * FROM raw.events WHERE user_id = {n}",
    statement: ("UTILITY", "EXPLAIN"),
    ..FREE
};

/// 1 GiB: EXPLAIN ANALYZE runs the query, and is charged.
pub(super) const EXPLAIN_ANALYZE: Template = Template {
    sql: "EXPLAIN ANALYZE SELECT count(*) FROM marts.sessions WHERE visitor_id = {n}",
    statement: ("UTILITY", "EXPLAIN"),
    scanned: 1_073_741_824,
    billed: 1_073_741_824,
    cost_nano_usd: 4_882_813,
    seconds: 6,
    ..SELECT
};

/// 64 GiB.
pub(super) const UNLOAD: Template = Template {
    sql: "UNLOAD (SELECT * FROM marts.sessions WHERE dt = '{day}') TO 's3://exports/sessions/{n}/' WITH (format = 'PARQUET')",
    statement: ("DML", "UNLOAD"),
    scanned: 68_719_476_736,
    billed: 68_719_476_736,
    cost_nano_usd: 312_500_000,
    seconds: 63,
    requeued: true,
    ..SELECT
};

pub(super) const TYPO: Template = Template {
    sql: "SELCT * FROM marts.orders WHERE id = {n}",
    end: Ending::Failed("line 1:1: mismatched input 'SELCT'. Expecting: 'SELECT', 'WITH', <query>"),
    statistics: false,
    ..FREE
};

/// 64 GiB read in vain: a failed query is free.
pub(super) const EXHAUSTED: Template = Template {
    sql: "SELECT DISTINCT * FROM raw.events ORDER BY received_at, {n}",
    scanned: 68_719_476_736,
    end: Ending::Failed("Query exhausted resources at this scale factor"),
    seconds: 118,
    ..FREE
};

/// Cancelled in the queue: the minimum.
pub(super) const CANCELLED_EARLY: Template =
    Template { sql: "SELECT * FROM raw.events LIMIT {n}", end: Ending::Cancelled, seconds: 0, ..SELECT };

/// Cancelled after 100 GiB, which are charged.
pub(super) const CANCELLED_LATE: Template = Template {
    sql: "SELECT * FROM raw.events WHERE payload LIKE '%voucher-{n}%'",
    scanned: 107_374_182_400,
    billed: 107_374_182_400,
    cost_nano_usd: 488_281_250,
    end: Ending::Cancelled,
    seconds: 41,
    ..SELECT
};

/// 6 TiB.
pub(super) const CROSS_JOIN: Template = Template {
    sql: "SELECT a.session_id, b.session_id, count(*)\nFROM raw.events a, raw.events b -- TODO: join condition\nWHERE a.device = b.device AND a.batch <> {n}\nGROUP BY 1, 2",
    scanned: 6_597_069_766_656,
    billed: 6_597_069_766_656,
    cost_nano_usd: 30_000_000_000,
    seconds: 1_140,
    ..SELECT
};

/// The same, cancelled after 4 TiB.
pub(super) const CROSS_JOIN_CANCELLED: Template = Template {
    scanned: 4_398_046_511_104,
    billed: 4_398_046_511_104,
    cost_nano_usd: 20_000_000_000,
    end: Ending::Cancelled,
    seconds: 780,
    ..CROSS_JOIN
};

/// Texts that must come out harmless wherever they are shown.
pub(super) const HOSTILE: [Template; 4] = [
    Template {
        sql: "SELECT '<!channel> <https://example.com|free money> & <script>alert(1)</script>' -- {n}",
        ..SELECT
    },
    Template {
        sql: "SELECT 'it''s \"quoted\" `twice`; -- 🦀 naïve ٣ \u{202e}txet', {n} /* unclosed",
        ..SELECT
    },
    Template { sql: "SELECT '\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}', '\r\n\t\u{0}', {n}", ..SELECT },
    Template { sql: "SELECT * FROM marts.orders WHERE id IN ({many})", scanned: 700_001, ..SELECT },
];
