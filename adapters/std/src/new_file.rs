//! Files that get their names once they are complete.
use std::fs::File;
use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

/// A new file with a random name, which no link can lead elsewhere. It is removed if it is dropped before it
/// has its own name.
#[derive(Debug)]
pub struct NewFile(NamedTempFile);

impl NewFile {
    /// Creates the file in the directory of `path`, the name that it will have.
    ///
    /// # Errors
    /// `path` names no file, or its directory does not exist or cannot be written.
    pub fn beside(path: &Path) -> io::Result<Self> {
        path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".pinhole-").suffix(".part").rand_bytes(12);
        // As for any other file, the process's umask says who may read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        builder.tempfile_in(directory).map(Self)
    }

    /// Returns a handle to write the file with.
    ///
    /// # Errors
    /// The system has no more file descriptors.
    pub fn file(&self) -> io::Result<File> {
        self.0.as_file().try_clone()
    }

    /// Gives the file its name. A file or link of this name is replaced; what a link leads to is left alone.
    ///
    /// # Errors
    /// The system refuses it. The file is removed then.
    pub fn replace(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Gives the file the first of several names that is not taken. Returns the name.
    ///
    /// # Errors
    /// All names are taken, or the system refuses one for another reason. The file is removed then.
    pub fn name<P: AsRef<Path>>(self, names: impl IntoIterator<Item = P>) -> io::Result<P> {
        let mut file = self.0;
        for name in names {
            match file.persist_noclobber(&name) {
                Ok(_) => return Ok(name),
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
                Err(error) => return Err(error.error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    #[cfg(unix)]
    use std::os::unix::fs::symlink;

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    #[test]
    fn a_taken_name_is_passed_over_and_a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("precious"), "precious").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let file = NewFile::beside(&at("x")).unwrap();
        file.file().unwrap().write_all(b"new").unwrap();
        let name = file.name([at("precious"), at("link"), at("dangling"), at("free")]).unwrap();
        assert_eq!(name, at("free"));
        assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
        NewFile::beside(&at("x")).unwrap().replace(&at("link")).unwrap();
        NewFile::beside(&at("x")).unwrap().replace(&at("dangling")).unwrap();
        assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
        assert!(fs::symlink_metadata(at("link")).unwrap().is_file());
        assert_eq!(names_in(directory.path()), ["dangling", "free", "link", "precious"]);
    }

    #[test]
    fn a_file_without_a_name_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::write(&path, "").unwrap();
        drop(NewFile::beside(&path).unwrap());
        assert!(NewFile::beside(Path::new("/")).is_err());
        assert!(NewFile::beside(&directory.path().join("no/file")).is_err());
        let taken = NewFile::beside(&path).unwrap().name([&path]);
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(NewFile::beside(&path).unwrap().replace(&directory.path().join("no/directory")).is_err());
        assert_eq!(names_in(directory.path()), ["taken"]);
    }
}
