//! Directories whose media follow what is in them.
use super::super::directory_content::{DirectoryContent, SeenFile};
use super::super::normalise::NormaliseOptions;
use super::super::problem::Problem;
use super::super::recorded::{Stamp, Watch};
use super::super::waiting::wait_for;
use super::adding::{Hangs, Outcome, stem};
use super::{Ignored, Indexing, Library, Playback};
use pinhole::text::Count;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// A directory that was added to a library, and what of it is served.
/// [`Library::add_path_with`] returns it, and [`Library::update_directory`] brings both up to date.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// The path of its pictures, which comes before those of its files.
    name: Option<String>,
    playback: Playback,
    normalising: NormaliseOptions,
    files: BTreeMap<PathBuf, Taken<Option<Stamp>>>,
    /// All pictures are one medium.
    pictures: Option<Taken<Vec<SeenFile>>>,
}

/// What was made of a file, or of all pictures.
#[derive(Debug)]
struct Taken<S> {
    /// As it was found.
    seen: S,
    outcome: Outcome,
}

/// What has changed of the media of a directory. A medium whose file has changed is in both lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryChanges {
    /// The paths of media that are served now, without the leading slash.
    pub added: Vec<String>,
    /// The paths of media that were served before.
    pub removed: Vec<String>,
}

impl Directory {
    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the paths of the media that it has, without the leading slash.
    pub fn mounts(&self) -> impl Iterator<Item = &str> {
        let pictures = self.pictures.iter().map(|taken| &taken.outcome);
        self.files.values().map(|taken| &taken.outcome).chain(pictures).filter_map(Outcome::mount)
    }

    /// Returns whether [`Library::update_directory`] would do anything.
    pub fn is_behind(&self, content: &DirectoryContent) -> bool {
        let lacks = |file: &SeenFile| {
            file.is_settled && self.files.get(&file.path).is_none_or(|taken| taken.seen != file.stamp)
        };
        content.videos().any(lacks)
            || self.gone(content).next().is_some()
            || self.are_pictures_behind(content)
    }

    /// Returns the files that are not there any more.
    fn gone(&self, content: &DirectoryContent) -> impl Iterator<Item = &PathBuf> {
        let there: HashSet<_> = content.videos().map(|file| &file.path).collect();
        self.files.keys().filter(move |path| !there.contains(path))
    }

    fn are_pictures_behind(&self, content: &DirectoryContent) -> bool {
        let before = self.pictures.as_ref().map_or(&[][..], |taken| &taken.seen);
        content.pictures().all(|file| file.is_settled) && !content.pictures().eq(before)
    }

    /// Takes note of what was made of a file. What was served of the file before it has changed stays where nothing
    /// else can be.
    fn take(&mut self, file: &SeenFile, outcome: Outcome, old: Option<String>) {
        let taken = Taken { seen: file.stamp, outcome: outcome.or(old) };
        self.files.insert(file.path.clone(), taken);
    }
}

impl DirectoryChanges {
    /// Returns whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    fn note(&mut self, outcome: &Outcome, old: Option<&str>) {
        if let Some(mount) = outcome.mount() {
            self.removed.extend(old.map(str::to_owned));
            self.added.push(mount.to_owned());
        }
    }
}

