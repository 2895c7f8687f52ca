//! The contract of formats, and what each of them makes of particular lines.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    name: String,
    price: Option<f64>,
}

fn orders() -> Vec<Order> {
    vec![
        Order { id: 1, name: "plain".to_owned(), price: Some(2.5) },
        Order { id: 2, name: "with \"quotes\", commas; and ρέος".to_owned(), price: None },
        Order { id: u64::MAX, name: String::new(), price: Some(-0.125) },
    ]
}

/// Decodes `bytes` line by line, as a connector would.
fn decode<F: ReadFormat>(format: &F, bytes: &[u8]) -> Result<Vec<F::Record>, String> {
    let mut decoder = format.decoder();
    let mut lines =
        bytes.split_inclusive(|byte| *byte == b'\n').map(|line| match format.framing() {
            Framing::Lines => line.strip_suffix(b"\n").unwrap_or(line),
            Framing::RawLines => line,
        });
    if format.first_line() == FirstLine::Header
        && let Some(header) = lines.next()
    {
        decoder.header(header)?;
    }
    lines.filter_map(|line| decoder.decode(line).transpose()).collect()
}

/// The contract: what is written in batches of any size reads back as it was, and an encoder that
/// wrote nothing has nothing to say.
fn check_round_trip<F, T>(format: F, records: &[T])
where
    F: ReadFormat<Record = T> + WriteFormat<Record = T>,
    T: Debug + PartialEq,
{
    let mut whole = Vec::new();
    format.encoder().encode(records, &mut whole).unwrap();
    for size in 1..=records.len() {
        let (mut encoder, mut bytes) = (WriteFormat::encoder(&format), Vec::new());
        encoder.encode(&[], &mut bytes).unwrap();
        assert!(bytes.is_empty(), "no records, no bytes");
        for batch in records.chunks(size) {
            encoder.encode(batch, &mut bytes).unwrap();
        }
        assert_eq!(bytes, whole, "batches of {size}");
    }
    assert_eq!(decode(&format, &whole).unwrap(), records);
}

#[test]
fn every_format_reads_back_what_it_wrote() {
    check_round_trip(Text, &["one".to_owned(), String::new(), "ρέος".to_owned()]);
    check_round_trip(RawLines, &[b"\xff\r\n".to_vec(), b"\n".to_vec(), b"no end".to_vec()]);
    check_round_trip(JsonLines::<Order>::new(), &orders());
    check_round_trip(Csv::<Order>::new(), &orders());
    check_round_trip(Csv::<Order>::new().by_position().delimiter(b';'), &orders());
}

/// `Err` holds a part of the reason.
fn check_line<F>(format: &F, header: &[u8], line: &[u8], expected: Result<Option<F::Record>, &str>)
where
    F: ReadFormat<Record: Debug + PartialEq>,
{
    let mut decoder = format.decoder();
    if format.first_line() == FirstLine::Header {
        decoder.header(header).unwrap();
    }
    let shown = String::from_utf8_lossy(line).into_owned();
    // A decoder goes on behind a line that it did not understand.
    for _ in 0..2 {
        match (decoder.decode(line), &expected) {
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{shown}: {reason}"),
            (found, expected) => {
                assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{shown}: {found:?}");
            }
        }
    }
}

#[test]
fn lines_are_understood_or_refused_with_a_reason() {
    let text = |line: &str| Ok(Some(line.to_owned()));
    check_line(&Text, b"", b"", text(""));
    check_line(&Text, b"", b" kept as it is \t", text(" kept as it is \t"));
    check_line(&Text, b"", b"ab\xffc", Err("not UTF-8 from byte 2"));

    let json = JsonLines::<Order>::new();
    let order = Order { id: 7, name: "x".to_owned(), price: None };
    check_line(&json, b"", br#" {"name":"x","id":7,"price":null} "#, Ok(Some(order.clone())));
    check_line(&json, b"", b" \t ", Ok(None));
    check_line(&json, b"", br#"{"id":7"#, Err("column 7"));
    check_line(&json, b"", br#"{"id":"a"}"#, Err("expected u64"));
    check_line(&json, b"", b"{\"name\":\"\xff\"}", Err("JSON"));

    let csv = Csv::<Order>::new();
    check_line(&csv, b"price,id,name", b",7,x", Ok(Some(order.clone())));
    check_line(&csv, b"price,id,name", b",7,\"x\"", Ok(Some(order.clone())));
    check_line(&csv, b"price,id,name", b"", Ok(None));
    check_line(&csv, b"price,id,name", b",7", Err("2 fields, the header names 3"));
    check_line(&csv, b"price,id,name", b",seven,x", Err("field `id`"));
    check_line(&csv, b"price,id,name", b",7,\"x", Err("quoted field"));
    check_line(&csv, b"price,id,name", b",7,\xff", Err("utf-8"));
    let csv = csv.by_position().delimiter(b'\t');
    check_line(&csv, b"", b"7\tx\t", Ok(Some(order)));
    check_line(&csv, b"", b"seven\tx\t", Err("field 1"));
}

#[test]
fn a_header_names_the_columns_of_a_written_file_once() {
    let (mut encoder, mut bytes) = (Csv::<Order>::new().encoder(), Vec::new());
    encoder.encode(&orders()[..1], &mut bytes).unwrap();
    encoder.encode(&orders()[..1], &mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "id,name,price\n1,plain,2.5\n1,plain,2.5\n");
}

#[test]
fn one_half_of_serde_is_enough() {
    #[derive(Deserialize)]
    struct OnlyRead {
        id: u64,
    }
    #[derive(Serialize)]
    struct OnlyWritten {
        id: u64,
    }
    let mut bytes = Vec::new();
    JsonLines::<OnlyWritten>::new().encoder().encode(&[OnlyWritten { id: 3 }], &mut bytes).unwrap();
    let read = decode(&JsonLines::<OnlyRead>::new(), &bytes).unwrap();
    assert_eq!(read[0].id, 3);
}
