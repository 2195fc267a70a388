#!/usr/bin/env python3
"""Drives a running `athena-ledger simulate` with boto3: is its wire what AWS clients expect?

Usage: wire.py http://127.0.0.1:PORT [ACCESS_KEY_ID]

The server must hold at least 150 StartQueryExecution events of the last week in us-east-1.
"""

import datetime
import json
import sys
import time
import traceback

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

ENDPOINT = sys.argv[1]
KEY = sys.argv[2] if len(sys.argv) > 2 else "ASIASIMULATEDLEDGER1"
# Throttling is part of the service: a patient client waits it out, a hasty one sees it.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})
HASTY = Config(retries={"total_max_attempts": 1})
UNCHECKED = Config(retries={"mode": "standard", "total_max_attempts": 10}, parameter_validation=False)
STARTS = [{"AttributeKey": "EventName", "AttributeValue": "StartQueryExecution"}]
SECOND = datetime.timedelta(seconds=1)

CHECKS = []


def check(function):
    """Registers a check; its docstring is what it proves."""
    CHECKS.append(function)
    return function


def client(service, config=PATIENT, key=KEY, region="us-east-1"):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="not-verified",
        config=config,
    )


def refused(call, code, status=400, modelled=None):
    """Runs `call` and returns the error's message; the error must be the one AWS declares."""
    try:
        call()
    except ClientError as error:
        got = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == (code, status), f"{got} instead of {(code, status)}"
        assert modelled is None or isinstance(error, modelled), f"{type(error)} is not the modelled class"
        return error.response["Error"]["Message"]
    raise AssertionError(f"was not refused with {code}")


def newest_starts():
    """Up to 150 starts of the last week, by boto3's own paginator."""
    now = datetime.datetime.now(datetime.timezone.utc)
    pages = client("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=STARTS,
        StartTime=now - datetime.timedelta(days=7),
        EndTime=now,
        PaginationConfig={"MaxItems": 150, "PageSize": 50},
    )
    return [event for page in pages for event in page["Events"]]


def execution_ids(events):
    answers = (json.loads(event["CloudTrailEvent"])["responseElements"] for event in events)
    return list(dict.fromkeys(answer["queryExecutionId"] for answer in answers if answer))


@check
def identity(_):
    """sts: GetCallerIdentity says account and ARN"""
    me = client("sts").get_caller_identity()
    assert len(me["Account"]) == 12 and f":{me['Account']}:" in me["Arn"], me


@check
def assume_role(_):
    """sts: a role that nobody may assume is AccessDenied with HTTP 403"""
    call = lambda: client("sts").assume_role(RoleArn="arn:aws:iam::999999999999:role/none", RoleSessionName="wire")
    assert "sts:AssumeRole" in refused(call, "AccessDenied", 403)


@check
def unknown_key(_):
    """all: an unknown access key is UnrecognizedClientException"""
    call = client("cloudtrail", key="AKIASOMEBODYELSE0000").lookup_events
    refused(call, "UnrecognizedClientException")


@check
def unsigned(_):
    """all: an unsigned request is MissingAuthenticationTokenException"""
    config = PATIENT.merge(Config(signature_version=UNSIGNED))
    refused(client("cloudtrail", config=config).lookup_events, "MissingAuthenticationTokenException")


@check
def pages(events):
    """lookup: boto3's paginator gets 150 distinct events, newest first"""
    assert len(events) == 150, len(events)
    assert len({event["EventId"] for event in events}) == 150
    times = [event["EventTime"] for event in events]
    assert times == sorted(times, reverse=True)


