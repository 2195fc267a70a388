use std::io::Write;

use proptest::prelude::*;

use super::split::{End, Piece, Splitter};
use super::*;

/// The records of a text fed in chunks of `size`, and how it ended.
fn split(text: &[u8], size: usize) -> (Vec<Vec<u8>>, End) {
    let mut splitter = Splitter::new(200);
    let mut records = Vec::new();
    for chunk in text.chunks(size) {
        splitter.feed(chunk, |piece| {
            records.push(match piece {
                Piece::Record(record) => record.to_vec(),
                Piece::TooLong => b"too long".to_vec(),
            });
        });
    }
    (records, splitter.end())
}

#[test]
fn records_are_found_whatever_surrounds_them() {
    let cases: [(&str, &[&str], End); 9] = [
        (r#"{"Records":[{"a":1},{"b":"]}"}]}"#, &[r#"{"a":1}"#, r#"{"b":"]}"}"#], End::Sound),
        (r#"[{"a":"\"{"} , {"b":[{}]}]"#, &[r#"{"a":"\"{"}"#, r#"{"b":[{}]}"#], End::Sound),
        (
            "\u{feff} \n{\"v\":{\"Records\":[0]},\"x\":\"Records\",\"Records\" : [ {} ] ,\"y\":1}",
            &["{}"],
            End::Sound,
        ),
        (r#"[1,"a,]",null,{"b":2}]"#, &["1", r#""a,]""#, "null", r#"{"b":2}"#], End::Sound),
        (r#"{"Records":[]}"#, &[], End::Sound),
        (r#"{"Records":[{"a":1},{"b""#, &[r#"{"a":1}"#], End::Early),
        (r#"{"digestStartTime":"x","logFiles":[{"a":1}]}"#, &[], End::NoRecords),
        ("not json", &[], End::NoRecords),
        ("", &[], End::NoRecords),
    ];
    for (text, records, end) in cases {
        for size in [1, 2, 3, 7, text.len().max(1)] {
            let (found, how) = split(text.as_bytes(), size);
            let found: Vec<_> =
                found.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
            assert_eq!(
                (found.as_slice(), how),
                (records.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>().as_slice(), end),
                "{text} by {size}"
            );
        }
    }
}

#[test]
fn a_record_over_the_limit_is_named_and_costs_no_other() {
    let text = format!(r#"[{{"a":1}},{{"long":"{}"}},{{"b":2}}]"#, "x".repeat(10_000));
    for size in [1, 64, 100_000] {
        let (records, end) = split(text.as_bytes(), size);
        assert_eq!(
            (records.len(), records[1].as_slice(), end),
            (3, b"too long".as_slice(), End::Sound),
            "{size}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_split_the_same_at_any_chunk_size(text in "[\\[\\]{},:\"\\\\ aR]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..80), size in 1..20_usize) {
        for text in [text.as_bytes(), &bytes] {
            prop_assert_eq!(split(text, size), split(text, text.len().max(1)));
        }
    }

    #[test]
    fn what_serde_reads_as_records_is_split_into_them(values in prop::collection::vec("[a-z\"\\\\{}\\[\\],]{0,12}", 0..6), size in 1..40_usize) {
        let records: Vec<_> = values.iter().map(|value| serde_json::json!({"v": value, "w": [value]})).collect();
        let text = serde_json::json!({"x": values, "Records": records}).to_string();
        let found: Vec<serde_json::Value> = split(text.as_bytes(), size).0.iter().map(|r| serde_json::from_slice(r).expect("a record")).collect();
        prop_assert_eq!(found, records);
    }
}

fn record(id: &str, source: &str) -> String {
    format!(
        r#"{{"eventSource":"{source}","eventName":"StartQueryExecution","eventID":"{id}","eventTime":"2026-11-20T10:00:00Z",
            "responseElements":{{"queryExecutionId":"q-{id}"}}}}"#
    )
}

const SOURCE: &str = "athena.amazonaws.com";

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn read_all(paths: &[PathBuf]) -> (Batch, Vec<FileError>) {
    let mut files = TrailFiles::open(paths).expect("opened");
    let (mut all, mut errors) = (Batch::default(), Vec::new());
    while let Some(result) = files.next_batch() {
        match result {
            Ok((batch, _)) => {
                all.read += batch.read;
                all.skipped += batch.skipped;
                all.events.extend(batch.events);
                all.unreadable.extend(batch.unreadable);
            }
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(all.read, all.skipped + (all.events.len() + all.unreadable.len()) as u64);
    (all, errors)
}

#[test]
fn a_bucket_is_read_in_order_without_digests_and_insights() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("AWSLogs/o-abc123/111122223333");
    let in_region = |name: &str| root.join("CloudTrail/eu-west-1/2026/11/20").join(name);
    write(&in_region("b.JSON"), &format!("[{}]", record("b", SOURCE)));
    write(
        &in_region("a.json"),
        &format!(r#"{{"Records":[{},{}]}}"#, record("a", SOURCE), record("x", "s3.amazonaws.com")),
    );
    write(&in_region("notes.txt"), "nothing");
    write(&root.join("CloudTrail-Digest/eu-west-1/d.json"), "broken");
    write(&root.join("CloudTrail-Insight/eu-west-1/i.json"), "broken");
    let (all, errors) = read_all(&[folder.path().to_owned()]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(all.skipped, 1);
    let ids: Vec<_> = all.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(all.events[0].scope.to_string(), "111122223333/eu-west-1", "the path names the scope");
}

#[test]
fn a_truncated_gz_keeps_what_came_before_and_stops_no_other_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "111122223333_CloudTrail_us-east-1_20261120T1000Z_x.json.gz";
    let records: Vec<_> = (0..2_000).map(|n| record(&format!("{n}-{}", n * 7919 % 10_007), SOURCE)).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes()).expect("written");
    let whole = gz.finish().expect("finished");
    std::fs::write(folder.path().join(name), &whole[..whole.len() / 2]).expect("written");
    std::fs::write(folder.path().join("z.json"), r#"{"no":"records"}"#).expect("written");
    let (all, errors) = read_all(&[folder.path().to_owned()]);
    assert!(all.events.len() > 500 && all.events.len() < 2_000, "{}", all.events.len());
    assert!(
        matches!(errors.as_slice(), [FileError::Truncated { .. }, FileError::NotATrail { .. }]),
        "{errors:?}"
    );
    assert_eq!(all.events[0].scope.to_string(), "111122223333/us-east-1", "the file's name names the scope");
}

#[test]
fn paths_that_are_not_there_are_named_before_anything_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(TrailFiles::open(&[folder.path().join("no")]), Err(FileError::Unreadable { .. })));
    assert!(matches!(TrailFiles::open(&[folder.path().to_owned()]), Err(FileError::Empty { .. })));
}

#[test]
fn a_damaged_gz_is_told_from_one_that_may_not_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let records: Vec<_> = (0..2_000).map(|n| record(&format!("{n}-{}", n * 7919 % 10_007), SOURCE)).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(format!("[{}]", records.join(",")).as_bytes()).expect("written");
    let mut bytes = gz.finish().expect("finished");
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    std::fs::write(folder.path().join("111122223333_CloudTrail_us-east-1_a.json.gz"), bytes)
        .expect("written");
    let (all, errors) = read_all(&[folder.path().to_owned()]);
    assert_eq!(all.events.len(), 2_000);
    let [error @ FileError::Damaged { .. }] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.help().is_some_and(|help| help.contains("copy the file again")));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_one_that_leads_nowhere_is_named_and_stops_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    write(
        &elsewhere.path().join("111122223333_CloudTrail_us-east-1_a.json"),
        &format!("[{}]", record("a", SOURCE)),
    );
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).expect("linked");
    };
    link(
        &elsewhere.path().join("111122223333_CloudTrail_us-east-1_a.json"),
        "111122223333_CloudTrail_us-east-1_z.json",
    );
    link(&elsewhere.path().join("gone.json"), "b.json");
    let (all, errors) = read_all(&[folder.path().to_owned()]);
    assert_eq!(all.events.len(), 1);
    let [FileError::Unreadable { path, .. }] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(path.ends_with("b.json"), "{path:?}");
}

#[test]
fn a_batch_of_unreadable_records_is_bounded_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = vec![format!("[{SOURCE:?}]"); 200_000];
    write(&folder.path().join("a.json"), &format!("[{}]", records.join(",")));
    let mut files = TrailFiles::open(&[folder.path().to_owned()]).expect("opened");
    let mut batches = 0;
    while let Some(batch) = files.next_batch() {
        let (batch, _) = batch.expect("a sound file");
        assert!(batch.unreadable.len() < 20_000, "{}", batch.unreadable.len());
        batches += 1;
    }
    assert!(batches > 10, "{batches}");
}
