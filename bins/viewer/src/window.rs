//! The window, and what is typed into it.
use crate::decode::Picture;
use crate::player::Status;
use crate::scale::{Canvas, window_size};
use minifb::{InputCallback, Key, Window, WindowOptions};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// After this time a picture is drawn again: minifb does not tell when a window was covered or
/// hidden, and X may have kept nothing of what was in it.
const REDRAW: Duration = Duration::from_millis(250);

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Pause, or go on.
    Pause,
    /// End the program.
    Quit,
}

/// A window that shows pictures.
pub(crate) struct Screen {
    window: Window,
    canvas: Canvas,
    shown_at: Instant,
    keys: Receiver<Key>,
    title: String,
}

impl Screen {
    /// Opens a window that suits the picture, and shows it.
    ///
    /// # Errors
    /// There is no display, or it has no window for us.
    pub(crate) fn open(title: &str, picture: &Picture) -> Result<Self, minifb::Error> {
        let (width, height) = window_size((picture.width, picture.height));
        let options = WindowOptions { resize: true, ..WindowOptions::default() };
        let mut window = Window::new(title, width as usize, height as usize, options)?;
        // The loop has its own rhythm.
        window.set_target_fps(0);
        let (sender, keys) = mpsc::channel();
        window.set_input_callback(Box::new(Typed { sender, down: Vec::new() }));
        let canvas = Canvas::new();
        let mut screen = Self { window, canvas, shown_at: Instant::now(), keys, title: title.to_owned() };
        screen.show(picture)?;
        Ok(screen)
    }

    /// Draws a picture at the window's size, and presents it.
    ///
    /// # Errors
    /// The display refuses it.
    pub(crate) fn show(&mut self, picture: &Picture) -> Result<(), minifb::Error> {
        self.shown_at = Instant::now();
        self.canvas.draw(picture, self.size());
        let (width, height) = self.canvas.size();
        self.window.update_with_buffer(self.canvas.pixels(), width as usize, height as usize)
    }

    /// Lets the window live, and tells what is wished.
    pub(crate) fn poll(&mut self) -> Option<Wish> {
        self.window.update();
        if !self.window.is_open() {
            return Some(Wish::Quit);
        }
        self.keys.try_iter().find_map(wish)
    }

    /// The picture is to be drawn again, though there is no newer: the window has another size than
    /// it, or may have lost it.
    pub(crate) fn is_stale(&self) -> bool {
        self.canvas.size() != self.size() || self.shown_at.elapsed() >= REDRAW
    }

    /// Writes the title, where it is another.
    pub(crate) fn set_title(&mut self, title: String) {
        if self.title != title {
            self.window.set_title(&title);
            self.title = title;
        }
    }

    fn size(&self) -> (u32, u32) {
        let (width, height) = self.window.get_size();
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX).max(1);
        (side(width), side(height))
    }
}

/// The title of a window: the URL, and how the stream is.
pub(crate) fn title(url: &str, status: &Status, paused: bool) -> String {
    let (width, height) = status.size;
    let statistics = &status.statistics;
    let sent = statistics.packets.saturating_add(statistics.packets_lost).max(1);
    let loss = statistics.packets_lost as f64 * 100.0 / sent as f64;
    let state = if paused { "paused - " } else { "" };
    format!("{state}{url} - {width}x{height} - {:.2} fps - {loss:.1} % lost", status.fps)
}

fn wish(key: Key) -> Option<Wish> {
    match key {
        Key::Space => Some(Wish::Pause),
        Key::Q | Key::Escape => Some(Wish::Quit),
        _ => None,
    }
}

/// Hears each press of a key, also one so short that it is over when the state is polled.
struct Typed {
    sender: Sender<Key>,
    /// Keys that are held: their repetition is no press.
    down: Vec<Key>,
}

impl InputCallback for Typed {
    fn add_char(&mut self, _: u32) {}

    fn set_key_state(&mut self, key: Key, down: bool) {
        let held = self.down.contains(&key);
        self.down.retain(|other| *other != key);
        if down {
            self.down.push(key);
            if !held {
                // Nobody listens when the window is being closed.
                let _ = self.sender.send(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Statistics;

    #[test]
    fn a_held_key_counts_once_and_a_quick_tap_counts() {
        let (sender, keys) = mpsc::channel();
        let mut typed = Typed { sender, down: Vec::new() };
        for down in [true, true, true, false, true, false] {
            typed.set_key_state(Key::Space, down);
        }
        assert_eq!(keys.try_iter().collect::<Vec<_>>(), [Key::Space, Key::Space]);
    }

    #[test]
    fn the_title_tells_url_size_rate_and_loss() {
        let statistics = Statistics { packets: 75, packets_lost: 25, ..Statistics::default() };
        let status = Status { size: (1280, 720), fps: 29.97, statistics, ..Status::default() };
        assert_eq!(
            title("rtsp://cam/1", &status, false),
            "rtsp://cam/1 - 1280x720 - 29.97 fps - 25.0 % lost"
        );
        assert!(title("rtsp://cam/1", &status, true).starts_with("paused - rtsp://"));
    }
}
