//! `backup`: a consistent copy.

use std::path::Path;

use super::failure::{Failure, Outcome};
use super::{Session, out};
use crate::report::bytes;
use crate::store::Reader;

pub(super) fn backup(session: &Session, file: &Path) -> Result<Outcome, Failure> {
    Reader::open(session.database())?.backup(file)?;
    let size = std::fs::metadata(file)?.len();
    if session.json {
        out::print_json(&serde_json::json!({ "file": file, "bytes": size }))?;
    } else {
        out::print(&format!(
            "{} ({}) is a consistent copy of {}\n",
            file.display(),
            bytes(size),
            session.database().display()
        ))?;
    }
    Ok(Outcome::Done)
}
