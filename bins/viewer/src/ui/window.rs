//! The window: it shows the pictures of streams, and takes keys and the pointer.
use super::canvas::{Canvas, FIRST_SIZE, window_size};
use super::controller::{Ui, Wish};
use super::grid;
use super::input::Press;
use super::overlay::no_picture;
use super::paint::Painter;
use super::x11::{Event, X11};
use crate::model::{Activity, Model, Picture};
use embedded_graphics::geometry::Point;
use minifb::{InputCallback, Key, MouseButton, MouseMode, ScaleMode, Window, WindowOptions};
use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// How often an unchanged picture is drawn again: minifb does not tell when a window was covered or
/// hidden, and X may have lost its contents.
const REDRAW: Duration = Duration::from_millis(250);
/// The shortest time between changes of the controls alone. It is longer than the interval of common
/// streams, in which there is no time to present a large picture twice.
const TOUCH_UP: Duration = Duration::from_millis(35);
/// The shortest time between two pictures of several streams, each of which has its own times.
const TOGETHER: Duration = Duration::from_millis(15);

/// One of the streams that are shown.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// The last picture, if there was one.
    pub(crate) picture: Option<&'a Picture>,
    /// Whether it is another picture than at the last look.
    pub(crate) fresh: bool,
    pub(crate) model: &'a Model,
}

/// A window that shows pictures, and the controls over them.
pub(crate) struct Screen {
    window: Window,
    /// The size that it was opened with.
    opened: (u32, u32),
    canvas: Canvas,
    /// Whether drawn pictures fill their cells.
    filled: bool,
    /// Which stream is drawn alone, if any.
    alone: Option<usize>,
    /// The streams whose newest picture is not drawn yet.
    stale: Vec<bool>,
    painter: Painter,
    ui: Ui,
    shown_at: Instant,
    presses: Receiver<Press>,
    /// Tells what the pointer does and fills the screen, where there is an X server.
    x11: Option<X11>,
    /// What the pointer has done since the last poll.
    events: Vec<(Instant, Event)>,
    /// Where the pointer was last, and whether its button was down.
    pointer: Option<(Point, bool)>,
    /// Whether the window fills the screen, as far as it was asked to.
    whole_screen: bool,
    pointer_hidden: bool,
    title: String,
}

