//! Makes the manifest of a checkpoint from what all workers have said of its cut.

use std::collections::BTreeMap;

use super::scribe::WorkerVote;
use crate::checkpoint::{
    Chain, HostFacts, Manifest, SinkFacts, SourceFacts, StepFacts, hash_probe,
};
use crate::plan::{Node, Plan};
use crate::{CheckpointId, Error, EventTime, ProcessingTime};

/// What all manifests of a job have in common.
pub(crate) struct JobFacts {
    job: u64,
    name: String,
    workers: usize,
    plan: Vec<StepFacts>,
    /// What each source reads.
    identities: BTreeMap<usize, String>,
}

impl JobFacts {
    /// Of the job with this number, whose plan `workers` workers run.
    ///
    /// # Errors
    /// When an operator cannot say what it remembers.
    pub(crate) fn of(job: u64, plan: &Plan, workers: usize) -> Result<Self, Error> {
        let steps = plan.steps.iter().enumerate();
        let identities = steps.filter_map(|(number, step)| match &step.node {
            Node::Source(source) => Some((number, source.identity())),
            _ => None,
        });
        Ok(Self {
            job,
            name: plan.name.clone(),
            workers,
            plan: plan.facts()?,
            identities: identities.collect(),
        })
    }

    /// The manifest of a checkpoint, or of the end of the input.
    pub(crate) fn manifest(
        &self,
        (id, run): (CheckpointId, u32),
        votes: Vec<WorkerVote>,
        at: ProcessingTime,
        finished: bool,
    ) -> Manifest {
        let mut manifest = Manifest {
            job: self.job,
            name: self.name.clone(),
            id,
            run,
            epoch: votes.iter().map(|vote| vote.before.0).max().unwrap_or(0),
            at,
            finished,
            workers: u32::try_from(self.workers).unwrap_or(u32::MAX),
            plan: self.plan.clone(),
            hash_probe: hash_probe(),
            ..Manifest::default()
        };
        let mut sources = BTreeMap::<usize, SourceFacts>::new();
        let mut hosts = BTreeMap::<usize, HostFacts>::new();
        let mut sinks = BTreeMap::<usize, SinkFacts>::new();
        for (number, identity) in &self.identities {
            let (step, identity) = (self.step(*number), identity.clone());
            sources.insert(*number, SourceFacts { step, identity, ..SourceFacts::default() });
        }
        for vote in votes {
            for (number, stood) in vote.facts.sources {
                let source = sources.entry(number).or_default();
                source.splits.extend(stood.splits);
                source.stages.extend(stood.stages);
            }
            for (number, stood) in vote.facts.hosts {
                let step = self.step(number);
                hosts
                    .entry(number)
                    .and_modify(|host| {
                        host.over &= stood.is_over;
                        host.watermark = least(host.watermark, stood.watermark);
                        host.stages.extend(stood.stages.clone());
                    })
                    .or_insert_with(|| HostFacts {
                        step,
                        over: stood.is_over,
                        watermark: stood.watermark,
                        stages: stood.stages.clone(),
                    });
            }
            for (number, bytes) in vote.facts.prepared {
                let step = self.step(number);
                let sink = sinks.entry(number);
                let sink = sink.or_insert(SinkFacts { step, prepared: Vec::new() });
                sink.prepared.push(bytes);
            }
            let worker = u32::try_from(vote.worker).unwrap_or(u32::MAX);
            manifest.chains.push(Chain { worker, files: vote.chain });
        }
        manifest.sources = sources.into_values().collect();
        manifest.hosts = hosts.into_values().collect();
        manifest.sinks = sinks.into_values().collect();
        manifest
    }

    fn step(&self, number: usize) -> String {
        self.plan[number].name.clone()
    }
}

/// What all workers have reached: nothing as long as one has reached nothing.
fn least(one: Option<EventTime>, other: Option<EventTime>) -> Option<EventTime> {
    one.zip(other).map(|(one, other)| one.min(other))
}
