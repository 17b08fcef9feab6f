//! Panels over the picture: the figures, the keys, and messages.
use super::design::{ORANGE, WHITE, unit};
use super::ink::Ink;
use super::input::KEYS;
use super::layout::Layout;
use super::scene::Item;
use super::text::{self, Face};
use crate::model::{Activity, Model};
use embedded_graphics::geometry::{AnchorPoint, Point, Size};
use embedded_graphics::primitives::Rectangle;
use std::time::Duration;

/// Below a panel: dark enough for text on any picture, and clear enough to see the picture.
const PLATE: Ink = Ink(0xb80c_0c10);
/// Over the whole picture, below a message.
const DIM: Ink = Ink(0x9800_0000);
const SOFT: Ink = Ink(0xffc8_c8ce);

const MARGIN: u32 = 16;
const PADDING: u32 = 12;
const LINE: u32 = 20;
const RADIUS: u32 = 6;
/// The letters of the narrowest panel that is drawn.
const FEWEST_COLUMNS: u32 = 12;
/// From the bottom up to a notice, which is above the controls.
const NOTICE_UP: u32 = 120;

/// A line of a panel.
type Line = (String, Ink);

/// Draws the figures, in the upper left corner.
pub(crate) fn figures(model: &Model, layout: &Layout) -> Vec<Item> {
    panel(layout, figure_lines(model), AnchorPoint::TopLeft, 0)
}

/// Draws the keys, in the middle.
pub(crate) fn help(layout: &Layout) -> Vec<Item> {
    let title = ("Keys".to_owned(), ORANGE);
    let keys = KEYS.iter().map(|(keys, what)| (format!("{keys:<14}{what}"), WHITE));
    panel(layout, [title].into_iter().chain(keys).collect(), AnchorPoint::Center, 0)
}

/// Draws a line that is shown for a short time.
pub(crate) fn notice(text: &str, layout: &Layout) -> Vec<Item> {
    let up = unit(NOTICE_UP, layout.scale);
    panel(layout, vec![(text.to_owned(), WHITE)], AnchorPoint::BottomCenter, up)
}

/// Draws why the picture stands, or may stand soon. `stands` says whether it has not changed for some
/// time.
pub(crate) fn message(model: &Model, layout: &Layout, stands: bool) -> Vec<Item> {
    let (title, lines) = match &model.activity {
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
                let line = (format!("{title}: {progress}"), WHITE);
                return panel(layout, vec![line], AnchorPoint::TopCenter, 0);
            }
            (title, vec![progress, reason.clone()])
        }
        Activity::Silent { span } if model.held => {
            return panel(layout, vec![(no_picture(*span), WHITE)], AnchorPoint::TopCenter, 0);
        }
        Activity::Silent { span } => (no_picture(*span), vec![]),
        Activity::Ended => ("Ended".to_owned(), vec!["Space plays it again".to_owned()]),
        _ => return Vec::new(),
    };
    dimmed(layout, &title, &lines)
}

/// Draws a title in large letters with lines below it, centred on the dimmed picture.
fn dimmed(layout: &Layout, title: &str, lines: &[String]) -> Vec<Item> {
    let (window, scale) = (layout.window, layout.scale);
    let mut items = vec![Item::Fill { area: window, ink: DIM }];
    let room = window.size.width.saturating_sub(2 * unit(MARGIN, scale));
    let zooms = [2 * scale, scale];
    let Some(zoom) = zooms.into_iter().find(|zoom| text::size(title, Face::Large, *zoom).width <= room)
    else {
        return items;
    };
    let line_height = unit(LINE, scale);
    let title_size = text::size(title, Face::Large, zoom);
    let height = title_size.height + line_height / 2 + line_height * lines.len() as u32;
    let mut top = (window.size.height as i32 - height as i32) / 2;
    let mut put = |text: String, face: Face, zoom, ink, below: u32| {
        let size = text::size(&text, face, zoom);
        let at = Point::new((window.size.width as i32 - size.width as i32) / 2, top);
        items.push(Item::Text { at, text, face, zoom, ink });
        top += (size.height + below) as i32;
    };
    put(title.to_owned(), Face::Large, zoom, WHITE, line_height / 2);
    for line in lines {
        let line = text::shortened(line, Face::Small, scale, room);
        put(line, Face::Small, scale, SOFT, line_height - Face::Small.cell().height * scale);
    }
    items
}

