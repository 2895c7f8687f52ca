//! q8 on bare timely with an operator a step: what is selected is parted into people and sellers,
//! which are exchanged by id, wait for the end of their window, and are joined then.

use std::collections::BTreeMap;

use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::Operator;

use super::{LENGTH, NewSeller, Window};
use crate::nexmark::bare_timely::{Output, Records, tally_rows};
use crate::nexmark::events::{Event, Events};
use crate::nexmark::form::Name;
use crate::nexmark::tally::Tally;
use crate::nexmark::timely_steps::{self, filter_map};

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, LENGTH, |events, tally| {
        let others = filter_map(events, |event| event.bid().is_none().then_some(event));
        let (people, auctions) = others.ok_err::<Vec<_>, _, Vec<_>, _, _>(|event| match event {
            Event::Person(person) => Ok((person.id, person.rest)),
            Event::Auction(_) | Event::Bid(_) => Err(event),
        });
        let sellers = filter_map(auctions, |event| event.auction().map(|auction| auction.seller));
        tally_rows(join(people, sellers), tally);
    })
}

fn join<'scope>(
    people: Records<'scope, (u32, Name)>,
    sellers: Records<'scope, u32>,
) -> Records<'scope, NewSeller> {
    // Ids of busy sellers are multiples of 100: the upper bits of a product spread them.
    let spread = |id: u32| u64::from(id.wrapping_mul(0x9E37_79B1)) >> 16;
    let by_id = Exchange::new(move |(id, _): &(u32, Name)| spread(*id));
    let by_seller = Exchange::new(move |seller: &u32| spread(*seller));
    people.binary_frontier(sellers, by_id, by_seller, "join", |_, _| {
        let mut open: BTreeMap<u64, (Capability<u64>, Window)> = BTreeMap::new();
        let mut rows = Vec::new();
        move |(people, frontier), (sellers, sellers_frontier), output: &mut Output<'_, _>| {
            people.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let window = *capability.time();
                let (_, window) =
                    open.entry(window).or_insert_with(|| (capability, Window::default()));
                window.people.append(batch);
            });
            sellers.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let window = *capability.time();
                let (_, window) =
                    open.entry(window).or_insert_with(|| (capability, Window::default()));
                window.sellers.extend(batch.drain(..));
            });
            while let Some(entry) = open.first_entry()
                && !frontier.less_equal(entry.key())
                && !sellers_frontier.less_equal(entry.key())
            {
                let (epoch, (capability, mut window)) = entry.remove_entry();
                Window::finish(epoch, &mut window, &mut rows);
                output.session(&capability).give_iterator(rows.drain(..));
            }
        }
    })
}
