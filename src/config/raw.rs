//! The shape of the config file. Unknown keys are errors, with the nearest known one.

use std::path::Path;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) timezone: Option<String>,
    pub(super) store: Store,
    pub(super) scope: Vec<Scope>,
    pub(super) collect: Collect,
    pub(super) price: Vec<Price>,
    pub(super) pricing: Pricing,
    pub(super) capacity: Vec<Capacity>,
    pub(super) principal: Vec<Principal>,
    pub(super) retention: Retention,
    pub(super) privacy: Privacy,
    pub(super) rule: Option<Vec<Rule>>,
    pub(super) channel: Vec<Channel>,
    pub(super) alerts: Alerts,
    pub(super) digest: Option<Digest>,
    pub(super) page: Page,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    pub(super) path: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) group: Option<String>,
    pub(super) journal: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Scope {
    pub(super) name: Option<String>,
    pub(super) regions: Vec<String>,
    pub(super) account: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) external_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Collect {
    pub(super) every: Option<String>,
    pub(super) late: Option<String>,
    pub(super) lookup_rate: Option<f64>,
    pub(super) batch_rate: Option<f64>,
    pub(super) read_names_budget: Option<String>,
    pub(super) first_span: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Price {
    pub(super) region: Option<String>,
    pub(super) usd_per_tb: Option<Decimal>,
    pub(super) from: Option<String>,
    pub(super) discount: Option<Decimal>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Pricing {
    pub(super) unit: Option<String>,
    pub(super) zero_scan: Option<String>,
    pub(super) reused: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Capacity {
    pub(super) workgroup: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Principal {
    pub(super) r#match: Option<String>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) team: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) read_events: Option<String>,
    pub(super) events: Option<String>,
    pub(super) executions: Option<String>,
    pub(super) query_text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Privacy {
    pub(super) query_text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) measure: Option<String>,
    pub(super) period: Option<String>,
    pub(super) limit: Option<Decimal>,
    pub(super) deviations: Option<f64>,
    pub(super) complete: Option<String>,
    pub(super) lag: Option<String>,
    pub(super) unattributed: Option<String>,
    pub(super) filter: Filter,
    pub(super) severity: Option<String>,
    pub(super) channels: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) principal: Option<String>,
    pub(super) principal_kind: Option<String>,
    pub(super) team: Option<String>,
    pub(super) workgroup: Option<String>,
    pub(super) client: Option<String>,
    pub(super) database: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) url: Option<String>,
    pub(super) url_env: Option<String>,
    pub(super) url_file: Option<String>,
    pub(super) secret_env: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) headers: std::collections::BTreeMap<String, Header>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Alerts {
    pub(super) query_text: Option<String>,
    pub(super) page: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Digest {
    pub(super) at: Option<String>,
    pub(super) channels: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    pub(super) listen: Option<String>,
    pub(super) hosts: Vec<String>,
    pub(super) token_env: Option<String>,
    pub(super) token_file: Option<String>,
}

/// A number as its decimal text: money never goes through a float's arithmetic.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Decimal {
    Text(String),
    Whole(i64),
    /// Printed as the shortest text that reads back the same, which is what was typed.
    Float(f64),
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text.trim()),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
        }
    }
}

/// A parser's complaint with its place, and for an unknown key the nearest one.
pub(super) fn explain(error: &toml::de::Error, text: &str, path: &Path) -> ConfigError {
    let (line, column) = position(text, error.span().map_or(0, |span| span.start));
    let said = error.message().trim().to_owned();
    let (message, help) = match unknown_key(&said) {
        Some((key, known)) => {
            let help = match nearest(&key, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            (format!("unknown key `{key}`"), Some(help))
        }
        None => (said.lines().collect::<Vec<_>>().join(" "), None),
    };
    ConfigError::Wrong { path: path.to_owned(), line, column, message, help }
}

/// What somebody who wrote `text` may have meant.
pub(super) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|name| (strsim::jaro_winkler(name, text), name));
    scored.filter(|(score, _)| *score > 0.75).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// The key and the known ones of "unknown field `x`, expected one of `a`, `b`".
fn unknown_key(said: &str) -> Option<(String, Vec<String>)> {
    let rest = said.strip_prefix("unknown field ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}

/// Line and column, from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

/// A header's value, or where it is read from.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a header is a text, { env = \"NAME\" } or { file = \"PATH\" }")]
pub(super) enum Header {
    Here(String),
    Env { env: String },
    File { file: String },
}
