//! A line that moves while a pass runs, on a terminal; nothing when piped.

use std::future::Future;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::stages::Progress;

const REDRAW: Duration = Duration::from_millis(200);

/// Runs `work` and shows how far it is.
pub(super) async fn show<T>(progress: Arc<Progress>, work: impl Future<Output = T>) -> T {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    let began = tokio::time::Instant::now();
    let mut redraw = tokio::time::interval(REDRAW);
    tokio::pin!(work);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = redraw.tick() => {
                bar.set_message(line(&progress, began.elapsed()));
                bar.tick();
            }
        }
    };
    bar.finish_and_clear();
    result
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let read = progress.read();
    let left = match read.fraction {
        // The first pages say little about how many there will be.
        Some(done) if done > 0.02 && done < 1.0 => {
            let left = elapsed.mul_f64((1.0 - done) / done);
            format!(", about {} left at this quota", HumanDuration(left))
        }
        _ => String::new(),
    };
    format!(
        "{} pages, {} events, {} new executions, {} priced{left}",
        read.pages, read.events, read.executions, read.finished
    )
}
