//! Names of files that the user creates by a key.
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Returns the name of a file in the current directory that does not exist yet, from the time in
/// UTC: `pinhole-YYYYMMDD-HHMMSS.EXTENSION`.
pub(crate) fn dated(extension: &str) -> PathBuf {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stem = stem(since_1970);
    let more = (2..).map(|number| format!("{stem}-{number}.{extension}"));
    let mut names = [format!("{stem}.{extension}")].into_iter().chain(more).map(PathBuf::from);
    names.find(|name| !name.exists()).unwrap_or_default()
}

fn stem(since_1970: Duration) -> String {
    let (days, second) = (since_1970.as_secs() / DAY, since_1970.as_secs() % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("pinhole-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// Returns year, month and day of the Gregorian date `days` days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    // 400 years are a whole number of days. Skipping them bounds the loop for any clock.
    year += 400 * (days / 146_097);
    days %= 146_097;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
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
