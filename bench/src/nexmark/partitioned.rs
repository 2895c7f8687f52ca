//! A sink that writes files into a folder a partition: made of file sinks, one for each.
//!
//! For jobs without checkpoints. Every partition that has come keeps a file open on each worker
//! until the job commits; there are as many as minutes in a run of q10.

use std::collections::BTreeMap;
use std::path::PathBuf;

use compact_str::CompactString;
use rheos::connectors::format::WriteFormat;
use rheos::engine::{CheckpointId, Delivery, Epoch, Finish, Writer, WriterContext};
use rheos::prelude::{Error, FileSink, Sink};

/// How records are parted.
pub(crate) struct Partitions<R> {
    /// The partition of a record.
    pub(crate) of: fn(&R) -> i64,
    /// The folder of a partition, below that of the sink.
    pub(crate) folder: fn(i64) -> CompactString,
}

impl<R> Clone for Partitions<R> {
    fn clone(&self) -> Self {
        Self { of: self.of, folder: self.folder }
    }
}

/// Writes records into files, in a folder for each partition.
pub(crate) struct PartitionedFiles<F: WriteFormat> {
    folder: PathBuf,
    format: F,
    partitions: Partitions<F::Record>,
}

impl<F: WriteFormat> PartitionedFiles<F> {
    /// A sink that writes below this folder.
    pub(crate) fn new(folder: PathBuf, format: F, partitions: Partitions<F::Record>) -> Self {
        Self { folder, format, partitions }
    }
}

impl<F: WriteFormat> Clone for PartitionedFiles<F> {
    fn clone(&self) -> Self {
        Self::new(self.folder.clone(), self.format.clone(), self.partitions.clone())
    }
}

impl<F: WriteFormat> Sink for PartitionedFiles<F> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        Delivery::Staged
    }

    fn prepare_target(&self) -> Result<(), Error> {
        FileSink::folder(&self.folder, self.format.clone()).prepare_target()
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        if context.checkpoints {
            return Err(Error::usage(
                format!("write partitions into {}", self.folder.display()),
                "what they have prepared is not part of a checkpoint",
            )
            .advise("run without checkpoints"));
        }
        let sink = self.clone();
        Ok(Box::new(PartitionedWriter { sink, context, open: BTreeMap::new(), run: Vec::new() }))
    }
}

/// Writes the partitions of one worker.
struct PartitionedWriter<F: WriteFormat> {
    sink: PartitionedFiles<F>,
    context: WriterContext,
    open: BTreeMap<i64, Box<dyn Writer<F::Record>>>,
    /// Records of one partition; empty between calls.
    run: Vec<F::Record>,
}

impl<F: WriteFormat> PartitionedWriter<F> {
    /// Writes the run, whose records are all of this partition.
    fn write_run(&mut self, partition: i64) -> Result<(), Error> {
        if self.run.is_empty() {
            return Ok(());
        }
        if !self.open.contains_key(&partition) {
            let folder = self.sink.folder.join((self.sink.partitions.folder)(partition));
            let files = FileSink::folder(folder, self.sink.format.clone());
            self.open.insert(partition, files.open(self.context.clone())?);
        }
        match self.open.get_mut(&partition) {
            Some(writer) => writer.write(&mut self.run),
            None => Ok(()),
        }
    }
}

impl<F: WriteFormat> Writer<F::Record> for PartitionedWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        for writer in self.open.values_mut() {
            if !writer.ready()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        let mut partition = 0;
        for record in batch.drain(..) {
            let of_record = (self.sink.partitions.of)(&record);
            if of_record != partition {
                self.write_run(partition)?;
                partition = of_record;
            }
            self.run.push(record);
        }
        self.write_run(partition)
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<(), Error> {
        self.open.values_mut().try_for_each(|writer| writer.end_epoch(epoch))
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        let mut all = true;
        for writer in self.open.values_mut() {
            all &= writer.prepare(cut)?.is_some();
        }
        Ok(all.then(Vec::new))
    }

    fn finish(self: Box<Self>, how: Finish) -> Result<(), Error> {
        self.open.into_values().try_for_each(|writer| writer.finish(how))
    }
}
