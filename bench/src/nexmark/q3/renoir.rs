//! q3 on Renoir: what is selected, one event in 75, meets by the id of the person, where a step
//! with state joins it. Renoir's own join takes two streams: it would read the events twice, or
//! route them through one more exchange.

use super::{Known, Sign};
use crate::nexmark::events::Events;
use crate::nexmark::form::WithAddress;
use crate::nexmark::renoir::{self, tally_rows};
use crate::nexmark::tally::Tally;

pub(crate) fn run(events: &Events<WithAddress>) -> anyhow::Result<Tally> {
    renoir::run(events, Sign::of, |signs, tally| {
        // Renoir keeps the step's state by key.
        let mut person = Known::default();
        let rows = signs.group_by(Sign::person).rich_flat_map(move |(_, sign)| {
            let mut rows = Vec::new();
            person.take(sign, |row| rows.push(row));
            rows
        });
        tally_rows(rows.drop_key(), tally);
    })
}
