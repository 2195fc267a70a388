//! A query's text: fingerprint, redaction, and what of it may be stored.

/// `[privacy] query_text`: what of a query's SQL is kept. Applied before storing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryTextPolicy {
    /// The text as Athena returns it.
    #[default]
    Full,
    /// The text with its literals replaced; what cannot be tokenised is redacted whole.
    Redacted,
    /// No text, only the fingerprint.
    None,
}
