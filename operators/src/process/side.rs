//! Whether a process function emits on one stream or on two.

use std::convert::Infallible;

use rheos_engine::{Consumer, EventTime, Flush, Next, Run, WorkerContext};

use crate::{Stream, Timeline};

/// What a step emits for what its function emits.
pub(crate) trait Shape<O, S>: 'static {
    /// What leaves the step.
    type Out: 'static;
    fn main(record: O) -> Self::Out;
    fn side(record: S) -> Self::Out;
}

/// One stream: nothing is emitted on the side.
pub(crate) enum One {}

impl<O: 'static> Shape<O, Infallible> for One {
    type Out = O;

    fn main(record: O) -> O {
        record
    }

    fn side(record: Infallible) -> O {
        match record {}
    }
}

/// Two streams in one, to be parted by [`part`]: what is emitted on the side is the error. (A type
/// of our own could not be named where a public method asks for it to be `Send`.)
pub(crate) enum Two {}

impl<O: 'static, S: 'static> Shape<O, S> for Two {
    type Out = Result<O, S>;

    fn main(record: O) -> Self::Out {
        Ok(record)
    }

    fn side(record: S) -> Self::Out {
        Err(record)
    }
}

/// The two streams.
pub(crate) fn part<O: 'static, S: 'static, M: Timeline>(
    both: &Stream<Result<O, S>, M>,
) -> (Stream<O, M>, Stream<S, M>) {
    let make = |_: &WorkerContext, main, side| -> Next<M::Record<Result<O, S>>> {
        Box::new(Part::<O, S, M> { main, side, to_main: Vec::new(), to_side: Vec::new() })
    };
    let (main, side) = both.port().graph().stage_with_two(both.port(), "part side", make);
    (Stream::new(main), Stream::new(side))
}

struct Part<O: 'static, S: 'static, M: Timeline> {
    main: Next<M::Record<O>>,
    side: Next<M::Record<S>>,
    /// Records on their way; empty between batches.
    to_main: Vec<M::Record<O>>,
    to_side: Vec<M::Record<S>>,
}

impl<O: 'static, S: 'static, M: Timeline> Consumer<M::Record<Result<O, S>>> for Part<O, S, M> {
    fn batch(&mut self, batch: &mut Vec<M::Record<Result<O, S>>>, run: &mut Run) {
        for record in batch.drain(..) {
            match M::split(record) {
                (stamp, Ok(record)) => self.to_main.push(M::join(stamp, record)),
                (stamp, Err(record)) => self.to_side.push(M::join(stamp, record)),
            }
        }
        if !self.to_main.is_empty() {
            self.main.batch(&mut self.to_main, run);
        }
        if !self.to_side.is_empty() {
            self.side.batch(&mut self.to_side, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.main.flush(flush, run);
        self.side.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.main.watermark(watermark, run);
        self.side.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.main.end(run);
        self.side.end(run);
    }
}
