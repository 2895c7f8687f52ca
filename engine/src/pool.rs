//! Emptied batches of one record type on one worker, to be filled again.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Batches that a pool keeps; further ones are freed.
const POOLED_BATCHES: usize = 64;

/// Emptied batches of records of type `T`.
pub(crate) struct Pool<T> {
    free: RefCell<Vec<Vec<T>>>,
}

impl<T> Pool<T> {
    /// An empty batch with room for about `room` records.
    pub(crate) fn get(&self, room: usize) -> Vec<T> {
        self.free.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(room))
    }

    /// Takes a batch back.
    pub(crate) fn put(&self, mut batch: Vec<T>) {
        batch.clear();
        let mut free = self.free.borrow_mut();
        if free.len() < POOLED_BATCHES && batch.capacity() > 0 {
            free.push(batch);
        }
    }
}

/// The pools of one worker, by record type.
#[derive(Clone, Default)]
pub(crate) struct Pools {
    by_type: Rc<RefCell<HashMap<TypeId, Rc<dyn Any>>>>,
}

impl Pools {
    /// The pool of a record type.
    pub(crate) fn of<T: 'static>(&self) -> Rc<Pool<T>> {
        let mut by_type = self.by_type.borrow_mut();
        let pool = by_type
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Rc::new(Pool::<T> { free: RefCell::new(Vec::new()) }));
        Rc::clone(pool).downcast().expect("a pool is stored under the type of its records")
    }
}
