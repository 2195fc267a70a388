//! Who knows what an execution did: Athena.

pub mod athena;

use crate::aws::fault::CallError;
use crate::domain::scope::Scope;

/// Enrichment of a scope could not go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot ask Athena about the executions of {scope}")]
pub struct EngineError {
    pub(crate) scope: Scope,
    pub(crate) source: CallError,
}

impl EngineError {
    pub fn help(&self) -> Option<String> {
        self.source.help()
    }
}
