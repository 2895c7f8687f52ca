//! Positions and payloads that are numbers, as bytes.
//!
//! Used by the connectors whose records are numbered (collections, generators, collected lists). Eight bytes a number,
//! little-endian; anything else is refused, never guessed. It reads and writes nothing itself.

use rheos_engine::{Error, ErrorKind, Position, Split};

/// The numbers as bytes.
pub(crate) fn encode<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The numbers that [`encode`] was given, if the bytes are exactly as many.
pub(crate) fn decode<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let numbers: &[[u8; 8]; N] = chunks.try_into().ok()?;
    rest.is_empty().then(|| numbers.map(u64::from_le_bytes))
}

/// The two numbers in a split's payload.
pub(crate) fn payload(split: &Split) -> Result<[u64; 2], Error> {
    decode(&split.payload).ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            format!("open {}", split.name),
            format!("its payload of {} bytes is not two numbers", split.payload.len()),
        )
    })
}

/// The index that a position holds, or `start` without a position.
pub(crate) fn index(split: &Split, position: Option<&Position>, start: u64) -> Result<u64, Error> {
    let Some(Position(bytes)) = position else {
        return Ok(start);
    };
    match decode(bytes) {
        Some([index]) => Ok(index),
        None => Err(Error::usage(
            format!("continue {}", split.name),
            format!("a position of {} bytes is not an index", bytes.len()),
        )
        .advise("the checkpoint was made by another kind of source")),
    }
}

/// The error for an index that is not in the split.
pub(crate) fn outside(split: &Split, index: u64) -> Error {
    Error::usage(
        format!("continue {}", split.name),
        format!("it does not hold the position {index}"),
    )
    .advise("the source has changed since the checkpoint was made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_and_other_lengths_are_refused() {
        let bytes = encode([1, u64::MAX]);
        assert_eq!(decode(&bytes), Some([1, u64::MAX]));
        assert_eq!(decode::<2>(&bytes[..15]), None);
        assert_eq!(decode::<1>(&bytes), None);
        assert_eq!(decode::<0>(&bytes[..3]), None);
    }
}
