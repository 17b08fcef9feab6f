//! The command line.
use crate::playback::playout::Latency;
use crate::ui::MOST;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{ArgAction, Parser, ValueEnum, ValueHint};
use pinhole::client::TransportChoice;
use pinhole::rtsp::{Scale, Speed, Url};
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use pinhole_args::{Manual, VALUES};
use pinhole_std::client::{UserInfo, rtsp_url};
use pinhole_std::record::{RecordError, Recorder};
use pinhole_std::tls::Fingerprint;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Shows Motion-JPEG from an RTSP server, or from files.
///
/// Space pauses, Q or Esc quits. Exit code 0: what was asked for was played; 1: it was not;
/// 2: wrong usage.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_help = VALUES, after_long_help = format!("{REPORT}\n\n{VALUES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) manual: Option<Manual>,

    /// What to play: rtsp://HOST:PORT/PATH, rtsps:// for RTSP inside TLS, rtsph:// for RTSP over HTTP, or rtspsh:// for that inside TLS; or files and directories, one after the other, by a
    /// server in this program. Several URLs, and files among them, are played side by side, at most
    /// nine. Without it, one of the sample clips is played.
    #[arg(value_name = "URL|FILE", value_hint = ValueHint::AnyPath, value_parser = OsStringValueParser::new().try_map(media))]
    pub(crate) media: Vec<Media>,

    /// Log in as this user, where a URL names none. The password is asked for when the server wants it, in the window or
    /// on the terminal.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Log in with the password in the first line of this file, or of standard input with -, where a URL has none.
    /// Whoever can list the processes of this machine reads a URL, and not this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,

    /// Trust the certificate with this SHA-256 fingerprint, and no other, for rtsps:// addresses. Without it, the
    /// certificates that this system trusts are, for the hosts that they are for.
    #[arg(long, value_name = "HEX")]
    pub(crate) tls_fingerprint: Option<Fingerprint>,

    /// How the media travel; inside TLS always by TCP.
    #[arg(long, value_enum, default_value_t = TransportArg::Auto)]
    pub(crate) transport: TransportArg,

    /// Begin at this time of the medium; of several files, of the first; side by side, of each.
    #[arg(long, value_name = "TIME", value_parser = position)]
    pub(crate) start: Option<MediaTime>,

    /// Frames per second of files without a clock of their own: 30, 29.97 or 30000/1001
    /// [default: 30].
    #[arg(long, value_name = "N", value_parser = pinhole_args::frame_rate)]
    pub(crate) fps: Option<FrameRate>,

    /// Play so many times as fast, such as 4 or 0.5; backwards, if negative. The server leaves
    /// frames out, and may round.
    #[arg(long, value_name = "N", default_value = "1", value_parser = scale)]
    pub(crate) scale: Scale,

    /// Have frames delivered so many times faster than they are shown; recorded media are fetched
    /// at twice their rate otherwise.
    #[arg(long, value_name = "N", value_parser = speed)]
    pub(crate) speed: Option<Speed>,

    /// Keep so much of what was received, such as 64MiB: to go back in, and to fetch ahead. Decoded
    /// pictures take at most half as much again, or 64 MiB if that is more. A picture that takes more than
    /// half of that, with 4 bytes a pixel, is not shown. Media side by side share it equally.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = cache_size)]
    pub(crate) cache: usize,

    /// Have so much of a recorded medium before it plays.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = pinhole_args::time)]
    pub(crate) prebuffer: Duration,

    /// Show live media so late: auto is as late as the jitter of the last seconds makes necessary. A time,
    /// 10s at most, counts from the earliest moment at which a picture can come.
    #[arg(long, value_name = "auto|TIME", default_value = "auto", value_parser = latency)]
    pub(crate) latency: Latency,

    /// End when the server goes away, with exit code 1, instead of trying again.
    #[arg(long)]
    pub(crate) no_reconnect: bool,

    /// Open no window; show a line of figures. Chosen by itself where there is no display.
    #[arg(long)]
    pub(crate) headless: bool,

    /// Decode nothing: only receive, and count.
    #[arg(long, requires = "headless", conflicts_with = "snapshot")]
    pub(crate) no_decode: bool,

    /// Stop after this time, counted from the start.
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::duration)]
    pub(crate) duration: Option<Duration>,

    /// At the end, write the last picture to this file, as PNG.
    #[arg(long, value_name = "FILE.png", value_parser = snapshot)]
    pub(crate) snapshot: Option<PathBuf>,

    /// Write the pictures to this file as they are on the screen, one for each frame interval, as
    /// YUV4MPEG2: for other programs, and for those with -, for standard output. A report goes to
    /// standard error then.
    #[arg(long, value_name = "FILE.y4m", value_parser = pictures)]
    #[arg(requires = "headless", conflicts_with = "no_decode")]
    pub(crate) pictures: Option<PathBuf>,

    /// Write all that is received to this file, as it comes: .avi, with its time, or .mjpeg. A file
    /// that exists is left alone.
    #[arg(long, value_name = "FILE.avi", value_parser = recording)]
    pub(crate) record: Option<PathBuf>,

    /// At the end, write a report to standard output: a JSON object, as its last line. Of several
    /// media, one each: side by side, the last lines, in the order of the command line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Tell more, on standard error; twice: much more.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The longest latency.
