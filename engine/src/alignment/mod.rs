//! Watermark alignment: no split of a stream is read further in event time than a bounded drift
//! ahead of the one that is furthest behind, whichever worker reads that.
//!
//! A step that assigns event times says how far the splits that its watermark waits for have come;
//! the source's host asks before it reads from a split. The split that is furthest behind may
//! always be read. So somebody may be read as long as anybody has something to read.

mod drift;
mod reached;

pub(crate) use drift::Drift;
pub(crate) use reached::Reached;
