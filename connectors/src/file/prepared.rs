//! What a file sink says it has prepared, as bytes that a checkpoint keeps.
//!
//! Names are relative to the folder that the sink writes into. What is written here stays readable
//! by later versions.

use rheos_engine::Error;
use serde::{Deserialize, Serialize};

use super::cut::{decode, encode};

/// What one writer has prepared and not committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Prepared {
    /// Complete parts of a folder.
    Parts(Vec<PreparedPart>),
    /// The beginning, or all, of a single file.
    File(PreparedFile),
}

/// A part that is complete under its hidden name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreparedPart {
    /// Its name until it is committed.
    pub(crate) hidden: String,
    /// Its name from then on.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
}

/// How far a single file is complete under its hidden name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreparedFile {
    /// The run that began it.
    pub(crate) begun: u32,
    /// The length up to which it is complete.
    pub(crate) bytes: u64,
    /// Whether this is all of it, so that it gets its name when it is committed.
    pub(crate) is_whole: bool,
}

impl Prepared {
    pub(crate) fn to_bytes(&self, target: &str) -> Result<Vec<u8>, Error> {
        encode(self, target)
    }

    pub(crate) fn from_bytes(bytes: &[u8], target: &str) -> Result<Self, Error> {
        decode(bytes, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_wrote_stays_readable() {
        let part = PreparedPart { hidden: ".a.staged".to_owned(), name: "a".to_owned(), bytes: 7 };
        let file = PreparedFile { begun: 2, bytes: 9, is_whole: false };
        for (prepared, text) in [
            (
                Prepared::Parts(vec![part]),
                r#"{"Parts":[{"hidden":".a.staged","name":"a","bytes":7}]}"#,
            ),
            (Prepared::File(file), r#"{"File":{"begun":2,"bytes":9,"is_whole":false}}"#),
        ] {
            assert_eq!(Prepared::from_bytes(text.as_bytes(), "a").unwrap(), prepared);
            assert_eq!(prepared.to_bytes("a").unwrap(), text.as_bytes());
        }
        assert!(Prepared::from_bytes(b"{\"Folder\":1}", "a").is_err());
    }
}
