//! A week of the company, with everything that makes an account book wrong.

use std::sync::Arc;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::company::{DMITRI, Hours, MEMBERS, Member};
use super::queries::{CROSS_JOIN, CROSS_JOIN_CANCELLED, Template};
use super::truth::{BadAfternoon, Sum, Truth};
use crate::domain::scope::{Region, Scope};
use crate::domain::window::{Window, hours_of};
use crate::simulator::{Actor, StartSpec, World, account};

/// The newest start lies this long before the end, so that everything has ended and is visible at the end.
const QUIET: TimeDelta = TimeDelta::hours(1);

/// Adds the week that ends at `end`: about 4,000 executions in two regions, all ended by `end` and all visible then,
/// some of them hours late.
pub fn week(world: &World, end: DateTime<Utc>, seed: u64) -> Truth {
    let rng = StdRng::seed_from_u64(seed);
    let mut story = Story { world, end, rng, truth: Truth::default() };
    let window = Window { start: end - TimeDelta::days(7), end: end - QUIET };
    for hour in hours_of(window) {
        for member in &MEMBERS {
            story.work(member, hour, window);
        }
        story.mishaps(hour, window);
    }
    story.bad_afternoon();
    story.truth
}

/// The company goes on after the week, until `until`: what is under way then is for today's page, and in no truth.
pub fn afterwards(world: &World, end: DateTime<Utc>, until: DateTime<Utc>, seed: u64) {
    let rng = StdRng::seed_from_u64(seed);
    let mut story = Story { world, end: until, rng, truth: Truth::default() };
    let window = Window { start: end, end: until };
    for hour in hours_of(window) {
        for member in &MEMBERS {
            story.work(member, hour, window);
        }
    }
}

/// Where the company runs queries, all in one account.
pub fn regions() -> [Region; 2] {
    ["us-east-1", "eu-west-1"].map(region_of)
}

struct Story<'a> {
    world: &'a World,
    end: DateTime<Utc>,
    rng: StdRng,
    truth: Truth,
}

impl Story<'_> {
    /// One hour of one member.
    fn work(&mut self, member: &Member, hour: DateTime<Utc>, window: Window) {
        if !member.hours.include(hour) {
            return;
        }
        let scope = scope_of(member.region);
        let mut ids = Vec::new();
        for _ in 0..member.per_hour {
            let at = hour + TimeDelta::milliseconds(self.rng.random_range(0..3_600_000));
            if !window.contains(at) {
                continue;
            }
            let by = Arc::new((member.actor)(&mut self.rng));
            let template = member.pick(&mut self.rng);
            let id = self.start(template, member, at, Arc::clone(&by));
            for poll in 1..=member.polls {
                self.world.read(&scope, at + TimeDelta::seconds(i64::from(poll)), Arc::clone(&by), &id);
                self.truth.reads += 1;
            }
            ids.push(id);
        }
        // A page of query history looks at what the members of its workgroup ran.
        if member.workgroup == "bi" && !ids.is_empty() {
            let at = (hour + TimeDelta::minutes(59)).min(self.end - TimeDelta::minutes(30));
            self.world.read_batch(&scope, at, Actor::role("query-history", "page"), &ids);
            self.truth.reads += 1;
        }
    }

    fn start(&mut self, template: &Template, member: &Member, at: DateTime<Utc>, by: Arc<Actor>) -> String {
        let scope = scope_of(member.region);
        self.truth.add(template, member.key, &scope, at);
        // One event in a hundred is late, by up to five hours.
        let late = self.rng.random_range(0..100_u32) == 0;
        let seconds = if late { self.rng.random_range(600..18_000) } else { self.rng.random_range(60..360) };
        let latest = self.end - TimeDelta::minutes(10) - at;
        let spec = StartSpec {
            scope,
            by,
            workgroup: member.workgroup.to_owned(),
            database: Some(member.database.to_owned()),
            shown_after: Some(TimeDelta::seconds(seconds).min(latest)),
            ..template.spec(at, &mut self.rng)
        };
        self.world.start(spec)
    }

    /// Twice a day a start is refused; once a day a start is replayed by somebody else.
    fn mishaps(&mut self, hour: DateTime<Utc>, window: Window) {
        let at = hour + TimeDelta::minutes(20);
        if !window.contains(at) {
            return;
        }
        let scope = scope_of("us-east-1");
        let [ann, ..] = &MEMBERS;
        let by = (ann.actor)(&mut self.rng);
        let refused = match hour.hour() {
            9 => Some((
                "InvalidRequestException",
                "No output location provided. An output location is required.",
            )),
            16 => {
                Some(("TooManyRequestsException", "You have exceeded the limit for the number of queries."))
            }
            _ => None,
        };
        if let Some((code, message)) = refused {
            self.world.refuse_start(&scope, at, by, code, message);
            self.truth.starts += 1;
            self.truth.refused += 1;
        } else if hour.hour() == 11 {
            let template = ann.pick(&mut self.rng);
            let id = self.start(template, ann, at, Arc::new(by));
            self.world.replay(&scope, &id, at + TimeDelta::seconds(40), Actor::user("carlos"));
            self.truth.starts += 1;
            self.truth.replays += 1;
        }
    }

    /// Six cross joins on the latest working day whose afternoon is over.
    fn bad_afternoon(&mut self) {
        let noon = (0..7)
            .filter_map(|days| (self.end - TimeDelta::days(days)).date_naive().and_hms_opt(13, 0, 0))
            .map(|start| start.and_utc())
            .find(|start| is_working_day(*start) && *start + TimeDelta::hours(4) < self.end);
        let Some(start) = noon else { return };
        let mut sum = Sum::default();
        let runs =
            [CROSS_JOIN, CROSS_JOIN_CANCELLED, CROSS_JOIN, CROSS_JOIN, CROSS_JOIN_CANCELLED, CROSS_JOIN];
        for (run, minutes) in runs.iter().zip([5, 31, 52, 80, 107, 139]) {
            let by = Arc::new((DMITRI.actor)(&mut self.rng));
            self.start(run, &DMITRI, start + TimeDelta::minutes(minutes), by);
            sum.add(run);
        }
        let window = Window { start, end: start + TimeDelta::hours(3) };
        self.truth.bad_afternoon = Some(BadAfternoon { principal: DMITRI.key, window, sum });
    }
}

impl Hours {
    fn include(self, hour: DateTime<Utc>) -> bool {
        match self {
            Self::Office => is_working_day(hour) && (8..18).contains(&hour.hour()),
            Self::Every(hours) => hour.hour().is_multiple_of(hours),
            Self::At(only) => hour.hour() == only,
        }
    }
}

fn is_working_day(at: DateTime<Utc>) -> bool {
    !matches!(at.weekday(), Weekday::Sat | Weekday::Sun)
}

fn scope_of(region: &str) -> Scope {
    Scope { account: account(), region: region_of(region) }
}

#[expect(clippy::expect_used, reason = "the company's regions are constants")]
fn region_of(code: &str) -> Region {
    Region::parse(code).expect("a region code")
}
