//! Where the sample clips are.
use crate::source::Error;
use std::path::{Path, PathBuf};

/// A server of this program's own, which serves until it is dropped.
pub(crate) struct Server {
    /// The address of a clip.
    pub(crate) url: String,
}

/// Serves the sample clips on a free port of the loopback interface.
///
/// # Errors
/// There are none, or no port is free.
pub(crate) fn serve() -> Result<Server, Error> {
    let directory = directory().ok_or(
        "there are no sample clips in ./video or beside the program: name an rtsp:// address to play",
    )?;
    Err(format!("cannot serve {}: this build has no RTSP server", directory.display()).into())
}

/// The directory with the sample clips: `video/` here, beside the program, or in the source tree
/// that it was built from.
fn directory() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(|dir| dir.join("video"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video");
    [Some(PathBuf::from("video")), beside, Some(source)].into_iter().flatten().find(|dir| has_clip(dir))
}

/// A directory of that name need not be ours.
fn has_clip(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|entries| entries.flatten().any(|entry| is_clip(&entry.path())))
}

fn is_clip(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["mjpeg", "mjpg"].iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_clips_is_passed_over() {
        assert!(!has_clip(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!has_clip(Path::new("/nonexistent")));
    }
}
