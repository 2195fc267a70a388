//! Values that come from the environment or a file, and secrets, which are never printed.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::env::text_variable;

/// Where a value comes from. It is read when it is needed, so that a rotated secret is used from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the config file: nothing secret.
    Here(String),
    Env(String),
    File(PathBuf),
}

/// A value that could not be read. Names its place, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("${0} is not set")]
    NotSet(String),
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
}

impl Source {
    /// The value, without the line's end of a file.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Here(text) => text.clone(),
            Self::Env(name) => text_variable(name).ok_or_else(|| SecretError::NotSet(name.clone()))?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| SecretError::Unreadable { path: path.clone(), source })?,
        };
        Ok(SecretString::from(text.trim().to_owned()))
    }

    /// Where it comes from, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::Here(text) => text.clone(),
            Self::Env(name) => format!("${name}"),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The text behind a secret, at the place that sends it.
pub fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
}
