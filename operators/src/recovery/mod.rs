//! Whether an operator survives: interrupted runs, restored onto other numbers of workers, against
//! an undisturbed one. For tests of operators with state.
//!
//! A test gives [`check_recovery`] its input epoch by epoch, a function that makes the operator
//! within a harness, and where each record goes. What is compared is what every epoch says (in any
//! order between workers), what was late, what is held in the end, and that the watermark is not
//! ahead of the undisturbed one.

mod check;
mod driven;
mod job;
#[cfg(test)]
mod tests;

pub(crate) use check::check_recovery;
pub(crate) use driven::{Either, Step, To, keyed_steps, sided, to_owner};
