//! CloudTrail log files and folders of them: `.json` and `.json.gz`, `{"Records":[...]}` and plain arrays.
//!
//! Files are read in order of their paths, in bounded memory whatever their size. A file that cannot be read is
//! named and stops no other; what was read of it before is kept. Digests and insights are passed over.

mod split;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use memchr::memmem::Finder;

use crate::domain::event::{Batch, Record, Unreadable, read_record};
use crate::domain::scope::{AccountId, Region, Scope};
use split::{Piece, Splitter};

/// A batch ends after this many events, or this much text.
const EVENTS: usize = 1_000;
const BYTES: u64 = 32 << 20;
const CHUNK: usize = 256 << 10;
/// CloudTrail's own limit of an event is 256 KB (CloudTrail user guide, "limits").
const LONGEST_RECORD: usize = 1 << 20;
/// No record without this text is Athena's, and most records are not: they are not even parsed.
const ATHENA: &[u8] = b"athena.amazonaws.com";

/// A trail file, or a folder of them, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("there is no .json or .json.gz file in {}", path.display())]
    Empty { path: PathBuf },
    #[error("{} is damaged, after {bytes} bytes of text", path.display())]
    Damaged { path: PathBuf, bytes: u64, source: io::Error },
    #[error("{} ends in the middle, after {bytes} bytes of text", path.display())]
    Truncated { path: PathBuf, bytes: u64 },
    #[error("{} is no CloudTrail log file", path.display())]
    NotATrail { path: PathBuf },
}

impl FileError {
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } => "the path must exist and be readable by this user".to_owned(),
            Self::Empty { .. } => {
                "CloudTrail writes them to AWSLogs/<account>/CloudTrail/<region>/ of its bucket".to_owned()
            }
            Self::Damaged { .. } | Self::Truncated { .. } => {
                "copy the file again and repeat: the records before that are stored, and stored once only"
                    .to_owned()
            }
            Self::NotATrail { .. } => "expected {\"Records\": [...]} or a JSON array of records".to_owned(),
        })
    }
}

/// Files to read, and the one being read.
#[derive(Debug)]
pub struct TrailFiles {
    files: VecDeque<PathBuf>,
    current: Option<Current>,
    athena: Finder<'static>,
    chunk: Vec<u8>,
    /// To be told of before more is read.
    failed: VecDeque<FileError>,
    bytes: u64,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    scope: Option<Scope>,
    reader: Reader,
    splitter: Splitter,
    bytes: u64,
    size: u64,
}

#[derive(Debug)]
enum Reader {
    Plain(File),
    Gz(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(into),
            Self::Gz(decoder) => decoder.read(into),
        }
    }
}

impl TrailFiles {
    /// Lists what is to be read; reads nothing yet.
    pub fn open(paths: &[PathBuf]) -> Result<Self, FileError> {
        let (mut files, mut failed) = (VecDeque::new(), VecDeque::new());
        for path in paths {
            let metadata = std::fs::metadata(path)
                .map_err(|source| FileError::Unreadable { path: path.clone(), source })?;
            if !metadata.is_dir() {
                files.push_back(path.clone());
                continue;
            }
            let before = files.len();
            for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
                match entry {
                    Ok(entry) if entry.file_type().is_file() && is_trail(entry.path()) => {
                        files.push_back(entry.into_path());
                    }
                    Ok(_) => {}
                    Err(error) => failed.push_back(FileError::Unreadable {
                        path: error.path().unwrap_or(path).to_owned(),
                        source: error.into(),
                    }),
                }
            }
            if files.len() == before && failed.is_empty() {
                return Err(FileError::Empty { path: path.clone() });
            }
        }
        let bytes = files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|file| file.len()).sum();
        Ok(Self { files, current: None, athena: Finder::new(ATHENA), chunk: vec![0; CHUNK], failed, bytes })
    }

    /// Bytes of all files on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next events, with the bytes of files that were ended by it; `None` after the last. An error ends its
    /// file, not the reading.
    pub fn next_batch(&mut self) -> Option<Result<(Batch, u64), FileError>> {
        if let Some(failed) = self.failed.pop_front() {
            return Some(Err(failed));
        }
        let mut batch = Batch::default();
        let (mut scanned, mut ended) = (0, 0);
        while batch.events.len() + batch.unreadable.len() < EVENTS && scanned < BYTES {
            let Some(mut current) = self.current.take() else {
                let Some(path) = self.files.pop_front() else { break };
                match Current::open(path) {
                    Ok(current) => self.current = Some(current),
                    Err(error) => {
                        self.failed.push_back(error);
                        break;
                    }
                }
                continue;
            };
            match current.read_some(&mut self.chunk, &self.athena, &mut batch) {
                Ok(0) => ended += current.size,
                Ok(read) => {
                    scanned += read;
                    self.current = Some(current);
                }
                Err(error) => {
                    self.failed.push_back(error);
                    break;
                }
            }
        }
        if batch.read == 0 && scanned == 0 && ended == 0 {
            return self.failed.pop_front().map(Err);
        }
        Some(Ok((batch, ended)))
    }
}

