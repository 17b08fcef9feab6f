//! What the panels over the picture say: the figures, the keys, and messages.
use super::design::{ORANGE, Scale, WHITE};
use super::ink::Ink;
use super::input::KEYS;
use super::panels::{Align, Line, Panels};
use super::text::Face;
use crate::model::{Activity, Model};
use embedded_graphics::geometry::AnchorPoint;
use pinhole::text::Count;
use std::path::Path;
use std::time::Duration;

/// Over the whole picture, below a message.
pub(super) const DIM: Ink = Ink(0x9800_0000);
const SOFT: Ink = Ink(0xffc8_c8ce);

/// Draws the figures, in the upper left corner.
pub(super) fn figures(model: &Model, panels: &mut Panels) {
    panels.put(&figure_lines(model), Align::Left, &[AnchorPoint::TopLeft]);
}

/// Draws all of the keys, and returns true, if there is room for them; in smaller letters if need be.
/// `beside` says whether the upper left corner is to be left free.
pub(super) fn help(panels: &mut Panels, beside: bool) -> bool {
    let lines = help_lines();
    panels.scale_of(&lines).is_some_and(|scale| put_help(panels, &lines, beside, scale))
}

/// Draws as many of the keys as have room in the smallest letters.
pub(super) fn part_of_help(panels: &mut Panels) {
    if let Some(scale) = Scale::ONE.down().last() {
        put_help(panels, &help_lines(), false, scale);
    }
}

fn put_help(panels: &mut Panels, lines: &[Line], beside: bool, scale: Scale) -> bool {
    let place = if beside { AnchorPoint::CenterRight } else { AnchorPoint::Center };
    panels.put_scaled(lines, Align::Left, &[place], scale)
}

fn help_lines() -> Vec<Line> {
    let title = Line::new("Keys", Face::Small, ORANGE);
    let keys = KEYS.iter().map(|(keys, what)| Line::columns(keys, what));
    [title].into_iter().chain(keys).collect()
}

/// Draws the number and the name of one of several streams, in the lower left corner.
pub(super) fn name(stream: usize, model: &Model, panels: &mut Panels) {
    let line = Line::plain(format!("{}  {}", stream + 1, model.url));
    panels.put(&[line], Align::Left, &[AnchorPoint::BottomLeft]);
}

/// Draws a line that is shown for a short time.
pub(super) fn notice(text: &str, panels: &mut Panels) {
    let places = [AnchorPoint::BottomCenter, AnchorPoint::TopCenter];
    panels.put(&[Line::plain(text)], Align::Left, &places);
}

/// Why the picture stands, or may stand soon.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    title: String,
    lines: Vec<String>,
    /// Whether it is told in the middle of the dimmed picture. Otherwise the picture must not be covered,
    /// and it is one line at the top.
    pub(super) dims: bool,
}

impl Message {
    /// Returns what to say, if anything. `stands` says whether the picture has not changed for some time.
    pub(super) fn of(model: &Model, stands: bool) -> Option<Self> {
        if let Some(Err(reason)) = &model.over {
            let (title, lines) = ("Not played".to_owned(), vec![reason.clone()]);
            return Some(Self { title, lines, dims: true });
        }
        if let Some(reason) = model.undecodable.as_ref().filter(|_| model.presented.shown == 0) {
            let (title, lines) = ("No picture can be shown".to_owned(), vec![reason.clone()]);
            return Some(Self { title, lines, dims: true });
        }
        let (title, lines) = match &model.activity {
            Activity::Opening => (format!("Opening {} ...", file_name(&model.url)), vec![]),
            Activity::LoggingIn { reason, .. } => ("A password is needed".to_owned(), vec![reason.clone()]),
            Activity::Connecting if model.session.transport.is_none() => (connecting(model), vec![]),
            Activity::Connecting => {
                (format!("Waiting for {}", host(&model.url)), vec!["No picture has come yet".to_owned()])
            }
            Activity::Buffering { have, want } if stands => {
                let done = format!("{:.1} of {:.1} s", have.as_secs_f64(), want.as_secs_f64());
                ("Buffering".to_owned(), vec![done])
            }
            Activity::Reconnecting { attempt, wait, reason } => {
                let (title, progress) = match wait.as_secs_f64().ceil() {
                    0.0 => (connecting(model), format!("attempt {attempt}")),
                    seconds => {
                        ("Reconnecting".to_owned(), format!("attempt {attempt}, next try in {seconds:.0} s"))
                    }
                };
                if model.held || !stands {
                    // The user looks at cached frames, which must not be covered.
                    return Some(Self::line(format!("{title}: {progress}")));
                }
                (title, vec![progress, reason.clone()])
            }
            Activity::Silent { span } if model.held => return Some(Self::line(no_picture(*span))),
            Activity::Silent { span } => (no_picture(*span), vec![]),
            Activity::Ended => ("Ended".to_owned(), vec!["Space plays it again".to_owned()]),
            _ => return None,
        };
        Some(Self { title, lines, dims: true })
    }

