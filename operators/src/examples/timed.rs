//! Runs the programs of examples about event time.

use std::time::Duration;

use rheos_engine::{EventTime, ExchangeData};

use super::results;
use crate::{Stream, Timed, Watermarks, Windows};

/// Runs a program over records with their times in milliseconds, which may come a minute out of
/// order, and gives its results.
///
/// # Panics
/// When the job fails.
pub fn timed<T, R, M: crate::Timeline>(
    records: impl IntoIterator<Item = (i64, T)>,
    program: impl FnOnce(Stream<T, Timed>) -> Stream<R, M>,
) -> Vec<R>
where
    T: Send + 'static,
    R: ExchangeData,
{
    results(records, |records| {
        let watermarks = Watermarks::bounded(Duration::from_secs(60));
        let timed = records.event_time(|record| EventTime::from_millis(record.0), watermarks);
        program(timed.map(|(_, record)| record)).without_event_time()
    })
}

/// The panes of windows over records at so many milliseconds: start, end and number of records.
///
/// # Panics
/// When there are not so many panes, or the job fails.
pub fn panes<const N: usize>(
    windows: Windows,
    times: impl IntoIterator<Item = i64>,
) -> [(i64, i64, u64); N] {
    let panes = timed(times.into_iter().map(|time| (time, ())), |records| {
        records.window(windows).count().drop_late()
    });
    let pane = |pane: crate::Pane<(), u64>| {
        (pane.window.start.as_millis(), pane.window.end.as_millis(), pane.value)
    };
    let panes: Vec<_> = panes.into_iter().map(pane).collect();
    panes.try_into().unwrap_or_else(|panes| panic!("other panes were expected: {panes:?}"))
}
