//! Joins by event time of records that have none, on either side.

use std::time::Duration;

use rheos::prelude::*;

fn joins(
    orders: KeyedStream<u64, u64>,
    payments: KeyedStream<u64, u64>,
    deliveries: KeyedStream<u64, u64, Timed>,
) {
    let hour = Duration::from_secs(3600);
    orders.clone().interval_join(deliveries.clone(), Interval::after(hour)).inner().drop_late();
    orders.window_join(deliveries.clone(), Windows::tumbling(hour)).inner().drop_late();
    deliveries.as_of_join(payments).left().drop_late();
}

fn main() {}
