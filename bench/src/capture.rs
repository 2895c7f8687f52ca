//! The state of one keyed step: what it costs to note changes, to capture and to restore an entry.

use clap::Args;
use rheos::engine::harness::Harness;
use rheos::engine::{
    Error, Extent, Keyed, KeyedState, Operator, Output, Snapshot, StateParts, hash_key,
};
use serde::{Deserialize, Serialize};

/// How many keys, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Keys of the step
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Rounds that count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Bytes that a slice of a capture writes.
const SLICE_BYTES: usize = 1 << 20;

/// Records between two slices.
const BATCH_RECORDS: usize = 4_096;

/// What is remembered for a key.
trait State: Serialize + for<'de> Deserialize<'de> + 'static {
    fn new(key: u64) -> Self;
    fn change(&mut self);
}

impl State for u64 {
    fn new(_key: u64) -> Self {
        0
    }

    fn change(&mut self) {
        *self += 1;
    }
}

impl State for String {
    /// With its key about 100 bytes.
    fn new(key: u64) -> Self {
        format!("{key:090}")
    }

    fn change(&mut self) {
        self.make_ascii_uppercase();
    }
}

/// Changes the states of keys.
struct Changes<S> {
    keys: KeyedState<u64, S>,
}

impl<S: State> Operator for Changes<S> {
    type In = Keyed<u64, ()>;
    type Out = ();

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        _out: &mut Output<'_, ()>,
    ) -> Result<(), Error> {
        for Keyed { hash, key, .. } in batch.drain(..) {
            let at = self.keys.find_or_insert(hash, key, || S::new(key));
            self.keys.entry_mut(at).state.change();
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }
}

/// What the phases of a round have taken.
#[derive(Default)]
struct Phases {
    /// Names and nanoseconds an entry, one for each round.
    taken: Vec<(&'static str, Vec<f64>)>,
    keys: u64,
}

impl Phases {
    fn time<R>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<R, Error>,
    ) -> anyhow::Result<R> {
        let before = processor_nanoseconds();
        let result = work();
        let each = processor_nanoseconds().saturating_sub(before) as f64 / self.keys as f64;
        match self.taken.iter_mut().find(|(phase, _)| *phase == name) {
            Some((_, times)) => times.push(each),
            None => self.taken.push((name, vec![each])),
        }
        Ok(result?)
    }

    #[allow(clippy::print_stdout, reason = "the figures are this program's output")]
    fn print(mut self, state: &str) {
        for (name, times) in &mut self.taken {
            times.sort_by(f64::total_cmp);
            let (least, most) = (times[0], times[times.len() - 1]);
            let median = times[times.len() / 2];
            println!("{state:<10} {name:<34} ns an entry {median:.1} ({least:.1} to {most:.1})");
        }
    }
}

/// The processor time of this thread so far: neighbours on the machine count little in it.
fn processor_nanoseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    measure_state::<u64>("u64", options)?;
    measure_state::<String>("100 bytes", options)
}

fn measure_state<S: State>(name: &str, options: &Options) -> anyhow::Result<()> {
    let mut phases = Phases { keys: options.keys, ..Phases::default() };
    for _ in 0..options.rounds {
        round::<S>(options.keys, &mut phases)?;
    }
    phases.print(name);
    Ok(())
}

fn round<S: State>(keys: u64, phases: &mut Phases) -> anyhow::Result<()> {
    let mut step = Harness::new(Changes::<S> { keys: KeyedState::default() });
    // In an order that is not that of the positions.
    let mut order: Vec<u64> = (0..keys).collect();
    order.sort_unstable_by_key(|key| hash_key(&(key ^ 0x5555)));
    let batch_of = |keys: &[u64]| keys.iter().map(|key| Keyed::new(*key, ())).collect::<Vec<_>>();
    let batch = || batch_of(&order);
    step.batch((0..keys).map(|key| Keyed::new(key, ())).collect())?;
    let records = batch();
    phases.time("change, nothing ever captured", || step.batch(records))?;
    let mut whole = Snapshot::default();
    phases.time("begin a whole capture", || step.begin_capture(0, Extent::Whole))?;
    phases.time("capture the whole", || complete(&mut step, &mut whole))?;
    let records = batch();
    phases.time("change first, behind a capture", || step.batch(records))?;
    let records = batch();
    phases.time("change again", || step.batch(records))?;
    let mut changes = Snapshot::default();
    phases.time("begin a capture of changes", || step.begin_capture(0, Extent::Changes))?;
    phases.time("capture what changed: all", || complete(&mut step, &mut changes))?;
    let records = batch();
    step.batch(records)?;
    step.begin_capture(0, Extent::Changes)?;
    let batches: Vec<_> = order.chunks(BATCH_RECORDS).map(batch_of).collect();
    let mut changes = Snapshot::default();
    phases.time("change and capture in turn", || {
        for records in batches {
            step.batch(records)?;
            step.capture(SLICE_BYTES, &mut changes)?;
        }
        complete(&mut step, &mut changes)
    })?;
    step.begin_capture(0, Extent::Changes)?;
    let records = batch();
    phases.time("change while all is pending", || step.batch(records))?;
    phases.time("capture what was saved", || complete(&mut step, &mut changes))?;
    drop(changes);
    drop(step);
    let mut restored = Harness::new(Changes::<S> { keys: KeyedState::default() });
    phases.time("restore", || restored.restore(0, 1, &whole))
}

fn complete<S: State>(step: &mut Harness<Changes<S>>, into: &mut Snapshot) -> Result<(), Error> {
    while !step.capture(SLICE_BYTES, into)? {}
    Ok(())
}
