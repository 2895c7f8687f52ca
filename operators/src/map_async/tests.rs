//! `map_async` by hand: calls are answered, and time passes, when the test says so.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, IoPool, ManualPool, Operator, Stamped, Waker};

use super::calls::Calls;
use super::{AsyncError, AsyncOptions, FailedCall};
use crate::random::Random;
use crate::{Timed, Untimed};

const SECOND: Duration = Duration::from_secs(1);

type Said = Result<u64, FailedCall<u64, String>>;

/// A service that answers when the test lets it.
#[derive(Clone, Default)]
struct Service {
    /// Every call, in the order in which they were made.
    calls: Arc<Mutex<Vec<u64>>>,
    answered: Arc<Mutex<BTreeSet<u64>>>,
}

impl Service {
    /// Ten times the question, or an error for what is divisible by five.
    fn ask(&self, question: u64) -> impl Future<Output = Result<u64, String>> + Send + use<> {
        self.calls.lock().unwrap().push(question);
        let answered = Arc::clone(&self.answered);
        std::future::poll_fn(move |_| match answered.lock().unwrap().contains(&question) {
            true if question.is_multiple_of(5) => {
                Poll::Ready(Err(format!("{question} is odd enough")))
            }
            true => Poll::Ready(Ok(question * 10)),
            false => Poll::Pending,
        })
    }

    fn answer(&self, questions: impl IntoIterator<Item = u64>) {
        self.answered.lock().unwrap().extend(questions);
    }

    fn calls(&self) -> Vec<u64> {
        self.calls.lock().unwrap().clone()
    }
}

/// A step over the service, driven by hand.
fn asking(
    options: AsyncOptions<String>,
) -> (Service, ManualPool, Harness<impl Operator<In = u64, Out = Said>>) {
    let (service, pool) = (Service::default(), ManualPool::default());
    let (there, dyn_pool) = (service.clone(), Arc::new(pool.clone()) as Arc<dyn IoPool>);
    let call = move |question| there.ask(question);
    let calls = Calls::<_, _, _, _, Untimed>::new(call, options, dyn_pool, idle_waker());
    (service, pool, Harness::new(calls))
}

fn idle_waker() -> Waker {
    Waker::new(|| ())
}

fn failed(record: u64, error: AsyncError<String>, attempts: u32) -> Said {
    Err(FailedCall { record, error, attempts })
}

#[test]
fn calls_are_bounded_and_the_rest_waits() {
    let (service, pool, mut step) = asking(AsyncOptions::default().in_flight(2));
    assert!(step.is_ready());
    assert_eq!(step.batch(vec![1, 2, 3]).unwrap(), []);
    assert!(!step.is_ready());
    assert_eq!(step.holdings().records, 3);
    assert_eq!((pool.run(), service.calls()), (2, vec![1, 2]));
    service.answer([1]);
    pool.run();
    assert_eq!(step.wake().unwrap(), [Ok(10)]);
    assert_eq!((pool.run(), service.calls()), (2, vec![1, 2, 3]));
    service.answer([2]);
    pool.run();
    assert_eq!(step.wake().unwrap(), [Ok(20)]);
    assert!(step.is_ready(), "a place is free and nothing waits");
    assert_eq!(step.end_epoch().unwrap(), []);
    assert_eq!(step.epoch().0, 0, "the epoch waits for the last call");
    service.answer([3]);
    pool.run();
    assert_eq!(step.end_epoch().unwrap(), [Ok(30)]);
    assert_eq!((step.epoch().0, step.holdings().records), (1, 0));
}

#[test]
fn an_ordered_step_keeps_results_until_their_turn() {
    let (service, pool, mut step) = asking(AsyncOptions::default().in_flight(3).ordered());
    step.batch(vec![1, 2, 3]).unwrap();
    pool.run();
    service.answer([2, 3]);
    pool.run();
    assert_eq!(step.wake().unwrap(), []);
    assert!(!step.is_ready(), "what waits for its turn takes a place");
    service.answer([1]);
    pool.run();
    assert_eq!(step.wake().unwrap(), [Ok(10), Ok(20), Ok(30)]);
}

