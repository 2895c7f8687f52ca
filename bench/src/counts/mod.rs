//! Counts that every system of this field is measured by: words, words in windows, and ads of
//! campaigns in windows; on Rheos, on bare timely, on the peer Renoir, and in a naive form that says
//! what is right.
//!
//! The input is in memory before the clock starts. A file a count holds it in words and its
//! forms; every form gives the number of its rows and a checksum of them that does not depend on
//! their order, and every run is held against the naive form's.

mod bare_timely;
mod command;
#[cfg(feature = "peers")]
mod renoir;
mod tally;
mod text;
mod windowed_word_count;
mod word_count;
mod yahoo;

pub(crate) use command::Options;
pub(crate) use windowed_word_count::run as run_windowed_word_count;
pub(crate) use word_count::run as run_word_count;
pub(crate) use yahoo::{Options as YahooOptions, run as run_yahoo};
