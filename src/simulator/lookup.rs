//! cloudtrail:LookupEvents.
//!
//! A walk's result set is pinned when its first page is asked for: later pages never show an event that became
//! visible meanwhile. AWS does not say which it does; pinned is the harder case for a reader, who must come back.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::history::{Recorded, Trail, Walk};
use super::request::Refusal;
use crate::domain::scope::Scope;

/// CloudTrail's event history goes back this far.
const HISTORY: TimeDelta = TimeDelta::days(90);
/// AWS publishes no lifetime of a token (unverified).
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(1);
/// The largest page, and the default.
const PAGE: u64 = 50;

/// One attribute and its value.
struct Attribute {
    key: String,
    value: String,
}

/// A page of a walk. `secret` begins the token of a new walk.
pub(super) fn lookup(
    trail: &mut Trail,
    scope: &Scope,
    mut request: Map<String, Value>,
    now: DateTime<Utc>,
    secret: String,
) -> Result<Value, Refusal> {
    let token = request.remove("NextToken");
    let page = page_size(&request)?;
    let attribute = attribute(&request)?;
    let (start, end) = bounds(&request, now)?;
    match request.get("EventCategory").and_then(Value::as_str) {
        None => {}
        Some("insight") => return Ok(json!({ "Events": [] })),
        Some(_) => return Err(Refusal::new("InvalidEventCategoryException", "The category is not valid.")),
    }
    trail.walks.retain(|_, walk| now - walk.began < TOKEN_LIFE);
    let (secret, offset) = match token {
        None | Some(Value::Null) => {
            let found = find(&trail.events, attribute.as_ref(), start, end, now);
            trail.walks.insert(secret.clone(), Walk { request: request.clone(), began: now, found });
            (secret, 0)
        }
        Some(token) => token.as_str().and_then(split_token).ok_or_else(bad_token)?,
    };
    let walk = trail.walks.get(&secret).filter(|walk| walk.request == request).ok_or_else(bad_token)?;
    let rest = walk.found.get(offset..).ok_or_else(bad_token)?;
    let events: Vec<Value> = rest
        .iter()
        .take(page)
        .filter_map(|position| trail.events.get(usize::try_from(*position).ok()?))
        .map(|event| event.listed(scope))
        .collect();
    let mut answer = json!({ "Events": events });
    if rest.len() > page {
        answer["NextToken"] = json!(format!("{secret}{:x}", offset + page));
    } else if offset == 0 {
        trail.walks.remove(&secret);
    }
    Ok(answer)
}

pub(super) fn bad_token() -> Refusal {
    Refusal::new("InvalidNextTokenException", "Your pagination token does not match your request.")
}

/// The secret is an id of 36 characters; what follows is the place of the next page.
fn split_token(token: &str) -> Option<(String, usize)> {
    let (secret, offset) = token.split_at_checked(36)?;
    Some((secret.to_owned(), usize::from_str_radix(offset, 16).ok()?))
}

fn find(
    events: &[Recorded],
    attribute: Option<&Attribute>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<u32> {
    let mut found: Vec<(DateTime<Utc>, u32)> = (0_u32..)
        .zip(events)
        .filter(|(_, event)| (start..=end).contains(&event.at) && event.visible_at <= now)
        .filter(|(_, event)| attribute.is_none_or(|attribute| attribute.matches(event)))
        .map(|(position, event)| (event.at, position))
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, position)| position).collect()
}

impl Attribute {
    fn matches(&self, event: &Recorded) -> bool {
        let value = self.value.as_str();
        match self.key.as_str() {
            "EventName" => event.name() == value,
            "EventSource" => value == "athena.amazonaws.com",
            "EventId" => event.id == value,
            "ReadOnly" => event.read_only().to_string() == value,
            "AccessKeyId" => event.by().is_some_and(|by| by.access_key == value),
            "Username" => event.by().is_some_and(|by| by.identity.username().as_deref() == Some(value)),
            // Athena's events name no resources.
            _ => false,
        }
    }
}

fn attribute(request: &Map<String, Value>) -> Result<Option<Attribute>, Refusal> {
    const KEYS: [&str; 8] = [
        "EventId",
        "EventName",
        "ReadOnly",
        "Username",
        "ResourceType",
        "ResourceName",
        "EventSource",
        "AccessKeyId",
    ];
    let refuse = |why: &str| Err(Refusal::new("InvalidLookupAttributesException", why));
    let one = match request.get("LookupAttributes") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => match list.as_slice() {
            [] => return Ok(None),
            [one] => one,
            _ => return refuse("You can use only one lookup attribute."),
        },
        Some(_) => return refuse("The lookup attributes are not a list."),
    };
    let (Some(key), Some(value)) = (one["AttributeKey"].as_str(), one["AttributeValue"].as_str()) else {
        return refuse("A lookup attribute needs a key and a value.");
    };
    if !KEYS.contains(&key) {
        return refuse("The lookup attribute key is not valid.");
    }
    // These four count double towards the limit of 2000.
    let length: usize = value.chars().map(|c| if matches!(c, '_' | ' ' | ',' | '\n') { 2 } else { 1 }).sum();
    if !(1..=2000).contains(&length) {
        return refuse("The lookup attribute value is empty or too long.");
    }
    Ok(Some(Attribute { key: key.to_owned(), value: value.to_owned() }))
}

fn page_size(request: &Map<String, Value>) -> Result<usize, Refusal> {
    let asked = match request.get("MaxResults") {
        None | Some(Value::Null) => Some(PAGE),
        Some(value) => value.as_u64(),
    };
    asked
        .filter(|size| (1..=PAGE).contains(size))
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| Refusal::new("InvalidMaxResultsException", "MaxResults must be between 1 and 50."))
}

/// Both ends inclusive, in whole seconds.
fn bounds(
    request: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let refuse = |why| Refusal::new("InvalidTimeRangeException", why);
    let bound = |name, default| match request.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => epoch(value).ok_or_else(|| refuse("A bound of the time range is no time.")),
    };
    let (start, end) = (bound("StartTime", now - HISTORY)?, bound("EndTime", now)?);
    if start > end {
        return Err(refuse("The start time is after the end time."));
    }
    Ok((start.max(now - HISTORY), end))
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and chrono refuses what it cannot hold")]
fn epoch(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(value.as_f64()?.floor() as i64, 0)
}
