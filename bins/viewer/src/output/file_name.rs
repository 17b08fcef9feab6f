//! Names of files that the user creates by a key.
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many files may be created in one second.
const NAMES: usize = 1_000;

/// Returns the name of a file in the current directory that does not exist yet, from the time in
/// UTC: `pinhole-YYYYMMDD-HHMMSS.EXTENSION`. Create it so that one that exists by then is left alone.
pub(crate) fn dated(extension: &str) -> PathBuf {
    // A link that leads nowhere exists, too.
    names(extension).find(|name| name.symlink_metadata().is_err()).unwrap_or_default()
}

/// Returns the names that a file may have, from the time in UTC, best first.
pub(crate) fn names(extension: &str) -> impl Iterator<Item = PathBuf> {
    let stem = stem(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let first = format!("{stem}.{extension}");
    let more = (2..=NAMES).map(move |number| format!("{stem}-{number}.{extension}"));
    std::iter::once(first).chain(more).map(PathBuf::from)
}

fn stem(since_1970: Duration) -> String {
    let mut time = String::new();
    let at = UNIX_EPOCH.checked_add(since_1970).unwrap_or(UNIX_EPOCH);
    // Fails after the year 9999, and the name has no time then.
    let _ = write!(time, "{}", humantime::format_rfc3339_seconds(at));
    let time = time.replace(['-', ':', 'Z'], "").replace('T', "-");
    format!("pinhole-{time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time() {
        let stem = |seconds| stem(Duration::from_secs(seconds));
        assert_eq!(stem(0), "pinhole-19700101-000000");
        assert_eq!(stem(951_782_399), "pinhole-20000228-235959");
        assert_eq!(stem(951_782_400), "pinhole-20000229-000000");
        assert_eq!(stem(1_798_761_599), "pinhole-20261231-235959");
        assert_eq!(stem(4_107_542_400), "pinhole-21000301-000000");
        assert!(stem(u64::MAX).starts_with("pinhole-"));
    }

    #[test]
    fn a_name_has_its_extension() {
        assert_eq!(dated("png").extension(), Some("png".as_ref()));
    }
}
