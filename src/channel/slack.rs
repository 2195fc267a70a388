//! A Slack incoming webhook, in Block Kit.
//!
//! Limits (Slack's Block Kit reference): 50 blocks a message, 150 characters of a header, 3,000 of a section's text,
//! 2,000 of a context element. Everything that others wrote is escaped: `&`, `<` and `>`, so that no mention, channel or
//! link can be made of it, and names and SQL stand in code marks that they cannot close.

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::idempotency_key;
use crate::domain::alert::{Alert, Digest, Message, Part, Severity};
use crate::report::alert::{cost, digest_facts, facts, note, title};
use crate::report::{bytes, count, printable, shortened, thousands};

const HEADER: usize = 150;
const SECTION: usize = 3_000;
const LABEL: usize = 160;
/// Before escaping, which makes up to five characters of one.
const NOTE: usize = 250;

pub(super) fn request(request: RequestBuilder, channel: &str, message: &Message) -> RequestBuilder {
    let body = body(message, channel);
    request.header(CONTENT_TYPE, "application/json").body(body.to_string())
}

/// The message as Slack takes it.
pub fn body(message: &Message, channel: &str) -> Value {
    let title = title(message);
    let mut blocks = vec![json!({
        "type": "header",
        // Slack takes up to 255 characters; ours is the same in every attempt.
        "block_id": shortened(&idempotency_key(message, channel), 255),
        "text": {"type": "plain_text", "text": shortened(&format!("{} {title}", mark(message)), HEADER), "emoji": true},
    })];
    match message {
        Message::Alert(alert) => alert_blocks(alert, &mut blocks),
        Message::Digest(digest) => digest_blocks(digest, &mut blocks),
        Message::Test { .. } => {}
    }
    // For notifications, and for readers that show no blocks.
    json!({"text": within(&escaped(&title), SECTION), "blocks": blocks})
}

fn mark(message: &Message) -> &'static str {
    match message {
        Message::Alert(alert) => match alert.severity {
            Severity::Info => ":information_source:",
            Severity::Warning => ":warning:",
            Severity::Critical => ":rotating_light:",
        },
        Message::Digest(_) => ":bar_chart:",
        Message::Test { .. } => ":wave:",
    }
}

fn alert_blocks(alert: &Alert, blocks: &mut Vec<Value>) {
    list("Who", &alert.top_principals, blocks);
    list("What", &alert.top_queries, blocks);
    let mut lines: Vec<String> = facts(alert).iter().map(|fact| escaped(fact)).collect();
    lines.push(format!("Rule: {}", escaped(&printable(&alert.rule))));
    lines.extend(link(alert.link.as_deref()));
    // Last: should it be too long, nothing of ours is cut off.
    lines.extend(note(alert, NOTE).map(|note| escaped(&note)));
    close(&lines, blocks);
}

fn digest_blocks(digest: &Digest, blocks: &mut Vec<Value>) {
    list("Who", &digest.principals, blocks);
    list("Users and services", &digest.kinds, blocks);
    list("What", &digest.queries, blocks);
    let facts = digest_facts(digest);
    let lines: Vec<String> =
        facts.iter().map(|fact| escaped(fact)).chain(link(digest.link.as_deref())).collect();
    close(&lines, blocks);
}

fn list(head: &str, parts: &[Part], blocks: &mut Vec<Value>) {
    if parts.is_empty() {
        return;
    }
    let lines = parts.iter().map(|part| {
        let label = shortened(&printable(&part.label), LABEL);
        let label = if label.is_empty() { "(not told)".to_owned() } else { label };
        // In code marks nothing is markup; a backtick would close them.
        let label = format!("`{}`", label.replace('`', "'"));
        let failed =
            if part.failed > 0 { format!(", {} failed", thousands(part.failed)) } else { String::new() };
        let scanned = bytes(part.scanned_bytes);
        let executions = count(part.executions, "execution");
        format!("• *{}*  {scanned}, {executions}{failed}  {}", escaped(&cost(part)), escaped(&label))
    });
    let text = std::iter::once(format!("*{head}*")).chain(lines).collect::<Vec<_>>().join("\n");
    blocks.push(section(&text));
}

/// Of our own making: the configured page and encoded names.
fn link(link: Option<&str>) -> Option<String> {
    link.map(|link| format!("<{}|Look closer>", escaped(&link.replace(['<', '>', '|'], ""))))
}

fn close(lines: &[String], blocks: &mut Vec<Value>) {
    let text = within(&lines.join("\n"), 1_900);
    blocks.push(json!({"type": "context", "elements": [mrkdwn(&text)]}));
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(&within(text, SECTION))})
}

/// `verbatim`: without it Slack makes links and mentions of names that look like them.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// Slack's control characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whole lines up to a number of characters, and at least the beginning of the first.
fn within(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.lines() {
        if kept.chars().count() + line.chars().count() + 2 > longest {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    if kept.is_empty() { shortened(text, longest) } else { kept + "…" }
}

#[cfg(test)]
mod tests;
