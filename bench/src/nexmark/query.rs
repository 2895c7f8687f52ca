//! The queries by name.

use clap::ValueEnum;

use super::version::AnyVersion;
use super::{
    q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16, q17, q18, q19, q20,
    q21, q22,
};

/// A query of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Query {
    /// Every bid, unchanged
    Q0,
    /// Every bid, its price in euros
    Q1,
    /// Bids on some auctions
    Q2,
    /// Auctions of one category with their sellers in three states
    Q3,
    /// The average winning price by category
    Q4,
    /// The auctions with the most bids, by sliding windows
    Q5,
    /// The average winning price of each seller's last ten auctions
    Q6,
    /// The highest bids, by tumbling windows
    Q7,
    /// New people who opened an auction, by tumbling windows
    Q8,
    /// The winning bid of each auction
    Q9,
    /// Every bid, written to files by day and minute
    Q10,
    /// Bids of each bidder, by session windows
    Q11,
    /// Bids of each bidder, by windows of processing time
    Q12,
    /// Every bid joined with a side input
    Q13,
    /// Large bids with their time of day and the letters c in their texts
    Q14,
    /// Bids, bidders and auctions by day and price
    Q15,
    /// Bids, bidders and auctions by channel, day and price
    Q16,
    /// Prices of each auction by day
    Q17,
    /// The last bid of each bidder on each auction
    Q18,
    /// The ten highest bids of each auction
    Q19,
    /// Bids joined with their auctions of one category
    Q20,
    /// Bids with the id of their channel
    Q21,
    /// Bids with the folders of their URL
    Q22,
}

/// A query over either form of events.
pub(crate) struct Versions {
    pub(crate) lean: Box<dyn AnyVersion>,
    pub(crate) full: Box<dyn AnyVersion>,
}

impl Versions {
    pub(crate) fn new(lean: impl AnyVersion + 'static, full: impl AnyVersion + 'static) -> Self {
        Self { lean: Box::new(lean), full: Box::new(full) }
    }
}

impl Query {
    /// The query's versions.
    pub(crate) fn versions(self) -> Versions {
        match self {
            Query::Q0 => q0::versions(),
            Query::Q1 => q1::versions(),
            Query::Q2 => q2::versions(),
            Query::Q3 => q3::versions(),
            Query::Q4 => q4::versions(),
            Query::Q5 => q5::versions(),
            Query::Q6 => q6::versions(),
            Query::Q7 => q7::versions(),
            Query::Q8 => q8::versions(),
            Query::Q9 => q9::versions(),
            Query::Q10 => q10::versions(),
            Query::Q11 => q11::versions(),
            Query::Q12 => q12::versions(),
            Query::Q13 => q13::versions(),
            Query::Q14 => q14::versions(),
            Query::Q15 => q15::versions(),
            Query::Q16 => q16::versions(),
            Query::Q17 => q17::versions(),
            Query::Q18 => q18::versions(),
            Query::Q19 => q19::versions(),
            Query::Q20 => q20::versions(),
            Query::Q21 => q21::versions(),
            Query::Q22 => q22::versions(),
        }
    }

    /// As it is called on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The queries of a run: one of them or all.
#[derive(Clone, Debug)]
pub(crate) struct Selection(pub(crate) Vec<Query>);

impl Selection {
    /// Reads a name, or `all`.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "all" => Ok(Self(Query::value_variants().to_vec())),
            _ => Query::from_str(name, false)
                .map(|query| Self(vec![query]))
                .map_err(|_| "queries are q0 to q22, and all".to_owned()),
        }
    }
}
