//! How media come into a library: what files hold, and under which path each medium is served.
use super::super::medium::Medium;
use super::super::problem::Problem;
use super::super::recorded::{Index, Recorded, Watch};
use super::super::waiting::wait_for;
use super::Library;
use std::ffi::OsStr;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What has become of something that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// It is served at this path.
    Served(String),
    /// Another medium has its path, or is the same file.
    Blocked,
    /// It cannot be served.
    LeftOut,
}

impl Outcome {
    /// Returns the path at which it is served.
    pub(super) fn mount(&self) -> Option<&str> {
        match self {
            Self::Served(mount) => Some(mount),
            Self::Blocked | Self::LeftOut => None,
        }
    }

    /// Returns this, unless nothing has come of it, and what was there before is still served.
    pub(super) fn or(self, old: Option<String>) -> Self {
        match (self, old) {
            (Self::Blocked | Self::LeftOut, Some(old)) => Self::Served(old),
            (outcome, _) => outcome,
        }
    }
}

impl Library {
    /// Adds the pictures of a directory as one medium, in this order. It takes the place of the medium `old`.
    ///
    /// # Errors
    /// Its disk hangs.
    pub(in super::super) fn add_pictures(
        &mut self,
        path: &Path,
        name: Option<&str>,
        pictures: Vec<PathBuf>,
        old: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Outcome, Hangs> {
        let (files, directory, how) = (self.files.clone(), path.to_owned(), self.normalising);
        let index = move |watch: Watch<'_>| Index::of_pictures(&files, &directory, pictures, how, watch);
        self.add_recorded(path, name.map(str::to_owned), old, watch, index)
    }

    /// Adds a file, at the path `mount` or that of its name. If it can be served, it takes the place of the medium `old`.
    /// What is wrong with it is among the problems.
    ///
    /// # Errors
    /// Its disk hangs.
    pub(super) fn add_file(
        &mut self,
        path: &Path,
        mount: Option<String>,
        old: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Outcome, Hangs> {
        let (files, file, how) = (self.files.clone(), path.to_owned(), self.normalising);
        let opened = {
            let (files, file) = (files.clone(), file.clone());
            self.wait_for(path, watch, move |_| files.open(&file).and_then(|file| file.stamp()))?
        };
        let id = opened.ok().and_then(|stamp| stamp.id);
        if let Some(other) = id.and_then(|id| self.added.get(&id)) {
            let reason = format!("this is the same file as {}, which is added already", other.display());
            self.problems.push(Problem::file(path, reason));
            return Ok(Outcome::Blocked);
        }
        let outcome = self
            .add_recorded(path, mount, old, watch, move |watch| Index::of_file(&files, &file, how, watch));
        // Also if it cannot be served: another path would lead to the same.
        self.added.extend(id.map(|id| (id, path.to_owned())));
        outcome
    }

    /// Adds what `index` finds at `path`, to be served at `mount` or by its own name, in the place of the medium `old`.
    ///
    /// # Errors
    /// The disk hangs.
    fn add_recorded(
        &mut self,
        path: &Path,
        mount: Option<String>,
        old: Option<&str>,
        watch: Watch<'_>,
        index: impl FnOnce(Watch<'_>) -> (Option<Index>, Vec<Problem>) + Send + 'static,
    ) -> Result<Outcome, Hangs> {
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
        let Some((recorded, mount)) = found else { return Ok(Outcome::LeftOut) };
        if let Some(old) = old.filter(|_| !self.is_full()) {
            self.remove(old);
        }
        Ok(self.mount(path, mount, Medium::Recorded(Arc::new(recorded))))
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

    /// Serves a medium, unless there is an obstacle, which is among the problems then.
    pub(super) fn mount(&mut self, path: &Path, mut mount: String, medium: Medium) -> Outcome {
        if self.renames && self.all().any(|(_, other, _)| other == mount) {
            mount = self.free_mount(path);
        }
        match self.obstacle(path, &mount) {
            Some(problem) => {
                self.problems.push(problem);
                Outcome::Blocked
            }
            None => {
                self.media.push((mount.clone(), Some(medium)));
                Outcome::Served(mount)
            }
        }
    }

    /// Returns why nothing can be served as `mount`.
    pub(super) fn obstacle(&self, path: &Path, mount: &str) -> Option<Problem> {
        if self.is_full() {
            return Some(Problem::file(path, "there are too many media"));
        }
        if let Some((_, _, other)) = self.all().find(|(_, other, _)| *other == mount) {
            let other = other.origin();
            let reason = format!("/{mount} is served already: it is {other}; rename one of the two");
            return Some(Problem::file(path, reason));
        }
        None
    }

    /// Returns whether there are no more numbers for media. Those of removed media are not used again.
    fn is_full(&self) -> bool {
        self.media.len() > usize::from(u16::MAX)
    }
}

/// A disk hangs, which is told already.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Hangs;

/// Returns the path in the URL of a file or directory. Blocks.
fn mount_of(path: &Path) -> String {
    let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match name.file_name() {
        Some(name) if path.is_dir() => name.to_string_lossy().into_owned(),
        _ => stem(&name),
    }
}

/// Returns the name of a file without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(OsStr::new("video")).to_string_lossy().into_owned()
}
