//! Opening the file: permissions, journal, migrations; and the transaction every write runs in.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::lock::Lock;
use super::{Store, StoreError, VERSION, backup, names, reprice};
use crate::config::{Config, Journal, StoreConfig};

const SCHEMA: &str = include_str!("../../schema.sql");

/// What leads from version 1 to 2, from 2 to 3 and so on.
const MIGRATIONS: &[&str] = &[include_str!("migrations/2.sql"), include_str!("migrations/3.sql")];

/// `PRAGMA application_id`: "Athl", so that `file` and we know our own.
const APPLICATION_ID: i64 = 0x4174_686c;

/// A writer waits for others this often, a second each.
const BUSY_STEPS: u32 = 30;

impl Store {
    /// Opens or creates the file for writing, migrates it (after a backup copy), and applies what the
    /// configuration changed since: names of principals and prices. A changed time zone is the next rollup's.
    pub fn open(config: Arc<Config>, stop: CancellationToken) -> Result<Self, StoreError> {
        let path = config.store.path.clone();
        let lock = Lock::take(&path)?;
        create(&config.store)?;
        let connection = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|source| StoreError::sqlite(&path, source))?;
        patiently(&stop, || prepare(&connection, &config.store))
            .map_err(|source| StoreError::sqlite(&path, source))?;
        migrate(&connection, &path)?;
        in_transaction(&connection, &stop, |tx| {
            names::apply_mappings(tx, &config.principals)?;
            reprice::apply_pricing(tx, &config.pricing)
        })
        .map_err(|source| StoreError::sqlite(&path, source))?;
        while !stop.is_cancelled()
            && in_transaction(&connection, &stop, |tx| reprice::reprice_some(tx, &config.pricing))
                .map_err(|source| StoreError::sqlite(&path, source))?
        {}
        Ok(Self { path, config, connection: Arc::new(Mutex::new(connection)), stop, _lock: lock })
    }
}

impl Store {
    /// `open` beside the runtime's thread: a migration or new prices may take minutes, and signals are heard meanwhile.
    pub async fn open_aside(config: Arc<Config>, stop: CancellationToken) -> Result<Self, StoreError> {
        let path = config.store.path.clone();
        match tokio::task::spawn_blocking(move || Self::open(config, stop)).await {
            Ok(opened) => opened,
            Err(source) => Err(StoreError::Interrupted { path, source }),
        }
    }
}

/// The file exists with its mode and group before SQLite writes a byte: it holds SQL text.
fn create(config: &StoreConfig) -> Result<(), StoreError> {
    let path = &config.path;
    let failed = |doing| move |source| StoreError::File { path: path.clone(), doing, source };
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(config.mode)
        .open(path)
        .map_err(failed("open"))?;
    let mode = fs::metadata(path).map_err(failed("read the permissions of"))?.permissions().mode() & 0o7777;
    if mode != config.mode {
        fs::set_permissions(path, Permissions::from_mode(config.mode)).map_err(failed("set the mode of"))?;
    }
    if let Some(group) = &config.group {
        let known = nix::unistd::Group::from_name(group).ok().flatten();
        let gid = known.ok_or_else(|| StoreError::NoGroup { group: group.clone() })?.gid.as_raw();
        // A hardened service may not, and need not where the folder's group is the right one.
        if fs::metadata(path).map_err(failed("read the group of"))?.gid() != gid {
            std::os::unix::fs::chown(path, None, Some(gid)).map_err(failed("set the group of"))?;
        }
    }
    Ok(())
}

fn prepare(connection: &Connection, config: &StoreConfig) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Only effective before the first table exists.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let journal = match config.journal {
        Journal::Truncate => "TRUNCATE",
        Journal::Wal => "WAL",
    };
    connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A spilling cache would take the exclusive lock in the middle of a transaction and lock readers out.
    connection.pragma_update(None, "cache_spill", "OFF")?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    // What retention removes must not be found in the file's free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "foreign_keys", "OFF")
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let sqlite = |source| StoreError::sqlite(path, source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sqlite);
    let version = pragma("user_version")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    if version == 0 && tables == 0 {
        let create = format!(
            "BEGIN IMMEDIATE; {SCHEMA}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
        );
        return connection.execute_batch(&create).map_err(sqlite);
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err(StoreError::NotADatabase { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    if version < VERSION {
        let mut copy = path.as_os_str().to_owned();
        copy.push(format!(".schema-{version}.backup"));
        backup::copy(connection, Path::new(&copy))?;
        let copy = Path::new(&copy).display();
        tracing::warn!("{} is brought to schema {VERSION}; it is kept as it was at {copy}", path.display());
    }
    let done = usize::try_from(version - 1).unwrap_or(0);
    for (step, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let next = step + 2;
        let script = format!("BEGIN IMMEDIATE; {migration}; PRAGMA user_version = {next}; COMMIT;");
        connection.execute_batch(&script).map_err(sqlite)?;
    }
    Ok(())
}

/// `BEGIN IMMEDIATE`, the work, `COMMIT`; all or nothing. Waits for readers in steps that look at `stop`.
pub(super) fn in_transaction<T>(
    connection: &Connection,
    stop: &CancellationToken,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    patiently(stop, || connection.execute_batch("BEGIN IMMEDIATE"))?;
    let result = work(connection)
        .and_then(|done| patiently(stop, || connection.execute_batch("COMMIT")).map(|()| done));
    if result.is_err() && !connection.is_autocommit() {
        // The first error is the one to tell; a failed rollback is redone by SQLite at the next open.
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}

/// Tries again for half a minute while others hold the file; each try waits a second.
fn patiently(stop: &CancellationToken, step: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match step() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && tries < BUSY_STEPS
                    && !stop.is_cancelled() =>
            {
                tries += 1;
            }
            result => return result,
        }
    }
}
