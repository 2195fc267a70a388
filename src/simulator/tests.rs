//! The real SDK clients drive the simulated AWS, in process and under paused time.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cloudtrail::error::ProvideErrorMetadata;
use aws_sdk_cloudtrail::operation::lookup_events::builders::LookupEventsFluentBuilder;
use aws_sdk_cloudtrail::primitives::DateTime as SdkTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::*;
use crate::clock::Clock;

mod faults;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_176_000, 0).expect("a valid time")
}

fn world() -> World {
    World::new(Clock::starting_at(noon()))
}

fn config_for(world: &World, key: &str, region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(world.http_client())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(
            aws_credential_types::Credentials::new(key, SECRET_ACCESS_KEY, None, None, "test"),
        ))
        .app_name(aws_config::AppName::new("athena-ledger").expect("a valid name"))
        .retry_config(RetryConfig::disabled())
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .timeout_config(TimeoutConfig::builder().read_timeout(Duration::from_secs(20)).build())
        .build()
}

fn cloudtrail(world: &World) -> aws_sdk_cloudtrail::Client {
    aws_sdk_cloudtrail::Client::new(&config_for(world, ACCESS_KEY_ID, REGION))
}

fn athena(world: &World) -> aws_sdk_athena::Client {
    aws_sdk_athena::Client::new(&config_for(world, ACCESS_KEY_ID, REGION))
}

fn by(key: LookupAttributeKey, value: &str) -> LookupAttribute {
    LookupAttribute::builder().attribute_key(key).attribute_value(value).build().expect("both are set")
}

fn starts(world: &World) -> LookupEventsFluentBuilder {
    cloudtrail(world)
        .lookup_events()
        .lookup_attributes(by(LookupAttributeKey::EventName, "StartQueryExecution"))
}

fn sdk(at: DateTime<Utc>) -> SdkTime {
    SdkTime::from_secs(at.timestamp())
}

fn start_minutely(world: &World, count: i64) -> Vec<String> {
    (0..count).map(|i| world.start(StartSpec::at(noon() - TimeDelta::minutes(i + 1)))).collect()
}

fn code_of<T, E: ProvideErrorMetadata, R>(answer: Result<T, aws_sdk_sts::error::SdkError<E, R>>) -> String {
    let error = answer.err().expect("the call is refused").into_service_error_or_panic();
    error.code().unwrap_or_default().to_owned()
}

/// Only what the service itself said; a broken connection is no such thing.
trait ServiceError<E> {
    fn into_service_error_or_panic(self) -> E;
}

