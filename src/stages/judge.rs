//! Stage 4: facts -> alerts, and what is owed to channels for them.

use chrono::{DateTime, TimeDelta, Utc};

use super::Ctx;
use crate::config::{Config, DigestConfig};
use crate::domain::alert::{Alert, Amount, Digest, Finding, Message, Part, Period, Span, Subject, alert_id};
use crate::domain::day::local_day;
use crate::domain::usage::{Dimension, UsageLine};
use crate::domain::window::Window;
use crate::report::alert::title;
use crate::rules::{self, Facts, Filter, Rule};
use crate::store::{Found, Reader, Store, StoreError};

/// Those who made up a value that a message names.
const TOP: usize = 5;

/// Alerts stored in one transaction.
const AT_A_TIME: usize = 50;
/// A digest waits this long for a book that is behind.
const PATIENCE: TimeDelta = TimeDelta::hours(2);

/// Looks at what was built since the last time. Returns how many alerts are new.
pub async fn judge(ctx: &Ctx) -> Result<u64, StoreError> {
    let now = ctx.clock.now();
    ctx.store.judging_since(now).await?;
    let (facts, hours) = ctx.store.facts(ctx.watched.clone(), now).await?;
    let findings = ctx.store.unknown(rules::evaluate(&ctx.config.rules, &facts, now)).await?;
    let (mut found, mut new) = (Vec::new(), 0);
    for finding in findings {
        // The evidence is read on this thread: signals are heard in between, and what was found by then is kept.
        tokio::task::yield_now().await;
        if ctx.stop.is_cancelled() {
            return Ok(new + ctx.store.found(found, Vec::new(), now).await?);
        }
        let Some(rule) = ctx.config.rules.iter().find(|rule| rule.name == finding.rule) else { continue };
        found.push(alert(ctx, &facts, rule, finding, now)?);
        if found.len() == AT_A_TIME {
            new += ctx.store.found(std::mem::take(&mut found), Vec::new(), now).await?;
        }
    }
    Ok(new + ctx.store.found(found, hours, now).await?)
}

fn alert(
    ctx: &Ctx,
    facts: &Facts,
    rule: &Rule,
    finding: Finding,
    now: DateTime<Utc>,
) -> Result<Found, StoreError> {
    let reader = ctx.store.reader()?;
    let config = &ctx.config;
    let (mut top_principals, total) = rules::contributors(facts, rule, &finding);
    top_principals.truncate(TOP);
    // A month's queries are in no rollup.
    let top_queries = if finding.period.span == Span::Month || finding.subject == Subject::Scope {
        Vec::new()
    } else {
        reader.top_queries(&finding, &rule.filter, config.alerts.query_text, TOP)?
    };
    let value = match finding.value {
        Amount::Scanned(n) | Amount::Cost(n) | Amount::Executions(n) | Amount::Failed(n) => Some(n),
        Amount::Share(_) | Amount::Time(_) => None,
    };
    let whole = finding.subject == Subject::Everything && rule.filter == Filter::default();
    let share = value.zip(total).filter(|_| !whole && finding.aspect.is_empty());
    let share =
        share.and_then(|(part, total)| u64::try_from(u128::from(part) * 10_000 / u128::from(total)).ok());
    let series = finding.series();
    let message = Message::Alert(Alert {
        id: alert_id(&series, finding.level),
        rule: finding.rule.clone(),
        kind: finding.kind.to_owned(),
        severity: finding.severity,
        subject: finding.subject,
        key: finding.key.clone(),
        name: finding.name.clone(),
        period: finding.period.clone(),
        aspect: finding.aspect.to_owned(),
        level: finding.level,
        value: finding.value,
        limit: finding.limit,
        usual: finding.usual,
        note: finding.note.clone(),
        executions: finding.measures.executions,
        unpriced: finding.measures.unpriced,
        cost: finding.measures.cost,
        scanned_bytes: finding.measures.scanned_bytes,
        share,
        top_principals,
        top_queries,
        coverage: reader.completeness(&finding.period, config, now)?,
        link: config.alerts.page.as_deref().map(|page| link(page, &finding.period)),
    });
    Ok(Found {
        series,
        level: finding.level,
        rule: finding.rule,
        severity: finding.severity.as_str(),
        subject: finding.subject.as_str(),
        name: finding.name,
        period: finding.period,
        title: title(&message),
        message,
        channels: config.channels_of(&rule.channels),
    })
}

