//! The queries of NEXMark, an auction site with people, auctions and bids: on Rheos, some on bare
//! timely and on the peer Renoir, and in a naive form that says what is right.
//!
//! A file a query holds the query in words, the query as a user would write it, and the naive
//! version; [`form`] says which texts the events have that it reads. Every run gives the number of
//! its rows and a checksum of them that does not depend on their order.

mod bare_timely;
mod best;
mod calendar;
mod command;
mod events;
mod figures;
mod form;
mod generated;
mod mean;
mod partitioned;
mod q0;
mod q1;
mod q10;
mod q11;
mod q12;
mod q13;
mod q14;
mod q15;
mod q16;
mod q17;
mod q18;
mod q19;
mod q2;
mod q20;
mod q21;
mod q22;
mod q3;
mod q4;
mod q5;
mod q6;
mod q7;
mod q8;
mod q9;
mod query;
mod ranks;
#[cfg(feature = "peers")]
mod renoir;
mod row;
mod scratch;
mod statistics;
mod tally;
#[cfg(test)]
mod tests;
mod timely_steps;
mod version;
mod winning;

pub(crate) use command::{Options, run};
