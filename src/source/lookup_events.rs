//! CloudTrail's event history, page by page.
//!
//! A request is a value: attribute, start, end and page size are fixed before page 1 and sent with every token.
//! Throttling is waited out here, without end; other failures name scope, event name and window.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudtrail::primitives::DateTime as SdkTime;
use aws_sdk_cloudtrail::types::{Event as Wrapper, LookupAttribute, LookupAttributeKey};
use chrono::{DateTime, TimeDelta, Utc};

use crate::aws::fault::{CallError, FaultKind};
use crate::aws::{Connection, Pace, Traffic};
use crate::domain::client::is_own_app;
use crate::domain::event::{Batch, EventId, EventName, Record, Unreadable, read_record};
use crate::domain::principal::CallerIdentity;
use crate::domain::scope::Scope;
use crate::domain::window::Window;

const ACTION: &str = "cloudtrail:LookupEvents";
/// Events a page can hold (LookupEvents, API reference).
const PAGE: i32 = 50;
/// Rounds beyond the SDK's own retries, 1 s to 16 s apart.
const ROUNDS: u32 = 5;
/// Restarts of a slice that get no further than before.
const RESTARTS: u32 = 5;

/// A walk that could not go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {} events of {scope} from {} to {}", walk.as_str(), window.start.format("%F %T"), window.end.format("%F %T"))]
pub struct SourceError {
    scope: Scope,
    walk: EventName,
    window: Window,
    source: CallError,
}

impl SourceError {
    pub fn help(&self) -> Option<String> {
        self.source.help()
    }
}

/// The event history of one account and region.
#[derive(Debug)]
pub struct LookupEvents {
    client: aws_sdk_cloudtrail::Client,
    scope: Scope,
    own: Option<CallerIdentity>,
    pace: Arc<Pace>,
}

/// One page of a slice.
#[derive(Debug)]
pub struct Page {
    pub batch: Batch,
    /// The oldest event time on it: everything newer in its slice has been read.
    pub oldest: Option<DateTime<Utc>>,
    pub last: bool,
}

impl LookupEvents {
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.cloudtrail.clone(),
            scope: connection.scope.clone(),
            own: connection.own.clone(),
            pace: Arc::clone(&connection.pace),
        }
    }

    /// The events of one name in a window of whole seconds, newest first.
    pub fn slice(&self, name: EventName, window: Window) -> Slice<'_> {
        Slice { source: self, name, window, token: None, ended: false, depth: 0, deepest: 0, restarts: 0 }
    }

    /// The calls of this account and region since this was last asked, Athena's too.
    pub fn take_traffic(&self) -> Traffic {
        self.pace.take_traffic()
    }

    fn is_own(&self, event: &crate::domain::event::Event) -> bool {
        event.name.is_read()
            && is_own_app(event.user_agent.as_deref())
            && self.own.as_ref().is_some_and(|own| own.is(&event.principal))
    }

    fn batch(&self, name: EventName, wrappers: &[Wrapper]) -> Batch {
        let mut batch = Batch { read: wrappers.len() as u64, ..Batch::default() };
        for wrapper in wrappers {
            match self.record(name, wrapper) {
                Record::Event(event) if self.is_own(&event) => batch.own += 1,
                Record::Event(event) => batch.events.push(*event),
                Record::Skipped => batch.skipped += 1,
                Record::Unreadable(record) => batch.unreadable.push(record),
            }
        }
        batch
    }

    /// What the record does not tell is taken from its wrapper. The polled scope is the event's: an event history
    /// holds one account and region only.
    fn record(&self, name: EventName, wrapper: &Wrapper) -> Record {
        let record = match wrapper.cloud_trail_event() {
            Some(json) => read_record(json.as_bytes(), Some(&self.scope)),
            None => Record::Unreadable(Unreadable {
                scope: None,
                event_id: None,
                name: None,
                at: None,
                reason: "no CloudTrailEvent".to_owned(),
            }),
        };
        match record {
            Record::Event(mut event) => {
                event.scope = self.scope.clone();
                Record::Event(event)
            }
            Record::Unreadable(told) => Record::Unreadable(Unreadable {
                scope: Some(self.scope.clone()),
                event_id: told.event_id.or_else(|| wrapper.event_id().and_then(EventId::parse)),
                name: told.name.or(Some(name)),
                at: told.at.or_else(|| at(wrapper)),
                reason: told.reason,
            }),
            Record::Skipped => Record::Skipped,
        }
    }
}

/// The pages of one request. Dropping it between pages is safe.
#[derive(Debug)]
pub struct Slice<'a> {
    source: &'a LookupEvents,
    name: EventName,
    window: Window,
    token: Option<String>,
    ended: bool,
    /// Pages read with the present chain of tokens, and with the longest one so far.
    depth: u32,
    deepest: u32,
    restarts: u32,
}

impl Slice<'_> {
    /// The next page; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let mut rounds = 0;
        loop {
            let error = match self.send().await {
                Ok(answer) => {
                    let wrappers = answer.events.unwrap_or_default();
                    self.token = answer.next_token.filter(|token| !token.is_empty());
                    self.ended = self.token.is_none();
                    self.depth += 1;
                    if self.depth > self.deepest {
                        (self.deepest, self.restarts) = (self.depth, 0);
                    }
                    let batch = self.source.batch(self.name, &wrappers);
                    let oldest = wrappers.iter().filter_map(at).min();
                    return Ok(Some(Page { batch, oldest, last: self.ended }));
                }
                Err(error) => error,
            };
            match error.kind() {
                // The lane waits before the next call.
                FaultKind::Throttled => {}
                // Tokens are short-lived and bound to their request. Reading from the top again costs calls only:
                // what is stored already is a duplicate.
                FaultKind::InvalidToken if self.token.is_some() && self.restarts < RESTARTS => {
                    self.token = None;
                    self.depth = 0;
                    self.restarts += 1;
                }
                FaultKind::Transient if rounds < ROUNDS => {
                    tokio::time::sleep(Duration::from_secs(1 << rounds)).await;
                    rounds += 1;
                }
                _ => {
                    return Err(SourceError {
                        scope: self.source.scope.clone(),
                        walk: self.name,
                        window: self.window,
                        source: error,
                    });
                }
            }
        }
    }

    async fn send(
        &self,
    ) -> Result<aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput, CallError> {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value(self.name.as_str())
            .build();
        // AWS's bounds are inclusive, in seconds.
        let last = self.window.end - TimeDelta::seconds(1);
        let call = self
            .source
            .client
            .lookup_events()
            .set_lookup_attributes(attribute.ok().map(|attribute| vec![attribute]))
            .start_time(SdkTime::from_secs(self.window.start.timestamp()))
            .end_time(SdkTime::from_secs(last.timestamp()))
            .max_results(PAGE)
            .set_next_token(self.token.clone());
        call.send().await.map_err(|error| CallError::new(ACTION, error))
    }
}

fn at(wrapper: &Wrapper) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(wrapper.event_time()?.secs(), 0)
}
