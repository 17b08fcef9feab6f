//! The stream in one line of the terminal.
use crate::model::{Activity, Model};
use crate::playback::selection::DecodePolicy;
use indicatif::{ProgressBar, ProgressStyle};
use pinhole::text::Count;
use pinhole::time::MediaTime;
use pinhole_log::{Drawing, escaped};

/// The line of a stream without an end.
const LIVE: &str = "{spinner} {elapsed} {wide_msg}";
/// The line of a stream with an end.
const RECORDED: &str = "{prefix} [{bar:30}] {wide_msg}";

/// A progress line on standard error. It shows nothing if that is no terminal.
pub(crate) struct ProgressLine(Option<Drawing<Model>>);

impl ProgressLine {
    /// Makes a line, which is hidden unless `wanted`.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        if !wanted || bar.is_hidden() {
            return Self(None);
        }
        let mut line = Line::new(bar);
        let draw = move |model: Option<Model>| match model {
            Some(model) => line.show(&model),
            None => line.bar.finish_and_clear(),
        };
        // Without a thread, the stream plays all the same.
        Self(Drawing::start(draw).ok())
    }

    /// Has the line brought up to date, and does not wait for that.
    pub(crate) fn show(&mut self, model: &Model) {
        if let Some(drawing) = &self.0 {
            drawing.show(model.clone());
        }
    }

    /// Removes the line.
    pub(crate) fn clear(self) {
        if let Some(drawing) = self.0 {
            drawing.finish();
        }
    }
}

/// The line as it is drawn.
struct Line {
    bar: ProgressBar,
    template: &'static str,
}

impl Line {
    fn new(bar: ProgressBar) -> Self {
        let mut line = Self { bar, template: "" };
        line.style(LIVE);
        line
    }

    fn show(&mut self, model: &Model) {
        let end = end(model);
        if let Some(end) = end {
            self.style(RECORDED);
            self.bar.set_prefix(format!("{} / {}", minutes(model.position), minutes(end)));
            self.bar.set_length(end.as_micros());
            self.bar.set_position(model.position.as_micros());
        }
        let message = match model.received.codec {
            Some(codec) => figures(codec, model),
            None => format!("{}: no frame yet", model.url),
        };
        self.bar.set_message(escaped(&message).into_owned());
        self.bar.tick();
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

/// Returns what came of the stream, in lines, the most useful first. There are none if no frame came: why is
/// told elsewhere.
pub(crate) fn summary(model: &Model, decode: DecodePolicy) -> Vec<String> {
    let Model { session: s, received, .. } = model;
    let Some(codec) = received.codec.filter(|_| s.frames_complete + s.frames_damaged > 0) else {
        return Vec::new();
    };
    let (width, height) = received.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    let why = match decode {
        DecodePolicy::All => "",
        DecodePolicy::Every(_) => ", as one a second is decoded without a window",
        DecodePolicy::Nothing => ", as none is to be decoded",
    };
    vec![
        format!(
            "{}: {} complete, {} damaged ({} of them mended), {} missing; {}, {} lost",
            model.url,
            Count(s.frames_complete, "frame", "frames"),
            s.frames_damaged,
            received.concealed_frames,
            s.frames_missing,
            Count(s.packets, "packet", "packets"),
            s.packets_lost,
        ),
        format!(
            "{codec} {width}x{height}, {:.2} fps, by {transport}; {} shown{why}",
            received.fps,
            Count(model.presented.shown, "frame", "frames"),
        ),
    ]
}

/// Returns the figures that change while the stream plays, the most useful first: the terminal may be
/// narrow.
fn figures(codec: &str, model: &Model) -> String {
    let Model { session: s, received, .. } = model;
    let (width, height) = received.size;
    let transport = s.transport.map_or("no transport", |transport| transport.name());
    let recording = model.recording.as_ref().map_or(String::new(), |file| format!(", to {}", file.display()));
    let state = match &model.activity {
        Activity::Silent { span } => format!("no picture for {} s, ", span.as_secs().max(1)),
        Activity::Reconnecting { attempt, .. } => format!("reconnecting (attempt {attempt}), "),
        _ => String::new(),
    };
    let (fps, _) = model.rates();
    let latency =
        model.live_delay.map_or_else(String::new, |delay| format!(", {} ms latency", delay.as_millis()));
    format!(
        "{state}{fps:.2} fps, {}, {} lost, {} lost{latency}{recording}; {codec} {width}x{height} {transport}",
        Count(s.frames_complete + s.frames_damaged, "frame", "frames"),
        s.frames_missing,
        Count(s.packets_lost, "packet", "packets"),
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
    use std::time::Duration;

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
        model.live_delay = Some(Duration::from_micros(34_900));
        assert!(figures("JPEG", &model).contains(", 5 packets lost, 34 ms latency; JPEG"));
        model.recording = Some(std::path::Path::new("a.avi").into());
        assert!(figures("JPEG", &model).contains(", to a.avi"));
        (model.activity, model.is_silent) = (Activity::Silent { span: Duration::from_millis(2100) }, true);
        assert!(figures("JPEG", &model).starts_with("no picture for 2 s, 0.00 fps, "));
    }

    #[test]
    fn the_summary_begins_with_what_came() {
        let mut model = model(None, None);
        model.url = "rtsp://cam/1".to_owned();
        let none: Vec<String> = Vec::new();
        assert_eq!(summary(&Model::default(), DecodePolicy::All), none);
        model.received.codec = Some("JPEG");
        model.presented.shown = 3;
        assert_eq!(
            summary(&model, DecodePolicy::Every(std::time::Duration::from_secs(1))),
            [
                "rtsp://cam/1: 70 frames complete, 2 damaged (0 of them mended), 1 missing; 0 packets, 5 lost",
                "JPEG 512x288, 29.97 fps, by udp; 3 frames shown, as one a second is decoded without a window",
            ]
        );
        assert!(summary(&model, DecodePolicy::All)[1].ends_with("3 frames shown"));
    }

    #[test]
    fn only_a_recorded_medium_has_a_bar() {
        assert_eq!(end(&model(Some(MediaTime::ZERO), Some(seconds(2)))), Some(seconds(2)));
        assert_eq!(end(&model(Some(seconds(9)), Some(MediaTime::ZERO))), Some(seconds(9)));
        assert_eq!(end(&model(None, None)), None);
        assert_eq!(end(&model(Some(MediaTime::ZERO), None)), None);
        let mut line = Line::new(ProgressBar::hidden());
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
