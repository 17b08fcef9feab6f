//! The files of a directory.
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions of the files that are looked into when a directory is given.
const MOTION_JPEG: [&str; 4] = ["mjpeg", "mjpg", "avi", "multipart"];
const STILL_JPEG: [&str; 2] = ["jpg", "jpeg"];

/// Returns the entries of a directory whose extensions are those of media, in the order of their names. What
/// lies in directories in it is not among them, nor are these directories. Blocks.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn media_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // A link that leads nowhere stays, so that it can be said that there is no such file.
        if (is_video(&path) || is_picture(&path)) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns whether a file may hold a video, by its extension.
pub(super) fn is_video(path: &Path) -> bool {
    extension_is(path, &MOTION_JPEG)
}

/// Returns whether a file may be a single picture, by its extension.
pub(super) fn is_picture(path: &Path) -> bool {
    extension_is(path, &STILL_JPEG)
}

fn extension_is(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