const MAX_LATENCY: Duration = Duration::from_secs(10);

/// The values of `--transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportArg {
    /// UDP, and TCP if nothing arrives within 2 seconds.
    Auto,
    /// Only UDP.
    Udp,
    /// Only TCP, interleaved in the RTSP connection.
    Tcp,
    /// RTSP and all media over HTTP, as with rtsph:// and rtspsh:// addresses.
    Http,
}

impl From<TransportArg> for TransportChoice {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Auto => Self::Auto,
            TransportArg::Udp => Self::Udp,
            TransportArg::Tcp | TransportArg::Http => Self::Tcp,
        }
    }
}

/// Something to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// The address of a stream, with the user name and password that may be in it.
    Url(String),
    /// A file or a directory.
    Path(PathBuf),
}

/// What the figures of a report mean. Lines are short enough for a man page.
const REPORT: &str = "\
Figures of the report, by their names in --json:
  url              what was played
  frames_complete  frames of which every byte came
  frames_damaged   frames of which a part is missing
  frames_mended    damaged frames that are shown with the gaps filled
  strips_mended    these gaps
  frames_missing   frames of which nothing came
  frames_shown     pictures that were shown. Without a window, one
                   frame a second is decoded, to know that they are
                   pictures, and the last one; all are with --pictures,
                   and none with --no-decode
  frames_late      frames that were shown late, were left out for
                   that, or were not there when they were due
  packets          RTP packets that came
  packets_lost     RTP packets that never came
  bytes            bytes of RTP payload that came
  jitter_ms        the interarrival jitter (RFC 3550, 6.4.1)
  latency_ms       of a live medium: from the arrival of a frame until
                   it was shown, the mean of the last ones
  latency_target_ms
                   the same from the earliest moment at which the frame
                   could have come: what --latency sets, or auto chose
  first_frame_ms   from the start of the connection to the end of the
                   first frame
  codec, width, height, fps, bitrate
                   of the frames that came, in pixels, and by a second
                   of media time
  start            where in the medium the server began, in seconds
  scale, speed     how fast the server played and delivered it
  transport        how it travelled
  cache_bytes      bytes of frames in the cache at the end
  silences         how often a live picture stood, and how long in
  silence_ms       all, in milliseconds
  reconnects       how often the server was reached again
  recorded         the files of a recording, and the frames in them
  errors           what went wrong";

impl Cli {
    /// Checks what parsers of single values cannot.
    ///
    /// # Errors
    /// Options contradict each other.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        let refuse =
            |message: &str| Err(clap::Error::raw(ErrorKind::ArgumentConflict, format!("{message}\n")));
        let is_url = |media: &Media| matches!(media, Media::Url(_));
        if self.fps.is_some() && !self.media.is_empty() && self.media.iter().all(is_url) {
            return refuse("--fps is for files: a server says itself how fast its streams are");
        }
        let has_user = |media: &Media| matches!(media, Media::Url(url) if UserInfo::split(url).1.is_some());
        if self.password_file.is_some() && self.user.is_none() && !self.media.iter().any(has_user) {
            return refuse("--password-file needs a user name: add --user NAME, or rtsp://NAME@HOST/PATH");
        }
        if self.is_side_by_side() {
            check_number(self.media.len())?;
            if self.snapshot.is_some() {
                return refuse("--snapshot writes one picture: name one URL, or only files");
            }
        }
        if self.media.len() > 1 && (self.record.is_some() || self.pictures.is_some()) {
            return refuse("--record and --pictures write one medium: name one URL or file");
        }
        Ok(())
    }

    /// Returns whether what is played is played at the same time, and not one after the other.
    pub(crate) fn is_side_by_side(&self) -> bool {
        self.media.len() > 1 && self.media.iter().any(|media| matches!(media, Media::Url(_)))
    }
}

/// Checks how many media are to be shown side by side.
///
/// # Errors
/// They are too many.
pub(crate) fn check_number(media: usize) -> Result<(), clap::Error> {
    if media <= MOST {
        return Ok(());
    }
    let message = format!("at most {MOST} are shown side by side, and these are {media}\n");
    Err(clap::Error::raw(ErrorKind::TooManyValues, message))
}

