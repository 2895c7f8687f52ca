//! Which worker reads which split: decided once, by one process, for all.

use std::collections::BTreeMap;

use crate::plan::{Node, Plan};
use crate::run::StepId;
use crate::{Error, Split, SplitContext, SplitId};

/// The splits of every source, and the worker that reads each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Assignment {
    by_source: BTreeMap<usize, Vec<(u32, Split, usize)>>,
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
                by_source.insert(number, deal(splits, workers, local));
            }
        }
        Ok(Self { by_source })
    }

    /// The splits of a source that a worker reads, with their numbers.
    pub(crate) fn of(&self, source: StepId, worker: usize) -> Vec<(u32, Split)> {
        let splits = self.by_source.get(&source.0).into_iter().flatten();
        splits
            .filter(|(_, _, owner)| *owner == worker)
            .map(|(number, split, _)| (*number, split.clone()))
            .collect()
    }

    /// The names of the splits of a source.
    pub(crate) fn names(&self, source: StepId) -> BTreeMap<SplitId, String> {
        let splits = self.by_source.get(&source.0).into_iter().flatten();
        splits.map(|(number, split, _)| (SplitId(*number), split.name.clone())).collect()
    }

    /// The bytes of all splits of a source, where all are known.
    pub(crate) fn total_bytes(&self) -> Option<u64> {
        self.by_source.values().flatten().map(|(_, split, _)| split.bytes).sum()
    }
}

/// Deals splits over workers: each to the worker with the fewest bytes so far, then with the
/// fewest splits, the largest splits first. A split of unknown size counts as empty.
fn deal(splits: Vec<Split>, workers: usize, local: usize) -> Vec<(u32, Split, usize)> {
    let mut load = vec![(0u64, 0usize); workers];
    let mut order: Vec<usize> = (0..splits.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(splits[at].bytes.unwrap_or(0)));
    let mut owners = vec![0; splits.len()];
    for at in order {
        let candidates = if splits[at].at_origin { local } else { workers };
        let least = (0..candidates).min_by_key(|&worker| load[worker]).unwrap_or(0);
        load[least].0 += splits[at].bytes.unwrap_or(0);
        load[least].1 += 1;
        owners[at] = least;
    }
    splits
        .into_iter()
        .zip(owners)
        .enumerate()
        .map(|(number, (split, owner))| (number as u32, split, owner))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_splits_are_spread_and_numbers_stay_in_order() {
        let split = |bytes| Split { bytes, ..Split::named("s") };
        let dealt =
            deal(vec![split(Some(10)), split(Some(100)), split(Some(90)), split(None)], 2, 2);
        let owners: Vec<usize> = dealt.iter().map(|(_, _, owner)| *owner).collect();
        let numbers: Vec<u32> = dealt.iter().map(|(number, _, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_ne!(owners[1], owners[2], "the two large ones part");
        assert_eq!(owners[0], owners[2], "the small one evens out");
    }

    #[test]
    fn splits_of_the_listing_process_stay_there() {
        let split = |_| Split { at_origin: true, ..Split::named("stdin") };
        let dealt = deal((0..5).map(split).collect(), 6, 2);
        assert!(dealt.iter().all(|(_, _, owner)| *owner < 2), "{dealt:?}");
    }

    #[test]
    fn splits_of_unknown_size_are_dealt_in_turn() {
        let dealt = deal((0..4).map(|n| Split::named(n.to_string())).collect(), 4, 4);
        let mut owners: Vec<usize> = dealt.iter().map(|(_, _, owner)| *owner).collect();
        owners.sort_unstable();
        assert_eq!(owners, [0, 1, 2, 3]);
    }
}
