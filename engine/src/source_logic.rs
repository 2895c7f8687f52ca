//! The inside of a source's host: open readers and the fused run behind them.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::consumer::{Flush, Next};
use crate::dataflow::Standing;
use crate::run::{Run, StepId};
use crate::splits::SplitsView;
use crate::{DeadLetter, Error, Position, ReadBuffer, ReadStatus, Reader, Split, SplitId};

/// What reading once from a split came to.
pub(crate) struct ReadOutcome {
    pub(crate) status: ReadStatus,
    /// Whether any record or dead letter came.
    pub(crate) any: bool,
    /// For how many batches it counts in a turn.
    pub(crate) batches: usize,
    /// Bytes to charge to the split until they are finished: what the records hold.
    pub(crate) bytes: usize,
}

/// What a source's host drives.
pub(crate) trait SourceLogic {
    /// The splits that are open: [`read`](SourceLogic::read) takes a number below this.
    fn splits(&self) -> usize;

    /// The split with this number among those that are open.
    fn split(&self, split: usize) -> SplitId;

    /// Opens further splits, as many as may be open at once. Says whether any is open.
    fn open_more(&mut self) -> Result<bool, Error>;

    /// Reads one batch and hands it to the run. A split that has ended is gone afterwards, and
    /// the last one has taken its number.
    fn read(&mut self, split: usize, run: &mut Run) -> Result<ReadOutcome, Error>;

    /// Says which splits are open and how many will be.
    fn describe(&self, view: &mut SplitsView);

    /// The splits that have not ended, and where reading goes on behind what was handed out.
    fn standing(&self) -> Vec<Standing>;

    /// What was read up to these positions is not asked for again.
    fn completed(&mut self, standing: &[Standing]) -> Result<(), Error>;

    /// Closes the readers; the input has not ended.
    fn close(&mut self);

    /// Hands on what the run has buffered.
    fn flush(&mut self, flush: Flush, run: &mut Run);

    /// Tells the run that the input has ended.
    fn end(&mut self, run: &mut Run);
}

/// A reader and what it reads into.
pub(crate) struct OpenSplit<T> {
    pub(crate) id: SplitId,
    pub(crate) split: Rc<Split>,
    pub(crate) is_bounded: bool,
    pub(crate) reader: Box<dyn Reader<T>>,
    pub(crate) buffer: ReadBuffer<T>,
}

/// Splits of known size that a worker reads at the same time; the others wait for their turn.
/// Splits without a known size may never end and are all open from the start.
const BOUNDED_SPLITS_OPEN: usize = 2;

/// Opens a split by its number.
pub(crate) type OpenReader<T> =
    Box<dyn Fn(SplitId, &Rc<Split>, Option<&Position>) -> Result<OpenSplit<T>, Error>>;

/// The splits of a source on one worker.
pub(crate) struct SplitReaders<T> {
    pub(crate) step: StepId,
    pub(crate) waiting: VecDeque<Standing>,
    pub(crate) open_reader: OpenReader<T>,
    pub(crate) open: Vec<OpenSplit<T>>,
    pub(crate) records: Next<T>,
    pub(crate) dead: Next<DeadLetter>,
}

