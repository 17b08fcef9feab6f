//! A file that gets its name once it is complete.
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// A new file with a random name, beside the one that it will be. It is removed if it is dropped before.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: NamedTempFile,
    output: PathBuf,
}

impl Unfinished {
    /// Creates the file in the directory of `output`.
    ///
    /// # Errors
    /// `output` is no name of a file, or its directory does not exist or cannot be written.
    pub(super) fn beside(output: &Path) -> io::Result<Self> {
        output.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = match output.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".pinhole-").suffix(".part").rand_bytes(12);
        // As for any other file, the process's umask says who may read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { file: builder.tempfile_in(directory)?, output: output.to_owned() })
    }

    /// Returns a handle to write the file with.
    ///
    /// # Errors
    /// The system has no more file descriptors.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.as_file().try_clone()
    }

    /// Gives the file its name. If `replace`, it takes the place of a file or link that has the name.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken and not to be replaced, or another error of the
    /// system. The file is removed.
    pub(super) fn rename(self, replace: bool) -> io::Result<()> {
        let Self { file, output } = self;
        let renamed = if replace { file.persist(&output) } else { file.persist_noclobber(&output) };
        renamed.map(drop).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn a_name_is_taken_only_where_it_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("out.avi");
        let write = |bytes: &[u8]| {
            let unfinished = Unfinished::beside(&output).unwrap();
            unfinished.file().unwrap().write_all(bytes).unwrap();
            unfinished
        };
        let late = write(b"late");
        write(b"first").rename(false).unwrap();
        assert_eq!(late.rename(false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&output).unwrap(), b"first");
        write(b"second").rename(true).unwrap();
        assert_eq!(fs::read(&output).unwrap(), b"second");
        drop(write(b"never"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(Unfinished::beside(&directory.path().join("no/out.avi")).is_err());
        assert!(Unfinished::beside(Path::new("/")).is_err());
    }
}
