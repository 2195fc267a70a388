//! `demo`: the whole pipeline on the simulated AWS, in simulated time, into a real SQLite file.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::args::{By, DemoArgs, Format, ReportArgs};
use super::failure::{Failure, Outcome};
use super::{Session, connect, out, report, serve};
use crate::aws::Aws;
use crate::channel::{Channel, idempotency_key};
use crate::clock::Clock;
use crate::config::secret::Source;
use crate::config::{ChannelConfig, ChannelKind, Config};
use crate::domain::alert::Message;
use crate::domain::scope::Scope;
use crate::domain::usage::Dimension;
use crate::domain::window::Window;
use crate::report::alert::text;
use crate::report::{bytes, count, dollars};
use crate::simulator::receiver::Receiver;
use crate::simulator::scenario::{self, Truth};
use crate::simulator::{self, Faults, World};
use crate::stages::{self, ScopeReport};
use crate::store::{Reader, Store};
use crate::web::Page;

/// The simulated week ends here.
const END: &str = "2026-11-16T00:00:00Z";
/// Life goes on for so long, so that the page has a today: late events come up to a day late, and the last of them
/// is found by the daily second reading.
const AFTERWARDS: TimeDelta = TimeDelta::hours(40);
const WEEK: TimeDelta = TimeDelta::days(7);
const EVERY: Duration = Duration::from_secs(3600);
/// Part of all calls that fails, in every way the simulated AWS knows.
const FAULTS: f64 = 0.02;
const SEED: u64 = 7;
const SHOWN_ALERTS: usize = 1_000;

