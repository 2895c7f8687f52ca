//! Which worker reads which split: decided once, by one process, for all.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::dataflow::Standing;
use crate::plan::{Node, Plan};
use crate::run::StepId;
use crate::{Error, Position, Split, SplitContext, SplitId};

/// A split with its number, where reading goes on, and the worker that reads it.
type Dealt = (u32, Split, Option<Position>, usize);

/// The splits of every source, and the worker that reads each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Assignment {
    by_source: BTreeMap<usize, Vec<Dealt>>,
}

impl Assignment {
    /// Lists the splits of every source of a plan and deals them over the workers, of which the
    /// first `local` belong to the process that lists.
    ///
    /// # Errors
    /// When a source cannot list its splits.
    pub(crate) fn of_plan(plan: &Plan, workers: usize, local: usize) -> Result<Self, Error> {
        let mut by_source = BTreeMap::new();
        for (number, step) in plan.steps.iter().enumerate() {
            if let Node::Source(source) = &step.node {
                let splits = source.splits(&SplitContext { workers });
                let splits = splits.map_err(|error| error.in_step(&step.name))?;
                let splits = (0..).zip(splits).map(|(number, split)| (number, split, None));
                by_source.insert(number, deal(splits.collect(), workers, local));
            }
        }
        Ok(Self { by_source })
    }

    /// Deals splits of which some have been read in part.
    pub(crate) fn of_splits(
        sources: BTreeMap<usize, Vec<(u32, Split, Option<Position>)>>,
        workers: usize,
        local: usize,
    ) -> Self {
        let by_source =
            sources.into_iter().map(|(source, splits)| (source, deal(splits, workers, local)));
        Self { by_source: by_source.collect() }
    }

    /// The splits of a source that a worker reads.
    pub(crate) fn of(&self, source: StepId, worker: usize) -> Vec<Standing> {
        let splits = self.by_source.get(&source.0).into_iter().flatten();
        splits
            .filter(|(_, _, _, owner)| *owner == worker)
            .map(|(number, split, position, _)| (*number, Rc::new(split.clone()), position.clone()))
            .collect()
    }

    /// The names of the splits of a source.
    pub(crate) fn names(&self, source: StepId) -> BTreeMap<SplitId, String> {
        let splits = self.by_source.get(&source.0).into_iter().flatten();
        splits.map(|(number, split, _, _)| (SplitId(*number), split.name.clone())).collect()
    }

    /// The bytes of all splits of a source, where all are known.
    pub(crate) fn total_bytes(&self) -> Option<u64> {
        self.by_source.values().flatten().map(|(_, split, _, _)| split.bytes).sum()
    }
}

/// Deals splits over workers: each to the worker with the fewest bytes so far, then with the
/// fewest splits, the largest splits first. A split of unknown size counts as empty.
fn deal(splits: Vec<(u32, Split, Option<Position>)>, workers: usize, local: usize) -> Vec<Dealt> {
    let mut load = vec![(0u64, 0usize); workers];
    let mut order: Vec<usize> = (0..splits.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(splits[at].1.bytes.unwrap_or(0)));
    let mut owners = vec![0; splits.len()];
    for at in order {
        let candidates = if splits[at].1.at_origin { local } else { workers };
        let least = (0..candidates).min_by_key(|&worker| load[worker]).unwrap_or(0);
        load[least].0 += splits[at].1.bytes.unwrap_or(0);
        load[least].1 += 1;
        owners[at] = least;
    }
    splits
        .into_iter()
        .zip(owners)
        .map(|((number, split, position), owner)| (number, split, position, owner))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_splits_are_spread_and_numbers_stay_in_order() {
        let split = |number, bytes| (number, Split { bytes, ..Split::named("s") }, None);
        let sizes = [Some(10), Some(100), Some(90), None];
        let dealt = deal((0..).zip(sizes).map(|(n, bytes)| split(n, bytes)).collect(), 2, 2);
        let owners: Vec<usize> = dealt.iter().map(|(_, _, _, owner)| *owner).collect();
        let numbers: Vec<u32> = dealt.iter().map(|(number, _, _, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_ne!(owners[1], owners[2], "the two large ones part");
        assert_eq!(owners[0], owners[2], "the small one evens out");
    }

    #[test]
    fn splits_of_the_listing_process_stay_there() {
        let split = |n| (n, Split { at_origin: true, ..Split::named("stdin") }, None);
        let dealt = deal((0..5).map(split).collect(), 6, 2);
        assert!(dealt.iter().all(|(_, _, _, owner)| *owner < 2), "{dealt:?}");
    }

    #[test]
    fn splits_of_unknown_size_are_dealt_in_turn() {
        let dealt = deal((0..4).map(|n| (n, Split::named(n.to_string()), None)).collect(), 4, 4);
        let mut owners: Vec<usize> = dealt.iter().map(|(_, _, _, owner)| *owner).collect();
        owners.sort_unstable();
        assert_eq!(owners, [0, 1, 2, 3]);
    }
}