impl Screen {
    /// Opens a window. Its size suits the picture, if there is one stream, which has one already.
    ///
    /// # Errors
    /// There is no display, or it refuses the window.
    pub(crate) fn open(tiles: &[Tile<'_>]) -> Result<Self, minifb::Error> {
        let picture = match tiles {
            [tile] => tile.picture,
            _ => None,
        };
        let opened = picture.map_or(FIRST_SIZE, |picture| window_size((picture.width, picture.height)));
        let ui = Ui::new(tiles.len());
        let ((width, height), title) = (opened, title(tiles, ui.alone()));
        // The canvas has the window's size, so that minifb scales nothing.
        let options =
            WindowOptions { resize: true, scale_mode: ScaleMode::UpperLeft, ..WindowOptions::default() };
        let mut window = Window::new(&title, width as usize, height as usize, options)?;
        // The caller decides when to update the window.
        window.set_target_fps(0);
        let (sender, presses) = mpsc::channel();
        window.set_input_callback(Box::new(KeyListener { sender, down: Vec::new() }));
        let x11 = X11::of(&window);
        Ok(Self {
            window,
            opened,
            canvas: Canvas::new(),
            filled: false,
            alone: ui.alone(),
            stale: vec![true; tiles.len()],
            painter: Painter::default(),
            ui,
            shown_at: Instant::now(),
            presses,
            x11,
            events: Vec::new(),
            pointer: None,
            whole_screen: false,
            pointer_hidden: false,
            title,
        })
    }

    /// Returns whether a new window would have a better size for a picture, and the user has not chosen this
    /// one.
    pub(crate) fn is_unsuited(&self, picture: &Picture) -> bool {
        let suited = window_size((picture.width, picture.height));
        self.size() == self.opened && self.opened != suited
    }

    /// Presents the pictures with the controls over them, if anything has changed or the window may have lost
    /// its contents. Where there is no picture, the window is black.
    ///
    /// # Errors
    /// The display refuses the picture.
    pub(crate) fn show(&mut self, tiles: &[Tile<'_>]) -> Result<(), minifb::Error> {
        let (now, size, alone) = (Instant::now(), self.size(), self.ui.alone());
        for (stale, tile) in self.stale.iter_mut().zip(tiles) {
            *stale |= tile.fresh;
        }
        let is_shown = |stream: usize| alone.is_none_or(|alone| alone == stream);
        let anew = self.canvas.size() != size || (self.filled, self.alone) != (self.ui.is_filled(), alone);
        let place = |stream: usize| alone.map_or((stream, tiles.len()), |_| (0, 1));
        // What is played now has no picture yet, and the one before had.
        let is_over = |(stream, tile): (usize, &Tile<'_>)| {
            tile.picture.is_none() && is_shown(stream) && self.canvas.has_picture(place(stream).0)
        };
        let anew = anew || tiles.iter().enumerate().any(is_over);
        let fresh = anew || self.stale.iter().enumerate().any(|(stream, stale)| *stale && is_shown(stream));
        let rested = now.saturating_duration_since(self.shown_at);
        if !fresh && rested < TOUCH_UP || !anew && alone.is_none() && rested < TOGETHER {
            return Ok(());
        }
        let models: Vec<_> = tiles.iter().map(|tile| tile.model).collect();
        let scene = self.ui.scene(&models, size, now);
        let changed = fresh || scene != *self.painter.scene();
        if !changed && rested < REDRAW {
            return Ok(());
        }
        if changed {
            self.painter.unpaint(&mut self.canvas.surface());
            if anew {
                self.canvas.clear(size);
                (self.filled, self.alone) = (self.ui.is_filled(), alone);
            }
            for (stream, (tile, stale)) in tiles.iter().zip(&mut self.stale).enumerate() {
                if let Some(picture) = tile.picture
                    && is_shown(stream)
                    && (mem::take(stale) || anew)
                {
                    let (number, of) = place(stream);
                    self.canvas.draw(number, grid::cell(number, of, size), picture, self.filled);
                }
            }
            self.painter.paint(&mut self.canvas.surface(), scene);
        }
        self.shown_at = now;
        let (width, height) = self.canvas.size();
        self.window.update_with_buffer(self.canvas.pixels(), width as usize, height as usize)?;
        self.look_at_pointer();
        Ok(())
    }

    /// Processes the window's events. Returns what the user wants, and of which stream: the one that was shown
    /// alone, or the first.
    pub(crate) fn poll(&mut self, tiles: &[Tile<'_>]) -> Vec<(usize, Wish)> {
        self.window.update();
        if !self.window.is_open() {
            return vec![(0, Wish::Quit)];
        }
        self.look_at_pointer();
        let (now, size) = (Instant::now(), self.size());
        let mut wishes = Vec::new();
        let mut wish = |ui: &Ui, wanted: &mut dyn Iterator<Item = Wish>| {
            let stream = ui.alone().unwrap_or(0);
            wishes.extend(wanted.map(|wish| (stream, wish)));
        };
        let ui = &mut self.ui;
        for press in self.presses.try_iter() {
            let wanted = ui.press(press, alone(ui, tiles), now);
            wish(ui, &mut wanted.into_iter());
        }
        for (when, event) in mem::take(&mut self.events) {
            match event {
                Event::Pointer(at, down) => {
                    self.pointer = Some((at, down));
                    let wanted = ui.point(at, down, alone(ui, tiles), size, when);
                    wish(ui, &mut wanted.into_iter());
                }
                Event::Wheel(notches) => {
                    let wanted = ui.turn_wheel(notches, when);
                    wish(ui, &mut wanted.into_iter());
                }
                Event::WholeScreen(whole) => {
                    self.whole_screen = whole;
                    ui.set_whole_screen(whole);
                }
            }
        }
        if let Some((at, down)) = self.pointer {
            let wanted = ui.point(at, down, alone(ui, tiles), size, now);
            wish(ui, &mut wanted.into_iter());
        }
        let hide = ui.hides_pointer(alone(ui, tiles), now);
        self.fill_screen(now);
        if hide != self.pointer_hidden {
            self.window.set_cursor_visibility(!hide);
            self.pointer_hidden = hide;
        }
        wishes
    }

    /// Returns the stream that is shown alone; `None` if several are shown.
    pub(crate) const fn alone(&self) -> Option<usize> {
        self.ui.alone()
    }

    /// Shows a line over the picture for some seconds.
    pub(crate) fn notify(&mut self, text: String) {
        self.ui.notify(text, Instant::now());
    }

    /// Brings the title up to date.
    pub(crate) fn set_title(&mut self, tiles: &[Tile<'_>]) {
        let title = title(tiles, self.ui.alone());
        if self.title != title {
            self.window.set_title(&title);
            self.title = title;
        }
    }

    /// Fills the screen, or leaves it, if the user has asked for that.
    fn fill_screen(&mut self, now: Instant) {
        let whole = self.ui.is_whole_screen();
        if self.whole_screen == whole {
            return;
        }
        if self.x11.as_mut().and_then(|x11| x11.set_whole_screen(whole)).is_some() {
            self.whole_screen = whole;
        } else {
            self.ui.set_whole_screen(self.whole_screen);
            self.ui.notify("the window cannot fill this screen".to_owned(), now);
        }
    }

    /// Takes note of what the pointer has done. Called after each update of the window: without an X server,
    /// one may bring a press, and the next the release.
    fn look_at_pointer(&mut self) {
        if let Some(x11) = &mut self.x11 {
            match x11.events() {
                Some(events) => self.events.extend(events),
                None => self.x11 = None,
            }
            return;
        }
        let now = Instant::now();
        if let Some((x, y)) = self.window.get_mouse_pos(MouseMode::Pass) {
            let place = Point::new(x as i32, y as i32);
            let seen = Event::Pointer(place, self.window.get_mouse_down(MouseButton::Left));
            self.events.push((now, seen));
        }
        if let Some((across, up)) = self.window.get_scroll_wheel() {
            self.events.push((now, Event::Wheel(f64::from(up - across))));
        }
    }

    fn size(&self) -> (u32, u32) {
        let (width, height) = self.window.get_size();
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX).max(1);
        (side(width), side(height))
    }
}

/// Returns the model of the stream that is shown alone.
fn alone<'a>(ui: &Ui, tiles: &[Tile<'a>]) -> Option<&'a Model> {
    tiles.get(ui.alone()?).map(|tile| tile.model)
}

