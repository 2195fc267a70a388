//! A consistent copy of the database while others write it.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use super::{Reader, StoreError};

impl Reader {
    /// Writes a consistent copy to `to`, which must not exist; it appears whole or not at all.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::Exists { path: to.to_owned() });
        }
        copy(&self.connection, to)
    }
}

/// `VACUUM INTO` a temporary name beside `to`, with the mode of the original, fsync, then rename.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let failed = |doing| move |source| StoreError::File { path: to.to_owned(), doing, source };
    let result = (|| {
        // An empty file made by us first: VACUUM INTO accepts it and keeps its permissions.
        let file = File::create(partial).map_err(failed("create"))?;
        if let Some(original) = connection.path().filter(|path| !path.is_empty()) {
            let permissions =
                fs::metadata(original).map_err(failed("read the permissions for"))?.permissions();
            fs::set_permissions(partial, permissions).map_err(failed("set the permissions of"))?;
        }
        let name = partial.to_string_lossy();
        connection.execute("VACUUM INTO ?1", [&name]).map_err(|source| StoreError::sqlite(to, source))?;
        file.sync_all().map_err(failed("flush"))?;
        fs::rename(partial, to).map_err(failed("rename to"))?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush the folder of"))
    })();
    if result.is_err() {
        // Best effort: the error above matters more than a leftover `.partial` file.
        let _ = fs::remove_file(partial);
    }
    result
}
