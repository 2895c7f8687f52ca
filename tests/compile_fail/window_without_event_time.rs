//! Windows of event time over records that have none.

use std::time::Duration;

use rheos::prelude::*;

fn main() {
    let job = Job::new("visits");
    let visits = job.source(Collection::new(vec![(1u64, 10u64)]));
    let minutes = Windows::tumbling(Duration::from_secs(60));
    visits.clone().window(minutes.clone()).count();
    visits.key_by(|visit| visit.0).window(minutes).count();
}
