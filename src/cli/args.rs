//! The command line, and what its help says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::domain::usage::Dimension;

/// The account book of a data lake's Amazon Athena queries: who ran what, what it cost, and how complete the
/// numbers are.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, max_term_width = 100)]
pub(super) struct Cli {
    /// Config file [default: $ATHENA_LEDGER_CONFIG, else ./athena-ledger.toml, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(super) config: Option<PathBuf>,

    /// Database file, instead of the configured one
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(super) db: Option<PathBuf>,

    /// Print one JSON object on stdout instead of a table
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// The options of every command stand apart from its own.
const EVERYWHERE: &str = "Options of every command";

const AFTER_HELP: &str = "\
Times (T) are RFC 3339 (2026-11-20T09:00:00Z), a date (midnight in the configured zone), or an age (36h, 90d).
AWS credentials, region and endpoints come from where every AWS tool takes them: environment, profile, role.

Exit codes: 0 done; 1 failed; 2 usage or config error; 3 done, but a due hour of the span is not complete.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the whole pipeline on a simulated AWS: a week with a bad afternoon, then the report
    #[command(
        after_help = "Examples:\n  athena-ledger demo --exit\n  athena-ledger --db /tmp/demo.db demo --exit && sqlite3 /tmp/demo.db 'SELECT * FROM usage_daily'"
    )]
    Demo(DemoArgs),

    /// Read CloudTrail events, ask Athena what they cost, update the book
    #[command(
        after_help = "Examples:\n  athena-ledger collect                          what is missing up to now (first run: 7 days)\n  athena-ledger collect --since 45d              a backfill; run it again after Ctrl-C, it goes on\n  athena-ledger collect --files ./trail-bucket/  CloudTrail log files; needs no credentials"
    )]
    Collect(CollectArgs),

    /// Collect every hour, judge, and tell whom the rules name; until Ctrl-C or SIGTERM
    #[command(
        after_help = "Examples:\n  athena-ledger run          the service\n  athena-ledger run --once   one full pass with alerts, for cron and timers"
    )]
    Run(RunArgs),

    /// Show the book in a browser, with /metrics and /healthz beside it; until Ctrl-C
    #[command(
        after_help = "Examples:\n  athena-ledger serve                          at http://127.0.0.1:9747/\n  athena-ledger serve --listen 127.0.0.1:8080\n  athena-ledger --db backup.db serve           any copy of a book"
    )]
    Serve(ServeArgs),

    /// What the rules found, and what became of telling it
    #[command(
        after_help = "Examples:\n  athena-ledger alerts\n  athena-ledger alerts test ops     a test message to the channel ops\n  athena-ledger alerts retry        once more what was given up"
    )]
    Alerts {
        #[command(subcommand)]
        command: Option<AlertsCommand>,
    },

    /// Who used what: executions, bytes scanned, cost, and how complete the span is
    #[command(
        after_help = "Examples:\n  athena-ledger report                              the last 7 days by principal\n  athena-ledger report --since 2026-11-01 --by team\n  athena-ledger report --since 24h --by query --top 10\n  athena-ledger --json report --by day | jq .total\n  athena-ledger report --since 30d --format html > athena.html"
    )]
    Report(ReportArgs),

    /// Everything known about one execution, and why it cost what it cost
    #[command(after_help = "Example:\n  athena-ledger show 7d4c1b9e-0f6a-4a52-9d2e-3c1f0b7a9e55")]
    Show {
        /// Athena's query execution id
        id: String,
    },

    /// Try the config, the credentials, the IAM actions and the database; one line each, with the cure
    Check(CheckArgs),

    /// Write a consistent copy of the database while others use it
    #[command(after_help = "Example:\n  athena-ledger backup /backup/athena-ledger-$(date +%F).db")]
    Backup {
        /// The copy; must not exist
        file: PathBuf,
    },

    /// Serve the simulated AWS on loopback, for any AWS client
    #[command(
        after_help = "Example:\n  athena-ledger simulate > aws.env &\n  . ./aws.env && aws cloudtrail lookup-events"
    )]
    Simulate(SimulateArgs),
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// End after the report, rather than show the book in a browser
    #[arg(long)]
    pub(super) exit: bool,

    /// Where the page listens [default: 127.0.0.1:9747]; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port [default: listen of [page], else 127.0.0.1:9747]; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(super) struct CollectArgs {
    /// Read from here on (inclusive)
    #[arg(long, value_name = "T", conflicts_with = "files")]
    pub(super) since: Option<String>,

    /// Read up to here (exclusive)
    #[arg(long, value_name = "T", conflicts_with = "files")]
    pub(super) until: Option<String>,

    /// CloudTrail log files, or folders of them (.json, .json.gz), instead of CloudTrail's event history
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// From here on (inclusive) [default: 7d]
    #[arg(long, value_name = "T")]
    pub(super) since: Option<String>,

    /// Up to here (exclusive) [default: now]
    #[arg(long, value_name = "T")]
    pub(super) until: Option<String>,

    /// What to group by
    #[arg(long, value_enum, default_value = "principal", value_name = "B")]
    pub(super) by: By,

    /// How it is printed: html is one file to mail around
    #[arg(long, value_enum, default_value = "table", value_name = "F")]
    pub(super) format: Format,

    /// Yesterday (or the day of --since) as the daily digest tells it
    #[arg(long, conflicts_with_all = ["until", "by", "scope", "top", "format"])]
    pub(super) digest: bool,

    /// Only this scope: its configured name, an account, a region, or account/region
    #[arg(long, value_name = "S")]
    pub(super) scope: Option<String>,

    /// Show the N highest groups; the rest is one line (of hours and days all are shown)
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) top: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Table,
    Csv,
    Json,
    Html,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// One pass, its alerts and deliveries, then exit; skipped while another one runs
    #[arg(long)]
    pub(super) once: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum AlertsCommand {
    /// The newest alerts, and where they were delivered (what `alerts` alone does)
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        top: usize,
    },
    /// Send a test message
    Test {
        /// Name of a channel; without one to all
        channel: Option<String>,
    },
    /// Try again what was given up, or one alert whatever became of it
    Retry {
        /// Its id, from `alerts list`
        id: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Send a test message to every channel
    #[arg(long)]
    pub(super) send: bool,

    /// Also try what is optional or slow: GetQueryExecution, a check of every page of the database
    #[arg(long)]
    pub(super) probe: bool,
}

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Port on 127.0.0.1; 0 takes a free one and prints it
    #[arg(long, default_value_t = 5600)]
    pub(super) port: u16,

    /// Started queries in the last hour instead of the simulated week
    #[arg(long, value_name = "N")]
    pub(super) queries: Option<u32>,

    /// GetQueryExecution events beside them
    #[arg(long, value_name = "N", default_value_t = 0, requires = "queries")]
    pub(super) reads: u32,

    /// Spread the queries over this many hours
    #[arg(long, value_name = "H", default_value_t = 1, requires = "queries")]
    pub(super) hours: u32,

    /// Answer after this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(super) latency: u64,

    /// Answer any number of calls per second
    #[arg(long)]
    pub(super) no_quotas: bool,

    /// Let this part of calls fail in every way a network and AWS can, such as 0.05
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) faults: f64,

    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// The dimensions of a report, as the command line spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct By(pub(super) Dimension);

impl ValueEnum for By {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [By; 11] = {
            let mut all = [By(Dimension::Principal); 11];
            let mut index = 0;
            while index < all.len() {
                all[index] = By(Dimension::ALL[index]);
                index += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}
