//! Parsers of times.
use std::time::Duration;

/// What is accepted, for errors.
const FORMS: &str = "in seconds or with a unit such as ms, s, m or h: 2, 1.5s, 250ms, 1m30s or 1:30";

/// Parses a span of time, which may be 0.
///
/// `text` is a number of seconds, which may have decimals (`2`, `1.5`); one or more numbers with units, which
/// are added (`250ms`, `1.5s`, `1m30s`, `1h 5m`); or minutes and seconds, or hours, minutes and seconds, with
/// colons between them (`1:30`, `1:02:03.5`). Among the units are `us`, `ms`, `s`, `m` or `min`, and `h`. Case
/// does not count.
///
/// # Errors
/// Returns a text that says what is expected if `text` is no such span of time, or is negative.
pub fn time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let with_units = || humantime::parse_duration(&text.to_ascii_lowercase()).ok();
    let time = seconds(text).or_else(|| clock(text)).or_else(with_units);
    time.ok_or_else(|| format!("a time of 0 or more is expected, {FORMS}"))
}

/// Parses a span of time above 0, in the forms of [`time`].
///
/// # Errors
/// As for [`time`], and if `text` is 0.
pub fn duration(text: &str) -> Result<Duration, String> {
    let time = time(text).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| format!("a time above 0 is expected, {FORMS}"))
}

/// Parses seconds with digits and a point, and nothing else that a number may have.
fn seconds(text: &str) -> Option<Duration> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = text.parse::<f64>().ok().filter(|_| plain)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Parses `M:S` and `H:M:S`. What follows a colon is less than 60.
fn clock(text: &str) -> Option<Duration> {
    let (rest, last) = text.rsplit_once(':')?;
    let below_60 = |time: &Duration| time.as_secs() < 60;
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (whole(hours)?, seconds(minutes).filter(below_60).and(whole(minutes))?),
        None => (0, whole(rest)?),
    };
    let whole = hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?;
    Duration::from_secs(whole).checked_add(seconds(last).filter(below_60)?)
}

fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_units_or_colons() {
        for (text, millis) in [
            ("0", 0),
            ("1", 1_000),
            ("1.5", 1_500),
            (".5", 500),
            ("90", 90_000),
            ("20ms", 20),
            ("250MS", 250),
            ("1s", 1_000),
            ("1.5s", 1_500),
            ("1.5 s", 1_500),
            ("10 s", 10_000),
            ("1s 500ms", 1_500),
            ("1m30s", 90_000),
            ("2M", 120_000),
            ("2min", 120_000),
            ("0.5h", 1_800_000),
            ("1h5m", 3_900_000),
            ("1:30", 90_000),
            ("0:05", 5_000),
            ("90:00", 5_400_000),
            ("1:02:03.5", 3_723_500),
            (" 2s ", 2_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(time("500us"), Ok(Duration::from_micros(500)));
    }

    #[test]
    fn what_is_no_time_is_told_what_one_is() {
        for bad in [
            "",
            "-1",
            "-1s",
            "ms",
            "s",
            ".",
            "1..5",
            "1 fortnight",
            "one",
            "inf",
            "NaN",
            "1e300",
            "1e3",
            "+1",
            "1:60",
            "1:-1",
            "1:2:3:4",
            "1:60:00",
            "1:",
            ":30",
            "1:1.5:0",
            "1:+3",
            "99999999999999999999",
        ] {
            let error = time(bad).unwrap_err();
            assert!(error.contains("1.5s") && error.contains("1:30"), "{bad}: {error}");
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_above_0() {
        assert_eq!(duration("1s"), Ok(Duration::from_secs(1)));
        for zero in ["0", "0s", "0:00"] {
            assert!(duration(zero).unwrap_err().contains("above 0"), "{zero}");
        }
    }
}