/// Returns the window's title: of the stream that is shown alone, or the addresses of all.
fn title(tiles: &[Tile<'_>], alone: Option<usize>) -> String {
    if let Some(tile) = alone.and_then(|stream| tiles.get(stream)) {
        return title_of(tile.model, tile.picture.is_some());
    }
    let names: Vec<_> = tiles.iter().map(|tile| &*tile.model.url).collect();
    format!("{} streams - {}", tiles.len(), names.join(", "))
}

/// Returns the title for a stream: the address, and how the stream is. It tells the size once there is a picture: the
/// window may be replaced for the first one.
fn title_of(model: &Model, has_picture: bool) -> String {
    if let Some(Err(_)) = model.over {
        return format!("not played - {}", model.url);
    }
    if model.received.codec.is_none() {
        let state = match model.activity {
            Activity::Opening => "opening",
            Activity::LoggingIn { .. } => "password needed",
            _ => "connecting",
        };
        return format!("{state} - {}", model.url);
    }
    let silent = match model.activity {
        Activity::Silent { span } => format!("{} - ", no_picture(span).to_lowercase()),
        Activity::Reconnecting { .. } => "reconnecting - ".to_owned(),
        Activity::Ended => "ended - ".to_owned(),
        _ => String::new(),
    };
    let url = &model.url;
    let state = match (model.held, has_picture || !silent.is_empty()) {
        (true, _) => "paused - ",
        (false, false) => "waiting - ",
        (false, true) => "",
    };
    if !has_picture {
        return format!("{state}{silent}{url}");
    }
    let ((width, height), (fps, _)) = (model.received.size, model.rates());
    format!("{state}{silent}{url} - {width}x{height} - {fps:.2} fps - {} lost", model.session.packets_lost)
}

/// Receives each press of a key, also a press that is over before the next poll.
struct KeyListener {
    sender: Sender<Press>,
    /// Keys that are held.
    down: Vec<Key>,
}

impl KeyListener {
    fn send(&self, press: Press) {
        // Fails only while the window is being closed.
        let _ = self.sender.send(press);
    }
}

impl InputCallback for KeyListener {
    fn add_char(&mut self, letter: u32) {
        if let Some(letter) = char::from_u32(letter) {
            self.send(Press::Char(letter));
        }
    }

    fn set_key_state(&mut self, key: Key, down: bool) {
        let again = self.down.contains(&key);
        self.down.retain(|other| *other != key);
        if down {
            self.down.push(key);
            let shift = self.down.iter().any(|key| matches!(key, Key::LeftShift | Key::RightShift));
            self.send(Press::Key { key, shift, again });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ReceivedFigures, SessionFigures};

    fn listener() -> (KeyListener, Receiver<Press>) {
        let (sender, presses) = mpsc::channel();
        (KeyListener { sender, down: Vec::new() }, presses)
    }

    #[test]
    fn held_keys_differ_from_repeated_taps() {
        let (mut listener, presses) = listener();
        for down in [true, true, false, true, false] {
            listener.set_key_state(Key::Space, down);
        }
        let again = presses.try_iter().map(|press| matches!(press, Press::Key { again: true, .. }));
        assert_eq!(again.collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn shift_counts_while_it_is_held() {
        let (mut listener, presses) = listener();
        for (key, down) in
            [(Key::RightShift, true), (Key::Left, true), (Key::RightShift, false), (Key::Right, true)]
        {
            listener.set_key_state(key, down);
        }
        let with_shift: Vec<_> = presses
            .try_iter()
            .filter_map(
                |press| if let Press::Key { key, shift: true, .. } = press { Some(key) } else { None },
            )
            .collect();
        assert_eq!(with_shift, [Key::RightShift, Key::Left]);
    }

    #[test]
    fn the_title_says_how_the_stream_is() {
        let model = Model {
            url: "rtsp://cam/1".to_owned(),
            received: ReceivedFigures {
                codec: Some("JPEG"),
                size: (1280, 720),
                fps: 29.97,
                ..ReceivedFigures::default()
            },
            session: SessionFigures { packets_lost: 25, ..SessionFigures::default() },
            ..Model::default()
        };
        assert_eq!(title_of(&model, true), "rtsp://cam/1 - 1280x720 - 29.97 fps - 25 lost");
        assert_eq!(title_of(&model, false), "waiting - rtsp://cam/1");
        assert!(title_of(&Model { held: true, ..model }, true).starts_with("paused - rtsp://"));
    }

    #[test]
    fn the_title_of_several_streams_names_them() {
        let named = |url: &str| Model { url: url.to_owned(), ..Model::default() };
        let models = [named("rtsp://a/"), named("rtsp://b/1")];
        let tiles: Vec<_> = models.iter().map(|model| Tile { picture: None, fresh: false, model }).collect();
        assert_eq!(title(&tiles, None), "2 streams - rtsp://a/, rtsp://b/1");
        assert_eq!(title(&tiles, Some(1)), "connecting - rtsp://b/1");
        let refused = Model { over: Some(Err("404".to_owned())), ..named("rtsp://a/") };
        assert_eq!(title_of(&refused, false), "not played - rtsp://a/");
    }

    #[test]
    fn the_title_tells_that_no_picture_comes() {
        let (codec, size) = (Some("JPEG"), (1280, 720));
        let received = ReceivedFigures { codec, size, fps: 25.0, ..ReceivedFigures::default() };
        let activity = Activity::Silent { span: Duration::from_millis(3900) };
        let silent =
            Model { url: "rtsp://cam/1".to_owned(), received, activity, is_silent: true, ..Model::default() };
        assert_eq!(
            title_of(&silent, true),
            "no picture for 3 s - rtsp://cam/1 - 1280x720 - 0.00 fps - 0 lost"
        );
        assert_eq!(title_of(&silent, false), "no picture for 3 s - rtsp://cam/1");
        let (attempt, wait, reason) = (1, Duration::ZERO, String::new());
        let lost = Model { activity: Activity::Reconnecting { attempt, wait, reason }, ..silent };
        assert_eq!(title_of(&lost, true), "reconnecting - rtsp://cam/1 - 1280x720 - 0.00 fps - 0 lost");
        let none = Model { url: "rtsp://cam/1".to_owned(), ..Model::default() };
        assert_eq!(title_of(&none, false), "connecting - rtsp://cam/1");
        let file = Model { activity: Activity::Opening, url: "/a.avi".to_owned(), ..Model::default() };
        assert_eq!(title_of(&file, false), "opening - /a.avi");
    }
}
