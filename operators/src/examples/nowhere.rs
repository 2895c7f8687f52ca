//! A sink for examples whose results do not matter.

use std::marker::PhantomData;

use rheos_engine::{Delivery, Error, Finish, Sink, Writer, WriterContext};

/// A sink that forgets what it is given.
pub struct Nowhere<T>(PhantomData<fn(T)>);

impl<T> Nowhere<T> {
    /// The sink.
    #[allow(clippy::new_without_default, reason = "examples call it by name")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Send + 'static> Sink for Nowhere<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(Forget))
    }
}

struct Forget;

impl<T> Writer<T> for Forget {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        batch.clear();
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        Ok(())
    }
}
