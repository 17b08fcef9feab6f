//! Files that only their owner may read, because of what is in them.
use std::fs::File;
use std::io;
use std::path::Path;

/// Returns whether nobody but its owner may read or change a file, which was opened at this path. Below the directory in
/// which systemd keeps the credentials of a service (`$CREDENTIALS_DIRECTORY`), its group may read it, too: what these bits
/// stand for there is that the user of the service may. Always true on systems without such permissions.
///
/// # Errors
/// The system does not tell.
pub fn is_private(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions());
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty());
        Ok(is_private_with(mode, path, credentials.as_deref().map(Path::new)))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true)
    }
}

#[cfg(unix)]
fn is_private_with(mode: u32, path: &Path, credentials: Option<&Path>) -> bool {
    const OTHERS: u32 = 0o077;
    const GROUP_READS: u32 = 0o040;
    match mode & OTHERS {
        0 => true,
        // Where the path leads in truth.
        GROUP_READS => {
            credentials.and_then(|directory| {
                Some(path.canonicalize().ok()?.starts_with(directory.canonicalize().ok()?))
            }) == Some(true)
        }
        _ => false,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_group_reads_only_credentials() {
        let [outside, credentials] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (own, other) = (credentials.path().join("users"), outside.path().join("users"));
        for path in [&own, &other] {
            fs::write(path, "").unwrap();
        }
        let link = credentials.path().join("link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let dots = credentials.path().join("..").join(outside.path().file_name().unwrap()).join("users");
        let is_private = |mode, path: &Path| is_private_with(mode, path, Some(credentials.path()));
        for (mode, path, expected) in [
            (0o100_440, &own, true),
            (0o100_640, &own, true),
            (0o100_400, &other, true),
            (0o100_600, &other, true),
            (0o100_440, &other, false),
            (0o100_440, &link, false),
            (0o100_440, &dots, false),
            (0o100_460, &own, false),
            (0o100_450, &own, false),
            (0o100_444, &own, false),
            (0o100_404, &own, false),
        ] {
            assert_eq!(is_private(mode, path), expected, "{mode:o} {}", path.display());
        }
        assert!(!is_private_with(0o100_440, &own, None));
    }
}
