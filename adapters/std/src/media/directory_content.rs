//! What a directory holds, and whether that has changed.
use super::directory::{is_video, list};
use super::recorded::Stamp;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a directory holds at one time: the files that may be media, and when each of them was changed.
/// [`DirectoryWatch::look`] returns it.
#[derive(Clone, Debug, Default)]
pub struct DirectoryContent {
    /// In the natural order of their names.
    pub(super) files: Vec<SeenFile>,
    /// All other entries.
    pub(super) others: Vec<PathBuf>,
}

/// A file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenFile {
    pub(super) path: PathBuf,
    /// `None` if it cannot be looked at, as a link that leads nowhere.
    pub(super) stamp: Option<Stamp>,
    /// Whether nobody writes it any more, as far as that is known.
    pub(super) is_settled: bool,
}

impl DirectoryContent {
    /// Looks at a directory, all of whose files count as settled. Blocks.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let listing = list(path)?;
        let seen = |path: PathBuf| {
            let stamp = fs::metadata(&path).ok().map(|metadata| Stamp::of(&metadata));
            SeenFile { path, stamp, is_settled: true }
        };
        Ok(Self { files: listing.media.into_iter().map(seen).collect(), others: listing.others })
    }

    pub(super) fn videos(&self) -> impl Iterator<Item = &SeenFile> {
        self.files.iter().filter(|file| is_video(&file.path))
    }

    pub(super) fn pictures(&self) -> impl Iterator<Item = &SeenFile> {
        self.files.iter().filter(|file| !is_video(&file.path))
    }
}

/// Looks at a directory again and again, and so knows which of its files are being written. Bring a library up to date
/// with [`Library::update_directory`](super::Library::update_directory).
///
/// It asks for the names, lengths and times of the files. So it works on all file systems, also those of the network,
/// which do not tell of changes that other machines make.
#[derive(Debug)]
pub struct DirectoryWatch {
    path: PathBuf,
    /// The files as they were last seen, and since when they are so.
    seen: HashMap<PathBuf, (Option<Stamp>, Instant)>,
}

impl DirectoryWatch {
    /// Creates a watch that has not looked yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: HashMap::new() }
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the directory. A file counts as settled once it was seen unchanged for `quiet`: so one that is being
    /// written is not read before it is complete. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn look(&mut self, quiet: Duration) -> io::Result<DirectoryContent> {
        let mut content = DirectoryContent::read(&self.path)?;
        self.settle(&mut content, Instant::now(), quiet);
        Ok(content)
    }

    fn settle(&mut self, content: &mut DirectoryContent, now: Instant, quiet: Duration) {
        let mut before = std::mem::take(&mut self.seen);
        for file in &mut content.files {
            let since = match before.remove(&file.path) {
                Some((stamp, since)) if stamp == file.stamp => since,
                _ => now,
            };
            file.is_settled = now.duration_since(since) >= quiet;
            self.seen.insert(file.path.clone(), (file.stamp, since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_once_it_was_quiet() {
        const QUIET: Duration = Duration::from_secs(2);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mjpeg");
        let begun = Instant::now();
        let mut watch = DirectoryWatch::new(directory.path().to_owned());
        let mut look = |seconds| {
            let mut content = DirectoryContent::read(directory.path()).unwrap();
            watch.settle(&mut content, begun + Duration::from_secs(seconds), QUIET);
            content.videos().map(|file| file.is_settled).collect::<Vec<_>>()
        };
        assert!(look(0).is_empty());
        fs::write(&path, "a").unwrap();
        assert_eq!([look(1), look(2)], [[false], [false]]);
        assert_eq!(look(3), [true]);
        fs::write(&path, "longer").unwrap();
        assert_eq!([look(4), look(5), look(6)], [[false], [false], [true]]);
        // Another file in its place.
        let other = directory.path().join("other");
        fs::write(&other, "longer").unwrap();
        fs::rename(other, &path).unwrap();
        assert_eq!([look(7), look(9)], [[false], [true]]);
        fs::remove_file(&path).unwrap();
        assert!(look(10).is_empty());
    }
}