/// Parses a URL, or the path of something that is there.
fn media(text: OsString) -> Result<Media, String> {
    let expected = "an address looks like rtsp://HOST[:PORT]/PATH";
    let url = text.to_str().filter(|text| text.contains("://"));
    let Some(url) = url else {
        let path = PathBuf::from(text);
        return match path.try_exists() {
            Ok(true) => Ok(Media::Path(path)),
            Ok(false) => Err(format!("there is no such file or directory, and {expected}")),
            Err(error) => Err(format!("{error}; {expected}")),
        };
    };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "there is a space or a control character in it; write %20 for a space; {expected}"
        ));
    }
    match Url::parse(rtsp_url(url).0.as_bytes()) {
        Ok(_) => Ok(Media::Url(url.to_owned())),
        Err(error) => Err(format!("{error}; {expected}")),
    }
}

fn recording(text: &str) -> Result<PathBuf, RecordError> {
    let path = PathBuf::from(text);
    Recorder::check_name(&path)?;
    Ok(path)
}

fn snapshot(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("png") => Ok(path),
        _ => Err("a PNG file is written, and a name that ends in .png is expected".to_owned()),
    }
}

/// Takes the name of a file of YUV4MPEG2, of a pipe or a device, or `-`.
fn pictures(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if !extension.eq_ignore_ascii_case("y4m") => {
            Err("YUV4MPEG2 is written, and a name that ends in .y4m is expected, or - for standard output"
                .to_owned())
        }
        _ => Ok(path),
    }
}

fn position(text: &str) -> Result<MediaTime, String> {
    pinhole_args::time(text).map(|position| MediaTime::ZERO + position.into())
}

fn cache_size(text: &str) -> Result<usize, String> {
    match pinhole_args::memory(text)? {
        0 => Err("a cache of 1 byte or more is expected, such as 64MiB".to_owned()),
        bytes => Ok(bytes),
    }
}

