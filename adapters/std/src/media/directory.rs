//! The files of a directory.
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions of the files that are looked into when a directory is given.
const MOTION_JPEG: [&str; 4] = ["mjpeg", "mjpg", "avi", "multipart"];
const STILL_JPEG: [&str; 2] = ["jpg", "jpeg"];

/// Returns the files of a directory, in the order of their names.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

/// Returns whether a file may hold a video, by its extension.
pub(super) fn is_video(path: &Path) -> bool {
    extension_is(path, &MOTION_JPEG)
}

/// Keeps the single pictures, by their extension.
pub(super) fn pictures_of(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|file| extension_is(file, &STILL_JPEG));
    files
}

fn extension_is(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
