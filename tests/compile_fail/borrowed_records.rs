//! Records that borrow their text, in a window.

use std::time::Duration;

use rheos::prelude::*;

fn longest(words: Stream<&'static str, Timed>) {
    let minutes = Windows::tumbling(Duration::from_secs(60));
    words.window(minutes).max().drop_late().print();
}

fn main() {}
