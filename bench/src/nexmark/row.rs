//! What a row of a result is: fields in an order, from which its digest and its line follow.

use std::io::Write;
use std::marker::PhantomData;

use rheos::connectors::format::{Encoder, WriteFormat};
use rheos::engine::ExchangeData;
use rheos::prelude::Error;

use super::events::Bid;
use super::form::RowExtra;

/// A row of a result.
pub(crate) trait Row: Clone + ExchangeData {
    /// Whether the same events always make as many rows; not where a clock cuts the windows.
    const HAS_FIXED_COUNT: bool = true;

    /// Shows the fields, in order.
    fn fields(&self, to: &mut impl Fields);

    /// The fields mixed to one number. Cheap, because every engine pays it for every row.
    #[inline]
    fn digest(&self) -> u64 {
        let mut mixed = Mixed(0);
        self.fields(&mut mixed);
        mixed.0
    }
}

/// The digest of a row that has this number as its only field.
#[inline]
pub(crate) fn digest_of(value: impl Into<i64>) -> u64 {
    let mut mixed = Mixed(0);
    mixed.integer(value);
    mixed.0
}

/// Is shown the fields of a row.
pub(crate) trait Fields {
    /// A number, or a time in milliseconds.
    fn integer(&mut self, value: impl Into<i64>);
    /// A text.
    fn text(&mut self, value: &str);
}

/// Mixes fields to a number, in order.
struct Mixed(u64);

impl Mixed {
    #[inline]
    fn mix(&mut self, field: u64) {
        // The multiplier of SplitMix64's first step; odd, so that no information is lost.
        const MULTIPLIER: u64 = 0xBF58_476D_1CE4_E5B9;
        self.0 = (self.0 ^ field).wrapping_add(1).wrapping_mul(MULTIPLIER).rotate_left(29);
    }
}

impl Fields for Mixed {
    #[inline]
    fn integer(&mut self, value: impl Into<i64>) {
        self.mix(value.into() as u64);
    }

    fn text(&mut self, value: &str) {
        self.mix(value.len() as u64);
        for chunk in value.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }
}

/// Writes fields as the items of a JSON array.
struct Array<'a> {
    line: &'a mut Vec<u8>,
    is_empty: bool,
}

impl Array<'_> {
    fn begin_field(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.line.push(b',');
        }
    }
}

impl Fields for Array<'_> {
    fn integer(&mut self, value: impl Into<i64>) {
        self.begin_field();
        write!(self.line, "{}", value.into()).expect("a vector takes all that is written");
    }

    fn text(&mut self, value: &str) {
        self.begin_field();
        serde_json::to_writer(&mut *self.line, value).expect("every text is a JSON string");
    }
}

/// Appends a row as a JSON array, without a line's end.
pub(crate) fn write_array(row: &impl Row, line: &mut Vec<u8>) {
    line.push(b'[');
    row.fields(&mut Array { line: &mut *line, is_empty: true });
    line.push(b']');
}

/// The format of result files: a row a line, each a JSON array.
pub(crate) struct RowLines<R> {
    row: PhantomData<fn(R)>,
}

impl<R> RowLines<R> {
    pub(crate) fn new() -> Self {
        Self { row: PhantomData }
    }
}

impl<R> Clone for RowLines<R> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<R: Row> WriteFormat for RowLines<R> {
    type Record = R;
    type Encoder = Self;

    fn encoder(&self) -> Self {
        self.clone()
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }
}

impl<R: Row> Encoder<R> for RowLines<R> {
    fn encode(&mut self, rows: &[R], into: &mut Vec<u8>) -> Result<(), Error> {
        for row in rows {
            write_array(row, into);
            into.push(b'\n');
        }
        Ok(())
    }
}

impl<X: RowExtra> Row for Bid<X> {
    #[inline]
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.auction);
        to.integer(self.bidder);
        to.integer(self.price);
        to.integer(self.date_time);
        if let Some(extra) = self.rest.row_extra() {
            to.text(extra);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    struct Mentioned(String, i64);

    fn mentioned(text: &str, number: i64) -> Mentioned {
        Mentioned(text.to_owned(), number)
    }

    impl Row for Mentioned {
        fn fields(&self, to: &mut impl Fields) {
            to.text(&self.0);
            to.integer(self.1);
        }
    }

    #[test]
    fn rows_are_arrays_and_texts_are_escaped() {
        let mut lines = Vec::new();
        let rows = [mentioned("a \"b\"\n", -1), mentioned("", 2)];
        RowLines::new().encode(&rows, &mut lines).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap(), "[\"a \\\"b\\\"\\n\",-1]\n[\"\",2]\n");
    }

    #[test]
    fn digests_see_every_byte_and_the_order_of_fields() {
        let digest = |text, number| mentioned(text, number).digest();
        assert_ne!(digest("123456789", 0), digest("123456780", 0));
        assert_ne!(digest("a", 0), digest("a\0", 0));
        assert_ne!(digest("a", 0), digest("a", 1));
        let bid = Bid { date_time: 1, auction: 2, bidder: 3, price: 4, rest: () };
        assert_ne!(bid.digest(), Bid { auction: 3, bidder: 2, ..bid }.digest());
    }
}
