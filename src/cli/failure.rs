//! How a command ends: an exit code of the contract, and for a failure what, why and what to do.

use std::fmt::Write;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::report::printable_lines;
use crate::store::StoreError;

/// How a command that worked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// What could be done failed in part or whole; the command has said so.
    Failed,
    /// A due hour of the asked span is not complete; the output says what is missing.
    Incomplete,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Failed => Self::from(1),
            Outcome::Incomplete => Self::from(3),
        }
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    error: anyhow::Error,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// The command line or the config is wrong.
    pub(super) fn usage(error: impl Into<anyhow::Error>, help: Option<String>) -> Self {
        Self { error: error.into(), help, code: 2 }
    }

    pub(super) fn new(error: impl Into<anyhow::Error>, help: Option<String>) -> Self {
        Self { error: error.into(), help, code: 1 }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// The error, its causes, and the cure.
    pub(super) fn text(&self) -> String {
        chain(self.error.as_ref(), self.help.as_deref())
    }
}

/// An error with its causes, each once, and what to do about it. Causes may quote whoever answered, and file names.
pub(super) fn chain(error: &dyn std::error::Error, help: Option<&str>) -> String {
    let mut last = error.to_string();
    let mut text = printable_lines(&last);
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Wrappers of the SDK repeat their cause word for word.
        if !last.contains(&said) {
            let _ = write!(text, "\n  because: {}", printable_lines(&said));
        }
        last = said;
        source = cause.source();
    }
    if let Some(help) = help {
        let _ = write!(text, "\n  help: {}", printable_lines(help).replace('\n', "\n        "));
    }
    text
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let help = error.help();
        Self::new(error, help)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let help = error.help();
        Self::usage(error, help)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error, None)
    }
}
