//! A log file in chunks -> its records, one by one, without parsing them.
//!
//! Knows just enough JSON to find where an element of the records' array ends: depth, strings, escapes. Holds at
//! most one record, so a file of one line of a gigabyte is no different from any other.

/// What a chunk completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Record(&'a [u8]),
    /// A record over the limit; it was passed over without being held.
    TooLong,
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Sound,
    /// Before its array was closed.
    Early,
    /// It has no array of records.
    NoRecords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the outermost bracket.
    Start,
    /// In the outermost object, before its `Records`. Depth of the value being passed over.
    Object { depth: u32 },
    /// In a string of the outermost object; `key`: it may be the name of a member.
    ObjectString { depth: u32, escaped: bool },
    /// Between records.
    Array,
    /// In a record. Depth is 0 in one that is neither object nor array.
    Record { depth: u32, string: bool, escaped: bool },
    /// After the records: nothing more matters.
    Done,
    /// It cannot be a log file.
    Other,
}

#[derive(Debug)]
pub(super) struct Splitter {
    at: At,
    /// The part of a record that came with earlier chunks.
    held: Vec<u8>,
    too_long: bool,
    longest: usize,
    /// The last string at the top of the outermost object, and whether it was `Records` with its colon.
    name: Vec<u8>,
    records_next: bool,
}

const RECORDS: &[u8] = b"Records";

impl Splitter {
    pub(super) fn new(longest: usize) -> Self {
        Self {
            at: At::Start,
            held: Vec::new(),
            too_long: false,
            longest,
            name: Vec::new(),
            records_next: false,
        }
    }

    pub(super) fn end(&self) -> End {
        match self.at {
            At::Done => End::Sound,
            At::Array | At::Record { .. } => End::Early,
            At::Start | At::Object { .. } | At::ObjectString { .. } | At::Other => End::NoRecords,
        }
    }

    pub(super) fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(Piece<'_>)) {
        let mut next = 0;
        // Where the present record begins in this chunk.
        let mut begin = 0;
        while let Some(&byte) = chunk.get(next) {
            match self.at {
                At::Done | At::Other => return,
                At::Start | At::Object { .. } | At::ObjectString { .. } => {
                    self.outside(byte);
                    next += 1;
                }
                At::Array => {
                    begin = next;
                    self.at = match byte {
                        b']' => At::Done,
                        b',' | b' ' | b'\n' | b'\r' | b'\t' => At::Array,
                        b'{' | b'[' => At::Record { depth: 1, string: false, escaped: false },
                        b'"' => At::Record { depth: 0, string: true, escaped: false },
                        _ => At::Record { depth: 0, string: false, escaped: false },
                    };
                    next += 1;
                }
                At::Record { depth, string, escaped } => {
                    let (after, ended) = self.inside(chunk, next, depth, string, escaped);
                    next = after;
                    if ended {
                        self.complete(chunk.get(begin..next).unwrap_or_default(), &mut each);
                        self.at = At::Array;
                    }
                }
            }
        }
        if matches!(self.at, At::Record { .. }) {
            self.hold(chunk.get(begin..).unwrap_or_default());
        }
    }

    /// Moves through a record until it or the chunk ends: the next offset, and whether the record has ended.
    fn inside(
        &mut self,
        chunk: &[u8],
        from: usize,
        depth: u32,
        string: bool,
        escaped: bool,
    ) -> (usize, bool) {
        let (mut next, mut depth, mut string, mut escaped) = (from, depth, string, escaped);
        while let Some(&byte) = chunk.get(next) {
            if escaped {
                escaped = false;
                next += 1;
            } else if string {
                let Some(found) = memchr::memchr2(b'"', b'\\', chunk.get(next..).unwrap_or_default()) else {
                    next = chunk.len();
                    break;
                };
                next += found + 1;
                escaped = chunk.get(next - 1) == Some(&b'\\');
                string = escaped;
                if !string && depth == 0 {
                    return (next, true);
                }
            } else {
                match byte {
                    b'"' => string = true,
                    b'{' | b'[' => depth += 1,
                    // The end of a number or word is the comma or bracket after it, which is not its own.
                    b',' | b']' if depth == 0 => return (next, true),
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return (next + 1, true);
                        }
                    }
                    _ => {}
                }
                next += 1;
            }
        }
        self.at = At::Record { depth, string, escaped };
        (next, false)
    }

    fn complete(&mut self, tail: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if self.too_long || self.held.len() + tail.len() > self.longest {
            each(Piece::TooLong);
        } else if self.held.is_empty() {
            each(Piece::Record(tail));
        } else {
            self.held.extend_from_slice(tail);
            each(Piece::Record(&self.held));
        }
        self.held.clear();
        self.too_long = false;
    }

    fn hold(&mut self, part: &[u8]) {
        if self.too_long || self.held.len() + part.len() > self.longest {
            self.held = Vec::new();
            self.too_long = true;
        } else {
            self.held.extend_from_slice(part);
        }
    }

    /// One byte before the records.
    fn outside(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Start, b'[') => At::Array,
            (At::Start, b'{') => At::Object { depth: 0 },
            // White space and a byte order mark.
            (At::Start, b' ' | b'\n' | b'\r' | b'\t' | 0xef | 0xbb | 0xbf) => At::Start,
            (At::Object { depth: 0 }, b'[') if self.records_next => At::Array,
            (At::Object { depth }, b'"') => {
                self.name.clear();
                At::ObjectString { depth, escaped: false }
            }
            (At::Object { depth }, b'{' | b'[') => At::Object { depth: depth + 1 },
            (At::Object { depth: 0 }, b'}') => At::Other,
            (At::Object { depth }, b'}' | b']') => At::Object { depth: depth.saturating_sub(1) },
            (At::Object { depth: 0 }, b':') => {
                self.records_next = self.name == RECORDS;
                At::Object { depth: 0 }
            }
            (At::Object { depth: 0 }, b',') => {
                self.records_next = false;
                At::Object { depth: 0 }
            }
            (At::ObjectString { depth, escaped: true }, _) => At::ObjectString { depth, escaped: false },
            (At::ObjectString { depth, .. }, b'\\') => At::ObjectString { depth, escaped: true },
            (At::ObjectString { depth, .. }, b'"') => At::Object { depth },
            (At::ObjectString { .. }, byte) => {
                if self.name.len() <= RECORDS.len() {
                    self.name.push(byte);
                }
                self.at
            }
            (At::Object { .. }, _) => self.at,
            _ => At::Other,
        };
    }
}
