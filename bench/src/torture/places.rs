//! The named places of the engine's protocol.

/// All of them.
pub(super) fn places() -> &'static [&'static str] {
    rheos::engine::FAILPOINTS
}
