//! The account book of a data lake's Amazon Athena queries: who ran what, what it cost, and how complete the
//! numbers are.
//!
//! CloudTrail knows who asked, but not what it cost; Athena knows what it scanned, but not who asked. A pass reads
//! the first, asks the second, and keeps both in one SQLite file.
//!
//! # The flow
//!
//! The store is the pipe: each stage reads tables and writes the next ones, and no stage calls another.
//!
//! ```text
//!  clock -now-> what is missing                                  (stages::plan, domain::window: pure)
//!    |  source: a page of CloudTrail events, or a piece of a trail file
//!  TABLES event, execution(pending), ask, unreadable, walked     (store::events)    <= commit 1, one per page
//!    |  engine: what Athena says of up to 50 executions
//!  TABLE execution(finished), query, touched hours               (store::answers)   <= commit 2, one per batch
//!    |  touched hours and their days are built again, whole
//!  TABLES usage_*, shape_*, top_day, wasted_*, coverage_hour     (store::rollup)    <= commit 3, one per day
//!    |  rules: facts -> findings                                   (rules: pure)
//!  TABLES alert, outbox; to_judge cleared                        (store::alerts)    <= commit 4
//!    |  channel: a message, at least once
//!  TABLE outbox: delivered, to be tried again, given up          (store::outbox)    <= commit 5
//!
//!  VIEWS query_log, usage_daily, ledger_now, ...                 (BI tools); store::page -> web (a browser)
//! ```
//!
//! Every commit stands for itself: a tick may be dropped at any await, and a process killed at any instruction.
//!
//! # Layers
//!
//! | layer | modules | never |
//! |---|---|---|
//! | 0 | [`domain`] | IO, a clock, SQL, the SDK |
//! | 1 | [`rules`], [`report`] | IO, a clock |
//! | 2 | [`clock`], [`config`] | the store, AWS |
//! | 3 | [`aws`], [`store`], [`channel`] | each other |
//! | 3b | [`source`], [`engine`] | the store; SDK types in what they return |
//! | 4 | [`stages`] | the command line, the simulator |
//! | 5 | [`service`], [`web`] | the command line, the simulator |
//! | 6 | [`cli`] | SQL, SDK clients |
//! | side | [`simulator`] | any module under test |
//!
//! `tests/it/layers.rs` holds this table as data and names the line that breaks it.
//!
//! # Never
//!
//! - An event is never lost without a name: read = stored + duplicates + skipped + own + unreadable.
//! - Only a successful StartQueryExecution says who ran a query; who looked at one is never charged for it.
//! - Time is never `walked` before its last page is stored. Pages come newest first, so a slice of over 200 pages is
//!   cut at the last whole second it has read, and goes on below.
//! - A terminal execution is never asked about again; a throttle never ends a pass.
//! - Nothing unknown is ever shown as $0; every charge names the rule that made it.
//! - Nothing is told twice: an alert is one per rule, subject, period and level, and keeps its key in every delivery.
//! - Other people's text is escaped wherever it is shown; the page runs nothing and loads nothing that is not built in.
//! - A secret is never in a log, an error, a page or the database.
//! - A frozen hour, whose executions retention removed, is never built again.
//! - Production code never asks whether it is being tested; AWS is simulated behind its wire.
//!
//! # Reading order
//!
//! `schema.sql`, then `src/domain/event.rs`, `src/stages/mod.rs`, `src/stages/collect.rs`, `src/stages/enrich.rs`,
//! `src/store/events.rs`, `src/store/answers.rs`, `src/store/rollup.rs`; prices in `src/domain/price.rs`, people in
//! `src/domain/principal.rs`.

pub mod aws;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod report;
pub mod rules;
pub mod service;
pub mod simulator;
pub mod source;
pub mod stages;
pub mod store;
pub mod web;
