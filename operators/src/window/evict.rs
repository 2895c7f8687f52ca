//! `evict`: leaves records of a window out before it answers.

use std::sync::Arc;

use rheos_engine::{ExchangeData, Key};

use super::attach::{Attached, WindowDomain};
use super::pane::{Pane, Window};
use super::windowed::WindowedStream;
use crate::WithLate;

/// Leaves records out; written by the program.
type Evictor<V> = Arc<dyn Fn(Window, &mut Vec<V>) + Send + Sync>;

/// Windows that leave some of their records out; see [`WindowedStream::evict`].
#[must_use = "ask for something, .collect() for example"]
pub struct EvictedWindows<K: 'static, V: 'static, D, L> {
    windows: WindowedStream<K, V, D, L>,
    evictor: Evictor<V>,
}

impl<K: Key, V, D, L> WindowedStream<K, V, D, L>
where
    V: Clone + ExchangeData,
    D: WindowDomain,
    L: Send + 'static,
{
    /// Lets `evictor` leave records out whenever a window answers: it is handed the window and all
    /// of its records, in order of event time, and keeps those that count. The window itself
    /// keeps all, so that a later pane is evicted from everything again.
    ///
    /// # Semantics
    /// As for [`collect`](WindowedStream::collect).
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// // The last two values of each window.
    /// let last = timed([(1_000, 'a'), (3_000, 'c'), (2_000, 'b'), (11_000, 'd')], |letters| {
    ///     let tens = Windows::tumbling(Duration::from_secs(10));
    ///     let two = letters.window(tens).evict(|_, letters| {
    ///         letters.drain(..letters.len().saturating_sub(2));
    ///     });
    ///     two.collect().drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(last, [vec!['b', 'c'], vec!['d']]);
    /// ```
    pub fn evict(
        self,
        evictor: impl Fn(Window, &mut Vec<V>) + Send + Sync + 'static,
    ) -> EvictedWindows<K, V, D, L> {
        EvictedWindows { windows: self, evictor: Arc::new(evictor) }
    }
}

impl<K: Key, V, D, L> EvictedWindows<K, V, D, L>
where
    V: Clone + ExchangeData,
    D: WindowDomain,
    L: Send + 'static,
{
    fn panes(self, kind: &'static str) -> WithLate<Pane<K, Vec<V>>, L> {
        let evictor = self.evictor;
        self.windows.collected(kind).map_results(move |mut pane: Pane<K, Vec<V>>| {
            evictor(pane.window, &mut pane.value);
            pane
        })
    }

    /// The values that are left of each window, in order of event time.
    ///
    /// # Semantics
    /// As for [`WindowedStream::collect`].
    pub fn collect(self) -> Attached<D, K, Vec<V>, L> {
        D::results(self.panes("window collect"))
    }

    /// Folds the values that are left of each window, in order of event time.
    ///
    /// # Semantics
    /// As for [`WindowedStream::fold`].
    ///
    /// ```
    /// # use rheos_operators::examples::timed;
    /// # use std::time::Duration;
    /// # use rheos_operators::Windows;
    /// // The sum of each window without its largest value.
    /// let sums = timed([(1, 5u64), (2, 9), (3, 7)], |numbers| {
    ///     let windows = numbers.window(Windows::tumbling(Duration::from_secs(10)));
    ///     let rest = windows.evict(|_, numbers| {
    ///         numbers.sort_unstable();
    ///         numbers.pop();
    ///     });
    ///     rest.fold(0, |sum, n| *sum += n).drop_late().map(|pane| pane.value)
    /// });
    /// assert_eq!(sums, [12]);
    /// ```
    pub fn fold<S>(
        self,
        initial: S,
        step: impl Fn(&mut S, V) + Clone + Send + Sync + 'static,
    ) -> Attached<D, K, S, L>
    where
        S: Clone + Send + Sync + 'static,
    {
        D::results(folded(self.panes("window fold"), initial, step))
    }

    /// Hands each pane, with the values that are left of its window, to a function that gives any
    /// number of records.
    ///
    /// # Semantics
    /// As for [`WindowedStream::process`].
    pub fn process<I>(
        self,
        function: impl Fn(Pane<K, Vec<V>>) -> I + Clone + Send + Sync + 'static,
    ) -> D::Rows<I::Item, L>
    where
        I: IntoIterator + 'static,
        I::Item: 'static,
    {
        D::results(self.panes("window process").flat_map_results(function))
    }
}

/// Folds the values of each pane.
pub(crate) fn folded<K: 'static, V: 'static, L: 'static, S: Clone + Send + Sync + 'static>(
    panes: WithLate<Pane<K, Vec<V>>, L>,
    initial: S,
    step: impl Fn(&mut S, V) + Clone + Send + Sync + 'static,
) -> WithLate<Pane<K, S>, L> {
    panes.map_results(move |pane: Pane<K, Vec<V>>| {
        let mut state = initial.clone();
        pane.value.into_iter().for_each(|value| step(&mut state, value));
        Pane { key: pane.key, window: pane.window, timing: pane.timing, value: state }
    })
}
