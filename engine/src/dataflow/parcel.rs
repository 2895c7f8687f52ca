//! The one container that crosses timely's edges: a batch whose record type is hidden.
//!
//! All edges of all jobs carry the same type, so timely's generic code is compiled once and no
//! typed timely stream has to be remembered while a plan is instantiated. Within a process the
//! batch stays a `Vec<T>` in a box. For another process it is encoded before timely sees it, and
//! decoded by the step that receives it, which knows the type: so a damaged message is an error of
//! that step rather than a panic of a network thread.

use std::any::Any;
use std::io::Write;

use timely::bytes::arc::Bytes;
use timely::container::Accountable;
use timely::dataflow::channels::ContainerBytes;

use crate::{Error, ErrorKind, EventTime, SplitId};

/// What a parcel holds.
#[derive(Default)]
pub(crate) enum Payload {
    /// A `Vec<T>` of the edge's record type.
    Records(Box<dyn Any + Send>),
    /// The same, encoded for another process.
    Encoded(Vec<u8>),
    /// The same, as it came from another process.
    Received(Bytes),
    /// What worker `from` promises about all later epochs of this edge.
    Watermark {
        /// The sender.
        from: usize,
        /// No later record has an earlier time.
        time: EventTime,
        /// Whether the sender is idle, so that nobody waits for it.
        is_idle: bool,
    },
    /// The sender has nothing more to send on this edge: its input has ended.
    End,
    /// What a default-made container holds; never sent.
    #[default]
    Empty,
}

/// A batch on its way to one worker.
#[derive(Default)]
pub(crate) struct Parcel {
    /// The worker it goes to.
    pub(crate) target: usize,
    /// The split its records come from.
    pub(crate) split: SplitId,
    /// The number of its records.
    pub(crate) records: usize,
    /// Bytes of its records, without what they own on the heap.
    pub(crate) bytes: usize,
    /// What it holds.
    pub(crate) payload: Payload,
}

impl Parcel {
    /// The message that a sender has nothing more to send to a worker on an edge.
    pub(crate) fn end(target: usize) -> Self {
        Self { target, payload: Payload::End, ..Self::default() }
    }

    /// A watermark of worker `from` for a worker on an edge.
    pub(crate) fn watermark(target: usize, from: usize, time: EventTime, is_idle: bool) -> Self {
        Self { target, payload: Payload::Watermark { from, time, is_idle }, ..Self::default() }
    }

    /// The records as a `Vec<T>`, decoded with `decode` when they come from another process.
    ///
    /// # Errors
    /// When the bytes are not what `decode` expects, or the parcel holds no records.
    pub(crate) fn into_records<T: 'static>(self, decode: Option<Decode>) -> Result<Vec<T>, Error> {
        let foreign = |reason: String| {
            Error::new(ErrorKind::Internal, "read a batch from another step", reason)
        };
        let records = match (self.payload, decode) {
            (Payload::Records(records), _) => records,
            (Payload::Encoded(bytes), Some(decode)) => decode(&bytes)?,
            (Payload::Received(bytes), Some(decode)) => decode(&bytes)?,
            (Payload::Encoded(_) | Payload::Received(_), None) => {
                return Err(foreign("it came from another process over a local edge".into()));
            }
            (Payload::Watermark { .. } | Payload::End | Payload::Empty, _) => {
                return Err(foreign("it holds no records".into()));
            }
        };
        let records = records.downcast::<Vec<T>>();
        let records = records.map_err(|_| foreign("it holds records of another type".into()))?;
        Ok(*records)
    }
}

/// Turns the bytes of a batch into a boxed `Vec<T>` of an edge's record type.
pub(crate) type Decode = fn(&[u8]) -> Result<Box<dyn Any + Send>, Error>;

/// Encodes a batch for another process.
///
/// # Errors
/// When a record cannot be serialized.
pub(crate) fn encode<T: serde::Serialize>(records: &Vec<T>) -> Result<Vec<u8>, Error> {
    postcard::to_extend(records, Vec::new()).map_err(|cause| {
        Error::new(ErrorKind::UserCode, "send a batch to another process", cause.to_string())
            .advise("records that cross workers must be serializable with known lengths")
    })
}

/// The counterpart of [`encode`].
///
/// # Errors
/// When the bytes do not hold records of type `T`.
pub(crate) fn decode<T>(bytes: &[u8]) -> Result<Box<dyn Any + Send>, Error>
where
    T: for<'de> serde::Deserialize<'de> + Send + 'static,
{
    let records = postcard::take_from_bytes::<Vec<T>>(bytes).map_err(|cause| {
        Error::new(ErrorKind::UserCode, "read a batch from another process", cause.to_string())
            .advise("records that cross workers must deserialize from what they serialize to; serde's `flatten`, `untagged` and `skip_serializing_if` do not")
    })?;
    Ok(Box::new(records.0))
}

