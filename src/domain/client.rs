//! Which program asked: user agent and source address -> [`Client`].

/// The program behind a call, such as `Athena console` or `PyAthena`. Derived from caller-supplied text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(String);

impl Client {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
