//! The command line.
use clap::Parser;
use clap::builder::ArgPredicate;
use pinhole::wire::sdp::FrameRate;
use pinhole_std::media::PatternFormat;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Serves Motion-JPEG over RTSP: files, directories, or a live stream on standard input.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Files (.mjpeg, .mjpg, .avi, .multipart, the course's .Mjpeg), directories of them,
    /// directories of .jpg pictures, or - for Motion-JPEG on standard input
    #[arg(value_name = "MEDIA", default_value = "video/")]
    #[arg(default_value_if("pattern", ArgPredicate::IsPresent, None))]
    pub(crate) media: Vec<PathBuf>,

    /// Where to listen; ADDR alone, PORT alone and port 0 (any free one) will do
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8554", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Frames per second of media without a clock of their own
    #[arg(long, value_name = "N", default_value = "30", value_parser = frame_rate)]
    pub(crate) fps: FrameRate,

    /// Serve a moving test pattern of this size and rate at /pattern, without end; without MEDIA,
    /// nothing else
    #[arg(long, value_name = "WxH[@FPS]", value_parser = pattern)]
    pub(crate) pattern: Option<PatternFormat>,

    /// Start recorded media over when they end
    #[arg(long = "loop")]
    pub(crate) repeat: bool,

    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Say more on standard error; twice, and three times, for still more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

const AFTER_HELP: &str = "\
Each file is served at rtsp://HOST:PORT/ and its name without the extension; standard input at /live:
  ffmpeg -re -i anything -f mjpeg - | pinhole-server -
Exit status: 0 stopped or all input ended, 1 failed, 2 wrong usage.";

const DEFAULT_PORT: u16 = 8554;

fn address(text: &str) -> Result<SocketAddr, String> {
    let host_port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = host_port.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    let mut found =
        text.to_socket_addrs().or_else(|_| (text, DEFAULT_PORT).to_socket_addrs()).into_iter().flatten();
    found
        .next()
        .ok_or_else(|| "this is no address of this machine and no port; try 127.0.0.1:8554".to_owned())
}

fn frame_rate(text: &str) -> Result<FrameRate, String> {
    let fps: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    if !(0.1..=1000.0).contains(&fps) {
        return Err("the rate must be from 0.1 to 1000 frames per second".to_owned());
    }
    Ok(FrameRate((fps * 1000.0).round() as u32))
}

/// The rate of a test pattern where only its size is given.
const PATTERN_RATE: FrameRate = FrameRate(30_000);

fn pattern(text: &str) -> Result<PatternFormat, String> {
    let (size, rate) = match text.split_once('@') {
        Some((size, rate)) => (size, frame_rate(rate).map_err(|error| format!("after the @: {error}"))?),
        None => (text, PATTERN_RATE),
    };
    let sides = size.split_once(['x', 'X']);
    let (width, height) = sides
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .ok_or("this is no size; try 1280x720 or 1280x720@25")?;
    PatternFormat::new(width, height, rate).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_port_or_an_address_alone_will_do() {
        assert_eq!(address("9000"), Ok((Ipv4Addr::UNSPECIFIED, 9000).into()));
        assert_eq!(address(":9000"), Ok((Ipv4Addr::UNSPECIFIED, 9000).into()));
        assert_eq!(address("127.0.0.1"), Ok((Ipv4Addr::LOCALHOST, 8554).into()));
        assert_eq!(address("[::1]:554").map(|a| a.to_string()), Ok("[::1]:554".to_owned()));
        assert!(address("127.0.0.1:99999").is_err());
    }

    #[test]
    fn rates_are_kept_to_the_thousandth() {
        assert_eq!(frame_rate("29.97"), Ok(FrameRate(29_970)));
        for bad in ["0", "-1", "1e9", "nan", "many"] {
            assert!(frame_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_has_a_size_and_may_have_a_rate() {
        let format = |width, height, rate| PatternFormat::new(width, height, FrameRate(rate)).unwrap();
        assert_eq!(pattern("2560x1440"), Ok(format(2560, 1440, 30_000)));
        assert_eq!(pattern("641X359@29.97"), Ok(format(641, 359, 29_970)));
        for (bad, word) in [
            ("1280", "no size"),
            ("x720", "no size"),
            ("70000x720", "no size"),
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

    #[test]
    fn a_pattern_alone_is_all_that_is_served() {
        let media = |args: &[&str]| Cli::parse_from([&["pinhole-server"], args].concat()).media;
        assert_eq!(media(&[]), [PathBuf::from("video/")]);
        assert!(media(&["--pattern", "64x48"]).is_empty());
        assert_eq!(media(&["--pattern", "64x48", "a.mjpeg"]), [PathBuf::from("a.mjpeg")]);
    }
}
