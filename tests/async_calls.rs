//! Asynchronous calls in whole jobs: on real threads of the engine, beside running workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use rheos::engine::EventTime;
use rheos::prelude::*;

use crate::everywhere::everywhere;
use crate::random::Random;

/// Longer than any test takes: a call that is never answered fails its test by it.
const NEVER: Duration = Duration::from_secs(60);

/// A value that calls wait for.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(usize, Vec<Waker>)>>);

impl Gate {
    /// Adds one to the value.
    fn step(&self) {
        let mut gate = self.0.lock().unwrap();
        gate.0 += 1;
        gate.1.drain(..).for_each(Waker::wake);
    }

    /// Waits for the value to be at least `value`.
    fn reaches(&self, value: usize) -> impl Future<Output = ()> + Send + use<> {
        let gate = Arc::clone(&self.0);
        std::future::poll_fn(move |context| {
            let mut gate = gate.lock().unwrap();
            if gate.0 >= value {
                return Poll::Ready(());
            }
            gate.1.push(context.waker().clone());
            Poll::Pending
        })
    }
}

/// Comes back to its thread so many times, so that calls end in another order than they began.
fn detour(mut times: u64) -> impl Future<Output = ()> + Send {
    std::future::poll_fn(move |context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

async fn tenfold(n: u64) -> Result<u64, String> {
    detour(n % 13).await;
    if n.is_multiple_of(7) { Err(format!("{n} is a week")) } else { Ok(n * 10) }
}

fn options() -> AsyncOptions<String> {
    AsyncOptions::default().timeout(NEVER)
}

fn one_worker() -> Config {
    Config::default().workers(1)
}

#[test]
fn every_record_is_answered_once() {
    for (seed, options) in [(1, options().in_flight(7)), (2, options().in_flight(50).unordered())] {
        let mut random = Random::new(seed);
        let input: Vec<u64> = (0..3_000).map(|_| random.below(1_000)).collect();
        let text = |n: &u64| match n % 7 {
            0 => format!("{n}: {n} is a week, in attempt 2"),
            _ => (n * 10).to_string(),
        };
        let mut expected: Vec<String> = input.iter().map(text).collect();
        expected.sort();
        everywhere(
            |job| {
                let numbers = job.source(Collection::new(input.clone())).rebalance();
                let options = options.clone().retries(1, Duration::ZERO);
                let (made, failed) = numbers.map_async(options, tenfold).or_dead_letter();
                let made = made.map(|n| n.to_string());
                made.union(failed.map(|call| format!("{}: {call}", call.record)))
            },
            |topology, rows| assert_eq!(rows, expected, "seed {seed}, {topology}"),
        );
    }
}

#[test]
fn event_times_come_through() {
    everywhere(
        |job| {
            let numbers = job.source(Collection::from_iter(1..500u64)).rebalance();
            let time = |n: &u64| EventTime::from_millis(*n as i64);
            let timed = numbers.event_time(time, Watermarks::bounded(NEVER));
            timed.map_async(options(), tenfold).or_skip().stamped()
        },
        |topology, rows| {
            assert_eq!(rows.len(), 499 - 71, "{topology}");
            for row in rows {
                assert_eq!(row.time.as_millis() as u64 * 10, row.value, "{topology}");
            }
        },
    );
}

#[test]
fn an_ordered_step_keeps_the_order_of_its_worker() {
    let (sink, rows) = collect();
    let job = Job::new("ordered");
    let numbers = job.source(Collection::from_iter(0..5_000u64));
    numbers.map_async(options().in_flight(16).ordered(), tenfold).or_skip().sink(sink);
    job.run(one_worker()).unwrap();
    let expected: Vec<u64> = (0..5_000).filter(|n| n % 7 != 0).map(|n| n * 10).collect();
    assert_eq!(rows.into_vec().unwrap(), expected);
}

#[test]
fn no_more_calls_are_out_than_allowed_and_as_many_as_that() {
    let (gate, out) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let there = Arc::clone(&most);
    let job = Job::new("bounded");
    let (sink, rows) = collect();
    let call = move |n: u64| {
        let (gate, out, most) = (gate.clone(), Arc::clone(&out), Arc::clone(&there));
        async move {
            most.fetch_max(1 + out.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            // None of the first four ends before all four have begun.
            gate.step();
            gate.reaches(4).await;
            detour(n % 5).await;
            out.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, String>(n)
        }
    };
    let numbers = job.source(Collection::from_iter(0..2_000u64));
    numbers.map_async(options().in_flight(4).unordered(), call).or_fail().sink(sink);
    job.run(one_worker()).unwrap();
    assert_eq!((most.load(Ordering::SeqCst), rows.into_vec().unwrap().len()), (4, 2_000));
}

#[test]
fn batches_wait_while_no_more_calls_may_be_made() {
    let gate = Gate::default();
    let there = gate.clone();
    let call = move |n: u64| {
        let gate = there.clone();
        async move {
            gate.reaches(1).await;
            Ok::<_, String>(n)
        }
    };
    let (sink, rows) = collect();
    let job = Job::new("waiting");
    let numbers = job.source(Collection::from_iter(0..10_000u64).splits(1));
    numbers.map_async(options(), call).or_fail().sink(sink);
    let (sender, channel) = channel::<()>(1);
    let (seen, others) = mpsc::channel();
    job.source(channel).sink(ForEach::new(move |()| seen.send(()).unwrap()));
    let handle = job.start(one_worker()).unwrap();
    let report = |name: &str| {
        let steps = handle.metrics().steps;
        steps.into_iter().find(|step| step.name == name).unwrap()
    };
    while report("source").records_out < 10_000 || report("map async").records_in == 0 {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    // The turn in which the step took its first batch is over when the worker does other things.
    sender.send(()).unwrap();
    assert_eq!(others.recv_timeout(NEVER), Ok(()));
    // The first batch is enough for all calls that may be made.
    assert!(report("map async").records_in <= 1_024);
    gate.step();
    sender.finish();
    handle.wait().unwrap();
    assert_eq!(rows.into_vec().unwrap().len(), 10_000);
}

#[test]
fn calls_without_an_answer_are_tried_again_and_given_up() {
    let calls = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let there = Arc::clone(&calls);
    let call = move |n: u64| {
        *there.lock().unwrap().entry(n).or_default() += 1;
        async move {
            if n.is_multiple_of(2) {
                std::future::pending::<()>().await;
            }
            Ok::<_, String>(n)
        }
    };
    let (sink, rows) = collect();
    let job = Job::new("unanswered");
    let numbers = job.source(Collection::from_iter(0..20u64));
    let soon = Duration::from_millis(1);
    let options = AsyncOptions::default().timeout(soon).retries(2, soon);
    let (_, failed) = numbers.map_async(options, call).or_dead_letter();
    failed.filter(|call| call.record % 2 == 0).sink(sink);
    job.run(one_worker()).unwrap();
    let rows = rows.into_vec().unwrap();
    let calls = calls.lock().unwrap();
    assert_eq!(rows.len(), 10);
    for row in rows {
        assert_eq!((row.attempts, row.error), (3, AsyncError::TimedOut(soon)));
        assert_eq!(calls[&row.record], 3);
    }
}

#[test]
fn a_failed_call_fails_the_job_where_the_program_says_so() {
    let job = Job::new("failing");
    let numbers = job.source(Collection::from_iter(1..100u64));
    let (sink, rows) = collect();
    numbers.map_async(options(), tenfold).or_fail().named("asked").sink(sink);
    let error = job.run(one_worker()).unwrap_err();
    assert_eq!((error.step(), error.kind()), (Some("asked"), ErrorKind::UserCode));
    assert!(error.to_string().contains("7 is a week"), "{error}");
    assert!(rows.take().is_none());
}

#[test]
fn a_panic_in_a_call_fails_the_job_with_the_name_of_the_step() {
    let call = |n: u64| async move {
        detour(3).await;
        assert!(n != 50, "not fifty");
        Ok::<_, String>(n)
    };
    let (sink, _) = collect();
    let job = Job::new("panicking");
    let numbers = job.source(Collection::from_iter(0..100u64)).rebalance();
    numbers.map_async(options(), call).named("ask").or_fail().sink(sink);
    let error = job.run(Config::default().workers(3)).unwrap_err();
    assert_eq!((error.step(), error.kind()), (Some("ask"), ErrorKind::UserCode));
    assert!(error.to_string().contains("it panicked: not fifty"), "{error}");
}

#[test]
fn the_worker_goes_on_while_a_call_hangs() {
    let gate = Gate::default();
    let (begun, calls) = mpsc::channel();
    let there = gate.clone();
    let call = move |n: u64| {
        let (gate, begun) = (there.clone(), begun.clone());
        async move {
            begun.send(n).unwrap();
            gate.reaches(1).await;
            Ok::<_, String>(n)
        }
    };
    let (seen, others) = mpsc::channel();
    let (sink, rows) = collect();
    let (sender, channel) = channel::<u64>(1);
    let job = Job::new("hanging");
    let asked = job.source(Collection::from_iter([1u64])).map_async(options(), call);
    asked.or_fail().sink(sink);
    job.source(channel).sink(ForEach::new(move |n: u64| seen.send(n).unwrap()));
    let handle = job.start(one_worker()).unwrap();
    assert_eq!(calls.recv_timeout(NEVER), Ok(1));
    for n in 0..100 {
        sender.send(n).unwrap();
        assert_eq!(others.recv_timeout(NEVER), Ok(n), "while the call hangs");
    }
    gate.step();
    sender.finish();
    handle.wait().unwrap();
    assert_eq!(rows.into_vec().unwrap(), [1]);
}

#[test]
fn results_come_before_their_epoch_ends() {
    let gate = Gate::default();
    let there = gate.clone();
    let call = move |n: u64| {
        let gate = there.clone();
        async move {
            gate.reaches(n as usize).await;
            Ok::<_, String>(n)
        }
    };
    let (seen, results) = mpsc::channel();
    let job = Job::new("piecemeal");
    // One epoch of one split, which is read to its end long before its calls end.
    let numbers = job.source(Collection::from_iter(1..=20u64).splits(1)).map_async(options(), call);
    numbers.or_fail().rebalance().sink(ForEach::new(move |n: u64| seen.send(n).unwrap()));
    let handle = job.start(Config::default().workers(2)).unwrap();
    for n in 1..=20 {
        gate.step();
        assert_eq!(results.recv_timeout(NEVER), Ok(n));
    }
    handle.wait().unwrap();
}

/// Says when it is dropped.
struct Says(mpsc::Sender<()>);

impl Drop for Says {
    fn drop(&mut self) {
        // The test may have seen enough.
        let _ = self.0.send(());
    }
}

#[test]
fn a_job_that_fails_drops_its_calls() {
    let (begun, calls) = mpsc::channel();
    let (dropped, drops) = mpsc::channel();
    let call = move |n: u64| {
        let (begun, says) = (begun.clone(), Says(dropped.clone()));
        async move {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(says);
            Ok::<_, String>(n)
        }
    };
    let (sender, channel) = channel::<u64>(1);
    let (hung, failing) = (collect().0, collect().0);
    let job = Job::new("failing");
    job.source(Collection::from_iter([1u64])).map_async(options(), call).or_fail().sink(hung);
    job.source(channel).map(|n| if n == 0 { Err("zero") } else { Ok(n) }).or_fail().sink(failing);
    let handle = job.start(one_worker()).unwrap();
    calls.recv_timeout(NEVER).unwrap();
    sender.send(0).unwrap();
    let error = handle.wait().unwrap_err();
    assert!(error.to_string().contains("zero"), "{error}");
    // The call has gone with the job; the function itself holds no such thing.
    assert_eq!(drops.try_recv(), Ok(()));
}

#[test]
fn a_job_that_is_stopped_waits_no_longer_than_its_calls_may_take() {
    let (begun, calls) = mpsc::channel();
    let call = move |n: u64| {
        begun.send(n).unwrap();
        std::future::pending::<Result<u64, String>>()
    };
    let (sender, channel) = channel::<u64>(1);
    let job = Job::new("stopped");
    let options = AsyncOptions::default().timeout(Duration::from_millis(1));
    job.source(channel).map_async(options, call).or_skip().sink(collect().0);
    let handle = job.start(one_worker()).unwrap();
    sender.send(1).unwrap();
    assert_eq!(calls.recv_timeout(NEVER), Ok(1));
    handle.stop();
    assert!(handle.wait().unwrap().stopped);
}
