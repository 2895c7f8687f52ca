//! The progress line on standard error, where that is a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::job::start::Running;

/// How often the line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Draws the line until it is dropped.
pub(crate) struct Line {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to draw, if standard error is a terminal.
pub(crate) fn show(running: &Arc<Running>) -> Option<Line> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let (stop, stopped) = bounded(0);
    let running = Arc::clone(running);
    let draw = move || {
        let bar = bar(running.outset.assignment.total_bytes());
        while stopped.recv_timeout(DRAW_EVERY) == Err(crossbeam_channel::RecvTimeoutError::Timeout)
        {
            let report = running.report();
            bar.set_position(report.bytes);
            bar.set_message(format!(
                "{} records, {:.0}/s, {} epochs in flight",
                report.records,
                report.records_per_second,
                running.shared.epochs_open.load(Ordering::Relaxed)
            ));
        }
        bar.finish_and_clear();
    };
    let thread = std::thread::Builder::new().name("rheos progress".into()).spawn(draw);
    // A job without its progress line is still a job.
    thread.ok().map(|thread| Line { stop: Some(stop), thread: Some(thread) })
}

fn bar(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{bytes}/{total_bytes} [{bar:24}] {msg}",
        None => "{bytes} {spinner} {msg}",
    };
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style)
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the progress line panicked");
        }
    }
}
