//! Named places in the protocol at which tests make a job fail; nothing without the cargo feature
//! `failpoints`.

use crate::Error;

/// The job is at the place `name`.
///
/// # Errors
/// When a test wants the place to fail.
#[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
#[allow(dead_code, reason = "the protocol calls it as it grows")]
pub(crate) fn hit(name: &str) -> Result<(), Error> {
    let _ = name;
    Ok(())
}
