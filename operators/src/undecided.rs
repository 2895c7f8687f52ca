//! What the compiler says to a program that goes on with results before it has said what becomes
//! of late records.
//!
//! The methods here can never be called. They bear the names of the steps that such a program asks
//! for most often, so that it is told what to do first instead of that there is no such method.

use rheos_engine::{ExchangeData, Key, Sink};

use crate::{KeyedStream, SinkStep, Stream, Timed, WithLate};

/// True of nothing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "what becomes of late records has not been said",
    label = "say it before this step",
    note = "`.drop_late()` counts them and goes on with the results alone",
    note = "`.late()` gives the results and the late records as two streams"
)]
pub trait LateRecordsDecided {}

#[doc(hidden)]
impl<T: 'static, L: 'static> WithLate<T, L> {
    pub fn map<U: 'static>(
        self,
        map: impl Fn(T) -> U + Clone + Send + Sync + 'static,
    ) -> Stream<U, Timed>
    where
        Self: LateRecordsDecided,
    {
        self.drop_late().map(map)
    }

    pub fn filter(
        self,
        keep: impl Fn(&T) -> bool + Clone + Send + Sync + 'static,
    ) -> Stream<T, Timed>
    where
        Self: LateRecordsDecided,
    {
        self.drop_late().filter(keep)
    }

    pub fn key_by<K: Key>(
        self,
        key: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, T, Timed>
    where
        Self: LateRecordsDecided,
    {
        self.drop_late().key_by(key)
    }

    pub fn sink<S: Sink<Record = T>>(self, sink: S) -> SinkStep
    where
        T: ExchangeData,
        Self: LateRecordsDecided,
    {
        self.drop_late().sink(sink)
    }

    pub fn print(self) -> Stream<T, Timed>
    where
        Self: LateRecordsDecided,
    {
        self.drop_late()
    }
}
