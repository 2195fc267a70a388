//! How fast trail files are read: megabytes of JSON text per second, on one core, 2% of the records Athena's.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has failed")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use athena_ledger::source::trail_files::TrailFiles;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;

const RECORDS: usize = 40_000;

/// A record of the size and nesting that fills real trails; one in fifty is a start of Athena.
fn record(n: usize) -> String {
    let (source, name, parameters, answer) = match n % 50 {
        0 => (
            "athena",
            "StartQueryExecution",
            r#"{"queryString":"***OMITTED***","workGroup":"primary","queryExecutionContext":{"database":"lake"}}"#.to_owned(),
            format!(r#"{{"queryExecutionId":"7d4c1b9e-0f6a-4a52-9d2e-{n:012}"}}"#),
        ),
        k if k % 2 == 0 => (
            "sts",
            "AssumeRole",
            format!(r#"{{"roleArn":"arn:aws:iam::111122223333:role/task-{k}","roleSessionName":"s-{n}"}}"#),
            r#"{"credentials":{"accessKeyId":"ASIAEXAMPLE","expiration":"Nov 20, 2026, 11:00:00 AM"}}"#.to_owned(),
        ),
        k => (
            "kms",
            "Decrypt",
            format!(r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::lake/day=2026-11-20/part-{k}-{n}.parquet"}}}}"#),
            "null".to_owned(),
        ),
    };
    let identity = format!(
        r#"{{"type":"AssumedRole","principalId":"AROAEXAMPLE:session-{n}","accountId":"111122223333",
"arn":"arn:aws:sts::111122223333:assumed-role/worker/session-{n}","accessKeyId":"ASIAEXAMPLE",
"sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"arn:aws:iam::111122223333:role/worker","userName":"worker"}},
"attributes":{{"creationDate":"2026-11-20T09:58:12Z","mfaAuthenticated":"false"}}}}}}"#
    );
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{},"eventTime":"2026-11-20T10:{:02}:{:02}Z",
"eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"10.0.{}.{}",
"userAgent":"Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.12.7",
"requestParameters":{parameters},"responseElements":{answer},"requestID":"c0ffee00-0000-4000-8000-{n:012}",
"eventID":"e1e2e3e4-0000-4000-8000-{n:012}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,
"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        identity.replace('\n', ""),
        n / 60 % 60,
        n % 60,
        n % 200,
        n % 250,
    )
    .replace('\n', "")
}

fn read(path: &Path) -> usize {
    let mut files = TrailFiles::open(&[PathBuf::from(path)]).expect("opened");
    let mut events = 0;
    while let Some(batch) = files.next_batch() {
        events += batch.expect("read").0.events.len();
    }
    events
}

fn trail_files(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let records: Vec<String> = (0..RECORDS).map(record).collect();
    let text = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let plain = folder.path().join("trail.json");
    std::fs::write(&plain, &text).expect("written");
    let packed = folder.path().join("trail.json.gz");
    let mut gz = GzEncoder::new(File::create(&packed).expect("made"), Compression::default());
    gz.write_all(text.as_bytes()).and_then(|()| gz.finish().map(drop)).expect("packed");
    let mut group = criterion.benchmark_group("trail files");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    for (name, path) in [("plain", &plain), ("gz", &packed)] {
        assert_eq!(read(path), RECORDS / 50);
        group.bench_function(name, |bencher| bencher.iter(|| read(path)));
    }
    group.finish();
}

criterion_group!(benches, trail_files);
criterion_main!(benches);
