//! Rules, channels and the digest: the file's shape -> checked values.

use chrono::{NaiveTime, TimeDelta};

use super::raw::nearest;
use super::secret::Source;
use super::wrong::{Wrong, choice, duration};
use super::{AlertsConfig, ChannelConfig, ChannelKind, DigestConfig, raw};
use crate::domain::alert::{Measure, Severity, Span, Subject};
use crate::domain::price::{NanoUsd, Unit};
use crate::domain::sql::QueryTextPolicy;
use crate::rules::{Check, Filter, Rule, budget, failing, gap, spike, threshold};

const SUBJECTS: [(&str, Subject); 9] = [
    ("everything", Subject::Everything),
    ("principal", Subject::Principal),
    ("principal_kind", Subject::PrincipalKind),
    ("team", Subject::Team),
    ("workgroup", Subject::Workgroup),
    ("client", Subject::Client),
    ("database", Subject::Database),
    ("account", Subject::Account),
    ("execution", Subject::Execution),
];
const MEASURES: [(&str, Measure); 4] = [
    ("scanned", Measure::Scanned),
    ("cost", Measure::Cost),
    ("executions", Measure::Executions),
    ("failed", Measure::Failed),
];
const SPANS: [(&str, Span); 3] = [("hour", Span::Hour), ("day", Span::Day), ("month", Span::Month)];

