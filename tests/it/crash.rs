//! A tick may end at any await, and a process at any instruction: nothing is lost, nothing counted twice.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use athena_ledger::simulator::{Actor, StartSpec, home};
use athena_ledger::stages;
use chrono::TimeDelta;

use crate::world::Book;

/// A little of everything that a tick writes.
fn some_history(book: &Book) {
    for n in 0..60 {
        let id = book.world.start(StartSpec { scanned: 1 << 35, ..StartSpec::at(book.ago(40 + n)) });
        if n % 20 == 0 {
            book.world.read(&home(), book.ago(30), Actor::user("ben"), &id);
        }
    }
    // Still running at the first tick, ended at the second.
    book.world.start(StartSpec { run: TimeDelta::minutes(70), ..StartSpec::at(book.ago(50)) });
}

/// Polls a tick `polls` times and drops it; true when it ended before.
async fn dropped_after(book: &Book, polls: u32) -> bool {
    let ctx = book.ctx().await;
    let mut tick = pin!(stages::tick(&ctx, None));
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        tick.as_mut().poll(context).map(|_| true)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_tick_dropped_after_any_poll_is_made_good_by_the_next_one() {
    let expected = {
        let book = Book::new();
        some_history(&book);
        book.tick().await;
        book.wait(TimeDelta::hours(1)).await;
        book.tick().await;
        book.content()
    };
    let mut polls = 1;
    loop {
        let book = Book::new();
        some_history(&book);
        let ended = dropped_after(&book, polls).await;
        // The blocking write under way when the tick was dropped still ends and frees the lock.
        book.tick().await;
        book.wait(TimeDelta::hours(1)).await;
        book.tick().await;
        similar(&book.content(), &expected, polls);
        if ended {
            break;
        }
        // Every poll of the beginning, then further and further apart: a tick has a few hundred.
        polls += 1 + polls / 12;
    }
    assert!(polls > 20, "the tick was never dropped in its middle: {polls}");
}

/// Equal but for what the extra calls of our own did: nothing.
fn similar(content: &str, expected: &str, polls: u32) {
    for (line, wanted) in content.lines().zip(expected.lines()) {
        assert_eq!(line, wanted, "dropped after {polls} polls");
    }
    assert_eq!(content.lines().count(), expected.lines().count(), "dropped after {polls} polls");
}
