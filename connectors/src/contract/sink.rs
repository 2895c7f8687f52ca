//! Drives sinks by hand and checks what holds for all of them.

use rheos_engine::{
    CheckpointId, Delivery, Epoch, Error, Finish, Sink, Waker, Writer, WriterContext,
};

use super::wait;

/// Opens a writer for the thread that calls.
pub(crate) fn open_writer<S: Sink>(sink: &S) -> Result<Box<dyn Writer<S::Record>>, Error> {
    sink.open(WriterContext::for_test(Waker::current_thread()))
}

/// Writes each batch as an epoch, in one worker, and finishes.
pub(crate) fn drive_sink<S: Sink>(
    sink: &S,
    batches: Vec<Vec<S::Record>>,
    how: Finish,
) -> Result<(), Error> {
    sink.prepare_target()?;
    let mut writer = open_writer(sink)?;
    write_epochs(&mut *writer, batches)?;
    if how == Finish::Commit {
        prepare(&mut *writer, CheckpointId::END)?;
    }
    writer.finish(how)
}

/// Asks until the writer is prepared; trusts the waker alone to be told when to ask again.
pub(crate) fn prepare<T: 'static>(
    writer: &mut dyn Writer<T>,
    cut: CheckpointId,
) -> Result<Vec<u8>, Error> {
    loop {
        match writer.prepare(cut)? {
            Some(prepared) => return Ok(prepared),
            None => wait(),
        }
    }
}

/// Writes each batch as an epoch.
pub(crate) fn write_epochs<T: 'static>(
    writer: &mut dyn Writer<T>,
    batches: Vec<Vec<T>>,
) -> Result<(), Error> {
    for (epoch, mut batch) in (0..).zip(batches) {
        while !writer.ready()? {
            wait();
        }
        writer.write(&mut batch)?;
        assert!(batch.is_empty(), "a writer takes all records");
        writer.end_epoch(Epoch(epoch))?;
    }
    Ok(())
}

/// Rules of a staged sink: nothing is visible before it commits, nothing after it was stopped or
/// dropped, everything after it committed. `visible` says what a reader outside sees.
pub(crate) fn check_sink<S: Sink>(
    sink: &S,
    batches: impl Fn() -> Vec<Vec<S::Record>>,
    visible: impl Fn() -> Vec<u8>,
    expected: &[u8],
) {
    assert_eq!(sink.delivery(), Delivery::Staged);
    sink.prepare_target().unwrap();
    let mut writer = open_writer(sink).unwrap();
    write_epochs(&mut *writer, batches()).unwrap();
    assert_eq!(visible(), b"", "visible before it was prepared");
    prepare(&mut *writer, CheckpointId::END).unwrap();
    assert_eq!(visible(), b"", "visible before it was committed");
    drop(writer);
    assert_eq!(visible(), b"", "visible after the job has failed");

    drive_sink(sink, batches(), Finish::Stop).unwrap();
    assert_eq!(visible(), b"", "visible after the job was stopped");

    drive_sink(sink, batches(), Finish::Commit).unwrap();
    assert!(visible() == expected, "{}", String::from_utf8_lossy(&visible()));
}