    const fn line(title: String) -> Self {
        Self { title, lines: Vec::new(), dims: false }
    }

    /// Draws it, as large as there is room. `beside` says whether the upper left corner is to be left free.
    /// Returns whether it has room at all.
    pub(super) fn put(&self, panels: &mut Panels, beside: bool) -> bool {
        let title = |face| Line::new(self.title.as_str(), face, WHITE);
        if !self.dims {
            let top = if beside { AnchorPoint::TopRight } else { AnchorPoint::TopCenter };
            return panels.put(&[title(Face::Small)], Align::Left, &[top, AnchorPoint::BottomCenter]);
        }
        let lines = self.lines.iter().map(|line| Line::new(line.as_str(), Face::Small, SOFT));
        let with_title = |face| [title(face)].into_iter().chain(lines.clone()).collect::<Vec<_>>();
        let all = with_title(Face::Title);
        let smaller = with_title(Face::Large);
        let title_fits = |panels: &Panels, face| panels.fits(&[title(face)], panels.scale());
        let lines = if title_fits(panels, Face::Title) && panels.has_height(&all) { all } else { smaller };
        let places = [AnchorPoint::Center, AnchorPoint::BottomLeft, AnchorPoint::TopLeft];
        panels.put(&lines, Align::Centre, &places)
    }
}

fn figure_lines(model: &Model) -> Vec<Line> {
    let Model { url, session, received, cache, presented, .. } = model;
    let (fps, bitrate) = model.rates();
    let by = session.transport.map_or_else(String::new, |by| format!(" ({})", by.name().to_uppercase()));
    let ((width, height), codec) = (received.size, received.codec.unwrap_or("-"));
    let bitrate = rate_text(bitrate);
    let whole_millis = |span: Duration| format!("{:.0} ms", span.as_secs_f64() * 1e3);
    let target =
        model.live_delay.map_or_else(String::new, |delay| format!(" (target {})", whole_millis(delay)));
    let lines = [
        format!("{width}x{height} {codec}   {fps:.2} fps   {bitrate}"),
        format!(
            "lost {}  late {}  damaged {}  mended {}  missing {}",
            session.packets_lost,
            model.frames_late(),
            session.frames_damaged,
            received.concealed_ranges,
            session.frames_missing
        ),
        format!(
            "jitter {} ms  decode {} ms  latency {}{target}",
            millis(session.jitter),
            millis(presented.decode),
            whole_millis(presented.latency)
        ),
        format!(
            "cache {}  {:.1} s  {} of {} MiB",
            Count(cache.frames, "frame", "frames"),
            cache.span.as_secs_f64(),
            mebibytes(cache.bytes),
            mebibytes(cache.capacity)
        ),
    ];
    let title = Line::new(format!("{url}   {}{by}", activity_text(model)), Face::Small, ORANGE);
    [title].into_iter().chain(lines.map(Line::plain)).collect()
}

fn activity_text(model: &Model) -> &'static str {
    match model.activity {
        Activity::Opening => "OPENING",
        Activity::Connecting => "CONNECTING",
        Activity::LoggingIn { .. } => "LOGGING IN",
        Activity::Buffering { .. } => "BUFFERING",
        Activity::Playing => "PLAYING",
        Activity::Silent { .. } => "NO PICTURE",
        Activity::Paused => "PAUSED",
        Activity::Ended => "ENDED",
        Activity::Reconnecting { .. } => "RECONNECTING",
    }
}

/// Tells how long no picture has come.
pub(super) fn no_picture(span: Duration) -> String {
    format!("No picture for {} s", span.as_secs().max(1))
}

fn connecting(model: &Model) -> String {
    format!("Connecting to {} ...", host(&model.url))
}

/// Returns the last part of a path.
fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

