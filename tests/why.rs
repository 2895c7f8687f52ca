//! Who holds a watermark: asked of running jobs, of reports, and of a process by a signal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rheos::engine::{
    EpochEnd, Error, EventTime, Holder, Holdings, JobHandle, Operator, Output, Position,
    ProcessingTime, ReadBuffer, ReadStatus, Reader, ReaderContext, Report, Source, Split,
    SplitContext, Stamped, TestClock, Turn, Waker, Why,
};
use rheos::prelude::*;

use crate::programs::{counting, ended_while_read, signal, until};

/// What the test says to the splits of a [`Script`], and who reads them.
#[derive(Default)]
struct Lines {
    waiting: Vec<u64>,
    has_ended: bool,
    reader: Option<Waker>,
}

/// A source of named splits that say what the test tells them to.
#[derive(Clone)]
struct Script(Arc<BTreeMap<&'static str, Mutex<Lines>>>);

impl Script {
    fn of(splits: &[&'static str]) -> Self {
        Self(Arc::new(splits.iter().map(|name| (*name, Mutex::default())).collect()))
    }

    fn say(&self, split: &str, times: &[u64]) {
        self.tell(split, |lines| lines.waiting.extend(times));
    }

    fn end(&self, split: &str) {
        self.tell(split, |lines| lines.has_ended = true);
    }

    fn tell(&self, split: &str, what: impl FnOnce(&mut Lines)) {
        let mut lines = self.0[split].lock().unwrap();
        what(&mut lines);
        lines.reader.iter().for_each(Waker::wake);
    }
}

impl Source for Script {
    type Record = u64;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(self.0.keys().map(|name| Split { at_origin: true, ..Split::named(*name) }).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        self.tell(&split.name, |lines| lines.reader = Some(context.waker));
        Ok(Box::new(ScriptReader { script: self.clone(), split: split.name.clone() }))
    }
}

struct ScriptReader {
    script: Script,
    split: String,
}

impl Reader<u64> for ScriptReader {
    fn read(&mut self, buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
        let mut lines = self.script.0[self.split.as_str()].lock().unwrap();
        let has_any = !lines.waiting.is_empty();
        buffer.records_mut().append(&mut lines.waiting);
        Ok(match (has_any, lines.has_ended) {
            (true, _) => ReadStatus::More,
            (false, true) => ReadStatus::End,
            (false, false) => ReadStatus::Pending,
        })
    }
}

/// Keeps records until the watermark has passed them; those that come too late it counts.
#[derive(Default)]
struct Wait {
    records: Vec<Stamped<u64>>,
    watermark: Option<EventTime>,
}

impl Operator for Wait {
    type In = Stamped<u64>;
    type Out = u64;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, u64>,
    ) -> Result<(), Error> {
        let before = batch.len();
        batch.retain(|record| Some(record.time) >= self.watermark);
        out.count_late((before - batch.len()) as u64);
        self.records.append(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, end: EpochEnd, out: &mut Output<'_, u64>) -> Result<Turn, Error> {
        self.watermark = Some(end.watermark);
        out.extend(self.records.extract_if(.., |r| r.time < end.watermark).map(|r| r.value));
        Ok(Turn::Done)
    }

    fn holdings(&self) -> Holdings {
        Holdings { records: self.records.len(), ..Holdings::default() }
    }
}

fn at(millis: u64) -> EventTime {
    EventTime::from_millis(millis as i64)
}

fn time(millis: &u64) -> EventTime {
    at(*millis)
}

/// A job that waits for the event time of a script.
struct Waiting {
    script: Script,
    handle: JobHandle,
    clock: Arc<TestClock>,
}

impl Waiting {
    fn start(workers: usize, watermarks: Watermarks) -> Self {
        let (script, job) = (Script::of(&["a.log", "b.log"]), Job::new("waiting"));
        let clock = Arc::new(TestClock::at(ProcessingTime(1_000_000)));
        let mut config = Config::default().workers(workers);
        config.clock = clock.clone();
        let waited = job
            .source(script.clone())
            .named("clicks")
            .event_time(time, watermarks)
            .partition_by(|millis| *millis)
            .apply(|_| Wait::default())
            .named("wait");
        waited.sink(Null::new());
        Self { script, handle: job.start(config).unwrap(), clock }
    }

    /// Waits until an answer is as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&Why) -> bool) -> Why {
        until(what, || self.handle.why("wait").is_some_and(|why| wanted(&why)));
        self.handle.why("wait").unwrap()
    }

    fn end(self) -> Report {
        self.script.end("a.log");
        self.script.end("b.log");
        self.handle.wait().unwrap()
    }
}

/// The split that holds, where it is one.
fn split_of(why: &Why) -> Option<&str> {
    match &why.holder {
        Some(Holder::Split { source, split, .. }) if source == "clicks" => Some(split),
        _ => None,
    }
}

#[test]
fn a_silent_split_is_named_until_it_has_ended() {
    for workers in [1, 3] {
        let job = Waiting::start(workers, Watermarks::monotone());
        job.script.say("a.log", &[10, 20, 30]);
        job.script.say("b.log", &[5]);
        let why = job.until("the watermark of b.log", |why| why.watermark == Some(at(5)));
        assert_eq!(split_of(&why), Some("b.log"), "{workers} workers: {why}");
        assert_eq!(why.holdings.records, 4, "{why}");
        job.clock.advance(Duration::from_secs(34));
        let text = job.handle.why("wait").unwrap().to_string();
        let said = "`wait` waits at 1970-01-01T00:00:00.005Z: split `b.log` of source `clicks` has \
                    said nothing for 34 s; it holds 4 records";
        assert_eq!(text, said, "{workers} workers");
        assert!(job.handle.why("nobody").is_none());
        job.script.end("b.log");
        job.until("the watermark of a.log", |why| why.watermark == Some(at(30)));
        let why = job.until("a.log", |why| split_of(why) == Some("a.log"));
        assert_eq!(why.holdings.records, 1, "{why}");
        let report = job.end();
        let why = report.why("wait").unwrap();
        assert_eq!((why.watermark, &why.holder), (Some(EventTime::MAX), &None));
        assert!(report.why("clicks").is_none());
        let back: Report = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(back.why("wait"), Some(why));
    }
}

#[test]
fn an_idle_split_is_not_waited_for_whoever_reads_it() {
    for workers in [1, 2, 3] {
        let watermarks = Watermarks::monotone().idle_after(Duration::from_secs(10));
        let job = Waiting::start(workers, watermarks);
        job.script.say("a.log", &[10]);
        job.script.say("b.log", &[5]);
        job.until("the watermark of b.log", |why| why.watermark == Some(at(5)));
        job.clock.advance(Duration::from_secs(9));
        job.script.say("a.log", &[20]);
        job.until("the second record", |why| why.holdings.records == 3);
        let why = job.handle.why("wait").unwrap();
        assert_eq!(why.watermark, Some(at(5)), "{workers} workers: {why}");
        job.clock.advance(Duration::from_secs(1));
        let why = job.until("going on without it", |why| why.watermark == Some(at(20)));
        assert_eq!(split_of(&why), Some("a.log"), "{workers} workers: {why}");
        // What it then says is late if others have gone on, and holds them again if not.
        job.script.say("b.log", &[15, 25]);
        job.until("what is late", |why| why.late_records == 1);
        job.script.say("a.log", &[40]);
        let why = job.until("b.log again", |why| why.watermark == Some(at(25)));
        assert_eq!((why.late_records, split_of(&why)), (1, Some("b.log")), "{workers}: {why}");
        let report = job.end();
        assert_eq!(report.step("wait").unwrap().late_records, 1);
        let text = report.to_string();
        let foot = "99.9 % of the records of `event time` came in order";
        assert!(text.contains(foot) && text.contains("late"), "{text}");
    }
}

#[test]
fn what_did_not_happen_is_not_in_the_table() {
    let job = Waiting::start(1, Watermarks::monotone());
    job.script.say("a.log", &[10]);
    let text = job.end().to_string();
    assert!(!text.contains("late") && !text.contains("windows"), "{text}");
}

#[test]
fn records_from_the_future_are_counted_on_the_way() {
    let watermarks = Watermarks::bounded(Duration::from_secs(1)).max_future(Duration::from_secs(1));
    let job = Waiting::start(2, watermarks);
    job.script.say("a.log", &[1_000, 9_000_000, 2_000, 1_500]);
    let why = job.until("the others", |why| why.holdings.records == 3);
    assert_eq!(why.future_records, 1, "{why}");
    let report = job.end();
    let step = report.step("event time").unwrap();
    assert_eq!((step.future_records, step.late_records), (1, 0));
    let bound = step.disorder_bound.unwrap();
    assert!(bound >= Duration::from_millis(500) && bound < Duration::from_millis(625), "{bound:?}");
    assert!(report.to_string().contains("future"));
}

#[test]
fn sigusr1_says_why_and_the_program_goes_on() {
    for processes in [1, 2] {
        let (mut child, totals, peer) = counting(processes, &[]);
        let mut log = BufReader::new(child.stderr.take().unwrap());
        for _ in 0..2 {
            signal(child.id(), "USR1");
            let mut text = String::new();
            for _ in 0..2 {
                assert!(log.read_line(&mut text).unwrap() > 0, "it goes on: {text}");
            }
            assert!(text.starts_with("job `socket word count`:\n  "), "{text}");
            if processes == 1 {
                assert!(text.contains("does not wait for event time"), "{text}");
                assert!(text.ends_with("; it remembers 4 keys\n"), "{text}");
            }
        }
        signal(child.id(), "TERM");
        let ended = ended_while_read(child, totals, Duration::from_secs(5));
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        drop(peer);
    }
}

#[test]
fn what_comes_back_from_being_idle_is_late_and_not_lost() {
    for workers in [1, 2, 3] {
        let watermarks = Watermarks::monotone().idle_after(Duration::from_secs(10));
        let (script, job) = (Script::of(&["a.log", "b.log"]), Job::new("waiting"));
        let clock = Arc::new(TestClock::at(ProcessingTime(1_000_000)));
        let mut config = Config::default().workers(workers);
        config.clock = clock.clone();
        let (sink, counts) = collect();
        job.source(script.clone())
            .event_time(time, watermarks)
            .window(Windows::tumbling(Duration::from_millis(10)))
            .count()
            .named("wait")
            .drop_late()
            .map(|pane| pane.value)
            .sink(sink);
        let handle = job.start(config).unwrap();
        let reaches = |what: &str, wanted: &dyn Fn(&Why) -> bool| {
            until(what, || handle.why("wait").is_some_and(|why| wanted(&why)));
        };
        let late = |records: u64| {
            let seen = || handle.metrics().step("wait").map_or(0, |step| step.late_records);
            until("late", || seen() == records);
        };
        script.say("a.log", &[10]);
        script.say("b.log", &[5]);
        reaches("5", &|why| why.watermark == Some(at(5)));
        clock.advance(Duration::from_secs(9));
        script.say("a.log", &[35]);
        reaches("35 seen", &|why| why.holdings.records == 3);
        clock.advance(Duration::from_secs(1));
        reaches("35", &|why| why.watermark == Some(at(35)));
        // `a.log` went on alone: for the split that comes back these two are over.
        script.say("b.log", &[12]);
        late(1);
        script.say("b.log", &[14]);
        late(2);
        script.end("a.log");
        script.end("b.log");
        handle.wait().unwrap();
        assert_eq!(counts.into_vec().unwrap().into_iter().sum::<u64>(), 3, "{workers} workers");
    }
}
