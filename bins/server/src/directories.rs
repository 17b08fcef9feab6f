//! The directories that are served.
use crate::config::Medium;
use pinhole_std::media::Directory;
use std::path::PathBuf;

/// The directories that are served, each with its entry in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Directories(Vec<(Medium, Directory)>);

impl Directories {
    /// Takes note of a medium that was added, if it is a directory.
    pub(crate) fn note(&mut self, medium: &Medium, directory: Option<Directory>) {
        self.0.extend(directory.map(|directory| (medium.clone(), directory)));
    }

    pub(crate) fn remove(&mut self, medium: &Medium) {
        self.0.retain(|(other, _)| !other.is(medium));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn all(&mut self) -> impl Iterator<Item = (&Medium, &mut Directory)> {
        self.0.iter_mut().map(|(medium, directory)| (&*medium, directory))
    }

    /// Returns their paths, each of them once.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.0.iter().map(|(_, directory)| directory.path().to_owned()).collect();
        paths.sort();
        paths.dedup();
        paths
    }
}
