use proptest::prelude::*;

use super::*;
use crate::domain::alert::{Amount, Period, Subject};

fn part(label: &str) -> Part {
    Part {
        label: label.to_owned(),
        key: "k".to_owned(),
        executions: 3,
        failed: 1,
        unpriced: 0,
        scanned_bytes: 5 << 40,
        cost: 25_000_000_000,
    }
}

fn alert(principals: Vec<Part>, queries: Vec<Part>) -> Alert {
    Alert {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        rule: "busy <hour>".to_owned(),
        kind: "threshold".to_owned(),
        severity: Severity::Warning,
        subject: Subject::Everything,
        key: String::new(),
        name: String::new(),
        period: Period::hour(chrono::DateTime::UNIX_EPOCH),
        aspect: String::new(),
        level: 0,
        value: Amount::Scanned(6 << 40),
        limit: Amount::Scanned(5 << 40),
        usual: None,
        note: None,
        executions: 4,
        unpriced: 1,
        cost: 30_000_000_000,
        scanned_bytes: 6 << 40,
        share: None,
        top_principals: principals,
        top_queries: queries,
        coverage: "complete".to_owned(),
        link: Some("https://ledger.example/?since=a&until=b".to_owned()),
    }
}

#[test]
fn an_alert_says_how_much_who_what_and_how_sure() {
    let principals = vec![part("ann_keller@example.com"), part("<!channel> *bold*")];
    let message = Message::Alert(alert(principals, vec![part("SELECT `a` FROM t WHERE x < ? -- <@U123>")]));
    insta::assert_snapshot!(format!("{:#}", body(&message, "ops")), @r#"
    {
      "blocks": [
        {
          "block_id": "0123456789abcdef0123456789abcdef.ops",
          "text": {
            "emoji": true,
            "text": ":warning: All of Athena: 6.0 TiB in 1970-01-01 00:00 UTC (limit 5.0 TiB)",
            "type": "plain_text"
          },
          "type": "header"
        },
        {
          "text": {
            "text": "*Who*\n• *$25.00*  5.0 TiB, 3 executions, 1 failed  `ann_keller@example.com`\n• *$25.00*  5.0 TiB, 3 executions, 1 failed  `&lt;!channel&gt; *bold*`",
            "type": "mrkdwn",
            "verbatim": true
          },
          "type": "section"
        },
        {
          "text": {
            "text": "*What*\n• *$25.00*  5.0 TiB, 3 executions, 1 failed  `SELECT 'a' FROM t WHERE x &lt; ? -- &lt;@U123&gt;`",
            "type": "mrkdwn",
            "verbatim": true
          },
          "type": "section"
        },
        {
          "elements": [
            {
              "text": "1 execution not priced (running, denied, forgotten or no list price): the cost is higher\nCoverage: complete\nRule: busy &lt;hour&gt;\n<https://ledger.example/?since=a&amp;until=b|Look closer>",
              "type": "mrkdwn",
              "verbatim": true
            }
          ],
          "type": "context"
        }
      ],
      "text": "All of Athena: 6.0 TiB in 1970-01-01 00:00 UTC (limit 5.0 TiB)"
    }
    "#);
}

/// Every text of a body that Slack reads as markup.
fn markup(body: &Value) -> Vec<String> {
    let mut texts = vec![body["text"].as_str().unwrap_or_default().to_owned()];
    for block in body["blocks"].as_array().into_iter().flatten() {
        texts.extend(
            block["elements"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|e| e["text"].as_str())
                .map(str::to_owned),
        );
        if block["type"] == "section" {
            texts.extend(block["text"]["text"].as_str().map(str::to_owned));
        }
    }
    texts
}

/// Slack's documented limits, and nothing of others' that means something to Slack.
fn assert_fits(body: &Value) {
    let blocks = body["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 50);
    for block in blocks {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        let limit = if block["type"] == "header" { 150 } else { 3_000 };
        assert!(text.chars().count() <= limit, "{text}");
        assert!(block["block_id"].as_str().unwrap_or_default().chars().count() <= 255);
        for element in block["elements"].as_array().into_iter().flatten() {
            assert!(element["text"].as_str().unwrap_or_default().chars().count() <= 2_000);
        }
    }
    for text in markup(body) {
        // Our own link is the only thing in angle brackets.
        let foreign = text.replace("<https://ledger.example/?since=a&amp;until=b|Look closer>", "");
        assert!(!foreign.contains(['<', '>']), "{foreign}");
        let lone = foreign.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        assert!(!lone.contains('&'), "{lone}");
    }
}

#[test]
fn ten_thousand_principals_fit() {
    let principals: Vec<Part> =
        (0..10_000).map(|n| part(&format!("principal-{n}-{}", "x".repeat(200)))).collect();
    assert_fits(&body(&Message::Alert(alert(principals.clone(), principals)), "ops"));
}

proptest! {
    #[test]
    fn trap_25_nothing_others_wrote_is_markup_and_every_message_fits(
        names in prop::collection::vec("(<!channel>|<@U1>|<http://x[|]y>|&amp;|`{1,3}|\\PC){0,400}", 0..6),
        sql in prop::collection::vec("(SELECT|<!here>|`|\\*|_|~|\\PC){0,900}", 0..6),
        rule in "\\PC{0,300}",
        note in prop::option::of("\\PC{0,4000}"),
    ) {
        let mut alert = alert(names.iter().map(|name| part(name)).collect(), sql.iter().map(|text| part(text)).collect());
        alert.name = names.first().cloned().unwrap_or_default();
        alert.subject = Subject::Principal;
        alert.rule = rule;
        alert.note = note;
        let body = body(&Message::Alert(alert), "ops");
        assert_fits(&body);
        for text in markup(&body) {
            for line in text.lines().filter(|line| line.starts_with('•')) {
                prop_assert_eq!(line.matches('`').count(), 2, "code marks that somebody closed: {}", line);
            }
        }
    }
}
