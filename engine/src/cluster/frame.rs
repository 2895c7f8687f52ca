//! Messages on a connection: a length of four bytes, then so many bytes of postcard.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// Writes one message.
///
/// # Errors
/// When it cannot be serialized or the connection refuses.
pub(crate) fn write<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let mut bytes = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)
}

/// Reads one message of at most `limit` bytes.
///
/// # Errors
/// When the connection fails or ends, or the message is too long or not understood.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(
    from: &mut impl Read,
    limit: usize,
) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        let reason = format!("a message of {length} bytes where at most {limit} are expected");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    let (message, rest) = postcard::take_from_bytes(&bytes)
        .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
    match rest {
        [] => Ok(message),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a message with a tail")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_damage_is_an_error() {
        let mut wire = Vec::new();
        write(&mut wire, &("abc".to_owned(), 7u32)).unwrap();
        let back: (String, u32) = read(&mut &wire[..], 100).unwrap();
        assert_eq!(back, ("abc".to_owned(), 7));
        for cut in 0..wire.len() {
            assert!(read::<(String, u32)>(&mut &wire[..cut], 100).is_err(), "cut at {cut}");
        }
        assert!(read::<(String, u32)>(&mut &wire[..], 3).is_err(), "over the limit");
        wire[0] += 1;
        wire.push(0);
        assert!(read::<(String, u32)>(&mut &wire[..], 100).is_err(), "a tail");
    }
}
