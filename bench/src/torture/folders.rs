//! Checkpoint folders on a disk that forgets, and damaged ones: the engine's own campaigns, whose
//! figures belong to those of a campaign of kills.

use rheos::engine::checkpoint::{crash_campaign, damage_campaign};

/// Crashes a folder at every operation, with every sync skipped once, and damages so many folders;
/// says what came of it.
///
/// # Errors
/// When a crash lost something, a skipped sync was not noticed, or damage was accepted.
pub(super) fn check(seed: u64, damaged: u64) -> anyhow::Result<String> {
    let crashes = crash_campaign(seed).map_err(|reason| anyhow::anyhow!(reason))?;
    let damage = damage_campaign(seed, damaged);
    if let Some(failure) = damage.failures.first() {
        anyhow::bail!("{} damaged folders were not refused: {failure}", damage.failures.len());
    }
    Ok(format!(
        "checkpoint folders: {} crashes of the disk survived, {} skipped syncs noticed; of {damaged} \
         damaged folders {} refused with the name of the file, {} healed, 0 accepted",
        crashes.crashes, crashes.skipped_syncs, damage.refused, damage.healed
    ))
}
