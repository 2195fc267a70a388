//! A query's text: its shape, its redaction, and what of it may be stored.
//!
//! Works on tokens, so every text that Athena accepts has a fingerprint; what cannot be tokenised fails closed.

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

/// `[privacy] query_text`: what of a query's SQL is kept. Applied before storing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryTextPolicy {
    /// The text as Athena returns it.
    #[default]
    Full,
    /// The text with its literals and comments out; what cannot be tokenised is redacted whole.
    Redacted,
    /// No text, only the fingerprint.
    None,
}

/// What runs of the same query share whatever their literals: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Stored in place of a text that cannot be tokenised.
const REDACTED_WHOLE: &str = "[redacted: could not be tokenised]";

/// What AWS writes in place of a text it does not show; never stored as SQL.
const MASKS: [&str; 3] = ["***OMITTED***", "HIDDEN_FOR_SECURITY_REASONS", "HIDDEN_DUE_TO_SECURITY_REASONS"];

pub fn is_mask(text: &str) -> bool {
    MASKS.contains(&text.trim())
}

/// The shape of a query: comments, white space, letter case of bare words and all literals out, lists of literals
/// of any length alike.
pub fn fingerprint(sql: &str) -> Fingerprint {
    let shape = tokens(sql).map_or_else(|| untokenised_shape(sql), |tokens| shape(&tokens));
    Fingerprint(hex(&Sha256::digest(shape.as_bytes())[..8]))
}

/// The text with `?` for every literal, without its comments.
pub fn redact(sql: &str) -> String {
    let Some(tokens) = tokens(sql) else { return REDACTED_WHOLE.to_owned() };
    let hive = is_hive_ddl(&tokens);
    let text: String = tokens
        .iter()
        .map(|token| match token {
            Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => {
                // The line's end may be part of it.
                if comment.ends_with('\n') { "\n".to_owned() } else { String::new() }
            }
            Token::Whitespace(Whitespace::MultiLineComment(_)) => " ".to_owned(),
            token if is_literal(token) || (hive && is_quoted(token)) => "?".to_owned(),
            token => token.to_string(),
        })
        .collect();
    text.trim().to_owned()
}

/// What of a text may be stored.
pub fn stored_text(policy: QueryTextPolicy, sql: &str) -> Option<String> {
    match policy {
        QueryTextPolicy::Full => Some(sql.to_owned()),
        QueryTextPolicy::Redacted => Some(redact(sql)),
        QueryTextPolicy::None => None,
    }
}

/// Athena's reason for a failure without what it quotes: only the error's own name is kept.
pub fn redacted_reason(reason: &str) -> String {
    let code = reason.split(':').next().unwrap_or("").trim();
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if is_code { format!("{code}: [redacted]") } else { "[redacted]".to_owned() }
}

/// What equal texts are found by: the first half of their SHA-256.
pub fn content_hash(text: &str) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    hash
}

fn tokens(sql: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()
}

/// DDL without a query in it is Hive's, where `"..."` is a string (Athena user guide, "DDL statements").
fn is_hive_ddl(tokens: &[Token]) -> bool {
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    });
    let first = words.next().unwrap_or_default();
    ["alter", "create", "drop", "msck", "show"].contains(&first.as_str())
        && !words.any(|word| ["select", "values", "with"].contains(&word.as_str()))
}

fn is_quoted(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.quote_style == Some('"'))
}

fn is_literal(token: &Token) -> bool {
    !matches!(token, Token::Word(_) | Token::Placeholder(_) | Token::Whitespace(_) | Token::EOF)
        && is_valued(token)
}

/// Everything the tokenizer reads as a value. Listed by what is *not* one, so that a new kind of literal is
/// redacted before anybody has heard of it.
fn is_valued(token: &Token) -> bool {
    // Operators and punctuation print as themselves, without letters, digits or quotes.
    token.to_string().chars().any(|c| c.is_alphanumeric() || c == '\'' || c == '"' || c == '$' || c == '_')
}

fn shape(tokens: &[Token]) -> String {
    let hive = is_hive_ddl(tokens);
    let mut parts: Vec<String> = Vec::new();
    for token in tokens {
        let part = match token {
            Token::Whitespace(_) | Token::EOF => continue,
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            token if is_literal(token) || (hive && is_quoted(token)) => "?".to_owned(),
            token => token.to_string(),
        };
        parts.push(part);
        collapse(&mut parts);
    }
    parts.join(" ")
}

/// A list of any length is the same shape: `?, ?` becomes `?`, and rows `(?), (?)` become `(?)`. A sign belongs to
/// its number.
fn collapse(parts: &mut Vec<String>) {
    let last: Vec<&str> = parts.iter().rev().take(7).rev().map(String::as_str).collect();
    if let [.., "(" | ",", "-", "?"] = last.as_slice() {
        parts.remove(parts.len() - 2);
        return collapse(parts);
    }
    let repeated = match last.as_slice() {
        [.., "?", ",", "?"] => 2,
        ["(", "?", ")", ",", "(", "?", ")"] => 4,
        _ => 0,
    };
    parts.truncate(parts.len() - repeated);
}

fn untokenised_shape(sql: &str) -> String {
    let digits_out: String = sql.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    digits_out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
