//! How media come into a library: what files hold, and under which path each medium is served.
use super::super::directory::{Listing, is_video};
use super::super::medium::Medium;
use super::super::problem::Problem;
use super::super::recorded::{Index, Recorded, Watch};
use super::super::waiting::wait_for;
use super::{Ignored, Library};
use pinhole::text::Count;
use std::ffi::OsStr;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Library {
    /// Adds what a directory holds. `name` is the path of its pictures, and comes before those of its files.
    pub(super) fn add_directory(
        &mut self,
        path: &Path,
        name: Option<&str>,
        listing: Listing,
        watch: Watch<'_>,
    ) {
        let Listing { media: files, others: mut paths } = listing;
        let count = paths.len();
        paths.truncate(Ignored::PATHS_MAX);
        if count > 0 {
            self.ignored.push(Ignored { directory: path.to_owned(), count, paths });
        }
        let (videos, pictures): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_video(file));
        for (video, after) in videos.iter().zip((0..videos.len()).rev()) {
            let mount = name.map(|name| format!("{name}/{}", stem(video)));
            if self.add_file(video, mount, watch).is_err() {
                let reason = format!(
                    "the rest of the directory is left out, too: {} and {}",
                    Count(after, "video", "videos"),
                    Count(pictures.len(), "picture", "pictures")
                );
                return self.problems.push(Problem::file(path, reason));
            }
        }
        if !pictures.is_empty() {
            self.add_pictures(path, name, pictures, watch);
        } else if videos.is_empty() {
            self.problems.push(Problem::file(
                path,
                "the directory holds no .mjpeg, .mjpg, .avi, .mkv, .mov, .mp4, .multipart or .jpg files",
            ));
        }
    }

    /// Adds the pictures of a directory as one medium, in this order.
    pub(in super::super) fn add_pictures(
        &mut self,
        path: &Path,
        name: Option<&str>,
        pictures: Vec<PathBuf>,
        watch: Watch<'_>,
    ) {
        let (files, directory, how) = (self.files.clone(), path.to_owned(), self.normalising);
        let index = move |watch: Watch<'_>| Index::of_pictures(&files, &directory, pictures, how, watch);
        // It is told if it hangs, and nothing comes after it.
        let _ = self.add_recorded(path, name.map(str::to_owned), watch, index);
    }

    /// Adds a file, at the path `mount` or that of its name. What is wrong with it is among the problems.
    ///
    /// # Errors
    /// Its disk hangs.
    pub(super) fn add_file(
        &mut self,
        path: &Path,
        mount: Option<String>,
        watch: Watch<'_>,
    ) -> Result<(), Hangs> {
        let (files, file, how) = (self.files.clone(), path.to_owned(), self.normalising);
        let opened = {
            let (files, file) = (files.clone(), file.clone());
            self.wait_for(path, watch, move |_| files.open(&file).and_then(|file| file.stamp()))?
        };
        let id = opened.ok().and_then(|stamp| stamp.id);
        if let Some(other) = id.and_then(|id| self.added.get(&id)) {
            let reason = format!("this is the same file as {}, which is added already", other.display());
            self.problems.push(Problem::file(path, reason));
            return Ok(());
        }
        self.added.extend(id.map(|id| (id, path.to_owned())));
        self.add_recorded(path, mount, watch, move |watch| Index::of_file(&files, &file, how, watch))
    }

    /// Adds what `index` finds at `path`, to be served at `mount` or by its own name.
    ///
    /// # Errors
    /// The disk hangs.
    fn add_recorded(
        &mut self,
        path: &Path,
        mount: Option<String>,
        watch: Watch<'_>,
        index: impl FnOnce(Watch<'_>) -> (Option<Index>, Vec<Problem>) + Send + 'static,
    ) -> Result<(), Hangs> {
        let (playback, how, named) = (self.playback, self.normalising, path.to_owned());
        let (found, problems) = self.wait_for(path, watch, move |watch| {
            let (index, mut problems) = index(watch);
            let index = index.filter(|index| match index.faults_of_all(how) {
                Some(faults) => {
                    problems.extend(faults);
                    false
                }
                None => true,
            });
            let mount = || mount.unwrap_or_else(|| mount_of(&named));
            let found = index.map(|index| (Recorded::new(index, playback, how), mount()));
            (found, problems)
        })?;
        self.problems.extend(problems);
        if let Some((recorded, mount)) = found {
            self.mount(path, mount, Medium::Recorded(Arc::new(recorded)));
        }
        Ok(())
    }

    /// Runs a job that reads from the disk that `path` is on. What fails is among the problems.
    fn wait_for<T: Send + 'static>(
        &mut self,
        path: &Path,
        watch: Watch<'_>,
        job: impl FnOnce(Watch<'_>) -> T + Send + 'static,
    ) -> Result<T, Hangs> {
        wait_for(self.patience, watch, job).map_err(|error| {
            self.problems.push(Problem::file(path, error));
            Hangs
        })
    }

    /// Returns a path that no medium has, for a file whose own path is taken.
    pub(super) fn free_mount(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or(OsStr::new("video")).to_string_lossy();
        let numbered = (2_usize..).map(|number| format!("{name}-{number}"));
        let mut names = iter::once(name.to_string()).chain(numbered);
        names.find(|name| self.all().all(|(_, other, _)| other != name)).unwrap_or_default()
    }

    pub(super) fn mount(&mut self, path: &Path, mut mount: String, medium: Medium) {
        if self.renames && self.all().any(|(_, other, _)| other == mount) {
            mount = self.free_mount(path);
        }
        match self.obstacle(path, &mount) {
            Some(problem) => self.problems.push(problem),
            None => self.media.push((mount, Some(medium))),
        }
    }

    /// Returns why nothing can be served as `mount`.
    pub(super) fn obstacle(&self, path: &Path, mount: &str) -> Option<Problem> {
        if let Some((_, _, other)) = self.all().find(|(_, other, _)| *other == mount) {
            let other = other.origin();
            let reason = format!("/{mount} is served already: it is {other}; rename one of the two");
            return Some(Problem::file(path, reason));
        }
        (self.media.len() > usize::from(u16::MAX)).then(|| Problem::file(path, "there are too many media"))
    }
}

/// A disk hangs, which is told already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hangs;

/// Returns the path in the URL of a file or directory. Blocks.
fn mount_of(path: &Path) -> String {
    let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match name.file_name() {
        Some(name) if path.is_dir() => name.to_string_lossy().into_owned(),
        _ => stem(&name),
    }
}

/// Returns the name of a file without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(OsStr::new("video")).to_string_lossy().into_owned()
}