impl<T: 'static> SourceLogic for SplitReaders<T> {
    fn splits(&self) -> usize {
        self.open.len()
    }

    fn split(&self, split: usize) -> SplitId {
        self.open[split].id
    }

    fn open_more(&mut self) -> Result<bool, Error> {
        let mut bounded = self.open.iter().filter(|open| open.is_bounded).count();
        let mut at = 0;
        while at < self.waiting.len() {
            let is_bounded = self.waiting[at].1.bytes.is_some();
            if is_bounded && bounded >= BOUNDED_SPLITS_OPEN {
                at += 1;
                continue;
            }
            bounded += usize::from(is_bounded);
            if let Some((number, split, position)) = self.waiting.remove(at) {
                let open = (self.open_reader)(SplitId(number), &split, position.as_ref());
                self.open.push(open?);
            }
        }
        Ok(!self.open.is_empty())
    }

    fn read(&mut self, split: usize, run: &mut Run) -> Result<ReadOutcome, Error> {
        let open = &mut self.open[split];
        run.split = open.id;
        let mut status = Ok(ReadStatus::Pending);
        run.within(self.step, |_| status = open.reader.read(&mut open.buffer));
        let status = status?;
        let lent = open.buffer.take_lent();
        let mut batch = open.buffer.take();
        let (mut seen, mut copied, mut batches) = (0, 0, 1);
        if let Some(lent) = lent {
            seen = lent.records().len();
            batches = seen.div_ceil(open.buffer.target()).max(1);
            if !self.records.lent(lent.records(), run) {
                copied = seen;
                for piece in lent.records().chunks(open.buffer.target()) {
                    lent.copy_to(piece, &mut batch.records);
                    self.records.batch(&mut batch.records, run);
                }
            }
        }
        let records = batch.records.len();
        let any = seen + records + batch.dead.len() > 0;
        let counters = &run.counters()[self.step.0];
        counters.records_in.add((seen + records + batch.dead.len()) as u64 + batch.skipped);
        counters.bytes.add(batch.bytes);
        counters.bad.add(batch.dead.len() as u64 + batch.skipped);
        counters.batches.add(u64::from(any));
        let held = usize::try_from(batch.bytes).unwrap_or(usize::MAX);
        let bytes = held.saturating_add((copied + records) * std::mem::size_of::<T>());
        if records > 0 {
            self.records.batch(&mut batch.records, run);
        }
        if !batch.dead.is_empty() {
            self.dead.batch(&mut batch.dead, run);
        }
        self.open[split].buffer.recycle(batch.records);
        if status == ReadStatus::End {
            self.open.swap_remove(split);
        }
        Ok(ReadOutcome { status, any, batches, bytes: bytes.max(run.take_emitted()) })
    }

    fn describe(&self, view: &mut SplitsView) {
        view.open.clear();
        view.open.extend(self.open.iter().map(|open| open.id));
        view.unopened = self.waiting.len();
    }

    fn standing(&self) -> Vec<Standing> {
        let open = self
            .open
            .iter()
            .map(|open| (open.id.0, Rc::clone(&open.split), Some(open.reader.position())));
        open.chain(self.waiting.iter().cloned()).collect()
    }

    fn completed(&mut self, standing: &[Standing]) -> Result<(), Error> {
        for (number, _, position) in standing {
            let mut open = self.open.iter_mut();
            if let Some(open) = open.find(|open| open.id.0 == *number)
                && let Some(position) = position
            {
                open.reader.completed(position)?;
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.waiting.clear();
        self.open.clear();
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.records.flush(flush, run);
        self.dead.flush(flush, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.records.end(run);
        self.dead.end(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::Consumer;
    use crate::{BadRecords, EventTime, harness};
    use std::cell::RefCell;
    use std::sync::Arc;

    /// Records in a full batch.
    const TARGET: usize = 4;

    /// Lends a block, as much at a time as suits best.
    struct Lends {
        block: Arc<[u64]>,
        at: usize,
    }

    impl Reader<u64> for Lends {
        fn read(&mut self, buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
            let until = self.block.len().min(self.at + buffer.room_to_lend());
            buffer.lend(&self.block, self.at..until);
            self.at = until;
            Ok(if until < self.block.len() { ReadStatus::More } else { ReadStatus::End })
        }
    }

    /// What was handed to a step, call by call.
    type Calls = Rc<RefCell<Vec<Vec<u64>>>>;

    /// A step that looks at records, or needs its own.
    struct Takes {
        looks: bool,
        lent: Calls,
        owned: Calls,
    }

    impl Consumer<u64> for Takes {
        fn batch(&mut self, batch: &mut Vec<u64>, _run: &mut Run) {
            self.owned.borrow_mut().push(std::mem::take(batch));
        }

        fn lent(&mut self, records: &[u64], _run: &mut Run) -> bool {
            if self.looks {
                self.lent.borrow_mut().push(records.to_vec());
            }
            self.looks
        }

        fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

        fn watermark(&mut self, _watermark: EventTime, _run: &mut Run) {}

        fn end(&mut self, _run: &mut Run) {}
    }

    /// What a step was lent and given of a block, and what each read came to.
    fn read(looks: bool, block: &[u64]) -> (Vec<Vec<u64>>, Vec<Vec<u64>>, Vec<ReadOutcome>) {
        let (lent, owned) = (Calls::default(), Calls::default());
        let (dead, _) = harness::Collected::consumer();
        let split = Rc::new(Split::named("block"));
        let reader = Box::new(Lends { block: block.into(), at: 0 });
        let buffer = ReadBuffer::new(TARGET, BadRecords::Fail);
        let mut readers = SplitReaders {
            step: StepId(0),
            waiting: VecDeque::new(),
            open_reader: Box::new(|_, _, _| unreachable!("it is open")),
            open: vec![OpenSplit { id: SplitId(0), split, is_bounded: true, reader, buffer }],
            records: Box::new(Takes { looks, lent: Rc::clone(&lent), owned: Rc::clone(&owned) }),
            dead,
        };
        let (mut run, mut outcomes) = (harness::run(), Vec::new());
        while readers.splits() > 0 {
            outcomes.push(readers.read(0, &mut run).unwrap());
        }
        assert_eq!(run.counters()[0].records_in.get(), block.len() as u64);
        (lent.take(), owned.take(), outcomes)
    }

    #[test]
    fn several_batches_are_lent_at_once_and_count_as_several() {
        let block: Vec<u64> = (0..70).collect();
        let (lent, owned, outcomes) = read(true, &block);
        assert_eq!(lent, block.chunks(8 * TARGET).map(<[_]>::to_vec).collect::<Vec<_>>());
        assert!(owned.is_empty(), "nothing is copied");
        let batches: Vec<_> = outcomes.iter().map(|outcome| outcome.batches).collect();
        assert_eq!(batches, [8, 8, 2]);
    }

    #[test]
    fn a_step_that_needs_its_own_gets_copies_in_batches() {
        let block: Vec<u64> = (0..70).collect();
        let (lent, owned, outcomes) = read(false, &block);
        assert!(lent.is_empty());
        assert_eq!(owned.concat(), block);
        assert!(owned.iter().all(|batch| batch.len() <= TARGET), "{owned:?}");
        let bytes: Vec<_> = outcomes.iter().map(|outcome| outcome.bytes).collect();
        assert_eq!(bytes, [32 * 8, 32 * 8, 6 * 8], "copies are held until they are finished");
    }
}