fn latency(text: &str) -> Result<Latency, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Latency::Auto);
    }
    match pinhole_args::time(text) {
        Ok(time) if time <= MAX_LATENCY => Ok(Latency::Fixed(time)),
        // A number alone was meant as milliseconds, as other players take it.
        Ok(_) => Err(format!(
            "auto or a time of up to {} s is expected; a number alone is in seconds: 150 milliseconds are 150ms",
            MAX_LATENCY.as_secs()
        )),
        Err(error) => Err(format!("auto is expected, or a time such as 150ms: {error}")),
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

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        pinhole_args::try_parse_from([&["pinhole-viewer"], args].concat())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_is_needed() {
        let cli = parse(&[]).unwrap();
        assert!(cli.media.is_empty() && !cli.headless && !cli.json && cli.duration.is_none());
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
        assert_eq!(cli.media, [Media::Url("rtsp://cam/live".into())]);
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
            "rtsph://host:80/a",
            "rtsps://host/a",
            "rtspsh://host/a",
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
            "rtsph://",
            "rtsphs://host/a",
            "rtsp://:554/a",
            "rtsp://host:0/a",
            "rtsp://host:65536/a",
            "rtsp://host:x/a",
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
            "--snapshot=a.jpg",
            "--snapshot=png",
            "--snapshot=",
            "--headless --pictures=a.avi",
            "--transport=sctp",
            "--no-decode",
            "--pictures=a.y4m",
            "--cache=0",
            "--cache=64Mbit",
            "--cache=much",
            "--cache=99999999999GiB",
            "--cache=8000000TB",
            "--prebuffer=-1",
            "--latency=low",
            "--latency=-1ms",
            "--latency=11s",
            "--unknown",
        ] {
            let error = parse(&arg.split(' ').collect::<Vec<_>>()).err();
            assert_eq!(error.as_ref().map(clap::Error::exit_code), Some(2), "{arg}");
        }
    }

    #[test]
    fn a_password_is_that_of_a_user() {
        let check = |args: &[&str]| parse(args).unwrap().check().map_err(|error| error.to_string());
        assert!(check(&["--password-file", "-", "rtsp://a/"]).unwrap_err().contains("--user NAME"));
        assert!(check(&["--password-file", "-"]).is_err());
        assert!(check(&["--password-file", "-", "rtsp://me@a/"]).is_ok());
        assert!(check(&["--password-file", "p", "--user", "me", "rtsp://a/"]).is_ok());
        assert!(check(&["--user", "me", "rtsp://a/"]).is_ok());
    }

    #[test]
    fn a_negative_value_is_told_what_is_expected() {
        for (option, value, expected) in [
            ("--duration", "-1", "a time above 0"),
            ("--start", "-1", "a time of 0 or more"),
            ("--prebuffer", "-250ms", "a time of 0 or more"),
            ("--latency", "-5ms", "a time of 0 or more"),
            ("--speed", "-2", "a number above 0"),
            ("--fps", "-30", "0.1 to 1000"),
            ("--cache", "-64MiB", "a size is expected"),
        ] {
            let error = parse(&[option, value]).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("tip:"), "{error}");
        }
    }

    #[test]
    fn files_are_named_after_what_is_written() {
        assert_eq!(parse(&["--snapshot", "A.PNG"]).unwrap().snapshot, Some("A.PNG".into()));
        let error = parse(&["--snapshot", "a.jpg"]).unwrap_err().to_string();
        assert!(error.contains("'a.jpg'") && error.contains("ends in .png"), "{error}");
        for name in ["a.y4m", "-", "/dev/fd/3", "pipe"] {
            assert!(parse(&["--headless", "--pictures", name]).is_ok(), "{name}");
        }
        let error = parse(&["--headless", "--pictures", "a.avi"]).unwrap_err().to_string();
        assert!(error.contains("'a.avi'") && error.contains("ends in .y4m"), "{error}");
        let error = parse(&["--cache", "8000000TB"]).unwrap_err().to_string();
        assert!(error.contains("MiB of memory can be used here"), "{error}");
        assert!(parse(&["rtsp://ho st/a"]).is_err());
    }

    #[test]
    fn times_and_sizes_are_those_of_all_programs() {
        let args = ["--duration", "1m30s", "--start", "1:30", "--prebuffer", "250ms", "--cache", "10MB"];
        let cli = parse(&args).unwrap();
        assert_eq!(cli.duration, Some(Duration::from_secs(90)));
        assert_eq!(cli.start, Some(MediaTime::from_micros(90_000_000)));
        assert_eq!((cli.prebuffer, cli.cache), (Duration::from_millis(250), 10_000_000));
        let error = parse(&["--duration", "soon"]).unwrap_err().to_string();
        for word in ["--duration", "'soon'", "1.5s", "1:30"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn a_latency_is_chosen_or_set() {
        assert_eq!(parse(&[]).unwrap().latency, Latency::Auto);
        for (text, latency) in [
            ("auto", Latency::Auto),
            ("Auto", Latency::Auto),
            ("0", Latency::Fixed(Duration::ZERO)),
            ("150ms", Latency::Fixed(Duration::from_millis(150))),
            ("0.15", Latency::Fixed(Duration::from_millis(150))),
            ("10s", Latency::Fixed(Duration::from_secs(10))),
        ] {
            assert_eq!(parse(&["--latency", text]).unwrap().latency, latency, "{text}");
        }
        let error = |text| parse(&["--latency", text]).unwrap_err().to_string();
        for word in ["--latency", "'150'", "up to 10 s", "150ms"] {
            assert!(error("150").contains(word), "{word}: {}", error("150"));
        }
        assert!(error("soon").contains("auto") && error("soon").contains("150ms"), "{}", error("soon"));
    }

    #[test]
    fn files_are_played_in_turn_and_urls_side_by_side() {
        let here = env!("CARGO_MANIFEST_DIR");
        let check = |args: &[&str]| parse(args).unwrap().check().map_err(|error| error.to_string());
        assert_eq!(parse(&[here]).unwrap().media, [Media::Path(here.into())]);
        assert!(check(&[here, here]).is_ok());
        let together = |args: &[&str]| parse(args).unwrap().is_side_by_side();
        assert!(!together(&[here, here]) && !together(&["rtsp://a/"]) && !together(&[]));
        assert!(together(&["rtsp://a/", "rtsp://b/"]) && together(&[here, "rtsp://b/"]));
        assert!(check(&["rtsp://a/"; 9]).is_ok());
        assert!(
            check(&["rtsp://a/"; 10])
                .unwrap_err()
                .contains("at most 9 are shown side by side, and these are 10")
        );
        assert!(check(&["rtsp://a/", here, "--snapshot", "a.png"]).unwrap_err().contains("--snapshot"));
        assert!(check(&["rtsp://a/", here, "--record", "a.avi"]).unwrap_err().contains("--record"));
        assert!(check(&[here, here, "--record", "a.avi"]).unwrap_err().contains("--record"));
        assert!(check(&[here, here, "--headless", "--pictures", "-"]).is_err());
        assert!(check(&["--fps", "30", "rtsp://b/"]).unwrap_err().contains("--fps is for files"));
        assert!(check(&["--fps", "30000/1001", here]).is_ok() && check(&["--fps", "30"]).is_ok());
        assert!(check(&["--fps", "30", here, "rtsp://b/"]).is_ok());
        let missing = parse(&["/nonexistent/a.avi"]).unwrap_err().to_string();
        assert!(missing.contains("no such file") && missing.contains("rtsp://"), "{missing}");
    }
}
