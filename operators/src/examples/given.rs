//! The source of examples.

use std::sync::Mutex;

use rheos_engine::{
    Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};

/// The records of an example.
pub struct Given<T> {
    records: Mutex<Vec<T>>,
}

/// A source of the given records.
pub fn given<T>(records: impl IntoIterator<Item = T>) -> Given<T> {
    Given { records: Mutex::new(records.into_iter().collect()) }
}

impl<T: Send + 'static> Source for Given<T> {
    type Record = T;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named("given") }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        let mut records = self.records.lock().expect("nothing panics while holding the lock");
        Ok(Box::new(GivenReader { records: std::mem::take(&mut *records) }))
    }
}

struct GivenReader<T> {
    records: Vec<T>,
}

impl<T: 'static> Reader<T> for GivenReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        buffer.records_mut().append(&mut self.records);
        Ok(ReadStatus::End)
    }
}
