//! `Side`: a record of one of two inputs.

use serde::{Deserialize, Serialize};

use crate::WithLate;

/// The rows of a join, with the late records of both inputs and their keys.
pub(super) type Rows<T, K, L, R> = WithLate<T, Side<(K, L), (K, R)>>;

/// A record of the left or of the right input of a join: what its late records are.
///
/// ```
/// use rheos_operators::Side;
/// let late: Side<(u32, &str), (u32, f64)> = Side::Right((1, 0.5));
/// let price = match late {
///     Side::Left(_) => None,
///     Side::Right((_, price)) => Some(price),
/// };
/// assert_eq!(price, Some(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side<L, R> {
    /// Of the left input.
    Left(L),
    /// Of the right input.
    Right(R),
}