impl Current {
    fn open(path: PathBuf) -> Result<Self, FileError> {
        let failed = |path: &Path, source| FileError::Unreadable { path: path.to_owned(), source };
        let file = File::open(&path).map_err(|source| failed(&path, source))?;
        let size = file.metadata().map_err(|source| failed(&path, source))?.len();
        let gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let reader = if gz {
            Reader::Gz(Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, file))))
        } else {
            Reader::Plain(file)
        };
        Ok(Self {
            scope: scope_of(&path),
            path,
            reader,
            splitter: Splitter::new(LONGEST_RECORD),
            bytes: 0,
            size,
        })
    }

    /// Reads one chunk; 0 at the end of a sound file.
    fn read_some(
        &mut self,
        chunk: &mut [u8],
        athena: &Finder<'_>,
        batch: &mut Batch,
    ) -> Result<u64, FileError> {
        let read = match self.reader.read(chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.truncated()),
            Err(source)
                if matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) =>
            {
                return Err(FileError::Damaged { path: self.path.clone(), bytes: self.bytes, source });
            }
            Err(source) => return Err(FileError::Unreadable { path: self.path.clone(), source }),
        };
        if read == 0 {
            return match self.splitter.end() {
                split::End::Sound => Ok(0),
                split::End::Early => Err(self.truncated()),
                split::End::NoRecords => Err(FileError::NotATrail { path: self.path.clone() }),
            };
        }
        self.bytes += read as u64;
        let scope = self.scope.as_ref();
        self.splitter.feed(chunk.get(..read).unwrap_or_default(), |piece| {
            batch.read += 1;
            match piece {
                Piece::Record(record) if athena.find(record).is_none() => batch.skipped += 1,
                Piece::Record(record) => match read_record(record, scope) {
                    Record::Event(event) => batch.events.push(*event),
                    Record::Skipped => batch.skipped += 1,
                    Record::Unreadable(record) => batch.unreadable.push(record),
                },
                Piece::TooLong => batch.unreadable.push(Unreadable {
                    scope: scope.cloned(),
                    event_id: None,
                    name: None,
                    at: None,
                    reason: "the record is over 1 MiB".to_owned(),
                }),
            }
        });
        Ok(read as u64)
    }

    fn truncated(&self) -> FileError {
        FileError::Truncated { path: self.path.clone(), bytes: self.bytes }
    }
}

/// `.json` and `.json.gz`, but for CloudTrail's digests and insights.
fn is_trail(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let other = |part: Component<'_>| {
        let part = part.as_os_str().to_string_lossy();
        part.contains("CloudTrail-Digest") || part.contains("CloudTrail-Insight")
    };
    (name.ends_with(".json") || name.ends_with(".json.gz")) && !path.components().any(other)
}

/// The scope a path names: `AWSLogs/[o-...]/{account}/CloudTrail/{region}/...`, or a file name that begins
/// `{account}_CloudTrail_{region}_` (CloudTrail user guide, "finding log files").
fn scope_of(path: &Path) -> Option<Scope> {
    let parts: Vec<_> =
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let scope = |account: &str, region: &str| {
        Some(Scope { account: AccountId::parse(account)?, region: Region::parse(region)? })
    };
    let name = parts.last()?;
    let mut of_name = name.split('_');
    let named = match (of_name.next(), of_name.next(), of_name.next()) {
        (Some(account), Some("CloudTrail"), Some(region)) => scope(account, region),
        _ => None,
    };
    named.or_else(|| {
        let at = parts.iter().rposition(|part| part == "CloudTrail")?;
        scope(parts.get(at.checked_sub(1)?)?, parts.get(at + 1)?)
    })
}
