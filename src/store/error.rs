//! What can go wrong with the database file, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no database at {}", path.display())]
    Missing { path: PathBuf },
    #[error("cannot {doing} {}", path.display())]
    File { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("{} is not an athena-ledger database", path.display())]
    NotADatabase { path: PathBuf },
    #[error("{} was written by a newer athena-ledger (schema {found}, this one knows up to {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} has schema {found} of an older athena-ledger (this one has {known})", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("another athena-ledger is writing {}", path.display())]
    Taken { path: PathBuf },
    #[error("{} stayed locked by another program", path.display())]
    Locked { path: PathBuf },
    #[error("the disk is full while writing {}", path.display())]
    Full { path: PathBuf },
    #[error("{} may not be written", path.display())]
    NotWritable { path: PathBuf },
    #[error("there is no group `{group}` on this machine")]
    NoGroup { group: String },
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("a write to {} was interrupted", path.display())]
    Interrupted { path: PathBuf, source: tokio::task::JoinError },
    #[error("SQLite failed on {}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

impl StoreError {
    /// Names the known failures of SQLite; the rest keeps its cause.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::NotWritable { path },
            _ => Self::Sqlite { path, source },
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "run `athena-ledger collect` first, or name the file with --db or [store] path".to_owned()
            }
            Self::File { .. } | Self::NotWritable { .. } => {
                "the file and its folder must exist and be writable by this user; [store] path says where".to_owned()
            }
            Self::NotADatabase { .. } => {
                "name another file with --db or [store] path; this one was left as it is".to_owned()
            }
            Self::Newer { .. } => "update athena-ledger; the file was left as it is".to_owned(),
            Self::Older { .. } => {
                "run `athena-ledger collect` once: it keeps a backup and brings the file up to date".to_owned()
            }
            Self::Taken { .. } => {
                "wait for it to end, or stop it: two collectors would spend the same AWS quota twice".to_owned()
            }
            Self::Locked { .. } => {
                "a reader holds a transaction open (a BI tool's cursor, a `sqlite3` shell): close it and run again; \
                 what was committed is kept"
                    .to_owned()
            }
            Self::Full { .. } => {
                "free some space and run again: everything committed so far is kept, and collection goes on there"
                    .to_owned()
            }
            Self::NoGroup { .. } => "create the group or change [store] group".to_owned(),
            Self::Exists { .. } => "choose a new name: a backup never overwrites".to_owned(),
            Self::Interrupted { .. } => return None,
            Self::Sqlite { .. } => {
                "if the disk is sound, `athena-ledger check` tells whether the file is; restore a backup if not"
                    .to_owned()
            }
        })
    }
}
