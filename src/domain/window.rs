//! Windows of event time, the intervals walked, and what is missing.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// A half-open span `[start, end)` of event time, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Window {
    /// `None` when it would be empty.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    pub fn duration(&self) -> TimeDelta {
        self.end - self.start
    }

    /// Cuts into pieces of at most `longest`, newest first: recent hours matter most.
    pub fn slices_newest_first(self, longest: TimeDelta) -> impl Iterator<Item = Self> {
        let mut end = self.end;
        std::iter::from_fn(move || {
            let slice = Self::new(self.start.max(end - longest), end)?;
            end = slice.start;
            Some(slice)
        })
    }
}

/// The start of the UTC hour that `at` lies in.
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    // Only instants near the ends of chrono's range cannot be truncated.
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// The UTC hours that a window touches, oldest first.
pub fn hours_of(window: Window) -> impl Iterator<Item = DateTime<Utc>> {
    std::iter::successors(Some(hour_of(window.start)), |hour| Some(*hour + TimeDelta::hours(1)))
        .take_while(move |hour| *hour < window.end)
}

/// Merged, disjoint, ordered intervals of event time: what one walk has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<Window>);

impl Intervals {
    pub fn insert(&mut self, new: Window) {
        let mut merged = new;
        self.0.retain(|old| {
            let touches = old.start <= merged.end && merged.start <= old.end;
            if touches {
                merged = Window { start: old.start.min(merged.start), end: old.end.max(merged.end) };
            }
            !touches
        });
        let at = self.0.partition_point(|old| old.end < merged.start);
        self.0.insert(at, merged);
    }

    /// The parts of `window` that no interval covers, oldest first.
    pub fn missing(&self, window: Window) -> Vec<Window> {
        let mut gaps = Vec::new();
        let mut start = window.start;
        for walked in self.0.iter().filter_map(|w| w.intersect(&window)) {
            gaps.extend(Window::new(start, walked.start));
            start = walked.end;
        }
        gaps.extend(Window::new(start, window.end));
        gaps
    }

    pub fn covers(&self, window: Window) -> bool {
        self.0.iter().any(|w| w.start <= window.start && window.end <= w.end)
    }

    pub fn overlaps(&self, window: Window) -> bool {
        self.0.iter().any(|w| w.intersect(&window).is_some())
    }

    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.0.iter().any(|w| w.contains(at))
    }

    pub fn first_start(&self) -> Option<DateTime<Utc>> {
        self.0.first().map(|w| w.start)
    }

    pub fn last_end(&self) -> Option<DateTime<Utc>> {
        self.0.last().map(|w| w.end)
    }

    pub fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        self.0.iter().copied()
    }
}

impl Extend<Window> for Intervals {
    fn extend<I: IntoIterator<Item = Window>>(&mut self, windows: I) {
        windows.into_iter().for_each(|w| self.insert(w));
    }
}

impl FromIterator<Window> for Intervals {
    fn from_iter<I: IntoIterator<Item = Window>>(windows: I) -> Self {
        let mut all = Self::default();
        all.extend(windows);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).expect("a test window is not empty")
    }

    #[test]
    fn touching_intervals_merge() {
        let walked: Intervals = [window(0, 10), window(20, 30), window(10, 20)].into_iter().collect();
        assert_eq!(walked.iter().collect::<Vec<_>>(), [window(0, 30)]);
    }

    #[test]
    fn slices_come_newest_first_and_the_oldest_is_the_short_one() {
        let slices: Vec<_> = window(0, 25).slices_newest_first(TimeDelta::seconds(10)).collect();
        assert_eq!(slices, [window(15, 25), window(5, 15), window(0, 5)]);
    }

    #[test]
    fn hours_cover_a_window_that_starts_and_ends_inside_one() {
        assert_eq!(hours_of(window(3_599, 3_601)).collect::<Vec<_>>(), [at(0), at(3_600)]);
        assert_eq!(hours_of(window(3_600, 7_200)).collect::<Vec<_>>(), [at(3_600)]);
    }

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        prop::collection::vec((0..200_i64, 1..40_i64), 0..12)
            .prop_map(|spans| spans.into_iter().map(|(start, len)| window(start, start + len)).collect())
    }

    proptest! {
        #[test]
        fn walked_and_missing_share_every_second_between_them(spans in windows(), start in 0..200_i64, len in 1..60_i64) {
            let asked = window(start, start + len);
            let walked: Intervals = spans.iter().copied().collect();
            let missing = walked.missing(asked);
            for second in start..start + len {
                let read = spans.iter().any(|w| w.contains(at(second)));
                let gap = missing.iter().filter(|w| w.contains(at(second))).count();
                prop_assert_eq!(usize::from(!read), gap, "second {}", second);
            }
            prop_assert_eq!(walked.covers(asked), missing.is_empty());
        }

        #[test]
        fn intervals_stay_ordered_and_apart(spans in windows()) {
            let walked: Intervals = spans.into_iter().collect();
            let all: Vec<_> = walked.iter().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].end < pair[1].start));
        }

        #[test]
        fn slices_tile_their_window(start in 0..100_i64, len in 1..100_i64, longest in 1..30_i64) {
            let whole = window(start, start + len);
            let slices: Vec<_> = whole.slices_newest_first(TimeDelta::seconds(longest)).collect();
            prop_assert_eq!(slices[0].end, whole.end);
            prop_assert_eq!(slices[slices.len() - 1].start, whole.start);
            prop_assert!(slices.windows(2).all(|pair| pair[1].end == pair[0].start));
            prop_assert!(slices.iter().all(|s| s.duration() <= TimeDelta::seconds(longest)));
        }
    }
}
