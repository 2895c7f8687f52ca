//! The kinds of joins: what becomes of records that match, and of those that do not.
//!
//! A kind is chosen at compile time, so that a join does and keeps nothing that its kind does not
//! need.

use rheos_engine::ExchangeData;

/// What a join makes of its records. Functions for rows that the kind does not have give none.
pub(crate) trait JoinKind<K, L, R>: 'static {
    /// A row of the join.
    type Row: Send + 'static;

    /// What is kept of a right record.
    type Right: ExchangeData;

    /// Whether every pair of matching records is a row; if not, it only matters whether a left
    /// record has met any right one.
    const PAIRS: bool;

    /// Whether a left record without a match is a row.
    const LEFT_ALONE: bool;

    /// Whether a right record without a match is a row.
    const RIGHT_ALONE: bool;

    /// Keeps what is needed of a right record.
    fn keep(right: R) -> Self::Right;

    /// The row of two records that match.
    fn pair(_key: &K, _left: &L, _right: &Self::Right) -> Option<Self::Row> {
        None
    }

    /// The row of a left record that has met its first match, if pairs do not matter.
    fn met(_key: &K, _left: L) -> Option<Self::Row> {
        None
    }

    /// The row of a left record without a match.
    fn left_alone(_key: &K, _left: L) -> Option<Self::Row> {
        None
    }

    /// The row of a right record without a match.
    fn right_alone(_key: &K, _right: Self::Right) -> Option<Self::Row> {
        None
    }
}

/// Every pair that matches.
pub(crate) enum Inner {}

/// Every pair, and the left records without a match.
pub(crate) enum Left {}

/// Every pair, and the right records without a match.
pub(crate) enum Right {}

/// Every pair, and all records without a match.
pub(crate) enum Full {}

/// The left records with a match.
pub(crate) enum Semi {}

/// The left records without a match.
pub(crate) enum Anti {}

impl<K, L, R> JoinKind<K, L, R> for Inner
where
    K: ExchangeData + Clone,
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
{
    type Row = (K, L, R);
    type Right = R;
    const PAIRS: bool = true;
    const LEFT_ALONE: bool = false;
    const RIGHT_ALONE: bool = false;

    fn keep(right: R) -> R {
        right
    }

    fn pair(key: &K, left: &L, right: &R) -> Option<Self::Row> {
        Some((key.clone(), left.clone(), right.clone()))
    }
}

impl<K, L, R> JoinKind<K, L, R> for Left
where
    K: ExchangeData + Clone,
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
{
    type Row = (K, L, Option<R>);
    type Right = R;
    const PAIRS: bool = true;
    const LEFT_ALONE: bool = true;
    const RIGHT_ALONE: bool = false;

    fn keep(right: R) -> R {
        right
    }

    fn pair(key: &K, left: &L, right: &R) -> Option<Self::Row> {
        Some((key.clone(), left.clone(), Some(right.clone())))
    }

    fn left_alone(key: &K, left: L) -> Option<Self::Row> {
        Some((key.clone(), left, None))
    }
}

impl<K, L, R> JoinKind<K, L, R> for Right
where
    K: ExchangeData + Clone,
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
{
    type Row = (K, Option<L>, R);
    type Right = R;
    const PAIRS: bool = true;
    const LEFT_ALONE: bool = false;
    const RIGHT_ALONE: bool = true;

    fn keep(right: R) -> R {
        right
    }

    fn pair(key: &K, left: &L, right: &R) -> Option<Self::Row> {
        Some((key.clone(), Some(left.clone()), right.clone()))
    }

    fn right_alone(key: &K, right: R) -> Option<Self::Row> {
        Some((key.clone(), None, right))
    }
}

impl<K, L, R> JoinKind<K, L, R> for Full
where
    K: ExchangeData + Clone,
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
{
    type Row = (K, Option<L>, Option<R>);
    type Right = R;
    const PAIRS: bool = true;
    const LEFT_ALONE: bool = true;
    const RIGHT_ALONE: bool = true;

    fn keep(right: R) -> R {
        right
    }

    fn pair(key: &K, left: &L, right: &R) -> Option<Self::Row> {
        Some((key.clone(), Some(left.clone()), Some(right.clone())))
    }

    fn left_alone(key: &K, left: L) -> Option<Self::Row> {
        Some((key.clone(), Some(left), None))
    }

    fn right_alone(key: &K, right: R) -> Option<Self::Row> {
        Some((key.clone(), None, Some(right)))
    }
}

impl<K: ExchangeData + Clone, L: ExchangeData, R> JoinKind<K, L, R> for Semi {
    type Row = (K, L);
    type Right = ();
    const PAIRS: bool = false;
    const LEFT_ALONE: bool = false;
    const RIGHT_ALONE: bool = false;

    fn keep(_right: R) {}

    fn met(key: &K, left: L) -> Option<Self::Row> {
        Some((key.clone(), left))
    }
}

impl<K: ExchangeData + Clone, L: ExchangeData, R> JoinKind<K, L, R> for Anti {
    type Row = (K, L);
    type Right = ();
    const PAIRS: bool = false;
    const LEFT_ALONE: bool = true;
    const RIGHT_ALONE: bool = false;

    fn keep(_right: R) {}

    fn left_alone(key: &K, left: L) -> Option<Self::Row> {
        Some((key.clone(), left))
    }
}
