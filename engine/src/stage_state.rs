//! What fused stages keep from one epoch to the next, for checkpoints.
//!
//! Few do: those that say how far a stream has come in event time. They hand it out at the end of
//! each epoch, when their host asks for it, and get it back before their first batch. What belongs
//! to a split goes wherever that split is read next; anything else goes to everybody, who takes
//! from what all workers kept what is right for it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, SplitId};

/// What the fused stages of a host keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageState {
    parts: Vec<StagePart>,
}

/// A part of what a stage keeps. A step may have it more than once: one that stands behind a union
/// is a stage of each of the streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StagePart {
    step: String,
    part: String,
    /// What belongs to a split, or to none.
    pieces: Vec<(Option<SplitId>, Vec<u8>)>,
}

impl StageState {
    /// Whether no stage keeps anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Adds what the same stages keep on another worker.
    pub fn extend(&mut self, other: Self) {
        self.parts.extend(other.parts);
    }

    /// Without what belongs to splits that are read elsewhere.
    #[must_use]
    pub fn of_splits(&self, is_read_here: impl Fn(SplitId) -> bool) -> Self {
        let mut own = self.clone();
        for part in &mut own.parts {
            part.pieces.retain(|(split, _)| split.is_none_or(&is_read_here));
        }
        own.parts.retain(|part| !part.pieces.is_empty());
        own
    }

    /// Adds a part.
    pub(crate) fn keep<T: Serialize>(
        &mut self,
        step: &str,
        part: &str,
        pieces: impl Iterator<Item = (Option<SplitId>, T)>,
    ) -> Result<(), Error> {
        let bytes = |(split, piece)| Ok((split, postcard::to_stdvec(&piece)?));
        let pieces: postcard::Result<Vec<_>> = pieces.map(bytes).collect();
        let pieces = pieces.map_err(|cause| {
            Error::new(ErrorKind::Internal, "write what a stage keeps", cause.to_string())
        })?;
        if !pieces.is_empty() {
            self.parts.push(StagePart { step: step.to_owned(), part: part.to_owned(), pieces });
        }
        Ok(())
    }

    /// All that was kept as a part of a step.
    pub(crate) fn kept<T: DeserializeOwned>(
        &self,
        step: &str,
        part: &str,
    ) -> Result<Vec<(Option<SplitId>, T)>, Error> {
        let parts = self.parts.iter().filter(|kept| kept.step == step && kept.part == part);
        let pieces = parts.flat_map(|kept| &kept.pieces);
        let piece = |(split, bytes): &(_, Vec<u8>)| Ok((*split, postcard::from_bytes(bytes)?));
        pieces.map(piece).collect::<postcard::Result<_>>().map_err(|cause| {
            let attempt = format!("restore `{part}` of a stage");
            Error::new(ErrorKind::Data, attempt, cause.to_string())
                .advise("it was written by another version; restore with the program that wrote it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(step: &str, part: &str, pieces: &[(Option<u32>, u64)]) -> StageState {
        let mut state = StageState::default();
        let pieces = pieces.iter().map(|(split, piece)| (split.map(SplitId), *piece));
        state.keep(step, part, pieces).unwrap();
        state
    }

    #[test]
    fn pieces_of_a_split_go_where_it_is_read_and_others_everywhere() {
        let mut state = kept("event time", "lanes", &[(Some(0), 10), (Some(1), 11)]);
        state.extend(kept("event time", "lanes", &[(Some(2), 12), (None, 9)]));
        state.extend(kept("event time", "sketch", &[(Some(1), 7)]));
        state.extend(kept("event time 2", "lanes", &[(Some(1), 20)]));
        let one = state.of_splits(|split| split == SplitId(1));
        let lanes = one.kept::<u64>("event time", "lanes").unwrap();
        assert_eq!(lanes, [(Some(SplitId(1)), 11), (None, 9)]);
        assert_eq!(one.kept::<u64>("event time 2", "lanes").unwrap(), [(Some(SplitId(1)), 20)]);
        assert_eq!(state.of_splits(|_| false).kept::<u64>("event time", "sketch").unwrap(), []);
        assert!(one.kept::<u64>("others", "lanes").unwrap().is_empty());
        let bytes = postcard::to_stdvec(&state).unwrap();
        assert_eq!(postcard::from_bytes::<StageState>(&bytes).unwrap(), state);
    }

    #[test]
    fn nothing_is_kept_of_nothing_and_other_types_are_refused() {
        assert!(kept("event time", "lanes", &[]).is_empty());
        let state = kept("event time", "lanes", &[(None, 7)]);
        assert!(state.kept::<(u64, u64)>("event time", "lanes").is_err());
    }
}
