//! The files of a directory.
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions of the files that are looked into when a directory is given.
const MOTION_JPEG: [&str; 7] = ["mjpeg", "mjpg", "avi", "mkv", "mov", "mp4", "multipart"];
const STILL_JPEG: [&str; 2] = ["jpg", "jpeg"];

/// The entries of a directory, in the natural order of their names: `frame2` comes before `frame10`.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files that may be media, by their extensions.
    pub(super) media: Vec<PathBuf>,
    /// All other files, hidden ones, and directories.
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
        match (is_video(&path) || is_picture(&path)) && !is_hidden(&path) && !path.is_dir() {
            true => listing.media.push(path),
            false => listing.others.push(path),
        }
    }
    listing.media.sort_by(|a, b| natural_order(a, b));
    listing.others.sort_by(|a, b| natural_order(a, b));
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

/// Returns whether a file is hidden. Systems and archives put files with the ending of a picture or video beside it
/// that hold something else, such as `._x.jpg`.
fn is_hidden(path: &Path) -> bool {
    name_of(path).starts_with(b".")
}

/// Compares two paths of one directory by the names, in which digits count as the number that they form. Names that
/// differ in leading zeros only are in the order of their bytes.
fn natural_order(a: &Path, b: &Path) -> Ordering {
    let (a, b) = (name_of(a), name_of(b));
    let (mut left, mut right) = (a, b);
    loop {
        let ((x, after_x), (y, after_y)) = (first_number(left), first_number(right));
        let ordering = match (x, y) {
            ([], _) | (_, []) => {
                let (Some((x, after_x)), Some((y, after_y))) = (left.split_first(), right.split_first())
                else {
                    return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
                };
                (left, right) = (after_x, after_y);
                x.cmp(y)
            }
            (x, y) => {
                (left, right) = (after_x, after_y);
                let (x, y) = (without_zeros(x), without_zeros(y));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

/// Splits off the digits that a name begins with.
fn first_number(name: &[u8]) -> (&[u8], &[u8]) {
    let end = name.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    name.split_at(end)
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    digits.get(start..).unwrap_or_default()
}

fn extension_is(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_natural_order() {
        let ordered = [
            "1.jpg",
            "02.jpg",
            "2.jpg",
            "10.jpg",
            "99999999999999999999999.jpg",
            "100000000000000000000000.jpg",
            "a.jpg",
            "a0.jpg",
            "a1-2.jpg",
            "a1-10.jpg",
            "a1.jpg",
            "a1b.jpg",
            "a01c.jpg",
            "a2.jpg",
            "a10.jpg",
            "b1.jpg",
            "ä1.jpg",
            "ä12.jpg",
        ];
        for (n, a) in ordered.iter().enumerate() {
            for (m, b) in ordered.iter().enumerate() {
                assert_eq!(natural_order(Path::new(a), Path::new(b)), n.cmp(&m), "{a} and {b}");
            }
        }
    }
}