impl<E, R> ServiceError<E> for aws_sdk_sts::error::SdkError<E, R> {
    fn into_service_error_or_panic(self) -> E {
        match self {
            Self::ServiceError(context) => context.into_err(),
            _ => panic!("no answer of the service"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_gives_every_event_once_and_newest_first() {
    let world = world();
    let ids = start_minutely(&world, 120);
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let page = starts(&world).set_next_token(token).send().await.expect("within the quota");
        seen.extend(page.events().iter().map(|event| {
            let record: Value =
                serde_json::from_str(event.cloud_trail_event().expect("a record")).expect("JSON");
            assert_eq!(event.read_only(), Some("false"));
            assert_eq!(record["requestParameters"]["queryString"], "***OMITTED***");
            record["responseElements"]["queryExecutionId"].as_str().expect("an id").to_owned()
        }));
        token = page.next_token;
        if token.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(seen, ids);
    assert_eq!(world.calls().of(Api::LookupEvents), Count { answered: 3, ..Count::default() });
}

#[tokio::test(start_paused = true)]
async fn both_bounds_are_inclusive_whole_seconds() {
    let world = world();
    world.set_quotas(false);
    let at = noon() - TimeDelta::hours(1);
    world.start(StartSpec::at(at + TimeDelta::milliseconds(900)));
    let found = async |start, end| {
        starts(&world).start_time(sdk(start)).end_time(sdk(end)).send().await.expect("valid").events().len()
    };
    let second = TimeDelta::seconds(1);
    assert_eq!(found(at, at).await, 1);
    assert_eq!(found(at - second, at).await, 1);
    assert_eq!(found(at + second, noon()).await, 0);
    assert_eq!(found(at - second, at - second).await, 0);
}

#[tokio::test(start_paused = true)]
async fn late_events_appear_late_and_never_inside_a_walk_under_way() {
    let world = world();
    world.set_quotas(false);
    start_minutely(&world, 60);
    let late =
        StartSpec { shown_after: Some(TimeDelta::hours(2)), ..StartSpec::at(noon() - TimeDelta::hours(1)) };
    world.start(late);
    let end = sdk(noon());
    let first = starts(&world).end_time(end).send().await.expect("valid");
    tokio::time::sleep(Duration::from_millis(3_599_500)).await;
    let token = first.next_token.expect("there are two pages");
    let second = starts(&world).end_time(end).next_token(token).send().await.expect("the token still lives");
    assert_eq!(second.events().len(), 10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = starts(&world).end_time(end).send().await.expect("valid");
    let token = again.next_token.expect("there are two pages");
    let second = starts(&world).end_time(end).next_token(token).send().await.expect("valid");
    assert_eq!(second.events().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_token_belongs_to_the_request_that_began_it() {
    let world = world();
    world.set_quotas(false);
    start_minutely(&world, 60);
    let first = starts(&world).end_time(sdk(noon())).send().await.expect("valid");
    let token = first.next_token.expect("there are two pages");
    let other = starts(&world).end_time(sdk(noon() + TimeDelta::seconds(1))).next_token(&token).send().await;
    assert_eq!(code_of(other), "InvalidNextTokenException");
    let other = starts(&world).end_time(sdk(noon())).max_results(49).next_token(&token).send().await;
    assert_eq!(code_of(other), "InvalidNextTokenException");
    let other = starts(&world).end_time(sdk(noon())).next_token("made up").send().await;
    assert_eq!(code_of(other), "InvalidNextTokenException");
    for _ in 0..2 {
        let again =
            starts(&world).end_time(sdk(noon())).next_token(&token).send().await.expect("a retry is fine");
        assert_eq!((again.events().len(), again.next_token()), (10, None));
    }
}

#[tokio::test(start_paused = true)]
async fn lookups_are_refused_as_aws_declares() {
    let world = world();
    world.set_quotas(false);
    let two = starts(&world).lookup_attributes(by(LookupAttributeKey::ReadOnly, "true")).send().await;
    assert_eq!(code_of(two), "InvalidLookupAttributesException");
    assert_eq!(code_of(starts(&world).max_results(51).send().await), "InvalidMaxResultsException");
    let backwards = starts(&world).start_time(sdk(noon())).end_time(sdk(noon() - TimeDelta::hours(1)));
    assert_eq!(code_of(backwards.send().await), "InvalidTimeRangeException");
    world.set_faults(Faults { denied: vec!["cloudtrail:LookupEvents".to_owned()], ..Faults::default() });
    let denied = starts(&world).send().await.expect_err("denied").into_service_error_or_panic();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    insta::assert_snapshot!(denied.message().expect("a message"), @"User: arn:aws:sts::111122223333:assumed-role/athena-ledger/collector is not authorized to perform: cloudtrail:LookupEvents on resource: * because no identity-based policy allows the cloudtrail:LookupEvents action");
}

#[tokio::test(start_paused = true)]
async fn attributes_select_events() {
    let world = world();
    world.set_quotas(false);
    let ann = Arc::new(Actor::user("ann"));
    let id = world.start(StartSpec { by: Arc::clone(&ann), ..StartSpec::at(noon()) });
    world.read(&home(), noon(), Actor::role("superset", "botocore-session-1"), &id);
    let found = async |key, value: &str| {
        let lookup = cloudtrail(&world).lookup_events().lookup_attributes(by(key, value));
        lookup.send().await.expect("valid").events().len()
    };
    assert_eq!(found(LookupAttributeKey::Username, "ann").await, 1);
    assert_eq!(found(LookupAttributeKey::Username, "botocore-session-1").await, 1);
    assert_eq!(found(LookupAttributeKey::AccessKeyId, &ann.access_key).await, 1);
    assert_eq!(found(LookupAttributeKey::ReadOnly, "true").await, 1);
    assert_eq!(found(LookupAttributeKey::EventSource, "athena.amazonaws.com").await, 2);
    assert_eq!(found(LookupAttributeKey::ResourceName, "primary").await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_third_lookup_in_a_second_is_throttled_with_http_400() {
    let world = world();
    starts(&world).send().await.expect("first token");
    starts(&world).send().await.expect("second token");
    let error = starts(&world).send().await.expect_err("no token left");
    assert_eq!(error.raw_response().expect("an answer").status().as_u16(), 400);
    assert_eq!(error.into_service_error_or_panic().code(), Some("ThrottlingException"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    starts(&world).send().await.expect("a token came back");
    let elsewhere = aws_sdk_cloudtrail::Client::new(&config_for(&world, ACCESS_KEY_ID, "eu-west-1"));
    elsewhere.lookup_events().send().await.expect("another region has its own quota");
}

#[tokio::test(start_paused = true)]
async fn an_execution_goes_back_to_the_queue_before_it_ends() {
    let world = world();
    let spec = StartSpec {
        scanned: 1 << 40,
        queue: TimeDelta::seconds(2),
        run: TimeDelta::seconds(20),
        requeued: true,
        ..StartSpec::at(noon())
    };
    let id = world.start(spec);
    let mut states = Vec::new();
    for wait in [1, 4, 10, 10, 10] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let answer =
            athena(&world).get_query_execution().query_execution_id(&id).send().await.expect("known");
        let execution = answer.query_execution().expect("an execution");
        let status = execution.status().expect("a status");
        let scanned = execution.statistics().and_then(|statistics| statistics.data_scanned_in_bytes());
        let state = status.state().expect("a state").as_str().to_owned();
        states.push((state, scanned, status.completion_date_time().is_some()));
    }
    let half = Some(1_i64 << 39);
    assert_eq!(states[0], ("QUEUED".to_owned(), Some(0), false));
    assert_eq!(states[1], ("RUNNING".to_owned(), half, false));
    assert_eq!(states[2], ("QUEUED".to_owned(), Some(0), false));
    assert_eq!(states[3], ("RUNNING".to_owned(), half, false));
    assert_eq!(states[4], ("SUCCEEDED".to_owned(), Some(1 << 40), true));
}

#[tokio::test(start_paused = true)]
async fn a_batch_names_what_it_does_not_know() {
    let world = world();
    let known = world.start(StartSpec::at(noon() - TimeDelta::days(44)));
    let expired = world.start(StartSpec::at(noon() - TimeDelta::days(46)));
    let ask = || {
        athena(&world).batch_get_query_execution().query_execution_ids(&known).query_execution_ids(&expired)
    };
    let answer = ask().send().await.expect("valid");
    assert_eq!(answer.query_executions()[0].query_execution_id(), Some(known.as_str()));
    assert_eq!(answer.unprocessed_query_execution_ids()[0].query_execution_id(), Some(expired.as_str()));
    world.set_faults(Faults { unknown_ids: UnknownIds::FailTheCall, ..Faults::default() });
    assert_eq!(code_of(ask().send().await), "InvalidRequestException");
    let too_many = athena(&world)
        .batch_get_query_execution()
        .set_query_execution_ids(Some((0..51).map(|i| format!("id-{i}")).collect()));
    assert_eq!(code_of(too_many.send().await), "InvalidRequestException");
    let single = athena(&world).get_query_execution().query_execution_id(&expired).send().await;
    let message = single.expect_err("unknown").into_service_error_or_panic().message().map(str::to_owned);
    assert_eq!(message, Some(format!("QueryExecution {expired} was not found")));
}

#[tokio::test(start_paused = true)]
async fn our_own_calls_show_up_minutes_later_with_their_user_agent_and_request_id() {
    use aws_sdk_athena::operation::RequestId;

    let world = world();
    let id = world.start(StartSpec::at(noon()));
    let answer =
        athena(&world).batch_get_query_execution().query_execution_ids(&id).send().await.expect("valid");
    let look = || {
        cloudtrail(&world)
            .lookup_events()
            .lookup_attributes(by(LookupAttributeKey::EventName, "BatchGetQueryExecution"))
    };
    assert!(look().send().await.expect("valid").events().is_empty());
    tokio::time::sleep(Duration::from_secs(300)).await;
    let found = look().send().await.expect("valid");
    let record: Value =
        serde_json::from_str(found.events()[0].cloud_trail_event().expect("a record")).expect("JSON");
    assert_eq!(record["requestID"].as_str(), answer.request_id());
    assert!(
        record["userAgent"].as_str().expect("text").contains("app/athena-ledger"),
        "{}",
        record["userAgent"]
    );
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
        "arn:aws:iam::111122223333:role/athena-ledger"
    );
    assert_eq!(record["requestParameters"]["queryExecutionIds"][0], id.as_str());
}

#[tokio::test(start_paused = true)]
async fn results_are_for_nobody_and_other_operations_do_not_exist() {
    let world = world();
    let id = world.start(StartSpec::at(noon()));
    let results = athena(&world).get_query_results().query_execution_id(&id).send().await;
    assert_eq!(code_of(results), "AccessDeniedException");
    assert_eq!(code_of(athena(&world).list_work_groups().send().await), "UnknownOperationException");
    assert_eq!(code_of(cloudtrail(&world).describe_trails().send().await), "UnknownOperationException");
}

#[tokio::test(start_paused = true)]
async fn a_role_of_another_account_is_assumed_with_its_external_id() {
    let world = world();
    let sts = aws_sdk_sts::Client::new(&config_for(&world, ACCESS_KEY_ID, REGION));
    let me = sts.get_caller_identity().send().await.expect("always allowed");
    assert_eq!(me.arn(), Some("arn:aws:sts::111122223333:assumed-role/athena-ledger/collector"));
    let other = AccountId::parse("444455556666").expect("twelve digits");
    let arn = world.add_role(&other, "reader", Some("a+b c"));
    let ask = || sts.assume_role().role_arn(&arn).role_session_name("ledger");
    assert_eq!(code_of(ask().send().await), "AccessDenied");
    let answer = ask().external_id("a+b c").send().await.expect("the external id fits");
    let key = answer.credentials().expect("credentials").access_key_id().to_owned();
    let there = aws_sdk_sts::Client::new(&config_for(&world, &key, REGION));
    let me = there.get_caller_identity().send().await.expect("valid for an hour");
    assert_eq!(me.arn(), Some("arn:aws:sts::444455556666:assumed-role/reader/ledger"));
    world
        .start(StartSpec { scope: Scope { account: other, region: home().region }, ..StartSpec::at(noon()) });
    let trail = aws_sdk_cloudtrail::Client::new(&config_for(&world, &key, REGION));
    assert_eq!(trail.lookup_events().send().await.expect("valid").events().len(), 1);
    assert!(starts(&world).send().await.expect("valid").events().is_empty());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(code_of(trail.lookup_events().send().await), "ExpiredTokenException");
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_are_refused_but_test_keys_are_the_default_caller() {
    let world = world();
    let with = |key| aws_sdk_cloudtrail::Client::new(&config_for(&world, key, REGION));
    assert_eq!(
        code_of(with("AKIASOMEBODYELSE0000").lookup_events().send().await),
        "UnrecognizedClientException"
    );
    with("testing").lookup_events().send().await.expect("the default caller");
}
