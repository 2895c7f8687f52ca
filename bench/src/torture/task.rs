//! What a workload is run over: how many records, made from which seed, how fast, and where.
//!
//! The campaign hands it to the job's processes as arguments and to the judge as a value, so that
//! both know the same input.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use rheos::prelude::*;

use super::probe::{Pace, Probe};
use super::rows::Row;

/// Records are dealt over so many lanes by their index. Every number of splits up to six divides
/// it, so all records of a lane come from one split, in order.
pub(super) const LANES: u64 = 60;

/// What a workload is run over.
#[derive(Args, Clone, Debug)]
pub(crate) struct Task {
    /// What the records are made from
    #[arg(long = "input-seed")]
    pub(super) seed: u64,
    /// How many records there are
    #[arg(long)]
    pub(super) records: u64,
    /// Records a second; 0 is as fast as the job takes them
    #[arg(long, default_value_t = 0.0)]
    pub(super) rate: f64,
    /// Where input, output, checkpoints and logs are
    #[arg(long)]
    pub(super) folder: PathBuf,
    /// User code that was broken has been repaired
    #[arg(long)]
    pub(super) repaired: bool,
}

impl Task {
    /// The same as arguments of a process.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            format!("--input-seed={}", self.seed),
            format!("--records={}", self.records),
            format!("--rate={}", self.rate),
            "--folder".to_owned(),
        ]
        .into_iter()
        .map(OsString::from)
        .collect();
        arguments.push(self.folder.clone().into());
        arguments.extend(self.repaired.then(|| "--repaired".into()));
        arguments
    }

    /// Makes the folders that everybody counts on.
    pub(super) fn make_folders(&self) -> anyhow::Result<()> {
        for folder in [self.input(), self.output(), self.marks()] {
            fs::create_dir_all(folder)?;
        }
        Ok(())
    }

    /// Files that are read.
    pub(super) fn input(&self) -> PathBuf {
        self.folder.join("input")
    }

    /// A folder for each sink.
    pub(super) fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// Checkpoints.
    pub(super) fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    /// What the job's processes say to the campaign.
    pub(super) fn marks(&self) -> PathBuf {
        self.folder.join("marks")
    }

    /// Record `index`, on its own, as the source makes it.
    pub(super) fn random(&self, index: u64) -> Random {
        Random::for_record(self.seed, index)
    }

    /// The source of most workloads: record `index` is `make(random, index)`, at the rate.
    pub(super) fn source<T: Send + 'static>(
        &self,
        job: &Job,
        make: impl Fn(&mut Random, u64) -> T + Send + Sync + 'static,
    ) -> Stream<T> {
        let source = Generator::seeded(self.seed, make).count(self.records);
        let source = if self.rate > 0.0 { source.rate_per_second(self.rate) } else { source };
        self.probed(job.source(source))
    }

    /// A stream whose records are seen by the campaign.
    pub(super) fn probed<T: 'static>(&self, records: Stream<T>) -> Stream<T> {
        let probe = Probe::new(self);
        records.inspect(move |_| probe.see())
    }

    /// Lines of the files in the input folder, at the rate.
    pub(super) fn lines(&self, job: &Job) -> Stream<String> {
        let pace = Pace::new(self.rate);
        let lines = job.source(TextFiles::folder(self.input()));
        self.probed(lines).inspect(move |_| pace.wait())
    }

    /// A sink that writes rows into a folder of their own.
    pub(super) fn sink<R: Row>(&self, name: &str) -> FileSink<JsonLines<R>> {
        FileSink::folder(self.output().join(name), JsonLines::new())
    }

    /// A sink that writes rows into a single file in a folder of its own.
    pub(super) fn single_sink<R: Row>(&self, name: &str) -> FileSink<JsonLines<R>> {
        FileSink::file(self.output().join(name).join("all.jsonl"), JsonLines::new())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        task: Task,
    }

    #[test]
    fn arguments_say_the_same() {
        let folder = PathBuf::from("/some where/else");
        let task = Task { seed: u64::MAX, records: 3, rate: 0.5, folder, repaired: true };
        let arguments = std::iter::once("program".into()).chain(task.arguments());
        let read = Program::parse_from(arguments).task;
        assert_eq!(format!("{read:?}"), format!("{task:?}"));
    }

    #[test]
    fn a_lane_is_in_one_split_however_many_there_are() {
        for splits in 1..=6 {
            let of_lane = |lane: u64| lane % splits;
            assert!((0..1_000).all(|index: u64| index % splits == of_lane(index % LANES)));
        }
    }
}
