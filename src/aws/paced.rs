//! The limiter inside the HTTP client: it paces every attempt, the SDK's own retries too.
//!
//! A limiter awaited before an operation would not: the SDK retries behind its back.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::sync::Arc;
use tokio::time::Instant;

use super::fault::is_throttling;

/// After a throttle the next call waits this long, doubling to the longest, halved by each success.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Calls per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) lookup: f64,
    pub(super) batch: f64,
}

/// The speed of one account and region, one lane per API, and what went through.
#[derive(Debug)]
pub struct Pace {
    lookup: Lane,
    batch: Lane,
    get: Lane,
}

/// What went through a [`Pace`] since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls by API, retries included.
    pub calls: BTreeMap<String, u64>,
    pub throttled: u64,
}

impl Pace {
    pub(super) fn new(rates: Rates) -> Self {
        Self { lookup: Lane::new(rates.lookup), batch: Lane::new(rates.batch), get: Lane::new(rates.batch) }
    }

    /// The counts since the last call of this.
    pub fn take_traffic(&self) -> Traffic {
        let mut traffic = Traffic::default();
        let lanes = [
            ("LookupEvents", &self.lookup),
            ("BatchGetQueryExecution", &self.batch),
            ("GetQueryExecution", &self.get),
        ];
        for (api, lane) in lanes {
            let mut state = lane.state();
            let calls = std::mem::take(&mut state.calls);
            traffic.throttled += std::mem::take(&mut state.throttled);
            if calls > 0 {
                traffic.calls.insert(api.to_owned(), calls);
            }
        }
        traffic
    }

    fn lane(&self, request: &HttpRequest) -> Option<&Lane> {
        match request.headers().get("x-amz-target")?.rsplit('.').next()? {
            "LookupEvents" => Some(&self.lookup),
            "BatchGetQueryExecution" => Some(&self.batch),
            "GetQueryExecution" => Some(&self.get),
            _ => None,
        }
    }
}

/// Tokio's time for governor, whose own clock does not follow simulated time.
#[derive(Clone, Debug)]
struct TokioClock {
    since: Instant,
}

impl governor::clock::Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.since.elapsed()
    }
}

#[derive(Debug)]
struct Lane {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    state: Mutex<LaneState>,
}

#[derive(Debug)]
struct LaneState {
    not_before: Instant,
    wait: Duration,
    calls: u64,
    throttled: u64,
}

impl Lane {
    fn new(rate: f64) -> Self {
        let clock = TokioClock { since: Instant::now() };
        let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::from_secs(1));
        let period = period.max(Duration::from_nanos(1));
        // Burst 1: evenly spaced calls leave the quota's own burst to others in the account.
        let quota = Quota::with_period(period).map(|quota| quota.allow_burst(NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(
            quota.unwrap_or(Quota::per_second(NonZeroU32::MIN)),
            clock.clone(),
        );
        let state = LaneState { not_before: Instant::now(), wait: Duration::ZERO, calls: 0, throttled: 0 };
        Self { limiter, clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn permit(&self) {
        loop {
            let not_before = self.state().not_before;
            tokio::time::sleep_until(not_before).await;
            match self.limiter.check() {
                Ok(()) => {
                    self.state().calls += 1;
                    return;
                }
                Err(not_until) => tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await,
            }
        }
    }

    fn throttled(&self) {
        let mut state = self.state();
        state.throttled += 1;
        state.wait = (state.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        state.not_before = Instant::now() + state.wait;
    }

    fn succeeded(&self) {
        let mut state = self.state();
        state.wait /= 2;
        if state.wait < FIRST_WAIT {
            state.wait = Duration::ZERO;
        }
    }
}

/// An HTTP client whose every call waits for its lane.
#[derive(Debug)]
pub(super) struct Paced {
    pub(super) inner: SharedHttpClient,
    pub(super) pace: Arc<Pace>,
}

impl HttpClient for Paced {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, pace: Arc::clone(&self.pace) })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    pace: Arc<Pace>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, pace) = (self.inner.clone(), Arc::clone(&self.pace));
        HttpConnectorFuture::new(async move {
            let Some(lane) = pace.lane(&request) else { return inner.call(request).await };
            lane.permit().await;
            let mut response = inner.call(request).await?;
            if response.status().is_success() {
                lane.succeeded();
            } else if is_throttling(response.status().as_u16(), &error_code(&mut response).await?) {
                lane.throttled();
            }
            Ok(response)
        })
    }
}

/// The code of a refusal, from its header or its body; the body stays readable.
async fn error_code(response: &mut HttpResponse) -> Result<String, ConnectorError> {
    if let Some(code) = response.headers().get("x-amzn-errortype") {
        return Ok(code.to_owned());
    }
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let bytes =
        ByteStream::new(body).collect().await.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
    let parsed: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    *response.body_mut() = SdkBody::from(bytes);
    let code = parsed.and_then(|body| body.get("__type")?.as_str().map(str::to_owned));
    Ok(code.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn permits_are_evenly_spaced_from_the_first_call_on() {
        let lane = Lane::new(2.0);
        let began = Instant::now();
        for n in 0..10 {
            lane.permit().await;
            let due = Duration::from_millis(500 * n);
            let late = began.elapsed().saturating_sub(due);
            assert!(
                began.elapsed() >= due && late < Duration::from_millis(50),
                "permit {n}: {:?}",
                began.elapsed()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_double_the_wait_and_successes_halve_it() {
        let lane = Lane::new(1_000.0);
        let waited = async |lane: &Lane| {
            let began = Instant::now();
            lane.permit().await;
            began.elapsed().as_secs()
        };
        let mut waits = Vec::new();
        for _ in 0..7 {
            lane.throttled();
            waits.push(waited(&lane).await);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        lane.succeeded();
        lane.throttled();
        assert_eq!(waited(&lane).await, 30);
        for _ in 0..6 {
            lane.succeeded();
        }
        lane.throttled();
        assert_eq!(waited(&lane).await, 1);
    }
}
