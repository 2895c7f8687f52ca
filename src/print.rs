//! `print`: where an operator and a connector meet, which is why it lives in neither crate.

use std::fmt::Debug;

use rheos_connectors::{StdoutSink, Text};
use rheos_operators::{SinkStep, Stream, Timeline};

/// Prints the records of a stream; in the prelude.
pub trait Print {
    /// Writes each record to standard output, one a line, in its `Debug` form: for looking at a
    /// stream while a program is written.
    ///
    /// # Semantics
    /// * **Order**: each worker's records keep their order.
    /// * **State**: none.
    /// * **End of the input**: nothing special; what came has been printed.
    /// * **Workers**: worker 0 prints, for all.
    ///
    /// ```
    /// use rheos::prelude::*;
    ///
    /// let job = Job::new("numbers");
    /// job.source(Collection::new(vec![1, 2, 3])).print().named("show");
    /// job.run(Config::default().workers(2))?;
    /// # Ok::<(), rheos::Error>(())
    /// ```
    fn print(self) -> SinkStep;
}

impl<T: Debug + 'static, M: Timeline> Print for Stream<T, M> {
    fn print(self) -> SinkStep {
        self.map(|record| format!("{record:?}")).sink(StdoutSink::new(Text))
    }
}
