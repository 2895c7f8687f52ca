//! The queries of NEXMark, an auction site with people, auctions and bids: on Rheos, on bare
//! timely, and in a naive form that says what is right.
//!
//! Events are lean (see [`events`]) and in memory before the clock starts. A file a query holds
//! the query in words and its forms; every form gives the number of its rows and a checksum of
//! them that does not depend on their order, and every run is held against the naive form's.

mod bare_timely;
mod command;
mod events;
mod q0;
mod q1;
mod q2;
mod q5;
mod q7;
mod q8;
mod query;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use command::{Options, run};
