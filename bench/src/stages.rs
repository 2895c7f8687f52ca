//! Ten stateless stages over 64-bit integers: as a Rheos job, as ten operators of bare timely, as
//! one loop written by hand over the same batches.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use rheos::prelude::*;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::dataflow::operators::vec::{Filter, Input, Map};

use crate::compare::{Side, in_turn};
use crate::numbers::Numbers;

/// How many integers, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Integers in a run
    #[arg(long, default_value_t = 200_000_000)]
    records: u64,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// Records in a batch, on every side.
const BATCH: usize = 1024;

/// Batches that timely is given before it steps: its best on this job among powers of two.
const BATCHES_A_STEP: usize = 16;

fn one(n: u64) -> u64 {
    n.wrapping_mul(3)
}
fn two(n: &u64) -> bool {
    !n.is_multiple_of(16)
}
fn three(n: u64) -> u64 {
    n ^ (n >> 7)
}
fn four(n: u64) -> u64 {
    n.wrapping_add(12_345)
}
fn five(n: &u64) -> bool {
    n & 31 != 7
}
fn six(n: u64) -> u64 {
    n.rotate_left(11)
}
fn seven(n: u64) -> u64 {
    n.wrapping_sub(n >> 3)
}
fn eight(n: &u64) -> bool {
    n & 63 != 9
}
fn nine(n: u64) -> u64 {
    n | 1
}
fn ten(n: u64) -> u64 {
    n.wrapping_mul(5)
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let numbers = Numbers::new(options.records);
    let by_hand = fused(&numbers);
    let check = |what: &str, sum: u64| {
        anyhow::ensure!(sum == by_hand, "{what} comes to another sum than the loop");
        Ok(())
    };
    in_turn(
        options.rounds,
        vec![
            Side::new("hand-fused loop", || check("the loop", fused(&numbers))),
            Side::new("rheos, 1 worker", || check("rheos", rheos(&numbers)?)),
            Side::new("timely, 1 worker", || check("timely", bare_timely(&numbers)?)),
        ],
    )
}

/// All batches of the input, as every side gets them.
fn batches(numbers: &Numbers) -> impl Iterator<Item = &[u64]> {
    let mut left = numbers.total as usize;
    numbers.block.chunks(BATCH).cycle().map_while(move |chunk| {
        let chunk = &chunk[..chunk.len().min(left)];
        left -= chunk.len();
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn fused(numbers: &Numbers) -> u64 {
    let mut sum = 0u64;
    for batch in batches(numbers) {
        for &n in black_box(batch) {
            let n = one(n);
            if !two(&n) {
                continue;
            }
            let n = four(three(n));
            if !five(&n) {
                continue;
            }
            let n = seven(six(n));
            if !eight(&n) {
                continue;
            }
            sum = sum.wrapping_add(ten(nine(n)));
        }
    }
    sum
}

fn rheos(numbers: &Numbers) -> anyhow::Result<u64> {
    let sum = Arc::new(AtomicU64::new(0));
    let job = Job::new("ten stages");
    let total = Arc::clone(&sum);
    job.source(numbers.clone())
        .map(one)
        .filter(two)
        .map(three)
        .map(four)
        .filter(five)
        .map(six)
        .map(seven)
        .filter(eight)
        .map(nine)
        .map(ten)
        .map_batch(move |batch: Vec<u64>| {
            let sum = batch.iter().fold(0u64, |sum, n| sum.wrapping_add(*n));
            total.fetch_add(sum, Ordering::Relaxed);
            Vec::<u64>::new()
        })
        .sink(Null::new());
    job.run(Config::default().workers(1))?;
    Ok(sum.load(Ordering::Relaxed))
}

fn bare_timely(numbers: &Numbers) -> anyhow::Result<u64> {
    let numbers = numbers.clone();
    let sums = timely::execute(timely::Config::process(1), move |worker| {
        let sum = Rc::new(Cell::new(0u64));
        let total = Rc::clone(&sum);
        let probe = Handle::new();
        let mut input = worker.dataflow::<u64, _, _>(|scope| {
            let (input, stream) = scope.new_input::<u64>();
            stream
                .map(one)
                .filter(two)
                .map(three)
                .map(four)
                .filter(five)
                .map(six)
                .map(seven)
                .filter(eight)
                .map(nine)
                .map(ten)
                .inspect_core(move |event| {
                    if let Ok((_, batch)) = event {
                        let sum = batch.iter().fold(total.get(), |sum, n| sum.wrapping_add(*n));
                        total.set(sum);
                    }
                })
                .probe_with(&probe);
            input
        });
        let mut buffer = Vec::with_capacity(BATCH);
        for (number, batch) in batches(&numbers).enumerate() {
            buffer.extend_from_slice(batch);
            input.send_batch(&mut buffer);
            buffer.clear();
            if number % BATCHES_A_STEP == BATCHES_A_STEP - 1 {
                input.advance_to(*input.time() + 1);
                worker.step();
            }
        }
        input.close();
        while !probe.done() {
            worker.step();
        }
        sum.get()
    });
    let sums = sums.map_err(anyhow::Error::msg)?.join();
    let sums =
        sums.into_iter().collect::<Result<Vec<u64>, String>>().map_err(anyhow::Error::msg)?;
    Ok(sums.into_iter().fold(0, u64::wrapping_add))
}
