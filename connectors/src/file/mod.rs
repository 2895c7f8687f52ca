//! Files: read whole, in ranges, as they grow and as they appear; written so that nobody ever sees
//! half of one.
//!
//! Reading: [`TextFiles`], [`JsonFiles`] and [`CsvFiles`] for the usual formats, [`FileSource`]
//! for any; [`FileSource::follow`] for a file that grows, [`FileSource::watch`] for a folder that
//! is filled. Writing: [`FileSink`]. Files whose names end in `.gz` or `.zst` are decompressed and
//! compressed on the way.

mod cut;
mod follow;
mod identity;
mod listing;
mod open;
mod parts;
mod prepared;
mod range;
mod recovery;
mod shortcuts;
mod single;
mod sink;
mod source;
mod staged;
mod target;
mod watch;
mod watched;

#[cfg(test)]
mod tests;

pub use self::follow::{FOLLOW_POLL, FollowedFile};
pub use self::shortcuts::{CsvFiles, JsonFiles, TextFiles};
pub use self::sink::FileSink;
pub use self::source::FileSource;
pub use self::watch::{WATCH_POLL, WatchedFolder};
pub use crate::io::Compression;