/// Draws as many lines as there is room for on a plate at a side of the window, at least `up` above its
/// bottom.
fn panel(layout: &Layout, lines: Vec<Line>, anchor: AnchorPoint, up: u32) -> Vec<Item> {
    let scale = layout.scale;
    let inset = unit(MARGIN, scale);
    let place = layout.window.size.saturating_sub(Size::new(2 * inset, inset + up.max(inset)));
    let place = Rectangle::new(Point::zero() + Size::new_equal(inset), place);
    let padding = Size::new_equal(2 * unit(PADDING, scale));
    let inner = place.size.saturating_sub(padding);
    if inner.width < Face::Small.cell().width * scale * FEWEST_COLUMNS {
        return Vec::new();
    }
    let line_height = unit(LINE, scale);
    let rows = (inner.height / line_height) as usize;
    let lines: Vec<_> = lines
        .into_iter()
        .take(rows)
        .map(|(text, ink)| (text::shortened(&text, Face::Small, scale, inner.width), ink))
        .collect();
    let widths = lines.iter().map(|(text, _)| text::size(text, Face::Small, scale).width);
    let Some(width) = widths.max() else { return Vec::new() };
    let size = Size::new(width, line_height * lines.len() as u32) + padding;
    let area = place.resized(size, anchor);
    let mut items = vec![Item::plate(area, unit(RADIUS, scale), PLATE)];
    // Text is in the middle of its line.
    let first =
        area.top_left + padding / 2 + Size::new(0, (line_height - Face::Small.cell().height * scale) / 2);
    for (row, (text, ink)) in (0..).zip(lines) {
        let at = first + Size::new(0, line_height * row);
        items.push(Item::Text { at, text, face: Face::Small, zoom: scale, ink });
    }
    items
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
            "cache {} frames  {:.1} s  {} of {} MiB",
            cache.frames,
            cache.span.as_secs_f64(),
            mebibytes(cache.bytes),
            mebibytes(cache.capacity)
        ),
    ];
    let title = (format!("{url}   {}{by}", activity_text(model)), ORANGE);
    [title].into_iter().chain(lines.map(|line| (line, WHITE))).collect()
}

fn activity_text(model: &Model) -> &'static str {
    match model.activity {
        Activity::Connecting => "CONNECTING",
        Activity::Buffering { .. } => "BUFFERING",
        Activity::Playing => "PLAYING",
        Activity::Silent { .. } => "NO PICTURE",
        Activity::Paused => "PAUSED",
        Activity::Ended => "ENDED",
        Activity::Reconnecting { .. } => "RECONNECTING",
    }
}

/// Tells how long no picture has come.
pub(crate) fn no_picture(span: Duration) -> String {
    format!("No picture for {} s", span.as_secs().max(1))
}