#[test]
fn an_unordered_step_says_at_once_what_it_knows() {
    let (service, pool, mut step) = asking(AsyncOptions::default().in_flight(3).unordered());
    step.batch(vec![1, 2, 3]).unwrap();
    pool.run();
    service.answer([3]);
    pool.run();
    assert_eq!(step.wake().unwrap(), [Ok(30)]);
    assert!(step.is_ready());
    service.answer([1, 2]);
    pool.run();
    assert_eq!(step.end_input().unwrap(), [Ok(10), Ok(20)]);
}

#[test]
fn an_attempt_that_takes_too_long_is_given_up() {
    let (service, pool, mut step) = asking(AsyncOptions::default().timeout(SECOND));
    step.batch(vec![1, 2]).unwrap();
    pool.run();
    service.answer([2]);
    pool.advance(SECOND - Duration::from_millis(1));
    assert_eq!(pool.run(), 1, "one is answered, the other is still waited for");
    pool.advance(Duration::from_millis(1));
    assert_eq!(pool.run(), 0);
    let timed_out = failed(1, AsyncError::TimedOut(SECOND), 1);
    assert_eq!(step.end_epoch().unwrap(), [timed_out.clone(), Ok(20)]);
    assert_eq!(timed_out.unwrap_err().to_string(), "no answer within 1s");
}

#[test]
fn failures_are_tried_again_after_longer_and_longer_waits() {
    let (service, pool, mut step) = asking(AsyncOptions::default().retries(2, SECOND));
    service.answer([5]);
    step.batch(vec![5]).unwrap();
    let mut seconds = Vec::new();
    for second in 0..10 {
        let before = service.calls().len();
        pool.run();
        seconds.extend((service.calls().len() > before).then_some(second));
        pool.advance(SECOND);
    }
    assert_eq!(seconds, [0, 1, 3]);
    let result = step.end_epoch().unwrap().remove(0);
    assert_eq!(result, failed(5, AsyncError::Failed("5 is odd enough".into()), 3));
    let text = result.unwrap_err().to_string();
    assert_eq!(text, "5 is odd enough, in attempt 3");
}

#[test]
fn what_cannot_be_helped_is_not_tried_again() {
    let in_vain = |error: &String| !error.contains("odd enough");
    let options = AsyncOptions::default().timeout(SECOND).retries(5, Duration::ZERO);
    let (service, pool, mut step) = asking(options.retry_if(in_vain));
    step.batch(vec![5, 10]).unwrap();
    service.answer([5]);
    pool.run();
    pool.advance(SECOND);
    pool.run();
    service.answer([10]);
    pool.run();
    assert_eq!(service.calls(), [5, 10, 10], "only what took too long is asked again");
    let said: Vec<String> =
        step.end_epoch().unwrap().into_iter().map(|said| said.unwrap_err().to_string()).collect();
    assert_eq!(said, ["5 is odd enough", "10 is odd enough, in attempt 2"]);
}

#[test]
fn an_attempt_that_succeeds_is_the_last() {
    let options = AsyncOptions::default().timeout(SECOND).retries(5, Duration::ZERO);
    let (service, pool, mut step) = asking(options);
    step.batch(vec![7]).unwrap();
    pool.run();
    pool.advance(SECOND);
    pool.run();
    service.answer([7]);
    pool.run();
    assert_eq!(step.end_epoch().unwrap(), [Ok(70)]);
    assert_eq!(service.calls(), [7, 7]);
}

