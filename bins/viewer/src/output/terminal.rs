//! The stream in one line of the terminal.
use crate::model::Model;
use indicatif::{ProgressBar, ProgressStyle};
use pinhole::time::MediaTime;

/// The line of a stream without an end.
const LIVE: &str = "{spinner} {elapsed} {wide_msg}";
/// The line of a stream with an end.
const RECORDED: &str = "{prefix} [{bar:30}] {wide_msg}";

/// A progress line on standard error. It shows nothing if that is no terminal.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    template: &'static str,
}

impl ProgressLine {
    /// Makes a line, which is hidden unless `wanted`.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = if wanted { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let mut line = Self { bar, template: "" };
        line.style(LIVE);
        line
    }

    /// Brings the line up to date.
    pub(crate) fn show(&mut self, model: &Model) {
        let end = end(model);
        if let Some(end) = end {
            self.style(RECORDED);
            self.bar.set_prefix(format!("{} / {}", minutes(model.position), minutes(end)));
            self.bar.set_length(end.as_micros());
            self.bar.set_position(model.position.as_micros());
        }
        self.bar.set_message(match model.received.codec {
            Some(codec) => figures(codec, model),
            None => format!("{}: no frame yet", model.url),
        });
        self.bar.tick();
    }

    /// Removes the line.
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

/// Returns the stream's address and figures in one line.
pub(crate) fn summary(model: &Model) -> String {
    let Model { session: s, received, .. } = model;
    let (width, height) = received.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    format!(
        "{}: {} {width}x{height} {:.2} fps {transport}: {} frames complete, {} damaged (of which {} mended), {} missing; {} packets, {} lost",
        model.url,
        received.codec.unwrap_or("no media"),
        received.fps,
        s.frames_complete,
        s.frames_damaged,
        received.concealed_frames,
        s.frames_missing,
        s.packets,
        s.packets_lost,
    )
}

/// Returns the figures that change while the stream plays, the most useful first: the terminal may be
/// narrow.
fn figures(codec: &str, model: &Model) -> String {
    let Model { session: s, received, .. } = model;
    let (width, height) = received.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    let recording = model.recording.as_ref().map_or(String::new(), |file| format!(", to {}", file.display()));
    format!(
        "{:.2} fps, {} frames, {} lost, {} packets lost{recording}; {codec} {width}x{height} {transport}",
        received.fps,
        s.frames_complete + s.frames_damaged,
        s.frames_missing,
        s.packets_lost,
    )
}

/// Returns where the medium ends, or where it starts if it is played backwards; `None` if it has no end.
fn end(model: &Model) -> Option<MediaTime> {
    let (start, end) = (model.session.start?, model.session.end?);
    Some(end.max(start)).filter(|end| *end > MediaTime::ZERO)
}

/// Returns a time in minutes and seconds, and in hours if there are any.
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
    use crate::model::{ReceivedFigures, SessionFigures};
    use pinhole::client::LowerTransport;

    fn seconds(seconds: u64) -> MediaTime {
        MediaTime::from_micros(seconds * 1_000_000)
    }

    fn model(start: Option<MediaTime>, end: Option<MediaTime>) -> Model {
        let session = SessionFigures {
            transport: Some(LowerTransport::Udp),
            frames_complete: 70,
            frames_damaged: 2,
            frames_missing: 1,
            packets_lost: 5,
            start,
            end,
            ..SessionFigures::default()
        };
        let received = ReceivedFigures { size: (512, 288), fps: 29.97, ..ReceivedFigures::default() };
        Model { session, received, ..Model::default() }
    }

    #[test]
    fn the_line_tells_loss_and_recording() {
        let mut model = model(None, None);
        let without = "29.97 fps, 72 frames, 1 lost, 5 packets lost; JPEG 512x288 udp";
        assert_eq!(figures("JPEG", &model), without);
        model.recording = Some(std::path::Path::new("a.avi").into());
        assert!(figures("JPEG", &model).contains(", to a.avi"));
    }

    #[test]
    fn only_a_recorded_medium_has_a_bar() {
        assert_eq!(end(&model(Some(MediaTime::ZERO), Some(seconds(2)))), Some(seconds(2)));
        assert_eq!(end(&model(Some(seconds(9)), Some(MediaTime::ZERO))), Some(seconds(9)));
        assert_eq!(end(&model(None, None)), None);
        assert_eq!(end(&model(Some(MediaTime::ZERO), None)), None);
        let mut line = ProgressLine::new(false);
        line.show(&model(None, None));
        assert_eq!(line.template, LIVE);
        line.show(&model(Some(MediaTime::ZERO), Some(seconds(2))));
        assert_eq!((line.template, line.bar.length()), (RECORDED, Some(2_000_000)));
    }

    #[test]
    fn hours_are_written_only_if_needed() {
        assert_eq!([0, 61, 3599, 3600].map(|s| minutes(seconds(s))), ["0:00", "1:01", "59:59", "1:00:00"]);
    }
}
