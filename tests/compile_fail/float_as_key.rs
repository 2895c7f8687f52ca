//! A floating-point number as a key.

use rheos::prelude::*;

fn by_price(prices: Stream<f64>) {
    let counts = prices.key_by(|price| *price).count().at_end();
    counts.print();
}

fn main() {}
