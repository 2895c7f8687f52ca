//! q3 on bare timely with an operator a step: what is selected is parted into auctions and
//! sellers, which are exchanged by the seller and joined as they come.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::Operator;

use super::{Known, LocalAuction, Sign};
use crate::nexmark::bare_timely::{ENDLESS, Output, tally_rows};
use crate::nexmark::events::Events;
use crate::nexmark::form::WithAddress;
use crate::nexmark::tally::Tally;
use crate::nexmark::timely_steps::{self, filter_map};

/// What is known of sellers, by their ids.
type People = HashMap<u32, Known, FixedState>;

pub(crate) fn run(events: &Events<WithAddress>) -> anyhow::Result<Tally> {
    timely_steps::run(events, ENDLESS, |events, tally| {
        let signs = filter_map(events, |event| Sign::of(&event));
        let (auctions, sellers) = signs.ok_err::<Vec<_>, _, Vec<_>, _, _>(|sign| match sign {
            Sign::Opened { .. } => Ok(sign),
            Sign::Registered(..) => Err(sign),
        });
        // Ids of busy sellers are multiples of 100: the upper bits of a product spread them.
        let by_person = || {
            Exchange::new(|sign: &Sign| u64::from(sign.person().wrapping_mul(0x9E37_79B1)) >> 16)
        };
        let rows = auctions.binary(sellers, by_person(), by_person(), "join", |_, _| {
            let mut people = People::default();
            move |auctions, sellers, output: &mut Output<'_, LocalAuction>| {
                sellers.for_each(|capability, signs| {
                    let mut session = output.session(&capability);
                    join(&mut people, signs, |row| session.give(row));
                });
                auctions.for_each(|capability, signs| {
                    let mut session = output.session(&capability);
                    join(&mut people, signs, |row| session.give(row));
                });
            }
        });
        tally_rows(rows, tally);
    })
}

/// Gives the rows that follow from what comes.
fn join(people: &mut People, signs: &mut Vec<Sign>, mut give: impl FnMut(LocalAuction)) {
    for sign in signs.drain(..) {
        people.entry(sign.person()).or_default().take(sign, &mut give);
    }
}