impl Library {
    /// Brings the media of a directory up to date with what it holds. Media of files that are gone are removed, and those
    /// of new files are added, in the way in which the directory was added. A file that has changed is read anew: if it
    /// can be served, its medium takes the place of the one before, and otherwise that one stays. Files that are being
    /// written are left as they are. All others are not touched. So do pictures, which are one medium, once all of them are
    /// settled. What cannot be served is added to [`Self::problems`], and not tried again before it changes.
    ///
    /// Blocks while files are read. `watch` is called as that of [`Self::add_path_with`].
    ///
    /// In a server that runs, this has an effect by
    /// [`Handle::change_media`](crate::server::Handle::change_media).
    pub fn update_directory(
        &mut self,
        directory: &mut Directory,
        content: &DirectoryContent,
        mut watch: impl FnMut(Indexing<'_>),
    ) -> DirectoryChanges {
        let mut changes = DirectoryChanges::default();
        self.update(directory, content, &mut changes, &mut watch);
        changes
    }

    /// Looks at a directory, and does what [`Self::update_directory`] does. All files count as settled, and those that
    /// could not be served are tried again.
    pub fn search_again(
        &mut self,
        directory: &mut Directory,
        mut watch: impl FnMut(Indexing<'_>),
    ) -> DirectoryChanges {
        let mut changes = DirectoryChanges::default();
        let found = {
            let path = directory.path.clone();
            wait_for(self.patience, &mut watch, move |_| DirectoryContent::read(&path))
        };
        match found.and_then(|found| found) {
            Ok(content) => {
                directory.files.retain(|_, taken| taken.outcome.mount().is_some());
                directory.pictures =
                    directory.pictures.take().filter(|taken| taken.outcome.mount().is_some());
                self.update(directory, &content, &mut changes, &mut watch);
            }
            Err(error) => self.problems.push(Problem::file(&directory.path, error)),
        }
        changes
    }

    /// Adds what a directory holds. `name` is the path of its pictures, and comes before those of its files.
    pub(super) fn add_directory(
        &mut self,
        path: &Path,
        name: Option<&str>,
        content: &DirectoryContent,
        watch: Watch<'_>,
    ) -> Directory {
        let count = content.others.len();
        if count > 0 {
            let paths = content.others.iter().take(Ignored::PATHS_MAX).cloned().collect();
            self.ignored.push(Ignored { directory: path.to_owned(), count, paths });
        }
        if content.files.is_empty() {
            self.problems.push(Problem::file(
                path,
                "the directory holds no .mjpeg, .mjpg, .avi, .mkv, .mov, .mp4, .multipart or .jpg files",
            ));
        }
        let mut directory = Directory {
            path: path.to_owned(),
            name: name.map(str::to_owned),
            playback: self.playback,
            normalising: self.normalising,
            files: BTreeMap::new(),
            pictures: None,
        };
        self.update(&mut directory, content, &mut DirectoryChanges::default(), watch);
        directory
    }

    fn update(
        &mut self,
        directory: &mut Directory,
        content: &DirectoryContent,
        changes: &mut DirectoryChanges,
        watch: Watch<'_>,
    ) {
        let (playback, normalising) = (self.playback, self.normalising);
        (self.playback, self.normalising) = (directory.playback, directory.normalising);
        let gone: HashSet<_> = directory.gone(content).cloned().collect();
        // None of them can be the one that a new file is the same as.
        self.added.retain(|_, path| !gone.contains(path));
        for (_, taken) in directory.files.extract_if(.., |path, _| gone.contains(path)) {
            if let Outcome::Served(mount) = taken.outcome {
                self.remove(&mount);
                changes.removed.push(mount);
            }
        }
        if self.update_videos(directory, content, changes, watch).is_ok() {
            self.update_pictures(directory, content, changes, watch);
        }
        (self.playback, self.normalising) = (playback, normalising);
    }

    /// # Errors
    /// The disk hangs, which is among the problems.
    fn update_videos(
        &mut self,
        directory: &mut Directory,
        content: &DirectoryContent,
        changes: &mut DirectoryChanges,
        watch: Watch<'_>,
    ) -> Result<(), Hangs> {
        // What took the place of another one may be gone.
        let is_free = !changes.removed.is_empty();
        let videos: Vec<_> = content.videos().collect();
        for (file, after) in videos.iter().zip((0..videos.len()).rev()) {
            let taken = directory.files.get(&file.path);
            let is_known = taken.is_some_and(|taken| {
                taken.seen == file.stamp && !(is_free && taken.outcome == Outcome::Blocked)
            });
            if is_known || !file.is_settled {
                continue;
            }
            let old = taken.and_then(|taken| taken.outcome.mount()).map(str::to_owned);
            self.added.retain(|_, path| *path != file.path);
            let mount = directory.name.as_ref().map(|name| format!("{name}/{}", stem(&file.path)));
            match self.add_file(&file.path, mount, old.as_deref(), watch) {
                Ok(outcome) => {
                    changes.note(&outcome, old.as_deref());
                    directory.take(file, outcome, old);
                }
                Err(Hangs) => {
                    directory.take(file, Outcome::LeftOut, old);
                    let reason = format!(
                        "the rest of the directory is left out, too: {} and {}",
                        Count(after, "video", "videos"),
                        Count(content.pictures().count(), "picture", "pictures")
                    );
                    self.problems.push(Problem::file(&directory.path, reason));
                    return Err(Hangs);
                }
            }
        }
        Ok(())
    }

    fn update_pictures(
        &mut self,
        directory: &mut Directory,
        content: &DirectoryContent,
        changes: &mut DirectoryChanges,
        watch: Watch<'_>,
    ) {
        if !directory.are_pictures_behind(content) {
            return;
        }
        let old = directory.pictures.take().and_then(|taken| taken.outcome.mount().map(str::to_owned));
        let seen: Vec<_> = content.pictures().cloned().collect();
        if seen.is_empty() {
            if let Some(old) = old {
                self.remove(&old);
                changes.removed.push(old);
            }
            return;
        }
        let paths = seen.iter().map(|file| file.path.clone()).collect();
        let (path, name) = (&directory.path, directory.name.as_deref());
        // It is told if it hangs, and nothing comes after it.
        let outcome = self.add_pictures(path, name, paths, old.as_deref(), watch).unwrap_or(Outcome::LeftOut);
        changes.note(&outcome, old.as_deref());
        directory.pictures = Some(Taken { seen, outcome: outcome.or(old) });
    }
}
