//! Joins a few built-in orders with prices and payments, by event time:
//!
//! * each order with the price of its moment (`as_of_join`);
//! * orders with payments that come within a minute, and what is left over on either side
//!   (`interval_join`);
//! * what was ordered and what was paid, minute by minute (`window_join`).

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// Joins orders with prices and payments.
#[derive(Parser)]
struct Arguments {
    /// How many seconds an order may wait for its payment
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    second: i64,
    number: u32,
    item: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Price {
    second: i64,
    item: String,
    cents: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Payment {
    second: i64,
    order: u32,
    cents: u64,
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let job = Job::new("joins");
    let orders = timed(&job, orders(), |order| order.second);
    let prices = timed(&job, prices(), |price| price.second);
    let payments = timed(&job, payments(), |payment| payment.second);

    let priced = orders
        .clone()
        .key_by(|order| order.item.clone())
        .as_of_join(prices.key_by(|price| price.item.clone()))
        .left()
        .drop_late()
        .map(|(item, order, price)| match price {
            Some(price) => format!("order {}: {item} at {} cents", order.number, price.cents),
            None => format!("order {}: {item} had no price yet", order.number),
        });

    let paid = orders
        .clone()
        .key_by(|order| order.number)
        .interval_join(
            payments.clone().key_by(|payment| payment.order),
            Interval::after(Duration::from_secs(arguments.within)),
        )
        .full()
        .drop_late()
        .map(|(number, order, payment)| match (order, payment) {
            (Some(order), Some(Payment { second, cents, .. })) => {
                format!("order {number}: {cents} cents after {} s", second - order.second)
            }
            (Some(_), None) => format!("order {number}: not paid in time"),
            (None, payment) => {
                let cents = payment.map_or(0, |payment| payment.cents);
                format!("order {number}: {cents} cents for an order that does not wait for them")
            }
        });

    let minutes = Windows::tumbling(Duration::from_secs(60));
    let turnover = orders
        .key_by(|_| ())
        .window_join(payments.key_by(|_| ()), minutes)
        .co_group()
        .drop_late()
        .map(|Pane { window, value: (orders, payments), .. }| {
            let minute = window.start.as_millis() / 60_000;
            let cents: u64 = payments.iter().map(|payment| payment.cents).sum();
            format!("minute {minute}: {} orders, {cents} cents paid", orders.len())
        });

    let (priced, paid, turnover) = (gather(priced), gather(paid), gather(turnover));
    job.run(arguments.job.into_config()?)?;
    print("prices", &priced);
    print("payments", &paid);
    print("minutes", &turnover);
    Ok(())
}

/// Records with their event time.
fn timed<T: Clone + Send + Sync + 'static>(
    job: &Job,
    records: Vec<T>,
    second: impl Fn(&T) -> i64 + Clone + Send + Sync + 'static,
) -> Stream<T, Timed> {
    let time = move |record: &T| EventTime::from_millis(1_000 * second(record));
    let watermarks = Watermarks::bounded(Duration::from_secs(10));
    job.source(Collection::new(records)).event_time(time, watermarks)
}

fn gather(lines: Stream<String, Timed>) -> Collected<String> {
    let (sink, collected) = collect();
    lines.sink(sink);
    collected
}

#[allow(clippy::print_stdout, reason = "the rows are this program's output")]
fn print(title: &str, lines: &Collected<String>) {
    // With several processes the rows are at the first one.
    let Some(mut lines) = lines.take() else { return };
    // Which key's rows come first depends on the workers.
    lines.sort();
    println!("{title}");
    lines.iter().for_each(|line| println!("  {line}"));
}

fn orders() -> Vec<Order> {
    [(5, 1, "tulips"), (20, 2, "roses"), (30, 3, "tulips"), (70, 4, "roses"), (95, 5, "lilies")]
        .map(|(second, number, item)| Order { second, number, item: item.to_owned() })
        .to_vec()
}

fn prices() -> Vec<Price> {
    // The second price of tulips is as old as order 3, which gets it.
    [(0, "tulips", 400), (0, "roses", 900), (30, "tulips", 450), (60, "roses", 850)]
        .map(|(second, item, cents)| Price { second, item: item.to_owned(), cents })
        .to_vec()
}

fn payments() -> Vec<Payment> {
    // Order 2 is paid in two parts, order 3 a second too late, and nobody ordered number 9.
    [(12, 1, 400), (25, 2, 500), (80, 2, 400), (91, 3, 450), (75, 4, 850), (40, 9, 100)]
        .map(|(second, order, cents)| Payment { second, order, cents })
        .to_vec()
}
