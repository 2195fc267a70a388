//! Complaints about values, and the checks that many keys share.

use std::path::Path;

use chrono::TimeDelta;

use super::ConfigError;
use super::span::parse_span;

/// A value that will not do, and the key it stands at.
#[derive(Debug)]
pub(super) struct Wrong {
    key: &'static str,
    value: String,
    message: String,
    help: Option<String>,
}

impl Wrong {
    pub(super) fn new(key: &'static str, value: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key, value: value.into(), message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Finds the place in the file: the line that sets the key to this value.
    pub(super) fn in_file(self, text: &str, path: &Path) -> ConfigError {
        let name = self.key.rsplit('.').next().unwrap_or(self.key);
        let sets = |line: &&str| line.trim_start().starts_with(name) && line.contains(&self.value);
        let found = text.lines().position(|line| sets(&line));
        let column = found.and_then(|line| text.lines().nth(line)?.find(name)).unwrap_or(0) + 1;
        ConfigError::Wrong {
            path: path.to_owned(),
            line: found.map_or(1, |line| line + 1),
            column,
            message: format!("{} = \"{}\": {}", self.key, self.value, self.message),
            help: self.help,
        }
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    key: &'static str,
    value: Option<String>,
    default: T,
    known: &[(&str, T)],
) -> Result<T, Wrong> {
    let Some(value) = value else { return Ok(default) };
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, found)| *found);
    found.ok_or_else(|| {
        let words: Vec<String> = known.iter().map(|(word, _)| format!("`{word}`")).collect();
        Wrong::new(key, value, format!("must be {}", words.join(" or ")))
    })
}

/// A duration that is more than nothing and at most `longest`.
pub(super) fn duration(
    key: &'static str,
    text: Option<&str>,
    default: TimeDelta,
    longest: TimeDelta,
) -> Result<TimeDelta, Wrong> {
    let Some(text) = text else { return Ok(default) };
    let span = parse_span(text).ok_or_else(|| no_span(key, text))?;
    if span.is_zero() || span > longest {
        return Err(Wrong::new(
            key,
            text,
            format!("must be more than nothing and at most {} hours", longest.num_hours()),
        ));
    }
    Ok(span)
}

pub(super) fn no_span(key: &'static str, text: &str) -> Wrong {
    Wrong::new(key, text, "is no duration").help("such as \"90s\", \"30m\", \"1h30m\" or \"7d\"")
}
