//! `check`: one line per thing that must work, with the cure.

use std::os::unix::fs::PermissionsExt;

use chrono::{SubsecRound, TimeDelta};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::alerts::test_message;
use super::args::CheckArgs;
use super::connect;
use super::failure::{Failure, Outcome, chain};
use super::{Session, out};
use crate::aws::{Aws, Connection};
use crate::channel::Channel;
use crate::clock::Clock;
use crate::config::ChannelConfig;
use crate::config::secret::Source;
use crate::domain::event::EventName;
use crate::domain::execution::{Answer, ExecutionId};
use crate::domain::window::Window;
use crate::engine::athena::Athena;
use crate::report::alert::explain;
use crate::report::{bytes, count, printable};
use crate::source::lookup_events::LookupEvents;
use crate::stages;
use crate::store::{Reader, StoreError};

/// No query has this id; asking for it shows what we may ask.
const NOBODYS_ID: &str = "00000000-0000-0000-0000-000000000000";

/// LookupEvents calls a second (CloudTrail user guide, quotas).
const LOOKUP_QUOTA: f64 = 2.0;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    Warn,
    Bad,
}

/// The lines so far.
#[derive(Default)]
struct Lines(Vec<(Grade, String, String)>);

impl Lines {
    fn add(&mut self, grade: Grade, what: impl Into<String>, detail: impl Into<String>) {
        self.0.push((grade, what.into(), detail.into()));
    }
}

pub(super) async fn check(
    session: Session,
    args: CheckArgs,
    _stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let mut lines = Lines::default();
    match &session.config_file {
        Some(path) => lines.add(Grade::Good, "config", path.display().to_string()),
        None => lines.add(Grade::Good, "config", "built-in defaults; config.example.toml shows every key"),
    }
    if session.config.collect.lookup_rate > LOOKUP_QUOTA {
        let detail = "collect.lookup_rate is over AWS's quota of 2 a second: calls will be throttled, yours and others'";
        lines.add(Grade::Warn, "config", detail);
    }
    let clock = Clock::system();
    let aws = Aws::new(connect::settings(&session.config, clock.clone()));
    let (connections, unreachable) = stages::connect::connect(&session.config, &aws).await;
    for scope in unreachable {
        let cause = chain(&scope.error, scope.error.help().as_deref());
        lines.add(Grade::Bad, scope.name, format!("credentials: {cause}"));
    }
    for connection in &connections {
        permissions(&mut lines, connection, &clock, args.probe).await;
    }
    match Reader::open(session.database()) {
        Ok(reader) => database(&mut lines, &session, &reader, args.probe)?,
        Err(StoreError::Missing { path }) => {
            lines.add(
                Grade::Warn,
                "database",
                format!("{} does not exist yet: the first collect makes it", path.display()),
            );
        }
        Err(error) => lines.add(Grade::Bad, "database", chain(&error, error.help().as_deref())),
    }
    telling(&mut lines, &session, args.send, &clock).await;
    tell(&session, &lines)
}

/// Each rule in a sentence, each channel's address and secret, and with `send` a message to it.
async fn telling(lines: &mut Lines, session: &Session, send: bool, clock: &Clock) {
    let config = &session.config;
    for rule in &config.rules {
        let channels = config.channels_of(&rule.channels);
        let to = if channels.is_empty() {
            "no channel: `alerts list` has it".to_owned()
        } else {
            channels.join(", ")
        };
        lines.add(
            Grade::Good,
            format!("rule {}", printable(&rule.name)),
            format!("{} -> {to}", explain(rule)),
        );
    }
    if config.channels.is_empty() {
        lines.add(
            Grade::Good,
            "channels",
            "none is configured; README says how to reach Slack in two minutes",
        );
    }
    for channel in &config.channels {
        let name = format!("channel {}", printable(&channel.name));
        let result = match Channel::new(channel) {
            Ok(channel) if send => channel.send(&test_message(clock), clock.now().timestamp()).await,
            Ok(channel) => channel.ready(),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) if send => lines.add(Grade::Good, name, "took a test message"),
            Ok(()) => {
                lines.add(Grade::Good, name, format!("address from {}; --send tries it", place(channel)))
            }
            Err(error) => lines.add(Grade::Bad, name, chain(&error, error.help().as_deref())),
        }
    }
    if let Some(digest) = &config.digest {
        let to = config.channels_of(&digest.channels).join(", ");
        lines.add(
            Grade::Good,
            "digest",
            format!("at {} {} -> {to}", digest.at.format("%H:%M"), config.timezone),
        );
    }
}

/// Where an address comes from; of a webhook's own, scheme and host: the rest may be a secret.
fn place(channel: &ChannelConfig) -> String {
    match &channel.url {
        Source::Here(address) => crate::channel::host_of(address),
        source => source.place(),
    }
}

