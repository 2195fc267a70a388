//! `alerts`: what rules found, and what became of telling it.

use std::sync::Arc;

use comfy_table::Cell;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::AlertsCommand;
use super::failure::{Failure, Outcome, chain};
use super::{Session, out};
use crate::channel::Channel;
use crate::clock::Clock;
use crate::domain::alert::{Message, alert_id};
use crate::report::{count, new_table, printable, shortened};
use crate::store::{Reader, Store};

pub(super) async fn alerts(
    session: Session,
    command: Option<AlertsCommand>,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    match command.unwrap_or(AlertsCommand::List { top: 20 }) {
        AlertsCommand::List { top } => list(&session, top),
        AlertsCommand::Test { channel } => test(&session, channel.as_deref()).await,
        AlertsCommand::Retry { id } => retry(&session, id, stop).await,
    }
}

fn list(session: &Session, top: usize) -> Result<Outcome, Failure> {
    let rows = Reader::open(session.database())?.alerts(top)?;
    if session.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({"alert_id": row.id, "found_at": row.found_at, "severity": row.severity, "title": row.title,
                       "channel": row.channel, "delivery": row.delivery, "attempts": row.attempts, "error": row.error})
            })
            .collect();
        out::print_json(&json!({ "alerts": rows }))?;
        return Ok(Outcome::Done);
    }
    if rows.is_empty() {
        out::print("No alert so far. `athena-ledger check` tells what each rule looks for.\n")?;
        return Ok(Outcome::Done);
    }
    let mut table = new_table(out::width());
    table.set_header(["found (UTC)", "severity", "what", "channel", "delivery", "id"]);
    for row in rows {
        let delivery = match &row.error {
            Some(error) => {
                format!("{} ({} tried): {}", row.delivery, row.attempts, shortened(&printable(error), 80))
            }
            None => row.delivery,
        };
        table.add_row([
            Cell::new(row.found_at.format("%Y-%m-%d %H:%M")),
            Cell::new(row.severity),
            Cell::new(shortened(&printable(&row.title), 120)),
            Cell::new(row.channel.as_deref().map(printable).unwrap_or_default()),
            Cell::new(delivery),
            Cell::new(row.id),
        ]);
    }
    out::print(&format!("{}\n", table.trim_fmt()))?;
    Ok(Outcome::Done)
}

/// A message that says what it is; a new one each time.
pub(super) fn test_message(clock: &Clock) -> Message {
    Message::Test { id: alert_id(&format!("test {}", clock.now()), 0) }
}

async fn test(session: &Session, only: Option<&str>) -> Result<Outcome, Failure> {
    let clock = Clock::system();
    let chosen =
        session.config.channels.iter().filter(|channel| only.is_none_or(|only| channel.name == only));
    let chosen: Vec<_> = chosen.collect();
    if chosen.is_empty() {
        let names: Vec<&str> = session.config.channels.iter().map(|channel| channel.name.as_str()).collect();
        let help = match names.as_slice() {
            [] => "add a [[channel]] to the config; config.example.toml shows both kinds".to_owned(),
            names => format!("channels are {}", names.join(", ")),
        };
        let what = only
            .map_or("no channel is configured".to_owned(), |name| format!("there is no channel `{name}`"));
        return Err(Failure::usage(anyhow::anyhow!(what), Some(help)));
    }
    let mut outcome = Outcome::Done;
    for config in chosen {
        let sent = match Channel::new(config) {
            Ok(channel) => channel.send(&test_message(&clock), clock.now().timestamp()).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => out::print(&format!("{}: delivered\n", printable(&config.name)))?,
            Err(error) => {
                out::error(&format!(
                    "{}: {}",
                    printable(&config.name),
                    chain(&error, error.help().as_deref())
                ));
                outcome = Outcome::Failed;
            }
        }
    }
    Ok(outcome)
}

async fn retry(session: &Session, id: Option<String>, stop: CancellationToken) -> Result<Outcome, Failure> {
    if !session.database().exists() {
        Reader::open(session.database())?;
    }
    let store = Store::open(Arc::clone(&session.config), stop)?;
    let named = id.is_some();
    let rows = store.retry(id, Clock::system().now()).await?;
    if rows == 0 && named {
        return Err(Failure::new(
            anyhow::anyhow!("no channel is owed an alert of this id"),
            Some("`athena-ledger alerts list` shows ids".to_owned()),
        ));
    }
    out::print(&format!(
        "{} owed again: the running service sends them within a minute, `run --once` at once\n",
        count(rows, "delivery").replace("deliverys", "deliveries")
    ))?;
    Ok(Outcome::Done)
}
