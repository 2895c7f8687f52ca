//! Gates: what sources wait behind until a step has read its first input completely.
//!
//! The host of such a step holds a capability on an output that carries nothing and that nothing
//! else has a part in, and lets go of it when it has handed all of that input to its operator. The
//! output's frontier is empty once the hosts of all workers have done so: then the gate opens, and
//! no record that comes through it can meet a table that is not complete.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use timely::dataflow::operators::probe::Handle;

use crate::run::StepId;

/// The gate of one step, on one worker.
struct Gate {
    held: Handle<u64>,
    is_open: Rc<Cell<bool>>,
}

/// The gates of a worker, by their steps.
#[derive(Default)]
pub(crate) struct Gates {
    gates: BTreeMap<StepId, Gate>,
}

impl Gates {
    fn of(&mut self, step: StepId) -> &mut Gate {
        let closed = || Gate { held: Handle::new(), is_open: Rc::default() };
        self.gates.entry(step).or_insert_with(closed)
    }

    /// What watches the output on which the hosts of a step hold its gate closed.
    pub(crate) fn watch(&mut self, step: StepId) -> &Handle<u64> {
        &self.of(step).held
    }

    /// Says whether the gate of a step is open.
    pub(crate) fn sign(&mut self, step: StepId) -> Rc<Cell<bool>> {
        Rc::clone(&self.of(step).is_open)
    }

    /// Opens gates that are not held closed any more; says whether any was opened. To be called
    /// when every operator has been scheduled once: before that nobody holds anything.
    pub(crate) fn open(&self) -> bool {
        let mut any = false;
        for gate in self.gates.values() {
            let opens = !gate.is_open.get() && gate.held.done();
            gate.is_open.set(gate.is_open.get() || opens);
            any |= opens;
        }
        any
    }
}