pub(super) async fn demo(
    session: Session,
    args: DemoArgs,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let path = session.database().to_owned();
    if path.exists() {
        return Err(Failure::usage(
            anyhow::anyhow!("{} exists already", path.display()),
            Some("the demo writes a new file: name one with --db, or remove this one".to_owned()),
        ));
    }
    let mut config = Config { scopes: Vec::new(), ..Config::clone(&session.config) };
    config.collect.first_span = TimeDelta::hours(1);
    let config = Arc::new(config);
    let end: DateTime<Utc> = END.parse().map_err(|error| Failure::new(anyhow::Error::new(error), None))?;
    let clock = Clock::starting_at(end - WEEK);
    let world = World::new(clock.clone());
    let truth = scenario::week(&world, end, SEED);
    scenario::afterwards(&world, end, end + AFTERWARDS, SEED);
    world.set_faults(Faults::mixed(FAULTS, SEED));
    // The runtime's time is simulated: this one is the machine's, for the reader.
    let began = std::time::Instant::now();
    out::note("a simulated week of a company's Athena, collected every simulated hour through throttling,");
    out::note("faults and late events, as `athena-ledger collect` would on a real account");
    let receiver = Receiver::start().await?;
    let config = Arc::new(Config { channels: vec![loopback(&receiver)], ..Config::clone(&config) });
    let total = live_through(&config, &clock, &world, end, stop.clone()).await?;
    deliver(&config, &clock, stop.clone()).await?;
    let session = Session { config, ..session };
    let reader = Reader::open(&path)?;
    let report_args = ReportArgs {
        since: None,
        until: None,
        by: By(Dimension::Principal),
        digest: false,
        format: Format::Table,
        scope: None,
        top: 20,
    };
    let week = Window { start: end - WEEK, end };
    let shown = report::usage(&session, &reader, week, &report_args, &clock)?;
    let matches =
        truth_says(&truth, &shown.total, &reader.usage(week, Dimension::Principal, None, chrono_tz::UTC)?);
    if session.json {
        let mut value = shown.json();
        value["demo"] = serde_json::json!({
            "equals_truth": matches.is_ok(),
            "events_read": total.events_read,
            "throttled": total.throttled,
            "elapsed_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        out::print_json(&value)?;
    } else {
        out::print("\n")?;
        out::print_report(&shown)?;
    }
    if !session.json {
        alerts(&reader, &receiver)?;
    }
    out::note(&format!(
        "\n{} read in {:.1} s ({} throttled and looped); the book is {}",
        count(total.events_read, "event"),
        began.elapsed().as_secs_f64(),
        count(total.throttled, "call"),
        path.display()
    ));
    if let Err(difference) = matches {
        return Err(Failure::new(
            anyhow::anyhow!("the book differs from the simulated company: {difference}"),
            None,
        ));
    }
    out::note(&format!(
        "checked against the simulated company's own books: {}, {} billed, {}, to the byte and the nano-dollar",
        count(truth.total.executions, "execution"),
        bytes(truth.total.billed_bytes),
        dollars(i64::try_from(truth.total.cost_nano_usd).unwrap_or(i64::MAX)),
    ));
    out::note(&format!(
        "look around: athena-ledger --db {0} report --by day --since {1} --until {2}; sqlite3 {0} .schema",
        path.display(),
        (end - WEEK).format("%F"),
        end.format("%F"),
    ));
    if !args.exit {
        let address = serve::listen_at(&session, args.listen)?;
        let page = Page::listen(Arc::clone(&session.config), clock, address).await?;
        out::note(&format!("\nlook at it: http://{}/ until Ctrl-C", page.address()));
        page.serve(stop).await?;
    }
    Ok(Outcome::Done)
}

/// A tick every simulated hour from the week's first to past its end.
async fn live_through(
    config: &Arc<Config>,
    clock: &Clock,
    world: &World,
    end: DateTime<Utc>,
    stop: CancellationToken,
) -> Result<ScopeReport, Failure> {
    let aws = Aws::new(connect::simulated(config, clock.clone(), world));
    let mut config = Config::clone(config);
    config.scopes = scenario::regions()
        .into_iter()
        .map(|region| connect::simulated_scope(Scope { account: simulator::account(), region }))
        .collect();
    let config = Arc::new(config);
    let (connections, unreachable) = stages::connect::connect(&config, &aws).await;
    let mut unreachable = unreachable;
    if let Some(scope) = unreachable.pop() {
        return Err(Failure::new(anyhow::Error::new(scope.error).context(scope.name), None));
    }
    let store = Arc::new(Store::open(Arc::clone(&config), stop.clone())?);
    let ctx =
        stages::connect::context(Arc::clone(&config), clock.clone(), store, connections, &[], stop).await?;
    let mut total = ScopeReport::default();
    while clock.now() < end + AFTERWARDS && !ctx.stop.is_cancelled() {
        let next = tokio::time::Instant::now() + EVERY;
        total.merge(stages::tick(&ctx, None).await?.total());
        stages::judge(&ctx).await?;
        tokio::time::sleep_until(next).await;
    }
    Ok(total)
}

/// The channel that the demo's alerts go to: a receiver in this process, over real HTTP.
fn loopback(receiver: &Receiver) -> ChannelConfig {
    ChannelConfig {
        name: "demo".to_owned(),
        kind: ChannelKind::Webhook,
        url: Source::Here(receiver.url().to_owned()),
        secret: None,
        headers: Vec::new(),
    }
}

/// Sends what the week's rules found, in the machine's own time: a socket does not wait for simulated time.
async fn deliver(config: &Arc<Config>, clock: &Clock, stop: CancellationToken) -> Result<(), Failure> {
    tokio::time::resume();
    let store = Store::open(Arc::clone(config), stop.clone())?;
    let channels = config.channels.iter().map(Channel::new).collect::<Result<Vec<_>, _>>();
    let channels = channels.map_err(|error| Failure::new(error, None))?;
    stages::deliver(&store, &channels, clock, &stop).await?;
    Ok(())
}

/// The alerts of the week, and that they arrived.
fn alerts(reader: &Reader, receiver: &Receiver) -> Result<(), Failure> {
    let messages = reader.messages(SHOWN_ALERTS)?;
    let arrived = receiver.received();
    let delivered = messages.iter().filter(|message| {
        let key = idempotency_key(message, "demo");
        arrived.iter().any(|received| received.header("webhook-id") == Some(&key))
    });
    out::print(&format!(
        "\nAlerts: {} found, {} delivered to a webhook on loopback; the largest of the bad afternoon:\n\n",
        messages.len(),
        delivered.count()
    ))?;
    let largest = messages.iter().max_by_key(|message| match message {
        Message::Alert(alert) => alert.scanned_bytes,
        Message::Digest(_) | Message::Test { .. } => 0,
    });
    match largest {
        Some(message) => out::print(&indented(&text(message)))?,
        None => out::print("none\n")?,
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// Compares the book with what the simulated company knows of itself.
fn truth_says(
    truth: &Truth,
    total: &crate::domain::usage::Measures,
    lines: &[crate::domain::usage::UsageLine],
) -> Result<(), String> {
    let same = |what: &str, book: i128, company: i128| {
        if book == company { Ok(()) } else { Err(format!("{what}: book {book}, company {company}")) }
    };
    same("executions", total.executions.into(), truth.total.executions.into())?;
    same("scanned bytes", total.scanned_bytes.into(), truth.total.scanned_bytes.into())?;
    same("billed bytes", total.billed_bytes.into(), truth.total.billed_bytes.into())?;
    same("nano-dollars", total.cost.into(), truth.total.cost_nano_usd.into())?;
    for line in lines {
        let key = line.key.as_deref().unwrap_or_default();
        let company = truth.by_principal.get(key).map_or(0, |sums| sums.cost_nano_usd);
        same(&format!("nano-dollars of {key}"), line.measures.cost.into(), company.into())?;
    }
    same("principals", lines.len() as i128, truth.by_principal.len() as i128)
}
