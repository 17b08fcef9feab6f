//! The files of a directory.
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions of the files that are looked into when a directory is given.
const MOTION_JPEG: [&str; 7] = ["mjpeg", "mjpg", "avi", "mkv", "mov", "mp4", "multipart"];
const STILL_JPEG: [&str; 2] = ["jpg", "jpeg"];

/// The entries of a directory, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files that may be media, by their extensions.
    pub(super) media: Vec<PathBuf>,
    /// All other files, and directories.
    pub(super) others: Vec<PathBuf>,
}

/// Lists a directory. What lies in directories in it is not looked at. Blocks.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn list(directory: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // A link that leads nowhere stays, so that it can be said that there is no such file.
        match (is_video(&path) || is_picture(&path)) && !path.is_dir() {
            true => listing.media.push(path),
            false => listing.others.push(path),
        }
    }
    listing.media.sort();
    listing.others.sort();
    Ok(listing)
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
