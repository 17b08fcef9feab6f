//! Parsers of values that describe media.
use pinhole::sdp::FrameRate;
#[cfg(feature = "pattern")]
use pinhole_std::media::PatternFormat;

/// The frame rate of a test pattern, if only its size is given.
#[cfg(feature = "pattern")]
const PATTERN_RATE: FrameRate = FrameRate(30_000);

/// Parses a frame rate in frames per second. `text` is a number from 0.1 to 1000 without a unit, which may
/// have decimals or be a fraction: `30`, `29.97`, `30000/1001`. The result is rounded to the thousandth of a
/// frame per second.
///
/// # Errors
/// Returns a text that says what is expected if `text` is no number, or if the number is out of that range.
pub fn frame_rate(text: &str) -> Result<FrameRate, String> {
    let number = |text: &str| text.parse::<f64>().ok();
    let fps = match text.split_once('/') {
        Some((frames, seconds)) => number(frames).zip(number(seconds)).map(|(n, d)| n / d),
        None => number(text),
    };
    let fps = fps.filter(|fps| (0.1..=1000.0).contains(fps)).ok_or_else(|| {
        "a rate from 0.1 to 1000 frames a second is expected, such as 30, 29.97 or 30000/1001".to_owned()
    })?;
    Ok(FrameRate((fps * 1000.0).round() as u32))
}

/// Parses the format of a test pattern: its width and height in pixels, and optionally its frame rate.
///
/// `text` is `WIDTHxHEIGHT` or `WIDTHxHEIGHT@RATE`, without spaces: `1280x720`, `1280x720@25`,
/// `640x480@29.97`. Width and height are whole numbers, and the `x` may be a capital. The rate has the form
/// that [`frame_rate`] takes. If `text` has no rate, the pattern has 30 frames per second.
///
/// # Errors
/// Returns a text that says what is expected if `text` has another form, or which limit of
/// [`PatternFormat`] is exceeded.
#[cfg(feature = "pattern")]
pub fn pattern(text: &str) -> Result<PatternFormat, String> {
    let (size, rate) = match text.split_once('@') {
        Some((size, rate)) => (size, frame_rate(rate).map_err(|error| format!("after the @: {error}"))?),
        None => (text, PATTERN_RATE),
    };
    let sides = size.split_once(['x', 'X']);
    let (width, height): (u64, u64) = sides
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .ok_or("this is no size; try 1280x720 or 1280x720@25")?;
    let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else {
        return Err(format!("the size must be from 16 to 8192 pixels each way, and is {size}"));
    };
    PatternFormat::new(width, height, rate).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_kept_to_the_thousandth() {
        assert_eq!(frame_rate("29.97"), Ok(FrameRate(29_970)));
        assert_eq!(frame_rate("30000/1001"), Ok(FrameRate(29_970)));
        for bad in ["0", "-1", "1e9", "nan", "many", "30/0", "/", "30/1/1"] {
            assert!(frame_rate(bad).unwrap_err().contains("0.1 to 1000"), "{bad}");
        }
    }

    #[test]
    #[cfg(feature = "pattern")]
    fn a_pattern_has_a_size_and_may_have_a_rate() {
        let format = |width, height, rate| PatternFormat::new(width, height, FrameRate(rate)).unwrap();
        assert_eq!(pattern("2560x1440"), Ok(format(2560, 1440, 30_000)));
        assert_eq!(pattern("641X359@29.97"), Ok(format(641, 359, 29_970)));
        for (bad, word) in [
            ("1280", "no size"),
            ("x720", "no size"),
            ("70000x720", "from 16 to 8192 pixels"),
            ("99999x9", "from 16 to 8192 pixels"),
            ("640x-480", "no size"),
            ("1280x720x2", "no size"),
            ("1280x720@", "after the @"),
            ("1280x720@0", "rate"),
            ("8x720", "8x720"),
            ("8192x8192@60", "8K"),
        ] {
            let error = pattern(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