@check
def shape(events):
    """lookup: an event is a wrapper around a JSON record in a string"""
    for event in events:
        record = json.loads(event["CloudTrailEvent"])
        assert event["ReadOnly"] == "false" and event["EventName"] == record["eventName"] == "StartQueryExecution"
        assert event["EventId"] == record["eventID"] and event["EventSource"] == record["eventSource"]
        assert event["EventTime"].timestamp() == event["EventTime"].replace(microsecond=0).timestamp()
        assert record["eventTime"] == event["EventTime"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert record["requestParameters"]["queryString"] == "***OMITTED***"


@check
def bounds(events):
    """lookup: both bounds are inclusive"""
    at, look = events[75]["EventTime"], client("cloudtrail").lookup_events
    inside = look(LookupAttributes=STARTS, StartTime=at, EndTime=at)["Events"]
    assert events[75]["EventId"] in {event["EventId"] for event in inside}
    assert all(event["EventTime"] == at for event in inside)
    before = look(LookupAttributes=STARTS, StartTime=at - 2 * SECOND, EndTime=at - SECOND)["Events"]
    assert events[75]["EventId"] not in {event["EventId"] for event in before}


@check
def whole_walk(events):
    """lookup: a walk to its end has no NextToken on the last page and is what the first walk saw"""
    start, end, token, seen = events[-1]["EventTime"], events[0]["EventTime"], {}, []
    look = client("cloudtrail").lookup_events
    while True:
        page = look(LookupAttributes=STARTS, StartTime=start, EndTime=end, MaxResults=50, **token)
        seen += [event["EventId"] for event in page["Events"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    # The oldest second may hold more than the 150 that were asked for.
    assert {event["EventId"] for event in events} <= set(seen) and len(set(seen)) == len(seen)


@check
def attributes(events):
    """lookup: EventId and AccessKeyId select"""
    look = client("cloudtrail").lookup_events
    one = look(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": events[0]["EventId"]}])["Events"]
    assert [event["EventId"] for event in one] == [events[0]["EventId"]]
    key = events[0]["AccessKeyId"]
    some = look(LookupAttributes=[{"AttributeKey": "AccessKeyId", "AttributeValue": key}], MaxResults=5)["Events"]
    assert some and all(event["AccessKeyId"] == key for event in some)


@check
def bad_token(events):
    """lookup: a token with another request, or a made-up one, is InvalidNextTokenException"""
    trail = client("cloudtrail")
    request = {"LookupAttributes": STARTS, "StartTime": events[-1]["EventTime"], "EndTime": events[0]["EventTime"]}
    token = trail.lookup_events(MaxResults=50, **request)["NextToken"]
    typed = trail.exceptions.InvalidNextTokenException
    changed = dict(request, EndTime=request["EndTime"] + SECOND)
    for call in (
        lambda: trail.lookup_events(MaxResults=50, NextToken=token, **changed),
        lambda: trail.lookup_events(MaxResults=49, NextToken=token, **request),
        lambda: trail.lookup_events(NextToken="made up", **request),
    ):
        refused(call, "InvalidNextTokenException", modelled=typed)
    assert trail.lookup_events(MaxResults=50, NextToken=token, **request)["Events"]


@check
def bad_attributes(_):
    """lookup: two attributes are InvalidLookupAttributesException"""
    trail = client("cloudtrail")
    two = STARTS + [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    typed = trail.exceptions.InvalidLookupAttributesException
    refused(lambda: trail.lookup_events(LookupAttributes=two), "InvalidLookupAttributesException", modelled=typed)


@check
def bad_range(events):
    """lookup: a start after the end is InvalidTimeRangeException"""
    trail, at = client("cloudtrail"), events[0]["EventTime"]
    typed = trail.exceptions.InvalidTimeRangeException
    call = lambda: trail.lookup_events(StartTime=at, EndTime=at - SECOND)
    refused(call, "InvalidTimeRangeException", modelled=typed)


@check
def bad_size(_):
    """lookup: MaxResults 0 is refused by botocore and by the service, 51 by the service"""
    trail = client("cloudtrail", config=UNCHECKED)
    typed = trail.exceptions.InvalidMaxResultsException
    for size in (0, 51):
        refused(lambda: trail.lookup_events(MaxResults=size), "InvalidMaxResultsException", modelled=typed)
    try:
        client("cloudtrail").lookup_events(MaxResults=0)
    except ParamValidationError:
        return
    raise AssertionError("botocore let MaxResults 0 pass")


@check
def throttling(_):
    """lookup: more than 2 a second is ThrottlingException with HTTP 400, and it passes"""
    hasty = client("cloudtrail", config=HASTY)
    time.sleep(1.1)
    hasty.lookup_events(MaxResults=1)
    hasty.lookup_events(MaxResults=1)

    def more():
        for _ in range(3):
            hasty.lookup_events(MaxResults=1)

    assert refused(more, "ThrottlingException") == "Rate exceeded"
    time.sleep(1.1)
    hasty.lookup_events(MaxResults=1)


@check
def patience(_):
    """lookup: boto3's own retries wait throttling out"""
    patient = client("cloudtrail")
    for _ in range(5):
        patient.lookup_events(MaxResults=1)


@check
def other_region(_):
    """lookup: a region of which nobody heard has no events"""
    assert client("cloudtrail", region="ap-south-2").lookup_events()["Events"] == []


@check
def batch(events):
    """athena: a batch of 50 is answered, unknown ids are listed as unprocessed"""
    athena, ids = client("athena"), execution_ids(events)
    answer = athena.batch_get_query_execution(QueryExecutionIds=ids[:50])
    assert {execution["QueryExecutionId"] for execution in answer["QueryExecutions"]} == set(ids[:50])
    assert answer["UnprocessedQueryExecutionIds"] == []
    answer = athena.batch_get_query_execution(QueryExecutionIds=[ids[0], "nobody-ran-this"])
    assert len(answer["QueryExecutions"]) == 1
    assert answer["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "nobody-ran-this"


@check
def batch_size(events):
    """athena: a batch of 0 is refused by botocore and by the service, one of 51 by the service"""
    athena = client("athena", config=UNCHECKED)
    typed = athena.exceptions.InvalidRequestException
    for ids in ([], execution_ids(events)[:51]):
        call = lambda: athena.batch_get_query_execution(QueryExecutionIds=ids)
        refused(call, "InvalidRequestException", modelled=typed)
    try:
        client("athena").batch_get_query_execution(QueryExecutionIds=[])
    except ParamValidationError:
        return
    raise AssertionError("botocore let an empty batch pass")


@check
def single(events):
    """athena: GetQueryExecution agrees with the batch"""
    athena, ids = client("athena"), execution_ids(events)
    one = athena.get_query_execution(QueryExecutionId=ids[0])["QueryExecution"]
    assert [one] == athena.batch_get_query_execution(QueryExecutionIds=ids[:1])["QueryExecutions"]
    assert one["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED", "RUNNING", "QUEUED"), one
    assert isinstance(one["Status"]["SubmissionDateTime"], datetime.datetime)


@check
def single_unknown(_):
    """athena: an unknown id is InvalidRequestException and named"""
    athena = client("athena")
    call = lambda: athena.get_query_execution(QueryExecutionId="nobody-ran-this")
    message = refused(call, "InvalidRequestException", modelled=athena.exceptions.InvalidRequestException)
    assert message == "QueryExecution nobody-ran-this was not found", message


@check
def batch_quota(events):
    """athena: more batches than the burst of 40 are throttled"""
    athena, ids = client("athena", config=HASTY), execution_ids(events)[:1]

    def storm():
        for _ in range(400):
            athena.batch_get_query_execution(QueryExecutionIds=ids)

    refused(storm, "ThrottlingException")


@check
def results(events):
    """athena: nobody reads results"""
    call = lambda: client("athena").get_query_results(QueryExecutionId=execution_ids(events)[0])
    message = refused(call, "AccessDeniedException")
    assert "athena:GetQueryResults" in message and "arn:aws:" in message, message


@check
def unknown_operations(_):
    """all: other operations are UnknownOperationException"""
    refused(client("athena").list_work_groups, "UnknownOperationException")
    refused(client("cloudtrail").describe_trails, "UnknownOperationException")


def main():
    events, passed, failed = newest_starts(), 0, 0
    for function in CHECKS:
        try:
            function(events)
            passed += 1
            print(f"ok      {function.__doc__}", flush=True)
        except Exception as error:  # a check may fail in any way; the others still run
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAILED  {function.__doc__}: {type(error).__name__}: {error} (line {where.lineno})", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