fn connecting(model: &Model) -> String {
    format!("Connecting to {} ...", host(&model.url))
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
    use crate::ui::scene::Scene;
    use crate::ui::tests::recorded;
    use pinhole::client::LowerTransport;
    use proptest::prelude::*;

    fn layout(size: (u32, u32)) -> Layout {
        Layout::of(size, &Model::default(), Model::default().position)
    }

    fn texts(items: Vec<Item>) -> Vec<String> {
        Scene(items).texts().into_iter().map(str::to_owned).collect()
    }

    fn dims(items: &[Item]) -> bool {
        matches!(items.first(), Some(Item::Fill { .. }))
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
            texts(super::figures(&model, &layout((1280, 720)))),
            [
                "rtsp://127.0.0.1:8554/bunny   PLAYING (TCP)",
                "2560x1440 JPEG   29.97 fps   51.4 Mbit/s",
                "lost 1  late 2  damaged 3  mended 5  missing 4",
                "jitter 0.31 ms  decode 9.2 ms  latency 41 ms",
                "cache 1240 frames  41.3 s  252 of 512 MiB",
            ]
        );
        let live = Model { duration: None, live_delay: Some(Duration::from_micros(39_600)), ..model };
        let figures = texts(super::figures(&live, &layout((1280, 720))));
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
            let told = |model: &Model| texts(message(model, &layout((1280, 720)), false));
            assert_eq!(told(&model), [format!("Connecting to {host} ...")]);
            let session =
                SessionFigures { transport: Some(LowerTransport::Udp), ..SessionFigures::default() };
            let waiting = [format!("Waiting for {host}"), "No picture has come yet".to_owned()];
            assert_eq!(told(&Model { session, ..model }), waiting);
        }
    }

    #[test]
    fn long_buffering_dims_the_picture() {
        let (have, want) = (Duration::from_millis(440), Duration::from_secs(1));
        let buffering = Model { activity: Activity::Buffering { have, want }, ..recorded() };
        assert_eq!(message(&buffering, &layout((1280, 720)), false), []);
        let items = message(&buffering, &layout((1280, 720)), true);
        assert!(dims(&items));
        assert_eq!(texts(items), ["Buffering", "0.4 of 1.0 s"]);
    }

    #[test]
    fn a_silence_is_told_over_the_picture() {
        let activity = Activity::Silent { span: Duration::from_millis(4700) };
        let received = ReceivedFigures { fps: 25.0, bitrate: 8e6, ..ReceivedFigures::default() };
        let silent = Model { activity, received, is_silent: true, ..recorded() };
        let items = message(&silent, &layout((1280, 720)), false);
        assert!(dims(&items));
        assert_eq!(texts(items), ["No picture for 4 s"]);
        let figures = texts(super::figures(&silent, &layout((1280, 720))));
        assert!(
            figures[0].ends_with("NO PICTURE") && figures[1].ends_with("0.00 fps   0 kbit/s"),
            "{figures:?}"
        );
        let held = message(&Model { held: true, ..silent }, &layout((1280, 720)), true);
        assert!(!dims(&held));
        assert_eq!(texts(held), ["No picture for 4 s"]);
    }

    #[test]
    fn only_a_standing_picture_is_covered() {
        let (wait, reason) = (Duration::from_millis(3400), "the connection was lost".to_owned());
        let model = Model { activity: Activity::Reconnecting { attempt: 2, wait, reason }, ..recorded() };
        let items = message(&model, &layout((1280, 720)), true);
        assert!(dims(&items));
        assert_eq!(texts(items), ["Reconnecting", "attempt 2, next try in 4 s", "the connection was lost"]);
        let (wait, reason, url) = (Duration::ZERO, "gone".to_owned(), "rtsp://u:p@cam:554/1".to_owned());
        let now = Model { url, activity: Activity::Reconnecting { attempt: 2, wait, reason }, ..recorded() };
        let items = message(&now, &layout((1280, 720)), true);
        assert_eq!(texts(items), ["Connecting to cam:554 ...", "attempt 2", "gone"]);
        let held = Model { held: true, ..model.clone() };
        for (model, stands) in [(&model, false), (&held, true)] {
            let items = message(model, &layout((1280, 720)), stands);
            assert!(!dims(&items));
            assert_eq!(texts(items), ["Reconnecting: attempt 2, next try in 4 s"]);
        }
    }

    #[test]
    fn help_fits_its_window() {
        let lines = |size| texts(help(&layout(size))).len();
        assert_eq!(lines((1280, 720)), KEYS.len() + 1);
        assert_eq!(lines((512, 100)), 2);
        assert_eq!(lines((140, 720)), 0);
        assert_eq!(lines((1, 1)), 0);
    }

    proptest! {
        #[test]
        fn panels_are_inside_any_window(size in (1..3000u32, 1..2000u32), notice in ".{0,80}") {
            let layout = layout(size);
            let reason = "the server closed the connection, and does not say why".to_owned();
            let activity = Activity::Reconnecting { attempt: 1, wait: Duration::ZERO, reason };
            let model = Model { activity, ..recorded() };
            let panels = [figures(&model, &layout), help(&layout), super::notice(&notice, &layout)];
            for item in panels.into_iter().flatten() {
                let area = item.area();
                prop_assert_eq!(area.intersection(&layout.window), area, "{:?}", item);
            }
            for item in message(&model, &layout, true) {
                let area = item.area();
                prop_assert!(area.top_left.x >= 0 && area.size.width <= size.0, "{:?}", item);
            }
        }
    }
}
