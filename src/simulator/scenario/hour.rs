//! A load for measurements: started queries and other people's polling, evenly spread, in one scope.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::queries::{CHART, COHORT, INSERT, LOOKUP, TILE, Template};
use super::truth::Truth;
use crate::simulator::{Actor, StartSpec, World, home};

/// `queries` starts and `read_events` GetQueryExecution events within `span` before `end`.
#[derive(Clone, Copy, Debug)]
pub struct HourLoad {
    pub end: DateTime<Utc>,
    pub span: TimeDelta,
    pub queries: u32,
    /// By other principals, naming the started ids.
    pub read_events: u32,
    pub seed: u64,
}

const RUNS: [Template; 5] = [TILE, CHART, COHORT, INSERT, LOOKUP];
const RUNNERS: [&str; 7] = ["ann", "bela", "carlos", "dora", "emil", "fatou", "greta"];

/// Adds the load. Everything is visible and ended at once, so that a measurement never waits for it.
pub fn hour(world: &World, load: HourLoad) -> Truth {
    let mut rng = StdRng::seed_from_u64(load.seed);
    let mut truth = Truth::default();
    let people = RUNNERS.map(|name| Arc::new(Actor::user(name)));
    let mut ids = Vec::new();
    for (number, (template, (name, by))) in
        (0..load.queries).zip(RUNS.iter().cycle().zip(RUNNERS.iter().zip(&people).cycle()))
    {
        let at = load.moment(number, load.queries);
        truth.add(template, &format!("arn:aws:iam::111122223333:user/{name}"), &home(), at);
        let spec = template.spec(at, &mut rng);
        let (queue, run) = (TimeDelta::zero(), TimeDelta::zero());
        ids.push(world.start(StartSpec { by: Arc::clone(by), queue, run, requeued: false, ..spec }));
    }
    let poller = Arc::new(Actor::role("poller", "botocore-session-1"));
    for (number, id) in (0..load.read_events).zip(ids.iter().cycle()) {
        world.read(&home(), load.moment(number, load.read_events), Arc::clone(&poller), id);
        truth.reads += 1;
    }
    truth
}

impl HourLoad {
    /// The middle of the `number`th of `all` equal parts of the span.
    fn moment(&self, number: u32, all: u32) -> DateTime<Utc> {
        let millis = self.span.num_milliseconds();
        let offset = millis.saturating_mul(2 * i64::from(number) + 1) / (2 * i64::from(all.max(1)));
        self.end - self.span + TimeDelta::milliseconds(offset)
    }
}
