//! A timer in event time, set by a process function for streams that have none.

use std::convert::Infallible;
use std::time::Duration;

use rheos::prelude::*;

#[derive(Clone)]
struct Reminders;

impl ProcessFunction for Reminders {
    type Key = u64;
    type In = u64;
    type State = u64;
    type Timer = ();
    type Out = u64;
    type Side = Infallible;

    fn on_record(
        &self,
        seen: &mut u64,
        at: u64,
        context: &mut ProcessContext<'_, Untimed, u64, u64>,
    ) {
        *seen += 1;
        let due = EventTime::from_secs(at as i64).plus(Duration::from_secs(60));
        context.set_timer((), due);
    }
}

fn main() {}