/// Each IAM action, tried on something harmless.
async fn permissions(lines: &mut Lines, connection: &Connection, clock: &Clock, probe: bool) {
    let name = connection.scope.to_string();
    let caller = connection
        .own
        .as_ref()
        .map_or("caller unknown: sts:GetCallerIdentity failed".to_owned(), |own| printable(own.arn()));
    lines.add(Grade::Good, &name, format!("credentials: {caller}"));
    let now = clock.now().trunc_subsecs(0);
    let minute = Window { start: now - TimeDelta::minutes(1), end: now };
    let source = LookupEvents::new(connection);
    match source.slice(EventName::StartQueryExecution, minute).next().await {
        Ok(_) => lines.add(Grade::Good, &name, "cloudtrail:LookupEvents"),
        Err(error) => lines.add(Grade::Bad, &name, chain(&error, error.help().as_deref())),
    }
    let Some(id) = ExecutionId::parse(NOBODYS_ID) else { return };
    let engine = Athena::new(connection);
    match engine.lookup(std::slice::from_ref(&id)).await {
        Err(error) => lines.add(Grade::Bad, &name, chain(&error, error.help().as_deref())),
        Ok(answers) => {
            let denied = answers.iter().find_map(|(_, answer)| match answer {
                Answer::Denied(reason) => Some(reason.clone()),
                _ => None,
            });
            match (engine.batch_unavailable(), denied) {
                (None, _) => lines.add(Grade::Good, &name, "athena:BatchGetQueryExecution"),
                (Some(reason), None) => lines.add(
                    Grade::Warn,
                    &name,
                    format!(
                        "athena:BatchGetQueryExecution: {}: one call per execution instead of one per 50",
                        printable(&reason)
                    ),
                ),
                (Some(_), Some(reason)) => lines.add(Grade::Bad, &name, printable(&reason)),
            }
        }
    }
    if probe {
        match engine.get(&id).await {
            Ok(Answer::Denied(reason)) => {
                lines.add(Grade::Warn, &name, format!("the fallback: {}", printable(&reason)))
            }
            Ok(_) => lines.add(Grade::Good, &name, "athena:GetQueryExecution (fallback)"),
            Err(error) => lines.add(Grade::Bad, &name, chain(&error, error.help().as_deref())),
        }
    }
}

fn database(lines: &mut Lines, session: &Session, reader: &Reader, probe: bool) -> Result<(), Failure> {
    let path = session.database();
    let metadata = std::fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 == 0 {
        lines.add(Grade::Good, "database", format!("{} mode {mode:04o}", path.display()));
    } else {
        let cure = "it holds SQL text; set [store] mode to 0600, or 0640 with a group";
        lines.add(
            Grade::Bad,
            "database",
            format!("{} may be read by everyone (mode {mode:04o}): {cure}", path.display()),
        );
    }
    let stock = reader.stock()?;
    let growth = match stock.days {
        0 => String::new(),
        days => format!(", {} a day over {}", bytes(metadata.len() / days), count(days, "day")),
    };
    lines.add(
        Grade::Good,
        "database",
        format!("{} in {}{growth}", count(stock.counts.executions, "execution"), bytes(metadata.len())),
    );
    if stock.counts.denied > 0 {
        let reason =
            reader.denied_reason()?.map(|reason| format!(": {}", printable(&reason))).unwrap_or_default();
        lines.add(
            Grade::Warn,
            "executions",
            format!("{} denied{reason}", count(stock.counts.denied, "execution")),
        );
    }
    if stock.no_scope > 0 {
        lines.add(
            Grade::Warn,
            "executions",
            format!(
                "{} pending in accounts or regions that no [[scope]] covers, or never asked yet",
                count(stock.no_scope, "execution")
            ),
        );
    }
    for (scope, workgroup, executions) in reader.dpu_workgroups()? {
        let listed = session.config.pricing.capacity.iter().any(|capacity| capacity.workgroup == workgroup);
        if !listed {
            lines.add(
                Grade::Warn,
                "capacity",
                format!(
                    "{} of workgroup {} ({scope}) ran on DPUs: if it uses provisioned capacity, list it in [[capacity]], or it is priced per TB",
                    count(executions, "execution"),
                    printable(&workgroup)
                ),
            );
        }
    }
    let (owed, given_up) = reader.outbox()?;
    if given_up > 0 {
        lines.add(
            Grade::Warn,
            "alerts",
            format!("{} given up; `athena-ledger alerts retry` tries again", count(given_up, "delivery")),
        );
    }
    if owed > 0 {
        lines.add(Grade::Good, "alerts", format!("{owed} waiting to be delivered"));
    }
    let laws = reader.laws()?;
    if laws.iter().all(|law| law.off_by == 0) {
        lines.add(
            Grade::Good,
            "database",
            format!("all {} laws hold: nothing is lost or counted twice", laws.len()),
        );
    }
    for law in laws {
        match law.off_by {
            0 => {}
            off_by => lines.add(
                Grade::Bad,
                "law",
                format!("{}: off by {off_by}; run `collect` once, then report this as a bug", law.says),
            ),
        }
    }
    if probe {
        match reader.damage()? {
            None => lines.add(Grade::Good, "database", "every page is sound"),
            Some(damage) => lines.add(Grade::Bad, "database", format!("damaged: {damage}; restore a backup")),
        }
    }
    Ok(())
}

fn tell(session: &Session, lines: &Lines) -> Result<Outcome, Failure> {
    let bad = lines.0.iter().any(|(grade, ..)| *grade == Grade::Bad);
    if session.json {
        let lines: Vec<_> = lines
            .0
            .iter()
            .map(|(grade, what, detail)| {
                let grade = match grade {
                    Grade::Good => "ok",
                    Grade::Warn => "warning",
                    Grade::Bad => "failed",
                };
                json!({"grade": grade, "what": what, "detail": detail})
            })
            .collect();
        out::print_json(&json!({ "ok": !bad, "checks": lines }))?;
    } else {
        for (grade, what, detail) in &lines.0 {
            let (style, word) = match grade {
                Grade::Good => (out::GOOD, "ok  "),
                Grade::Warn => (out::WARN, "warn"),
                Grade::Bad => (out::BAD, "FAIL"),
            };
            out::print(&format!("{style}{word}{style:#}  {what}: {detail}\n"))?;
        }
    }
    Ok(if bad { Outcome::Failed } else { Outcome::Done })
}
