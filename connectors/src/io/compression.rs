//! gzip and zstd, both ways, by the ending of a file's name.
//!
//! It never guesses from the content: a file's name says what it is.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How the bytes of a file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, `.gz`; several members in one file are read one after the other.
    Gzip,
    /// Zstandard, `.zst`; several frames in one file are read one after the other.
    Zstd,
}

impl Compression {
    /// What the ending of a name says.
    ///
    /// ```
    /// use rheos_connectors::file::Compression;
    /// assert_eq!(Compression::of("log.jsonl.gz".as_ref()), Compression::Gzip);
    /// assert_eq!(Compression::of("log.jsonl".as_ref()), Compression::None);
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// The ending of the names of its files, with the dot; empty for none.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// What `read` gives, decompressed. Compressed bytes that end too early are an error.
    pub(crate) fn decompress<R: Read + Send + 'static>(
        self,
        read: R,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Compression::None => Box::new(read),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(read))),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(read)?),
        })
    }

    /// Compresses what is written to `write`.
    pub(crate) fn compress<W: Write>(self, write: W) -> io::Result<Compressor<W>> {
        Ok(match self {
            Compression::None => Compressor::Plain(write),
            Compression::Gzip => {
                Compressor::Gzip(GzEncoder::new(write, flate2::Compression::default()))
            }
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Compressor::Zstd(zstd::stream::write::Encoder::new(write, level)?)
            }
        })
    }
}

/// Compresses bytes on their way; [`finish`](Self::finish) makes them complete.
pub(crate) enum Compressor<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Writes what belongs at the end and gives back what was written to.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Compressor::Plain(write) => Ok(write),
            Compressor::Gzip(encoder) => encoder.finish(),
            Compressor::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Compressor::Plain(write) => write.write(bytes),
            Compressor::Gzip(encoder) => encoder.write(bytes),
            Compressor::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Compressor::Plain(write) => write.flush(),
            Compressor::Gzip(encoder) => encoder.flush(),
            Compressor::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_reads_back_and_members_follow_each_other() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let mut bytes = Vec::new();
            for part in ["one", "", "two"] {
                let mut member = compression.compress(&mut bytes).unwrap();
                member.write_all(part.as_bytes()).unwrap();
                member.finish().unwrap();
            }
            let read = |bytes: &[u8]| {
                let mut text = String::new();
                let mut read = compression.decompress(io::Cursor::new(bytes.to_vec()))?;
                read.read_to_string(&mut text).map(|_| text)
            };
            assert_eq!(read(&bytes).unwrap(), "onetwo", "{compression:?}");
            if compression != Compression::None {
                let cut = read(&bytes[..bytes.len() - 3]);
                assert!(cut.is_err(), "{compression:?} that was cut reads as {cut:?}");
            }
        }
    }
}
