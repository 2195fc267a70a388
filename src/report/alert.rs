//! Alerts and digests in words: titles, plain texts, and each rule in a sentence.

use std::fmt::Write;

use super::{bytes, count, dollars, printable, shortened, thousands};
use crate::domain::alert::{Alert, Amount, Digest, Measure, Message, Part, Span, Subject};
use crate::domain::usage::Measures;
use crate::rules::{Check, Filter, Rule};

/// A number with its unit.
pub fn amount(amount: Amount) -> String {
    match amount {
        Amount::Scanned(value) => bytes(value),
        Amount::Cost(nano) => dollars(i64::try_from(nano).unwrap_or(i64::MAX)),
        Amount::Executions(value) => count(value, "execution"),
        Amount::Failed(value) => format!("{} failed", count(value, "execution")),
        Amount::Share(parts) => format!("{}.{:02}%", parts / 100, parts % 100),
        Amount::Time(seconds) => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// One line that says what happened.
pub fn title(message: &Message) -> String {
    match message {
        Message::Alert(alert) => alert_title(alert),
        Message::Digest(digest) => {
            format!(
                "Athena on {}: {} billed, {}",
                digest.period.name,
                cost(&digest.total),
                scanned(&digest.total)
            )
        }
        Message::Test { .. } => {
            "athena-ledger: a test message. Alerts of this ledger arrive here.".to_owned()
        }
    }
}

fn alert_title(alert: &Alert) -> String {
    let (value, limit) = (amount(alert.value), amount(alert.limit));
    let who = who(alert);
    let when = &alert.period.name;
    match (alert.kind.as_str(), alert.aspect.as_str()) {
        ("gap", "coverage") => format!("{who}: only {value} of the last day's due hours are complete"),
        ("gap", "lag") => format!("{who}: nothing has been read for {value}"),
        ("gap", _) => format!("{who}: {value} of the cost is nobody's"),
        ("budget", "forecast") => format!("{who}: {when} is heading for {value}, over the budget of {limit}"),
        ("budget", _) => format!("{who}: {value} in {when}, of a budget of {limit}"),
        ("spike", _) => {
            let usual = alert.usual.map_or_else(|| "nothing".to_owned(), amount);
            format!("{who}: {value} in {when}, usually {usual}")
        }
        ("failing", _) => format!("One query failed {} times in {when}", thousands(number(alert.value))),
        _ if alert.subject == Subject::Execution => format!("One execution: {value} (limit {limit})"),
        _ => format!("{who}: {value} in {when} (limit {limit})"),
    }
}

/// Whose number it is.
fn who(alert: &Alert) -> String {
    let name =
        if alert.name.is_empty() { "(not told)".to_owned() } else { shortened(&printable(&alert.name), 80) };
    match alert.subject {
        Subject::Everything => "All of Athena".to_owned(),
        Subject::Principal | Subject::Scope => name,
        Subject::PrincipalKind => format!("Principals of kind {name}"),
        Subject::Team => format!("Team {name}"),
        Subject::Workgroup => format!("Workgroup {name}"),
        Subject::Client => format!("Client {name}"),
        Subject::Database => format!("Database {name}"),
        Subject::Account => format!("Account {name}"),
        Subject::Execution => format!("Execution {name}"),
        Subject::Query => "A query".to_owned(),
    }
}

fn number(amount: Amount) -> u64 {
    match amount {
        Amount::Scanned(n)
        | Amount::Cost(n)
        | Amount::Executions(n)
        | Amount::Failed(n)
        | Amount::Share(n)
        | Amount::Time(n) => n,
    }
}

/// Cost of a part; what is not priced is never $0.
pub fn cost(part: &Part) -> String {
    super::cost(&Measures {
        executions: part.executions,
        unpriced: part.unpriced,
        cost: part.cost,
        ..Measures::default()
    })
}

fn scanned(part: &Part) -> String {
    format!("{} scanned by {}", bytes(part.scanned_bytes), count(part.executions, "execution"))
}

/// `ann: $12.00, 2.4 TiB scanned by 3 executions, 1 failed`.
pub fn part(part: &Part, longest: usize) -> String {
    let mut line = format!("{}, {}", cost(part), scanned(part));
    if part.failed > 0 {
        let _ = write!(line, ", {} failed", thousands(part.failed));
    }
    let label = if part.label.is_empty() { "(not told)" } else { &part.label };
    format!("{line}: {}", shortened(&printable(label), longest))
}

/// The facts below the title, one per line, shortest first.
pub fn facts(alert: &Alert) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(share) = alert.share {
        facts.push(format!("{}.{}% of everything then", share / 100, share / 10 % 10));
    }
    if alert.unpriced > 0 {
        let unpriced = count(alert.unpriced, "execution");
        facts.push(format!(
            "{unpriced} not priced (running, denied, forgotten or no list price): the cost is higher"
        ));
    }
    if alert.kind != "gap" {
        facts.push(format!("Coverage: {}", alert.coverage));
    }
    facts
}

/// What a finding has to say beside its numbers, such as Athena's reason: other people's text.
pub fn note(alert: &Alert, longest: usize) -> Option<String> {
    alert.note.as_deref().map(|note| shortened(&printable(note), longest))
}

/// A whole message for a terminal or a log.
pub fn text(message: &Message) -> String {
    let mut text = title(message);
    let mut list = |head: &str, parts: &[Part]| {
        if !parts.is_empty() {
            let _ = write!(text, "\n\n{head}");
            for one in parts {
                let _ = write!(text, "\n  {}", part(one, 100));
            }
        }
    };
    match message {
        Message::Test { .. } => {}
        Message::Alert(alert) => {
            list("Who", &alert.top_principals);
            list("What", &alert.top_queries);
            let lines: Vec<String> = note(alert, 600).into_iter().chain(facts(alert)).collect();
            let _ = write!(text, "\n\n{}", lines.join("\n"));
            let _ = write!(text, "\nRule: {} ({})", printable(&alert.rule), alert.severity.as_str());
            if let Some(link) = &alert.link {
                let _ = write!(text, "\n{link}");
            }
        }
        Message::Digest(digest) => {
            list("Who", &digest.principals);
            list("Users and services", &digest.kinds);
            list("What", &digest.queries);
            let _ = write!(text, "\n\n{}", digest_facts(digest).join("\n"));
            if let Some(link) = &digest.link {
                let _ = write!(text, "\n{link}");
            }
        }
    }
    text.push('\n');
    text
}

/// The facts below a digest's title.
pub fn digest_facts(digest: &Digest) -> Vec<String> {
    let mut facts = vec![format!("{} {}", compared(digest), failures(&digest.total))];
    if digest.unattributed.executions > 0 {
        let nobodys = count(digest.unattributed.executions, "execution");
        facts.push(format!("Nobody's: {nobodys}, {}", cost(&digest.unattributed)));
    }
    facts.push(format!("Coverage: {}", digest.coverage));
    facts
}

fn compared(digest: &Digest) -> String {
    let (now, before) = (digest.total.cost, digest.week_before.cost);
    if before <= 0 {
        return "A week before: nothing known.".to_owned();
    }
    let change = (now as f64 / before as f64 - 1.0) * 100.0;
    format!("A week before: {} ({change:+.0}%).", cost(&digest.week_before))
}

fn failures(total: &Part) -> String {
    match total.failed {
        0 => "None failed.".to_owned(),
        failed => format!("{} failed.", count(failed, "execution")),
    }
}

/// A rule in a sentence, as `check` tells it.
pub fn explain(rule: &Rule) -> String {
    let of = |subject: Subject| match subject {
        Subject::Everything => "all of Athena".to_owned(),
        other => format!("each {}", other.as_str().replace('_', " ")),
    };
    let what = |measure: Measure| match measure {
        Measure::Scanned => "scans",
        Measure::Cost => "costs",
        Measure::Executions => "runs",
        Measure::Failed => "fails",
    };
    let per = |span: Span| match span {
        Span::Hour => "an hour (UTC)",
        Span::Day => "a day",
        Span::Month => "a month",
    };
    let says = match &rule.check {
        Check::Threshold(s) if s.subject == Subject::Execution => {
            format!(
                "when one execution {} {} or more",
                what(s.measure),
                amount(Amount::of(s.measure, s.limit))
            )
        }
        Check::Threshold(s) => {
            let limit = amount(Amount::of(s.measure, s.limit));
            format!("when {} {} {limit} or more in {}", of(s.subject), what(s.measure), per(s.span))
        }
        Check::Budget(s) => {
            let limit = amount(Amount::of(s.measure, s.limit));
            format!(
                "at 50%, 80% and 100% of {limit} a month for {}, and when the forecast is above",
                of(s.subject)
            )
        }
        Check::Spike(s) => {
            let floor = amount(Amount::of(s.measure, s.floor));
            format!(
                "when {} {} far more in {} than usual at that time ({} deviations, twice the median, {floor} at least)",
                of(s.subject),
                what(s.measure),
                per(s.span),
                s.deviations
            )
        }
        Check::Failing(s) => {
            format!("when one query's shape fails {} times or more in {}", s.limit, per(s.span))
        }
        Check::Gap(s) => format!(
            "when less than {} of due hours are complete, nothing was read for {}, or more than {} of the cost is nobody's",
            amount(Amount::Share(s.complete)),
            amount(Amount::Time(s.lag.num_seconds().max(0).unsigned_abs())),
            amount(Amount::Share(s.unattributed)),
        ),
    };
    let only = if rule.filter == Filter::default() { "" } else { ", of what its filter admits" };
    format!("tells {says}{only} ({})", rule.severity.as_str())
}
