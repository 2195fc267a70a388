//! The environment, read here and nowhere else (the AWS SDK reads its own).

use std::path::{Path, PathBuf};

use super::ConfigError;

const VARIABLE: &str = "ATHENA_LEDGER_CONFIG";
const FILE: &str = "athena-ledger.toml";

/// The config file: `named`, else `$ATHENA_LEDGER_CONFIG`, else `./athena-ledger.toml` if it is there; `None` is the
/// built-in defaults. A file that is named must exist.
pub fn locate(named: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    let named = named.map(Path::to_owned).or_else(|| variable(VARIABLE));
    match named {
        Some(path) => match std::fs::metadata(&path) {
            Ok(_) => Ok(Some(path)),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        },
        None => Ok(Some(PathBuf::from(FILE)).filter(|path| path.exists())),
    }
}

/// `AWS_CA_BUNDLE`: PEM certificates to trust beside the system's.
pub fn ca_bundle() -> Option<PathBuf> {
    variable("AWS_CA_BUNDLE")
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A secret's variable.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn text_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