/// The configured rules; without any `[[rule]]` the built-in ones, with `rule = []` none.
pub(super) fn rules(raw: Option<Vec<raw::Rule>>, unit: Unit, channels: &[&str]) -> Result<Vec<Rule>, Wrong> {
    let Some(raw) = raw else { return Ok(Rule::defaults(unit.terabyte())) };
    let mut rules: Vec<Rule> = Vec::new();
    for raw in raw {
        let rule = rule(raw, unit, channels)?;
        if rules.iter().any(|other| other.name == rule.name) {
            return Err(Wrong::new("rule.name", rule.name, "is the name of another [[rule]] too"));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(raw: raw::Rule, unit: Unit, channels: &[&str]) -> Result<Rule, Wrong> {
    let name = raw.name.clone().filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Wrong::new("rule.name", "", "a [[rule]] needs a name: alerts carry it"))?;
    known("rule.channels", &raw.channels, channels)?;
    let severities =
        [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];
    let severity = choice("rule.severity", raw.severity.clone(), Severity::default(), &severities)?;
    let kind = raw.kind.clone().unwrap_or_default();
    let check = match kind.as_str() {
        "threshold" => Check::Threshold(threshold(&raw, unit)?),
        "budget" => Check::Budget(budget(&raw, unit)?),
        "spike" => Check::Spike(spike(&raw, unit)?),
        "failing" => Check::Failing(failing(&raw, unit)?),
        "gap" => Check::Gap(gap(&raw)?),
        _ => {
            let kinds = ["threshold", "budget", "spike", "failing", "gap"];
            let help = match nearest(&kind, kinds.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", kinds.join(", ")),
            };
            return Err(Wrong::new("rule.kind", kind, "is no kind of rule").help(help));
        }
    };
    let filter = filter(raw.filter);
    if filter.needs_executions() && matches!(&check, Check::Spike(spike) if spike.span == Span::Hour) {
        return Err(Wrong::new("rule.filter", "", "a spike of hours cannot tell clients and databases")
            .help("use period = \"day\""));
    }
    let only_places =
        Filter { account: filter.account.clone(), region: filter.region.clone(), ..Filter::default() };
    if matches!(check, Check::Gap(_)) && filter != only_places {
        return Err(Wrong::new("rule.filter", "", "of a gap can be account and region only"));
    }
    Ok(Rule { name, check, filter, severity, channels: raw.channels })
}

/// A key that the rule's kind has no use for would be ignored in silence.
fn unused(raw: &raw::Rule, kind: &str, keys: &[(&'static str, bool)]) -> Result<(), Wrong> {
    match keys.iter().find(|(_, set)| *set) {
        Some((key, _)) => {
            let name = raw.name.clone().unwrap_or_default();
            Err(Wrong::new(key, name, format!("has no meaning for kind = \"{kind}\"")))
        }
        None => Ok(()),
    }
}

fn gap_keys(raw: &raw::Rule) -> [(&'static str, bool); 3] {
    [
        ("rule.complete", raw.complete.is_some()),
        ("rule.lag", raw.lag.is_some()),
        ("rule.unattributed", raw.unattributed.is_some()),
    ]
}

fn threshold(raw: &raw::Rule, unit: Unit) -> Result<threshold::Settings, Wrong> {
    unused(raw, "threshold", &[("rule.deviations", raw.deviations.is_some())])?;
    unused(raw, "threshold", &gap_keys(raw))?;
    let subject = choice("rule.subject", raw.subject.clone(), Subject::Everything, &SUBJECTS)?;
    let measure = choice("rule.measure", raw.measure.clone(), Measure::Scanned, &MEASURES)?;
    if subject == Subject::Execution && !matches!(measure, Measure::Scanned | Measure::Cost) {
        return Err(Wrong::new("rule.measure", measure.as_str(), "of one execution says nothing")
            .help("use \"scanned\" or \"cost\""));
    }
    let span = choice("rule.period", raw.period.clone(), Span::Hour, &SPANS)?;
    let limit = limit(raw, measure, unit)?;
    // A single execution lies in one hour.
    let span = if subject == Subject::Execution { Span::Hour } else { span };
    Ok(threshold::Settings { subject, measure, span, limit })
}

fn budget(raw: &raw::Rule, unit: Unit) -> Result<budget::Settings, Wrong> {
    unused(raw, "budget", &[("rule.deviations", raw.deviations.is_some())])?;
    unused(raw, "budget", &gap_keys(raw))?;
    if let Some(period) = raw.period.clone().filter(|period| period != "month") {
        return Err(Wrong::new("rule.period", period, "a budget is of a month"));
    }
    let subject = choice("rule.subject", raw.subject.clone(), Subject::Everything, &SUBJECTS[..8])?;
    let measure = choice("rule.measure", raw.measure.clone(), Measure::Cost, &MEASURES)?;
    Ok(budget::Settings { subject, measure, limit: limit(raw, measure, unit)? })
}

fn spike(raw: &raw::Rule, unit: Unit) -> Result<spike::Settings, Wrong> {
    unused(raw, "spike", &gap_keys(raw))?;
    let subject = choice("rule.subject", raw.subject.clone(), Subject::Everything, &SUBJECTS[..8])?;
    let measure = choice("rule.measure", raw.measure.clone(), Measure::Scanned, &MEASURES)?;
    let span = choice("rule.period", raw.period.clone(), Span::Hour, &SPANS[..2])?;
    if span == Span::Hour && matches!(subject, Subject::Client | Subject::Database) {
        return Err(Wrong::new("rule.subject", subject.as_str(), "a spike of hours cannot tell these")
            .help("use period = \"day\""));
    }
    let deviations = raw.deviations.unwrap_or(6.0);
    if !(deviations.is_finite() && deviations >= 1.0) {
        return Err(Wrong::new("rule.deviations", deviations.to_string(), "must be 1 or more"));
    }
    Ok(spike::Settings { subject, measure, span, floor: limit(raw, measure, unit)?, deviations })
}

fn failing(raw: &raw::Rule, unit: Unit) -> Result<failing::Settings, Wrong> {
    let others = [
        ("rule.subject", raw.subject.is_some()),
        ("rule.measure", raw.measure.is_some()),
        ("rule.deviations", raw.deviations.is_some()),
    ];
    unused(raw, "failing", &others)?;
    unused(raw, "failing", &gap_keys(raw))?;
    let span = choice("rule.period", raw.period.clone(), Span::Hour, &SPANS[..2])?;
    Ok(failing::Settings { span, limit: limit(raw, Measure::Failed, unit)? })
}

fn gap(raw: &raw::Rule) -> Result<gap::Settings, Wrong> {
    let others = [
        ("rule.subject", raw.subject.is_some()),
        ("rule.measure", raw.measure.is_some()),
        ("rule.period", raw.period.is_some()),
        ("rule.limit", raw.limit.is_some()),
        ("rule.deviations", raw.deviations.is_some()),
    ];
    unused(raw, "gap", &others)?;
    let default = gap::Settings::default();
    Ok(gap::Settings {
        complete: percent("rule.complete", raw.complete.as_deref(), default.complete)?,
        lag: duration("rule.lag", raw.lag.as_deref(), default.lag, TimeDelta::days(7))?,
        unattributed: percent("rule.unattributed", raw.unattributed.as_deref(), default.unattributed)?,
    })
}

/// Hundredths of a percent.
fn percent(key: &'static str, text: Option<&str>, default: u64) -> Result<u64, Wrong> {
    let Some(text) = text else { return Ok(default) };
    let parsed = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match parsed {
        Some(number) if (0.0..=100.0).contains(&number) => Ok((number * 100.0).round() as u64),
        _ => Err(Wrong::new(key, text, "is no percentage").help("such as \"90%\"")),
    }
}

fn limit(raw: &raw::Rule, measure: Measure, unit: Unit) -> Result<u64, Wrong> {
    let Some(text) = raw.limit.as_ref().map(ToString::to_string) else {
        let name = raw.name.clone().unwrap_or_default();
        return Err(Wrong::new("rule.name", name, "needs a limit"));
    };
    let text = text.trim();
    let (parsed, example) = match measure {
        Measure::Scanned => (parse_bytes(text, unit), "such as \"1 TB\" or \"500 GB\""),
        Measure::Cost => (
            NanoUsd::parse(text.strip_prefix('$').unwrap_or(text)).and_then(|usd| u64::try_from(usd.0).ok()),
            "such as \"$50\"",
        ),
        Measure::Executions | Measure::Failed => (text.parse().ok(), "such as 500"),
    };
    parsed.filter(|limit| *limit > 0).ok_or_else(|| {
        let what = format!("is no limit for measure = \"{}\"", measure.as_str());
        Wrong::new("rule.limit", text, what).help(example)
    })
}

/// `1 TB`, `1.5TB`, `500 GiB`: the units are those of `pricing.unit`, those with an i are binary always.
fn parse_bytes(text: &str, unit: Unit) -> Option<u64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let name = name.trim().to_ascii_uppercase();
    let binary = unit == Unit::Binary || name.contains('I');
    let step = match name.replace('I', "").as_str() {
        "MB" => 2,
        "GB" => 3,
        "TB" => 4,
        "PB" => 5,
        _ => return None,
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let bytes = number * base.powi(step);
    (bytes.is_finite() && bytes < 9e18).then_some(bytes as u64)
}

fn filter(raw: raw::Filter) -> Filter {
    Filter {
        principal: raw.principal,
        principal_kind: raw.principal_kind,
        team: raw.team,
        workgroup: raw.workgroup,
        client: raw.client,
        database: raw.database,
        account: raw.account,
        region: raw.region,
    }
}

fn known(key: &'static str, named: &[String], channels: &[&str]) -> Result<(), Wrong> {
    match named.iter().find(|name| !channels.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Wrong::new(key, name.clone(), "is no [[channel]] of this file").help(
            match nearest(name, channels.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if channels.is_empty() => "there is no [[channel]] yet: add one".to_owned(),
                None => format!("channels are {}", channels.join(", ")),
            },
        )),
    }
}

pub(super) fn channels(raw: Vec<raw::Channel>) -> Result<Vec<ChannelConfig>, Wrong> {
    let mut channels: Vec<ChannelConfig> = Vec::new();
    for raw in raw {
        let channel = channel(raw)?;
        if channels.iter().any(|other| other.name == channel.name) {
            return Err(Wrong::new("channel.name", channel.name, "is the name of another [[channel]] too"));
        }
        channels.push(channel);
    }
    Ok(channels)
}

fn channel(raw: raw::Channel) -> Result<ChannelConfig, Wrong> {
    let name = raw.name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Wrong::new("channel.name", "", "a [[channel]] needs a name"))?;
    // It is part of the idempotency key, which travels in a header.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(Wrong::new("channel.name", name, "is made of letters, digits, -, _ and ."));
    }
    let kinds = [("slack", Some(ChannelKind::Slack)), ("webhook", Some(ChannelKind::Webhook))];
    let kind = choice("channel.kind", raw.kind, None, &kinds)?.ok_or_else(|| {
        Wrong::new("channel.kind", name.clone(), "a [[channel]] is \"slack\" or \"webhook\"")
    })?;
    if let Some(url) = raw.url.clone().filter(|_| kind == ChannelKind::Slack) {
        // The value is a secret: it is not repeated.
        drop(url);
        return Err(Wrong::new("channel.url", "", "a Slack webhook's address is a secret")
            .help("use url_env = \"SLACK_WEBHOOK_URL\" or url_file = \"/run/secrets/slack\""));
    }
    let url = match (raw.url, raw.url_env, raw.url_file) {
        (Some(url), None, None) if url.starts_with("https://") || url.starts_with("http://") => {
            Source::Here(url)
        }
        // It may hold a secret: it is not repeated.
        (Some(_), None, None) => {
            return Err(Wrong::new("channel.url", "", "a webhook's address begins with https:// or http://"));
        }
        (None, Some(name), None) => Source::Env(name),
        (None, None, Some(path)) => Source::File(path.into()),
        _ => {
            return Err(Wrong::new("channel.name", name, "needs one address")
                .help("one of url (webhooks only), url_env and url_file"));
        }
    };
    let secret = match (raw.secret_env, raw.secret_file) {
        (None, None) => None,
        (Some(name), None) => Some(Source::Env(name)),
        (None, Some(path)) => Some(Source::File(path.into())),
        (Some(_), Some(_)) => {
            return Err(Wrong::new("channel.name", name, "has two secrets").help("secret_env or secret_file"));
        }
    };
    if kind == ChannelKind::Slack && (secret.is_some() || !raw.headers.is_empty()) {
        return Err(Wrong::new("channel.name", name, "Slack takes no secret and no headers of ours"));
    }
    let headers = raw.headers.into_iter().map(|(name, value)| {
        let source = match value {
            raw::Header::Here(value) => Source::Here(value),
            raw::Header::Env { env } => Source::Env(env),
            raw::Header::File { file } => Source::File(file.into()),
        };
        (name, source)
    });
    Ok(ChannelConfig { name, kind, url, secret, headers: headers.collect() })
}

pub(super) fn alerts(raw: raw::Alerts) -> Result<AlertsConfig, Wrong> {
    let known = [
        ("full", QueryTextPolicy::Full),
        ("redacted", QueryTextPolicy::Redacted),
        ("none", QueryTextPolicy::None),
    ];
    let page = raw.page.map(|page| page.trim_end_matches('/').to_owned());
    if let Some(page) =
        page.clone().filter(|page| !(page.starts_with("https://") || page.starts_with("http://")))
    {
        return Err(Wrong::new("alerts.page", page, "is no http or https address"));
    }
    Ok(AlertsConfig {
        query_text: choice("alerts.query_text", raw.query_text, QueryTextPolicy::Redacted, &known)?,
        page,
    })
}

pub(super) fn digest(raw: Option<raw::Digest>, channels: &[&str]) -> Result<Option<DigestConfig>, Wrong> {
    let Some(raw) = raw else { return Ok(None) };
    known("digest.channels", &raw.channels, channels)?;
    let text = raw.at.unwrap_or_else(|| "08:00".to_owned());
    let at = NaiveTime::parse_from_str(&text, "%H:%M").map_err(|_| {
        Wrong::new("digest.at", text, "is no time of day").help("such as \"08:00\", in `timezone`")
    })?;
    Ok(Some(DigestConfig { at, channels: raw.channels }))
}
