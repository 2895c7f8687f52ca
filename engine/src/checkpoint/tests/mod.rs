//! Tests of checkpoints on disk, where they are too long to stand beside the code.

mod choose;
mod command;
mod fixture;
mod obsolete;
mod state_file;
mod store;
