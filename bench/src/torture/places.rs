//! The named places of the engine's protocol.

/// All of them.
pub(super) fn places() -> Vec<&'static str> {
    rheos::engine::FAILPOINTS.to_vec()
}
