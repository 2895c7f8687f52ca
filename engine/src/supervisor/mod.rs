//! Starts the job again after a failure that this can help: the program as its own parent.
//!
//! With `--restarts N` the process that was started by a person becomes the *parent*: it starts
//! the same program with the same arguments as a *child*, which runs the job, and looks at how
//! that ends. The first child goes on from what it was told, a later one from the last checkpoint that
//! an earlier one has taken. A job of several processes on this machine
//! is one child, which starts its copies itself; of `--hosts` each process has a parent of its own.
//!
//! * [`decision`]: what follows from the end of a child, as a function;
//! * [`parent`]: starts children, passes signals on to them, waits;
//! * [`child`]: whether this process is one, and that it does not outlive its parent.

mod child;
mod decision;
mod parent;

pub(crate) use child::{StartedBy, started_by};
pub(crate) use decision::Restarts;
pub(crate) use parent::supervise;
