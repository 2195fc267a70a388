//! How far a pass is, for whoever wants to show it. Never decides anything.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::window::Window;

/// Counters that stages move and a terminal reads.
#[derive(Debug, Default)]
pub struct Progress {
    pages: AtomicU64,
    events: AtomicU64,
    executions: AtomicU64,
    finished: AtomicU64,
    /// Seconds of event time, or bytes of files.
    planned: AtomicU64,
    done: AtomicU64,
}

/// A reading of [`Progress`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    pub pages: u64,
    pub events: u64,
    pub executions: u64,
    pub finished: u64,
    /// Part of the planned work that is done, 0 to 1; `None` before anything is planned.
    pub fraction: Option<f64>,
}

impl Progress {
    pub fn plan(&self, windows: &[Window]) {
        self.plan_amount(windows.iter().map(|window| seconds(*window)).sum());
    }

    pub fn plan_amount(&self, amount: u64) {
        self.planned.fetch_add(amount, Ordering::Relaxed);
    }

    pub fn page(&self, events: u64, executions: u64, done: u64) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events, Ordering::Relaxed);
        self.executions.fetch_add(executions, Ordering::Relaxed);
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    pub fn finished(&self, executions: u64) {
        self.finished.fetch_add(executions, Ordering::Relaxed);
    }

    pub fn read(&self) -> Reading {
        let planned = self.planned.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed).min(planned);
        Reading {
            pages: self.pages.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            executions: self.executions.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            fraction: (planned > 0).then(|| done as f64 / planned as f64),
        }
    }
}

pub(super) fn seconds(window: Window) -> u64 {
    u64::try_from(window.duration().num_seconds()).unwrap_or(0)
}
