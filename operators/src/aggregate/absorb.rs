//! What the step behind an exchange does with what arrives: the common side of aggregates, whose
//! accumulators arrive, and of folds, whose records do.

use rheos_engine::ExchangeData;

use super::Aggregate;

/// How what arrives is brought into what is remembered.
pub(crate) trait Absorb: Clone + Send + Sync + 'static {
    /// What arrives.
    type In: ExchangeData;
    /// What is remembered.
    type Acc: ExchangeData;
    /// What is said about it.
    type Out: Send + 'static;

    /// What is remembered after the first arrival.
    fn start(&self, first: Self::In) -> Self::Acc;

    /// Brings a further arrival in.
    fn absorb(&self, acc: &mut Self::Acc, next: Self::In);

    /// See [`Aggregate::finish`].
    fn finish(&self, acc: &Self::Acc) -> Self::Out;

    /// See [`Aggregate::of_nothing`].
    fn of_nothing(&self) -> Option<Self::Out>;
}

/// Merges accumulators of an aggregate.
#[derive(Clone)]
pub(crate) struct Partials<A>(pub(crate) A);

impl<A: Aggregate> Absorb for Partials<A> {
    type In = A::Acc;
    type Acc = A::Acc;
    type Out = A::Out;

    #[inline]
    fn start(&self, first: A::Acc) -> A::Acc {
        first
    }

    #[inline]
    fn absorb(&self, acc: &mut A::Acc, next: A::Acc) {
        self.0.merge(acc, next);
    }

    fn finish(&self, acc: &A::Acc) -> A::Out {
        self.0.finish(acc)
    }

    fn of_nothing(&self) -> Option<A::Out> {
        self.0.of_nothing()
    }
}
