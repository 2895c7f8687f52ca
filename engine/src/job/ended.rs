//! Steps that had said their last when the job was cut, and take nothing any more.
//!
//! A checkpoint does not hold what such a step remembered, and what it wrote is published. So a
//! restored job leaves it as it is, which is right only as long as nothing new can come to it.

use crate::Error;
use crate::checkpoint::Manifest;
use crate::plan::{Node, Plan};
use crate::run::StepId;

/// Checks that nothing new comes to what has ended.
///
/// # Errors
/// When a source that is new, or reads something else than before, leads to a step that had come to
/// the end of its input.
pub(crate) fn check_ended(plan: &Plan, manifest: &Manifest) -> Result<(), Error> {
    let has_ended = |name: &str| manifest.hosts.iter().any(|host| host.over && host.step == name);
    for (number, step) in plan.steps.iter().enumerate() {
        let Node::Source(source) = &step.node else { continue };
        let identity = source.identity();
        let mut stored = manifest.sources.iter();
        if stored.any(|stored| stored.step == step.name && stored.identity == identity) {
            continue;
        }
        let reached = plan.reached(StepId(number), |_| true);
        let mut behind = plan.steps.iter().zip(reached).filter(|(_, is_reached)| *is_reached);
        if let Some((ended, _)) = behind.find(|(step, _)| has_ended(&step.name)) {
            let attempted = format!("restore checkpoint {}", manifest.id);
            let reason = format!(
                "the step `{}` had come to the end of its input, and the source `{}`, which leads \
                 to it, is new or reads something else now",
                ended.name, step.name
            );
            return Err(Error::usage(attempted, reason).advise(
                "give the steps behind the source other names, or begin anew with --restore none",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{HostFacts, SourceFacts};
    use crate::job::tests::{Numbers, Seen, sums_by_key};

    /// A plan of one source and what is behind it, and a checkpoint that knows these sources and
    /// steps that have ended.
    fn check(sources: &[&str], ended: &[&str]) -> Result<(), Error> {
        let numbers = Numbers { count: 1, splits: None, endless: false };
        let plan = sums_by_key(numbers, 1, &Seen::new());
        let source = |step: &&str| SourceFacts { step: (*step).to_owned(), ..Default::default() };
        let host =
            |step: &&str| HostFacts { step: (*step).to_owned(), over: true, ..Default::default() };
        let manifest = Manifest {
            sources: sources.iter().map(source).collect(),
            hosts: ended.iter().map(host).collect(),
            ..Manifest::default()
        };
        check_ended(&plan, &manifest)
    }

    #[test]
    fn nothing_new_comes_to_what_has_ended() {
        check(&["source"], &["sink"]).unwrap();
        check(&["another"], &["a step that is gone"]).unwrap();
        let error = check(&["another"], &["sink"]).unwrap_err().to_string();
        assert!(error.contains("`sink`") && error.contains("`source`"), "{error}");
    }
}
