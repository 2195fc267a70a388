//! The SQLite file: the only place that knows SQL.
//!
//! One writer at a time (a lock file between processes, a mutex inside one); every write is one transaction, and
//! a caller that goes away still commits. Readers open the file read-only and never take the lock.

mod alerts;
mod answers;
mod backup;
mod coverage;
mod error;
mod events;
mod facts;
mod highlights;
mod laws;
mod lock;
mod marks;
mod names;
mod numbers;
mod open;
mod outbox;
pub mod page;
mod reading;
mod reprice;
mod retention;
mod rollup;
mod show;
mod sums;
mod usage;
mod walked;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

pub use alerts::{AlertRow, Found};
pub use answers::{Due, Enriched};
pub use coverage::CoverageLine;
pub use error::StoreError;
pub use events::{Applied, Origin};
pub use laws::{Counts, Law, Stock};
pub use outbox::{Owed, Sent};
pub use reading::Reader;
pub use retention::Purged;
pub use rollup::{Judged, RolledUp};
pub use show::{Execution, Sighting};

/// `PRAGMA user_version` of `schema.sql`; `open` migrates to it.
const VERSION: i64 = 3;

/// The row of a scope in this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub(super) i64);

/// The database, open for writing. There is one per file on a machine.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    config: Arc<Config>,
    connection: Arc<Mutex<Connection>>,
    stop: CancellationToken,
    _lock: lock::Lock,
}

impl Store {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction on a blocking thread. Dropping the returned future does not undo it.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let guard = Arc::clone(&self.connection).lock_owned().await;
        let (path, stop) = (self.path.clone(), self.stop.clone());
        let joined = tokio::task::spawn_blocking(move || open::in_transaction(&guard, &stop, work)).await;
        match joined {
            Ok(result) => result.map_err(|source| StoreError::sqlite(&path, source)),
            Err(join) => Err(StoreError::Interrupted { path, source: join }),
        }
    }
}

/// Unix seconds, as every time is stored.
fn epoch(at: DateTime<Utc>) -> i64 {
    at.timestamp()
}

/// The instant of stored Unix seconds. Values outside chrono's range cannot have been stored.
fn instant(epoch: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(epoch, 0).unwrap_or_default()
}

/// SQLite integers are signed; counts and bytes beyond 2^63 do not occur.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
