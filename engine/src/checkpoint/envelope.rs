//! The form of the small files of a checkpoint folder: what kind of file it is, in which version
//! of the format, how long, what, and a checksum of all that.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the magic, which names the kind of file |
//! | 4 | the version of the format |
//! | 8 | the length of the payload |
//! | ... | the payload, in postcard |
//! | 4 | CRC-32 of everything before |
//!
//! Numbers are little-endian. Nothing follows.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::damage::Damage;
use super::disk::{Disk, read_small};
use crate::{Error, ErrorKind};

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// What every file of the kind begins with.
    pub(crate) magic: [u8; 8],
    /// The version that this build writes, and the only one that it reads.
    pub(crate) version: u32,
    /// What a person calls such a file.
    pub(crate) what: &'static str,
    /// Bytes that such a file has at the most.
    pub(crate) most_bytes: u64,
}

/// What a file begins with: the magic and the version.
pub(crate) const PREFIX: usize = 12;
const HEADER: usize = PREFIX + 8;
const CHECKSUM: usize = 4;

impl Format {
    /// The magic and the version.
    pub(crate) fn prefix(&self) -> [u8; PREFIX] {
        let mut prefix = [0; PREFIX];
        prefix[..8].copy_from_slice(&self.magic);
        prefix[8..].copy_from_slice(&self.version.to_le_bytes());
        prefix
    }

    /// Checks what a file begins with.
    ///
    /// # Errors
    /// When it is another kind of file, or of a version that this build does not know.
    pub(crate) fn check_prefix(&self, path: &str, bytes: &[u8]) -> Result<(), Damage> {
        let (Some(magic), Some(version)) = (bytes.get(..8), read_u32(bytes, 8)) else {
            return Err(Damage::new(path, "the file ends too early"));
        };
        if magic != self.magic {
            return Err(Damage::new(path, format!("it is not {}", self.what)));
        }
        if version != self.version {
            return Err(Damage::unknown_format(path, version, self.version));
        }
        Ok(())
    }

    /// Puts a value into the form of a file.
    ///
    /// # Errors
    /// When it is too large.
    pub(crate) fn seal(&self, value: &impl Serialize) -> Result<Vec<u8>, Error> {
        let attempt = || format!("write {}", self.what);
        let mut header = self.prefix().to_vec();
        header.resize(HEADER, 0);
        let mut bytes = postcard::to_extend(value, header)
            .map_err(|cause| Error::new(ErrorKind::Internal, attempt(), cause.to_string()))?;
        let payload = (bytes.len() - HEADER) as u64;
        bytes[PREFIX..HEADER].copy_from_slice(&payload.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        if bytes.len() as u64 > self.most_bytes {
            let reason = format!("{} bytes are more than {}", bytes.len(), self.most_bytes);
            return Err(Error::new(ErrorKind::Data, attempt(), reason));
        }
        Ok(bytes)
    }

    /// Gets a value out of the form of a file.
    ///
    /// # Errors
    /// When the bytes are not what was sealed.
    pub(crate) fn unseal<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: &[u8],
    ) -> Result<T, Damage> {
        self.check_prefix(path, bytes)?;
        let damaged = |reason: &str| Damage::new(path, reason);
        let length = read_u64(bytes, PREFIX).ok_or_else(|| damaged("the file ends too early"))?;
        let whole = length.checked_add((HEADER + CHECKSUM) as u64);
        if whole != Some(bytes.len() as u64) {
            return Err(damaged("its length is not the one that was written"));
        }
        let (sealed, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if read_u32(checksum, 0) != Some(crc32fast::hash(sealed)) {
            return Err(damaged("its checksum does not fit what it holds"));
        }
        match postcard::take_from_bytes(&sealed[HEADER..]) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(damaged("it holds more than it should")),
            Err(cause) => Err(Damage::new(path, format!("it is not understood: {cause}"))),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        disk: &dyn Disk,
        name: &str,
    ) -> Result<T, Damage> {
        let path = disk.path(name);
        let bytes = read_small(disk, name, self.most_bytes)
            .map_err(|cause| Damage::unreadable(&path, &cause))?;
        self.unseal(&path, &bytes)
    }
}

/// The number at a place, if there are so many bytes.
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The number at a place, if there are so many bytes.
pub(crate) fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format =
        Format { magic: *b"RHEOTEST", version: 3, what: "a test file", most_bytes: 100 };

    #[test]
    fn what_was_sealed_comes_out_and_nothing_else() {
        let value = ("abc".to_owned(), 7u64);
        let sealed = FORMAT.seal(&value).unwrap();
        assert_eq!(FORMAT.unseal::<(String, u64)>("f", &sealed), Ok(value));
        for cut in 0..sealed.len() {
            assert!(FORMAT.unseal::<(String, u64)>("f", &sealed[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FORMAT.unseal::<(String, u64)>("f", &bytes).is_err(), "bit {bit} flipped");
        }
        let mut longer = sealed;
        longer.push(0);
        assert!(FORMAT.unseal::<(String, u64)>("f", &longer).is_err(), "a tail");
    }

    #[test]
    fn a_newer_format_is_refused_with_what_to_do() {
        let newer = Format { version: 4, ..FORMAT }.seal(&1u8).unwrap();
        let error = Error::from(FORMAT.unseal::<u8>("dir/f", &newer).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(text.contains("dir/f: it has format version 4"), "{text}");
        assert!(text.contains("or a later one"), "{text}");
        let other = Format { magic: *b"RHEOTASK", ..FORMAT }.seal(&1u8).unwrap();
        let damage = FORMAT.unseal::<u8>("dir/f", &other).unwrap_err();
        assert_eq!(damage.to_string(), "dir/f: it is not a test file");
    }

    #[test]
    fn what_is_too_large_is_not_written() {
        let error = FORMAT.seal(&vec![0u8; 100]).unwrap_err();
        assert!(error.to_string().contains("more than 100"), "{error}");
    }
}
