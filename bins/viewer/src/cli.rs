//! The command line.
use clap::{ArgAction, Parser, ValueEnum};
use pinhole::client::TransportChoice;
use pinhole::rtsp::{Scale, Speed, Url};
use pinhole::time::MediaTime;
use pinhole_std::record::{RecordError, Recorder};
use std::path::PathBuf;
use std::time::Duration;

/// Shows Motion-JPEG from an RTSP server.
///
/// Space pauses, Q or Esc quits. Exit code 0: what was asked for was played; 1: it was not;
/// 2: wrong usage.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// What to play, such as rtsp://HOST:PORT/PATH. Without it, sample clips are served from this
    /// program, and one is played.
    #[arg(value_parser = rtsp_url)]
    pub(crate) url: Option<String>,

    /// How the media travel.
    #[arg(long, value_enum, default_value_t = TransportArg::Auto)]
    pub(crate) transport: TransportArg,

    /// Begin at this second of the medium.
    #[arg(long, value_name = "SECONDS", value_parser = position)]
    pub(crate) start: Option<MediaTime>,

    /// Play so many times as fast, such as 4 or 0.5; backwards, if negative. The server leaves
    /// frames out, and may round.
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = scale)]
    pub(crate) scale: Scale,

    /// Have frames delivered so many times faster than they are shown; recorded media are fetched
    /// at twice their rate otherwise.
    #[arg(long, value_name = "N", value_parser = speed)]
    pub(crate) speed: Option<Speed>,

    /// Keep so much of what was received, such as 64MiB: to go back in, and to fetch ahead. Decoded
    /// pictures take at most half as much again, or 64 MiB if that is more. A picture that takes more than
    /// half of that, with 4 bytes a pixel, is not shown.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = cache_size)]
    pub(crate) cache: usize,

    /// Have so much of a recorded medium before it plays.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = duration)]
    pub(crate) prebuffer: Duration,

    /// End when the server goes away, with exit code 1, instead of trying again.
    #[arg(long)]
    pub(crate) no_reconnect: bool,

    /// Open no window; show a line of figures. Chosen by itself where there is no display.
    #[arg(long)]
    pub(crate) headless: bool,

    /// Decode nothing: only receive, and count.
    #[arg(long, requires = "headless", conflicts_with = "snapshot")]
    pub(crate) no_decode: bool,

    /// Stop after this many seconds, counted from the start.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,

    /// At the end, write the last picture to this file, as PNG.
    #[arg(long, value_name = "FILE.png")]
    pub(crate) snapshot: Option<PathBuf>,

    /// Write the pictures to this file as they are on the screen, one for each frame interval, as
    /// YUV4MPEG2: for other programs, and for those with -, for standard output. A report goes to
    /// standard error then.
    #[arg(long, value_name = "FILE.y4m", requires = "headless", conflicts_with = "no_decode")]
    pub(crate) pictures: Option<PathBuf>,

    /// Write all that is received to this file, as it comes: .avi, with its time, or .mjpeg. A file
    /// that exists is left alone.
    #[arg(long, value_name = "FILE.avi", value_parser = recording)]
    pub(crate) record: Option<PathBuf>,

    /// At the end, write a report to standard output: a JSON object, as its last line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Tell more, on standard error; twice: much more.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The values of `--transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportArg {
    /// UDP, and TCP if nothing arrives within 2 seconds.
    Auto,
    /// Only UDP.
    Udp,
    /// Only TCP, interleaved in the RTSP connection.
    Tcp,
}

impl From<TransportArg> for TransportChoice {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Auto => Self::Auto,
            TransportArg::Udp => Self::Udp,
            TransportArg::Tcp => Self::Tcp,
        }
    }
}

fn rtsp_url(text: &str) -> Result<String, String> {
    let expected = "an address looks like rtsp://HOST[:PORT]/PATH";
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "there is a space or a control character in it; write %20 for a space; {expected}"
        ));
    }
    match Url::parse(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; {expected}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok();
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a number of seconds above 0 is expected".to_owned())
}

fn recording(text: &str) -> Result<PathBuf, RecordError> {
    let path = PathBuf::from(text);
    Recorder::check_name(&path)?;
    Ok(path)
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "a number of seconds is expected, 0 or above".to_owned())
}

fn position(text: &str) -> Result<MediaTime, String> {
    duration(text).map(|position| MediaTime::ZERO + position.into())
}

fn cache_size(text: &str) -> Result<usize, String> {
    match pinhole_args::size(text)? {
        0 => Err("a cache of 1 byte or more is expected, such as 64MiB".to_owned()),
        bytes => Ok(bytes),
    }
}

