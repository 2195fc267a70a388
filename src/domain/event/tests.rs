use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::principal::PrincipalKind;

fn start() -> Value {
    json!({
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": "111122223333", "userName": "ann"},
        "eventTime": "2026-11-20T10:00:00Z",
        "eventSource": "athena.amazonaws.com",
        "eventName": "StartQueryExecution",
        "awsRegion": "eu-west-1",
        "eventID": "e-1",
        "recipientAccountId": "444455556666",
        "requestParameters": {"queryString": "***OMITTED***", "workGroup": "etl", "queryExecutionContext": {"database": "lake"}},
        "responseElements": {"queryExecutionId": "q-1"},
    })
}

fn read(record: &Value) -> Record {
    read_record(record.to_string().as_bytes(), None)
}

fn event(record: &Value) -> Event {
    match read(record) {
        Record::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn reason(record: &Value) -> String {
    match read(record) {
        Record::Unreadable(record) => record.reason,
        other => panic!("{other:?}"),
    }
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut record = start();
    change(&mut record);
    record
}

#[test]
fn a_start_says_who_ran_what_where() {
    let event = event(&start());
    assert_eq!(
        event.scope.to_string(),
        "444455556666/eu-west-1",
        "the recipient's account, not the caller's"
    );
    assert_eq!(event.executions, [ExecutionId::parse("q-1").expect("an id")]);
    assert_eq!((event.workgroup.as_deref(), event.database.as_deref()), (Some("etl"), Some("lake")));
    assert_eq!((event.principal.name.as_str(), event.principal.kind), ("ann", PrincipalKind::User));
    assert!(event.sets_runner());
}

#[test]
fn a_refused_start_has_no_execution_and_no_runner() {
    let event = event(&with(|record| {
        record["errorCode"] = json!("AccessDenied");
        record["responseElements"] = Value::Null;
    }));
    assert!(event.executions.is_empty() && !event.sets_runner());
}

#[test]
fn a_read_names_what_it_looked_at() {
    let get = event(&with(|record| {
        record["eventName"] = json!("GetQueryExecution");
        record["requestParameters"] = json!({"queryExecutionId": "q-2"});
        record["responseElements"] = Value::Null;
    }));
    assert_eq!(get.executions.len(), 1);
    let batch = event(&with(|record| {
        record["eventName"] = json!("BatchGetQueryExecution");
        record["requestParameters"] = json!({"queryExecutionIds": ["a", "b c", "a", 7, "d"]});
    }));
    let ids: Vec<_> = batch.executions.iter().map(ExecutionId::as_str).collect();
    assert_eq!(ids, ["a", "d"], "malformed ids and repetitions are left out");
}

#[test]
fn other_records_are_skipped() {
    assert_eq!(read(&with(|record| record["eventSource"] = json!("s3.amazonaws.com"))), Record::Skipped);
    assert_eq!(read(&with(|record| record["eventName"] = json!("StopQueryExecution"))), Record::Skipped);
}

#[test]
fn what_cannot_be_read_says_why_without_its_own_text() {
    let without = |member: &'static str| reason(&with(|record| record[member] = Value::Null));
    assert_eq!(without("eventID"), "no usable eventID");
    assert_eq!(without("eventTime"), "no usable eventTime");
    assert_eq!(without("awsRegion"), "no account or region");
    assert_eq!(without("responseElements"), "no usable queryExecutionId");
    assert_eq!(without("eventSource"), "no eventSource");
    let Record::Unreadable(broken) = read_record(b"{\"secret\": hidden", None) else { panic!("it was read") };
    assert!(!broken.reason.contains("hidden") && !broken.reason.contains("secret"), "{}", broken.reason);
    assert!(matches!(read_record(b"[1]", None), Record::Unreadable(_)));
}

#[test]
fn odd_members_never_cost_the_record() {
    let event = event(&with(|record| {
        record["eventTime"] = json!("2021-10-07 11:22:33");
        record["userAgent"] = json!(17);
        record["sourceIPAddress"] = json!({"not": "text"});
        record["userIdentity"] = json!("somebody");
        record["recipientAccountId"] = json!(444455556666_u64);
        record["requestParameters"] = json!([]);
    }));
    assert_eq!(event.at.to_rfc3339(), "2021-10-07T11:22:33+00:00");
    assert_eq!((event.principal.key.as_str(), event.workgroup), ("unknown", None));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_of_some_kind(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_record(&bytes, None);
    }

    #[test]
    fn any_member_may_be_anything(member in 0..10_usize, value in "\\PC{0,40}", number in any::<f64>()) {
        let names = ["userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "eventID",
                     "recipientAccountId", "requestParameters", "responseElements", "userAgent"];
        for odd in [json!(value), json!(number), json!([value]), json!({"type": value, "arn": value})] {
            read(&with(|record| record[names[member]] = odd));
        }
    }
}

#[test]
fn a_time_that_no_clock_shows_is_unreadable_and_no_panic() {
    for time in ["+262142-12-31 23:59:59", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"] {
        let record = format!(
            r#"{{"eventSource":"athena.amazonaws.com","eventName":"StartQueryExecution","eventTime":"{time}","eventID":"e",
                "awsRegion":"us-east-1","recipientAccountId":"111122223333"}}"#
        );
        let Record::Unreadable(unreadable) = read_record(record.as_bytes(), None) else {
            panic!("{time} was read")
        };
        assert_eq!(unreadable.reason, "no usable eventTime");
    }
}
