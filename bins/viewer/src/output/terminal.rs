//! The stream in one line of the terminal.
use crate::player::Status;
use indicatif::{ProgressBar, ProgressStyle};
use pinhole::time::MediaTime;

/// What is shown of a stream without an end.
const LIVE: &str = "{spinner} {elapsed} {wide_msg}";
/// Of one with an end: how far it is.
const RECORDED: &str = "{prefix} [{bar:30}] {wide_msg}";

/// A progress line on standard error; nothing where that is no terminal.
pub(crate) struct Line {
    bar: ProgressBar,
    template: &'static str,
}

impl Line {
    /// The line, when it is wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = if wanted { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let mut line = Self { bar, template: "" };
        line.style(LIVE);
        line
    }

    /// Brings it up to date.
    pub(crate) fn show(&mut self, url: &str, status: &Status) {
        let end = end(status);
        if let Some(end) = end {
            self.style(RECORDED);
            self.bar.set_prefix(format!("{} / {}", minutes(status.position), minutes(end)));
            self.bar.set_length(end.as_micros());
            self.bar.set_position(status.position.as_micros());
        }
        self.bar.set_message(match status.codec {
            Some(codec) => figures(codec, status),
            None => format!("{url}: no frame yet"),
        });
        self.bar.tick();
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&mut self, template: &'static str) {
        if self.template != template
            && let Ok(style) = ProgressStyle::with_template(template)
        {
            self.bar.set_style(style.progress_chars("=> "));
            self.template = template;
        }
    }
}

/// The stream and its figures in words.
pub(crate) fn summary(status: &Status) -> String {
    let s = &status.statistics;
    let (width, height) = status.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    format!(
        "{} {width}x{height} {:.2} fps {transport}: {} frames complete, {} damaged (of which {} mended), {} missing; {} packets, {} lost",
        status.codec.unwrap_or("no media"),
        status.fps,
        s.frames_complete,
        s.frames_damaged,
        status.mended.frames,
        s.frames_missing,
        s.packets,
        s.packets_lost,
    )
}

/// The figures that change while it plays, the most wanted first: a line may be narrow.
fn figures(codec: &str, status: &Status) -> String {
    let s = &status.statistics;
    let (width, height) = status.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    let recording =
        status.recording.as_ref().map_or(String::new(), |file| format!(", to {}", file.display()));
    format!(
        "{:.2} fps, {} frames, {} lost, {} packets lost{recording}; {codec} {width}x{height} {transport}",
        status.fps,
        s.frames_complete + s.frames_damaged,
        s.frames_missing,
        s.packets_lost,
    )
}

/// Where a medium ends that has an end. Played backwards, that is where it starts.
fn end(status: &Status) -> Option<MediaTime> {
    let (start, end) = (status.statistics.start?, status.statistics.end?);
    Some(end.max(start)).filter(|end| *end > MediaTime::ZERO)
}

/// Minutes and seconds, and hours if there are any.
fn minutes(time: MediaTime) -> String {
    let seconds = time.as_micros() / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Statistics, Transport};

    fn seconds(seconds: u64) -> MediaTime {
        MediaTime::from_micros(seconds * 1_000_000)
    }

    fn status(start: Option<MediaTime>, end: Option<MediaTime>) -> Status {
        let statistics = Statistics {
            transport: Some(Transport::Udp),
            frames_complete: 70,
            frames_damaged: 2,
            frames_missing: 1,
            packets_lost: 5,
            start,
            end,
            ..Statistics::default()
        };
        Status { statistics, size: (512, 288), fps: 29.97, ..Status::default() }
    }

    #[test]
    fn the_figures_tell_what_is_lost_and_where_it_is_recorded() {
        let mut status = status(None, None);
        let without = "29.97 fps, 72 frames, 1 lost, 5 packets lost; JPEG 512x288 udp";
        assert_eq!(figures("JPEG", &status), without);
        status.recording = Some(std::path::Path::new("a.avi").into());
        assert!(figures("JPEG", &status).contains(", to a.avi"));
    }

    #[test]
    fn a_medium_with_an_end_has_a_bar_and_a_live_one_has_none() {
        assert_eq!(end(&status(Some(MediaTime::ZERO), Some(seconds(2)))), Some(seconds(2)));
        assert_eq!(end(&status(Some(seconds(9)), Some(MediaTime::ZERO))), Some(seconds(9)));
        assert_eq!(end(&status(None, None)), None);
        assert_eq!(end(&status(Some(MediaTime::ZERO), None)), None);
        let mut line = Line::new(false);
        line.show("rtsp://a/", &status(None, None));
        assert_eq!(line.template, LIVE);
        line.show("rtsp://a/", &status(Some(MediaTime::ZERO), Some(seconds(2))));
        assert_eq!((line.template, line.bar.length()), (RECORDED, Some(2_000_000)));
    }

    #[test]
    fn times_are_written_as_people_read_them() {
        assert_eq!([0, 61, 3599, 3600].map(|s| minutes(seconds(s))), ["0:00", "1:01", "59:59", "1:00:00"]);
    }
}