#[test]
fn event_times_stay_with_their_records_and_the_watermark_waits() {
    let (service, pool) = (Service::default(), ManualPool::default());
    let (there, dyn_pool) = (service.clone(), Arc::new(pool.clone()));
    let call = move |question| there.ask(question);
    let options = AsyncOptions::default().unordered();
    let calls = Calls::<_, _, _, _, Timed>::new(call, options, dyn_pool, idle_waker());
    let mut step = Harness::new(calls);
    let at = |value: u64| EventTime::from_millis(value as i64 * 1_000);
    let stamped = |value: u64| Stamped { time: at(value), value };
    step.batch(vec![stamped(1), stamped(2)]).unwrap();
    pool.run();
    service.answer([2]);
    pool.run();
    step.set_watermark(at(3));
    assert_eq!(step.end_epoch().unwrap(), [Stamped { time: at(2), value: Ok(20) }]);
    assert_eq!(step.watermark(), EventTime::MIN);
    service.answer([1]);
    pool.run();
    assert_eq!(step.end_epoch().unwrap(), [Stamped { time: at(1), value: Ok(10) }]);
    assert_eq!(step.watermark(), at(3));
}

#[test]
fn a_panic_in_a_call_goes_on_in_the_step() {
    let pool = ManualPool::default();
    let call = |n: u64| async move { if n == 2 { panic!("two") } else { Ok::<_, String>(n) } };
    let (options, dyn_pool) = (AsyncOptions::default(), Arc::new(pool.clone()));
    let calls = Calls::<_, _, _, _, Untimed>::new(call, options, dyn_pool, idle_waker());
    let mut step = Harness::new(calls);
    step.batch(vec![1, 2]).unwrap();
    assert_eq!(pool.run(), 0);
    let panic = catch_unwind(AssertUnwindSafe(|| step.wake())).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"two"));
}

#[test]
fn every_answer_wakes_the_step() {
    let wakes = Arc::new(Mutex::new(0));
    let (pool, there) = (ManualPool::default(), Arc::clone(&wakes));
    let waker = Waker::new(move || *there.lock().unwrap() += 1);
    let call = |n: u64| async move { Ok::<_, String>(n) };
    let (options, dyn_pool) = (AsyncOptions::default(), Arc::new(pool.clone()));
    let mut step = Harness::new(Calls::<_, _, _, _, Untimed>::new(call, options, dyn_pool, waker));
    step.batch(vec![1, 2, 3]).unwrap();
    pool.run();
    assert_eq!(*wakes.lock().unwrap(), 3);
}

#[test]
fn random_answers_in_any_order_lose_and_double_nothing() {
    for (seed, is_ordered) in (0..40).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut random = Random::new(seed);
        let in_flight = 1 + random.below(6) as usize;
        let options = AsyncOptions { in_flight, is_ordered, ..AsyncOptions::default() };
        let (service, pool, mut step) = asking(options);
        for epoch in random.epochs() {
            let numbers = (0..epoch.len() as u64).map(|n| n * 7 + random.below(7));
            let numbers: Vec<u64> = numbers.filter(|n| n % 5 != 0).collect();
            service.answered.lock().unwrap().clear();
            let mut said = Vec::new();
            for batch in random.batches(numbers.clone()) {
                while !step.is_ready() {
                    service.answer(numbers.iter().copied().filter(|_| random.below(3) == 0));
                    assert!(pool.run() <= in_flight, "seed {seed}");
                    said.extend(step.wake().unwrap());
                }
                said.extend(step.batch(batch).unwrap());
                pool.run();
            }
            let number = step.epoch();
            while step.epoch() == number {
                service.answer(numbers.iter().copied().filter(|_| random.below(3) == 0));
                pool.run();
                said.extend(step.end_epoch().unwrap());
            }
            let mut said: Vec<u64> = said.into_iter().map(|said| said.unwrap() / 10).collect();
            if !is_ordered {
                said.sort_unstable();
            }
            assert_eq!(said, numbers, "seed {seed}, ordered {is_ordered}");
        }
    }
}
