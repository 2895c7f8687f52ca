//! Transfers between accounts: each is booked once on both sides, and the sum of all never changes.
//!
//! Which of two transfers an account sees first depends on the run, so balances are checked as a
//! chain: each follows from the one before it.

use std::collections::BTreeMap;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload = Workload::new("ledger", &["booked", "sums"], build, judge);

const ACCOUNTS: u64 = 500;

/// One side of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    account: u64,
    transfer: u64,
    amount: i64,
}

/// An entry as an account has booked it, with the balance behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Booked {
    entry: Entry,
    number: u64,
    balance: i64,
}

/// How many entries there were at the end of an epoch, and their sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Sum {
    number: u64,
    entries: u64,
    sum: i64,
}

/// Both sides of transfer `index`.
fn transfer(random: &mut Random, index: u64) -> [Entry; 2] {
    let (from, to) = (random.below(ACCOUNTS), random.below(ACCOUNTS));
    let amount = 1 + random.below(1_000) as i64;
    let entry = |account, amount| Entry { account, transfer: index, amount };
    [entry(from, -amount), entry(to, amount)]
}

fn build(task: &Task, job: &Job) {
    let entries = task.source(job, transfer).flat_map(|sides| sides);
    entries
        .clone()
        .key_by(|entry| entry.account)
        .scan((0, 0), |(number, balance), _, entry: Entry| {
            *number += 1;
            *balance += entry.amount;
            Some(Booked { entry, number: *number, balance: *balance })
        })
        .sink(task.sink("booked"));
    // Both sides of a transfer are in one epoch, at the end of which they make up for each other.
    entries
        .map(|entry| entry.amount)
        .fold((0, 0), |(entries, sum), amount: i64| {
            *entries += 1;
            *sum += amount;
        })
        .updates()
        .key_by(|_| ())
        .scan(0, |number, (), (entries, sum)| {
            *number += 1;
            Some(Sum { number: *number, entries, sum })
        })
        .sink(task.sink("sums"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let booked = judge.rows::<Booked>("booked");
    judge.numbered("booked", &booked, |row| row.entry.account, |row| row.number);
    let mut accounts: BTreeMap<u64, Vec<&Booked>> = BTreeMap::new();
    booked.iter().for_each(|row| accounts.entry(row.entry.account).or_default().push(row));
    for rows in accounts.values_mut() {
        rows.sort_by_key(|row| row.number);
        let mut balance = 0;
        for row in rows {
            balance += row.entry.amount;
            judge.holds(row.balance == balance, || format!("{row:?} instead of {balance}"));
            balance = row.balance;
        }
    }
    let entries = (0..task.records).flat_map(|index| transfer(&mut task.random(index), index));
    judge.same("booked", booked.into_iter().map(|row| row.entry), entries);
    let sums = judge.rows::<Sum>("sums");
    judge.numbered("sums", &sums, |_| (), |row| row.number);
    judge.in_order("sums", &sums, |_| (), |row| row.entries);
    for row in &sums {
        let is_whole = row.sum == 0 && row.entries.is_multiple_of(2);
        judge.holds(is_whole, || format!("sides of transfers are missing: {row:?}"));
    }
    let last = sums.iter().map(|row| row.entries).max().unwrap_or(0);
    judge.holds(last == 2 * task.records, || format!("the last sum is over {last} entries"));
}