impl Accountable for Parcel {
    fn record_count(&self) -> i64 {
        match self.payload {
            Payload::Empty => 0,
            _ => 1,
        }
    }
}

/// Bytes before the payload on the wire: target, split, records, bytes, kind and length, 8 each.
const HEADER_BYTES: usize = 48;
const KIND_RECORDS: u64 = 1;
const KIND_END: u64 = 2;
const KIND_WATERMARK: u64 = 3;

impl ContainerBytes for Parcel {
    fn from_bytes(mut bytes: Bytes) -> Self {
        let mut fields = [0u64; HEADER_BYTES / 8];
        for (field, chunk) in fields.iter_mut().zip(bytes[..].chunks_exact(8)) {
            *field = u64::from_le_bytes(chunk.try_into().expect("chunks are 8 bytes"));
        }
        let [target, split, records, size, kind, length] = fields.map(|field| field as usize);
        let _header = bytes.extract_to(HEADER_BYTES.min(bytes.len()));
        let payload = match kind as u64 {
            KIND_END => Payload::End,
            KIND_WATERMARK => {
                let time = EventTime::from_millis(size as i64);
                return Self::watermark(target, records, time, split != 0);
            }
            // The sender pads to whole words; the length says what is payload.
            _ => Payload::Received(bytes.extract_to(length.min(bytes.len()))),
        };
        Self { target, split: SplitId(split as u32), records, bytes: size, payload }
    }

    fn length_in_bytes(&self) -> usize {
        HEADER_BYTES + self.encoded().len().next_multiple_of(8)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        let body = self.encoded();
        // A watermark has no records: what it says takes the places of their numbers.
        let (kind, split, records, size) = match self.payload {
            Payload::End => (KIND_END, 0, 0, 0),
            Payload::Watermark { from, time, is_idle } => {
                (KIND_WATERMARK, usize::from(is_idle), from, time.as_millis() as usize)
            }
            _ => (KIND_RECORDS, self.split.0 as usize, self.records, self.bytes),
        };
        let fields = [self.target, split, records, size, kind as usize, body.len()];
        let padding = body.len().next_multiple_of(8) - body.len();
        let mut write = |bytes: &[u8]| {
            writer.write_all(bytes).expect("timely writes messages into memory, which cannot fail");
        };
        for field in fields {
            write(&(field as u64).to_le_bytes());
        }
        write(body);
        write(&[0; 8][..padding]);
    }
}

impl Parcel {
    fn encoded(&self) -> &[u8] {
        match &self.payload {
            Payload::Encoded(bytes) => bytes,
            Payload::Received(bytes) => bytes,
            Payload::Watermark { .. } | Payload::End | Payload::Empty => &[],
            Payload::Records(_) => unreachable!("a batch is encoded before it leaves the process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn across(parcel: &Parcel) -> Parcel {
        let mut wire = Vec::new();
        parcel.into_bytes(&mut wire);
        assert_eq!(wire.len(), parcel.length_in_bytes());
        let mut bytes = timely::bytes::arc::BytesMut::from(wire).freeze();
        let length = bytes.len();
        Parcel::from_bytes(bytes.extract_to(length))
    }

    #[test]
    fn records_survive_the_way_to_another_process() {
        for count in [0usize, 1, 7, 1000] {
            let records: Vec<(u64, String)> =
                (0..count).map(|n| (n as u64, "x".repeat(n % 13))).collect();
            let payload = Payload::Encoded(encode(&records).unwrap());
            let parcel = Parcel { target: 3, split: SplitId(9), records: 5, bytes: 77, payload };
            let received = across(&parcel);
            assert_eq!((received.target, received.split), (3, SplitId(9)));
            assert_eq!((received.records, received.bytes), (5, 77));
            let back: Vec<(u64, String)> =
                received.into_records(Some(decode::<(u64, String)>)).unwrap();
            assert_eq!(back, records);
        }
    }

    #[test]
    fn the_end_is_told_from_an_empty_batch() {
        let end = Parcel { payload: Payload::End, ..Parcel::default() };
        assert!(matches!(across(&end).payload, Payload::End));
    }

    #[test]
    fn watermarks_survive_the_way_to_another_process() {
        for millis in [i64::MIN, -1, 0, 1_436_918_400_000, i64::MAX] {
            let sent = EventTime::from_millis(millis);
            for idle in [false, true] {
                let received = across(&Parcel::watermark(5, 3, sent, idle));
                assert_eq!((received.target, received.bytes), (5, 0));
                let Payload::Watermark { from, time, is_idle } = received.payload else {
                    panic!("{millis}")
                };
                assert_eq!((from, time, is_idle), (3, sent, idle));
            }
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let bytes = encode(&vec![String::from("abc")]).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode::<String>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn another_type_is_an_error() {
        let payload = Payload::Records(Box::new(vec![1u32]));
        let parcel = Parcel { payload, ..Parcel::default() };
        assert!(parcel.into_records::<u64>(None).is_err());
    }
}