/// The page's view of a period.
fn link(page: &str, period: &Period) -> String {
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    format!("{page}/?since={}&until={}", text(period.start), text(period.end))
}

/// Makes the newest digest whose time has come, if it was not made. Returns how many are new: 0 or 1.
pub async fn digest(store: &Store, config: &Config, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let Some(wanted) = &config.digest else { return Ok(0) };
    let period = digest_day(wanted, config, now);
    let reader = store.reader()?;
    store.judging_since(now).await?;
    if !digest_is_missing(&reader, config, now)? {
        return Ok(0);
    }
    let series = digest_series(&period);
    let message = Message::Digest(summed_up(&reader, config, period.clone(), now)?);
    let found = Found {
        series,
        level: 0,
        rule: "digest".to_owned(),
        severity: "info",
        subject: "everything",
        name: String::new(),
        title: title(&message),
        period,
        message,
        channels: config.channels_of(&wanted.channels),
    };
    store.found(vec![found], Vec::new(), now).await
}

/// Whether the digest's time has come, the book reaches to the end of its day, and it was not made.
pub fn digest_is_missing(reader: &Reader, config: &Config, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let Some(wanted) = &config.digest else { return Ok(false) };
    let period = digest_day(wanted, config, now);
    let begun = reader.judging_since()?.is_some_and(|since| period.end > since);
    if !begun || reader.is_told(&digest_series(&period))? {
        return Ok(false);
    }
    let whole = reader.rolled_up_at()?.is_some_and(|at| at >= period.end + config.collect.late);
    // A book that stays behind is told of as it is: the digest says how complete it is.
    let is_late = digest_day(wanted, config, now - PATIENCE) == period;
    Ok(whole || is_late)
}

/// The day of the newest digest whose time has come, by the clock on the wall, whatever the hours of the day are:
/// yesterday, or before that time of day the day before.
fn digest_day(wanted: &DigestConfig, config: &Config, now: DateTime<Utc>) -> Period {
    let is_time = now.with_timezone(&config.timezone).time() >= wanted.at;
    let back = if is_time { 1 } else { 2 };
    Period::day(local_day(now, config.timezone) - TimeDelta::days(back), config.timezone)
}

fn digest_series(period: &Period) -> String {
    serde_json::json!(["digest", period.name]).to_string()
}

/// The digest of a day.
pub fn summed_up(
    reader: &Reader,
    config: &Config,
    period: Period,
    now: DateTime<Utc>,
) -> Result<Digest, StoreError> {
    let zone = config.timezone;
    let usage = |window: Window, by| reader.usage(window, by, None, zone);
    let whole = Window { start: period.start, end: period.end };
    let before = Period::day(local_day(period.start, zone) - TimeDelta::weeks(1), zone);
    let lines = usage(whole, Dimension::Principal)?;
    let parts = |lines: &[UsageLine]| lines.iter().take(TOP).map(part).collect::<Vec<_>>();
    let queries = usage(whole, Dimension::Query)?;
    let policy = config.alerts.query_text;
    let told = |line: &UsageLine| Part {
        label: crate::domain::sql::stored_text(policy, &line.label)
            .unwrap_or_else(|| "(text not kept)".to_owned()),
        ..part(line)
    };
    let unattributed = lines.iter().filter(|line| line.key.as_deref() == Some("unattributed"));
    Ok(Digest {
        id: alert_id(&digest_series(&period), 0),
        total: sum("total", &lines),
        week_before: sum(
            "a week before",
            &usage(Window { start: before.start, end: before.end }, Dimension::Principal)?,
        ),
        principals: parts(&lines),
        kinds: parts(&usage(whole, Dimension::Kind)?),
        queries: queries.iter().take(TOP).map(told).collect(),
        unattributed: sum("unattributed", unattributed),
        coverage: reader.completeness(&period, config, now)?,
        link: config.alerts.page.as_deref().map(|page| link(page, &period)),
        period,
    })
}

fn part(line: &UsageLine) -> Part {
    rules::part(&line.label, line.key.as_deref().unwrap_or_default(), &line.measures)
}

fn sum<'a>(label: &str, lines: impl IntoIterator<Item = &'a UsageLine>) -> Part {
    let mut total = crate::domain::usage::Measures::default();
    lines.into_iter().for_each(|line| total.add(&line.measures));
    rules::part(label, "", &total)
}
