//! Gives a small file a new content at once and durably: it is never seen half written, and after
//! a crash it has the old content or the new one.

use super::disk::Disk;
use super::names::unfinished;
use crate::{Error, failpoint};

/// Puts `bytes` into the file `name`. `place` names the failpoints on the way.
///
/// # Errors
/// When the disk refuses. Whether the file has the new content is then not known.
pub(crate) fn replace(disk: &dyn Disk, name: &str, place: &str, bytes: &[u8]) -> Result<(), Error> {
    let hidden = unfinished(name);
    let failed = |verb: &str, name: &str, cause| {
        Error::io(format!("{verb} {}", disk.path(name)), cause)
            .advise("see that the disk has room and the folder can be written")
    };
    failpoint::hit_at(place, "before-write")?;
    let mut file = disk.create(&hidden).map_err(|cause| failed("create", &hidden, cause))?;
    file.write(bytes).map_err(|cause| failed("write", &hidden, cause))?;
    failpoint::hit_at(place, "before-sync")?;
    if !failpoint::is_broken_at("skip-sync", place) {
        file.sync().map_err(|cause| failed("sync", &hidden, cause))?;
    }
    drop(file);
    failpoint::hit_at(place, "before-rename")?;
    disk.rename(&hidden, name).map_err(|cause| failed("replace", name, cause))?;
    failpoint::hit_at(place, "before-folder-sync")?;
    if !failpoint::is_broken_at("skip-folder-sync", place) {
        disk.sync_folder().map_err(|cause| failed("sync the name of", name, cause))?;
    }
    failpoint::hit_at(place, "after")
}