fn scale(text: &str) -> Result<Scale, String> {
    Scale::parse(text.as_bytes())
        .ok_or_else(|| "a number other than 0 is expected, such as 4, 0.5 or -1".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    Speed::parse(text.as_bytes()).ok_or_else(|| "a number above 0 is expected, such as 2".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["pinhole-viewer"], args].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_is_needed() {
        let cli = parse(&[]).unwrap();
        assert!(cli.url.is_none() && !cli.headless && !cli.json && cli.duration.is_none());
        assert!(!cli.no_decode && parse(&["--headless", "--no-decode"]).unwrap().no_decode);
        assert!(parse(&["--headless", "--no-decode", "--pictures", "a.y4m"]).is_err());
        assert!(parse(&["--headless", "--pictures", "-"]).is_ok());
        assert_eq!(cli.transport, TransportArg::Auto);
        assert_eq!((cli.start, cli.scale, cli.speed), (None, Scale::NORMAL, None));
    }

    #[test]
    fn start_scale_and_speed() {
        let cli = parse(&["--start", "1.5", "--scale", "-0.5", "--speed", "2"]).unwrap();
        assert_eq!(cli.start, Some(MediaTime::from_micros(1_500_000)));
        assert_eq!((cli.scale.thousandths(), cli.speed.map(Speed::thousandths)), (-500, Some(2_000)));
        assert_eq!(parse(&["--start=0", "--scale=-4"]).unwrap().scale.thousandths(), -4_000);
    }

    #[test]
    fn cache_prebuffer_and_reconnect() {
        let cli = parse(&[]).unwrap();
        assert_eq!((cli.cache, cli.prebuffer, cli.no_reconnect), (256 << 20, Duration::from_secs(1), false));
        for (text, bytes) in [("500000", 500_000), ("64k", 64 << 10), ("64MiB", 64 << 20), ("1g", 1 << 30)] {
            assert_eq!(parse(&["--cache", text]).unwrap().cache, bytes, "{text}");
        }
        assert_eq!(parse(&["--prebuffer", "0"]).unwrap().prebuffer, Duration::ZERO);
    }

    #[test]
    fn all_options_together() {
        let args = "--transport tcp --headless --duration 1.5 --snapshot a.png --record b.AVI --json -vv rtsp://cam/live";
        let cli = parse(&args.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(cli.url.as_deref(), Some("rtsp://cam/live"));
        assert_eq!(cli.transport, TransportArg::Tcp);
        assert_eq!(cli.duration, Some(Duration::from_millis(1500)));
        assert_eq!((cli.snapshot, cli.record), (Some("a.png".into()), Some("b.AVI".into())));
        assert!(cli.headless && cli.json && cli.verbose == 2);
    }

    #[test]
    fn valid_addresses() {
        for url in [
            "rtsp://host",
            "RTSP://host/",
            "rtsp://192.0.2.1:8554/a",
            "rtsp://[::1]:554/a",
            "rtsp://[::1]",
            "rtsp://user:p:w@host:1/a?b=c",
            "rtsp://host?x",
        ] {
            assert!(parse(&[url]).is_ok(), "{url}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arg in [
            "http://host/",
            "rtsp:/host",
            "host/a",
            "",
            "rtsp://",
            "rtsp:///a",
            "rtsp://:554/a",
            "rtsp://host:0/a",
            "rtsp://host:65536/a",
            "rtsp://host:x/a",
            "rtsp://ho st/a",
            "rtsp://user@/a",
            "ü",
            "--duration=0",
            "--duration=-1",
            "--duration=inf",
            "--duration=NaN",
            "--duration=1e300",
            "--start=-1",
            "--start=NaN",
            "--scale=0",
            "--scale=fast",
            "--speed=0",
            "--speed=-1",
            "--record=clip.mp4",
            "--record=avi",
            "--transport=sctp",
            "--no-decode",
            "--pictures=a.y4m",
            "--cache=0",
            "--cache=64MB",
            "--cache=1.5GiB",
            "--cache=99999999999GiB",
            "--prebuffer=-1",
            "--unknown",
        ] {
            let error = parse(&[arg]).err();
            assert_eq!(error.as_ref().map(clap::Error::exit_code), Some(2), "{arg}");
        }
        assert_eq!(
            parse(&["rtsp://a/", "rtsp://b/"]).err().map(|e| e.kind()),
            Some(ErrorKind::UnknownArgument)
        );
    }
}