/// Returns host and port of an address.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()).unwrap_or(url);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn rate_text(bits: f64) -> String {
    if bits < 999_500.0 { format!("{:.0} kbit/s", bits / 1e3) } else { format!("{:.1} Mbit/s", bits / 1e6) }
}

/// Writes milliseconds, with two decimals below one millisecond.
fn millis(span: Duration) -> String {
    let millis = span.as_secs_f64() * 1e3;
    if millis < 1.0 { format!("{millis:.2}") } else { format!("{millis:.1}") }
}

fn mebibytes(bytes: usize) -> usize {
    bytes.saturating_add(1 << 19) >> 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CacheUsage, PresentedFigures, ReceivedFigures, SessionFigures};
    use crate::ui::layout::Layout;
    use crate::ui::scene::{Item, Scene};
    use crate::ui::tests::recorded;
    use pinhole::client::LowerTransport;

    fn panels(size: (u32, u32)) -> Panels {
        Panels::new(&Layout::of(size, &Model::default(), Model::default().position), None)
    }

    fn texts(put: impl FnOnce(&mut Panels)) -> Vec<String> {
        let mut panels = panels((1280, 720));
        put(&mut panels);
        Scene(panels.items).texts().into_iter().map(str::to_owned).collect()
    }

    /// Returns what is said, and whether it dims the picture.
    fn said(model: &Model, stands: bool) -> (Vec<String>, bool) {
        let Some(message) = Message::of(model, stands) else { return (Vec::new(), false) };
        (texts(|panels| assert!(message.put(panels, false))), message.dims)
    }

    #[test]
    fn figures_have_five_lines() {
        let session = SessionFigures {
            transport: Some(LowerTransport::Interleaved),
            packets_lost: 1,
            frames_damaged: 3,
            frames_missing: 4,
            jitter: Duration::from_micros(312),
            ..SessionFigures::default()
        };
        let received = ReceivedFigures {
            size: (2560, 1440),
            codec: Some("JPEG"),
            fps: 29.97,
            bitrate: 51.44e6,
            concealed_frames: 2,
            concealed_ranges: 5,
        };
        let presented = PresentedFigures {
            late: 1,
            decode: Duration::from_micros(9_240),
            latency: Duration::from_millis(41),
            ..PresentedFigures::default()
        };
        let span = Duration::from_millis(41_266);
        let cache = CacheUsage { frames: 1240, span, bytes: 252 << 20, capacity: 512 << 20 };
        let url = "rtsp://127.0.0.1:8554/bunny".to_owned();
        let activity = Activity::Playing;
        let model = Model { url, activity, session, received, presented, cache, stalls: 1, ..recorded() };
        assert_eq!(
            texts(|panels| super::figures(&model, panels)),
            [
                "rtsp://127.0.0.1:8554/bunny   PLAYING (TCP)",
                "2560x1440 JPEG   29.97 fps   51.4 Mbit/s",
                "lost 1  late 2  damaged 3  mended 5  missing 4",
                "jitter 0.31 ms  decode 9.2 ms  latency 41 ms",
                "cache 1240 frames  41.3 s  252 of 512 MiB",
            ]
        );
        let live = Model { duration: None, live_delay: Some(Duration::from_micros(39_600)), ..model };
        let figures = texts(|panels| super::figures(&live, panels));
        assert_eq!(figures[3], "jitter 0.31 ms  decode 9.2 ms  latency 41 ms (target 40 ms)");
    }

    #[test]
    fn small_bit_rates_are_in_kilobits() {
        assert_eq!([0.0, 64_400.0, 999_499.0].map(rate_text), ["0 kbit/s", "64 kbit/s", "999 kbit/s"]);
        assert_eq!(rate_text(1e6), "1.0 Mbit/s");
    }

    #[test]
    fn before_the_first_picture_the_host_is_told_at_once() {
        for (url, host) in [
            ("rtsp://me:p@ss@[::1]:554/a@b", "[::1]:554"),
            ("rtsp://cam?x@y", "cam"),
            ("rtsp://cam/1", "cam"),
        ] {
            let url = url.to_owned();
            let model = Model { url, ..Model::default() };
            let told = |model: &Model| said(model, false).0;
            assert_eq!(told(&model), [format!("Connecting to {host} ...")]);
            let session =
                SessionFigures { transport: Some(LowerTransport::Udp), ..SessionFigures::default() };
            let waiting = [format!("Waiting for {host}"), "No picture has come yet".to_owned()];
            assert_eq!(told(&Model { session, ..model }), waiting);
        }
    }

    #[test]
    fn a_medium_that_cannot_be_decoded_says_why() {
        let undecodable = Some("frame 0: it is damaged".to_owned());
        let model = Model { activity: Activity::Ended, undecodable, ..recorded() };
        assert_eq!(said(&model, true).0, ["No picture can be shown", "frame 0: it is damaged"]);
        let presented = PresentedFigures { shown: 9, ..PresentedFigures::default() };
        assert_eq!(said(&Model { presented, ..model }, true).0[0], "Ended");
    }

    #[test]
    fn long_buffering_dims_the_picture() {
        let (have, want) = (Duration::from_millis(440), Duration::from_secs(1));
        let buffering = Model { activity: Activity::Buffering { have, want }, ..recorded() };
        assert_eq!(Message::of(&buffering, false), None);
        let (lines, dims) = said(&buffering, true);
        assert!(dims);
        assert_eq!(lines, ["Buffering", "0.4 of 1.0 s"]);
    }

    #[test]
    fn a_silence_is_told_over_the_picture() {
        let activity = Activity::Silent { span: Duration::from_millis(4700) };
        let received = ReceivedFigures { fps: 25.0, bitrate: 8e6, ..ReceivedFigures::default() };
        let silent = Model { activity, received, is_silent: true, ..recorded() };
        let (lines, dims) = said(&silent, false);
        assert!(dims);
        assert_eq!(lines, ["No picture for 4 s"]);
        let figures = texts(|panels| super::figures(&silent, panels));
        assert!(
            figures[0].ends_with("NO PICTURE") && figures[1].ends_with("0.00 fps   0 kbit/s"),
            "{figures:?}"
        );
        let (lines, dims) = said(&Model { held: true, ..silent }, true);
        assert!(!dims);
        assert_eq!(lines, ["No picture for 4 s"]);
    }

    #[test]
    fn only_a_standing_picture_is_covered() {
        let (wait, reason) = (Duration::from_millis(3400), "the connection was lost".to_owned());
        let model = Model { activity: Activity::Reconnecting { attempt: 2, wait, reason }, ..recorded() };
        let (lines, dims) = said(&model, true);
        assert!(dims);
        assert_eq!(lines, ["Reconnecting", "attempt 2, next try in 4 s", "the connection was lost"]);
        let (wait, reason, url) = (Duration::ZERO, "gone".to_owned(), "rtsp://u:p@cam:554/1".to_owned());
        let now = Model { url, activity: Activity::Reconnecting { attempt: 2, wait, reason }, ..recorded() };
        assert_eq!(said(&now, true).0, ["Connecting to cam:554 ...", "attempt 2", "gone"]);
        let held = Model { held: true, ..model.clone() };
        for (model, stands) in [(&model, false), (&held, true)] {
            let (lines, dims) = said(model, stands);
            assert!(!dims);
            assert_eq!(lines, ["Reconnecting: attempt 2, next try in 4 s"]);
        }
    }

    #[test]
    fn the_keys_are_all_told_in_most_windows() {
        let told = |size| {
            let mut panels = panels(size);
            if !help(&mut panels, false) {
                part_of_help(&mut panels);
            }
            let texts: Vec<_> = Scene(panels.items).texts().into_iter().map(str::to_owned).collect();
            texts
        };
        for size in [(320, 240), (512, 288), (640, 360), (1920, 1080), (3840, 2160)] {
            let texts = told(size);
            for (keys, what) in KEYS {
                assert!(texts.iter().any(|text| text == keys), "{keys} in {size:?}: {texts:?}");
                assert!(texts.iter().any(|text| text == what), "{what} in {size:?}: {texts:?}");
            }
        }
        assert!(told((512, 60)).len() > 4);
        assert_eq!(told((1, 1)).len(), 0);
    }

    #[test]
    fn the_titles_of_messages_fit_small_windows() {
        let activity = Activity::Silent { span: Duration::from_secs(12) };
        let model = Model { activity, ..recorded() };
        for (size, face) in [((1280, 720), Face::Title), ((200, 120), Face::Large)] {
            let mut panels = panels(size);
            assert!(Message::of(&model, true).unwrap().put(&mut panels, false));
            let [_, Item::Text { text, face: drawn, .. }] = &panels.items[..] else {
                panic!("{:?}", panels.items)
            };
            assert_eq!((&**text, *drawn), ("No picture for 12 s", face), "{size:?}");
        }
    }
}
