//! Runs an X server without a real screen, and acts as a person before that screen: looks at windows, and
//! types into them.
use crate::clip::TempDir;
use crate::process::{Finished, Running, poll, run};
use std::process::Command;
use std::time::Duration;

/// The longest time that each method of [`Display`] and [`Window`] waits; after that, the method panics. It
/// is long enough for a loaded machine. Tests use it for waits of their own, too.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A running X server (Xvfb) that has a screen of 1280x1024 pixels in memory, and no window manager.
/// [`Self::start`] makes it. When this is dropped, the X server is ended.
#[derive(Debug)]
pub struct Display {
    xvfb: Running,
    name: String,
}

/// A window on a [`Display`], from [`Display::window`]. If the window was closed, all of its methods panic.
#[derive(Debug)]
pub struct Window<'a> {
    display: &'a Display,
    id: String,
}

/// A picture of what a window showed at one moment, from [`Window::picture`].
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// The width and the height of the picture in pixels.
    pub size: (usize, usize),
    /// The pixels, row by row from the top left, with three bytes for each pixel: red, green and blue.
    pub rgb: Vec<u8>,
}

impl Display {
    /// Starts an X server with the first display number that is free, and waits until it is ready. Check
    /// with [`crate::peer::available`] for [`crate::peer::Peer::Display`] first.
    ///
    /// # Panics
    /// Panics if the X server does not start within [`LIMIT`].
    pub fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
        // Without this, it starts over whenever its last client leaves.
        let xvfb = Running::start(command.arg("-noreset"));
        let number = xvfb.wait_stdout(LIMIT, |lines| lines.first().cloned());
        Self { xvfb, name: format!(":{number}") }
    }

    /// Returns the name of the display, such as `:1`. Give this value to a program as the environment
    /// variable `DISPLAY`, so that the program opens its window on this display.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a visible window with the title of a viewer that has a picture, and returns the window, which shows
    /// a picture and is not replaced any more. If there are several such windows, returns any one of them.
    ///
    /// # Panics
    /// Panics if there is no such window within [`LIMIT`].
    pub fn window(&self) -> Window<'_> {
        // Not one that is connecting or reconnecting: the size is there with the first picture.
        self.window_named(r" - [1-9][0-9]*x[0-9]+ - ")
    }

    /// Waits for a visible window of a viewer, with or without a picture, and returns the window. With the
    /// first picture, the viewer may open another window, of a better size.
    ///
    /// # Panics
    /// Panics if there is no such window within [`LIMIT`].
    pub fn early_window(&self) -> Window<'_> {
        self.window_named(r"rtsp://| - [1-9][0-9]*x[0-9]+ - ")
    }

    /// Waits for a visible window with a title that fits a regular expression.
    fn window_named(&self, title: &str) -> Window<'_> {
        // It fails where it finds nothing.
        let mut search = self.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", title]);
        let found = poll(LIMIT, || {
            let done = run(&mut search, LIMIT).expect("xdotool runs");
            done.stdout.lines().next().map(str::to_owned)
        });
        Window { display: self, id: found.expect("a window opens") }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name);
        command
    }
}

/// Ends the X server by a signal that lets it remove its socket, which a killed one would leave.
impl Drop for Display {
    fn drop(&mut self) {
        if self.xvfb.is_alive() {
            self.xvfb.signal("TERM");
            let _ = poll(Duration::from_secs(5), || (!self.xvfb.is_alive()).then_some(()));
        }
    }
}

impl Window<'_> {
    /// Returns the title of the window as it is now.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn title(&self) -> String {
        self.xdotool(&["getwindowname", &self.id]).stdout.trim_end().to_owned()
    }

    /// Waits until the window has a title for which `fits` returns true, and returns that title. If the
    /// title fits already, this returns at once.
    ///
    /// # Panics
    /// Panics if no title fits within [`LIMIT`], or if the window is closed.
    #[track_caller]
    pub fn wait_title(&self, fits: impl Fn(&str) -> bool) -> String {
        let title = poll(LIMIT, || Some(self.title()).filter(|title| fits(title)));
        title.unwrap_or_else(|| panic!("the title is still '{}'", self.title()))
    }

    /// Gives the window the keyboard focus, presses a key for 80 ms, and releases the key. `key` is the
    /// name of the key in X, such as `q`, `space` or `Left`. Does not wait until the program has acted on
    /// the key.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn press(&self, key: &str) {
        self.xdotool(&["windowfocus", &self.id, "keydown", key, "sleep", "0.08", "keyup", key]);
    }

    /// Moves the pointer to a place in the window. `x` and `y` are the place in pixels to the right and
    /// down from the top left of the window.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn point(&self, x: usize, y: usize) {
        self.xdotool(&["mousemove", "--window", &self.id, &x.to_string(), &y.to_string()]);
    }

    /// Moves the pointer to a place in the window, presses the left mouse button for at least 80 ms, and
    /// releases the button. `x` and `y` are the place in pixels to the right and down from the top left of
    /// the window.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn click(&self, x: usize, y: usize) {
        self.drag((x, y), (x, y));
    }

    /// Moves the pointer to a place in the window, and presses and releases a mouse button `times` times, without
    /// any time between: the program is likely to find all of it at once. `button` is the number of the button
    /// in X, such as 1 for the left one, or 4 and 5 for the wheel. `x` and `y` are the place in pixels to the
    /// right and down from the top left of the window.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn tap(&self, x: usize, y: usize, button: u8, times: usize) {
        self.point(x, y);
        let button = button.to_string();
        let tap = ["mousedown", &button, "mouseup", &button];
        self.xdotool(&std::iter::repeat_n(tap, times).flatten().collect::<Vec<_>>());
    }

    /// Presses the left mouse button at the place `from` in the window, moves the pointer to `to`, and
    /// releases the button there. The places are in pixels to the right and down from the top left of
    /// the window.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn drag(&self, from: (usize, usize), to: (usize, usize)) {
        self.point(from.0, from.1);
        self.xdotool(&["mousedown", "1", "sleep", "0.08"]);
        self.point(to.0, to.1);
        self.xdotool(&["sleep", "0.08", "mouseup", "1"]);
    }

    /// Asks for another size of the window in pixels, and does not wait. The program draws the window in
    /// that size some time later: call [`Self::picture`] until it returns that size.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn resize(&self, width: usize, height: usize) {
        self.xdotool(&["windowsize", &self.id, &width.to_string(), &height.to_string()]);
    }

    /// Takes the window off the screen, as minimising does, and puts it back. The X server keeps nothing of
    /// what the window showed, so the program has to draw the window again.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn hide_and_show(&self) {
        self.xdotool(&["windowunmap", "--sync", &self.id, "windowmap", "--sync", &self.id]);
    }

    /// Returns what the window shows at this moment, in the size of the window.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn picture(&self) -> Picture {
        self.import(&[])
    }

    /// Returns what the window shows at this moment, scaled to exactly this size in pixels, whatever the
    /// aspect ratio.
    ///
    /// # Panics
    /// Panics if the window is closed.
    pub fn picture_scaled(&self, width: usize, height: usize) -> Picture {
        self.import(&["-resize", &format!("{width}x{height}!")])
    }

    fn import(&self, options: &[&str]) -> Picture {
        let directory = TempDir::new();
        let file = directory.path().join("window.ppm");
        let mut command = self.display.command("import");
        command.args(["-silent", "-window", &self.id]).args(options).args(["-depth", "8"]).arg(&file);
        let mut import = Running::start(&mut command);
        let is_gone = poll(LIMIT, || {
            // It then waits until somebody clicks at a window.
            let is_gone = import.to_string().contains("no window with specified ID exists");
            (is_gone || !import.is_alive()).then_some(is_gone)
        });
        assert_eq!(is_gone, Some(false), "the window is closed, or {import}");
        let done = import.finish(LIMIT);
        assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
        let ppm = std::fs::read(file).expect("import has written a file");
        Picture::from_ppm(&ppm).expect("import writes PPM")
    }

    fn xdotool(&self, arguments: &[&str]) -> Finished {
        self.done(self.display.command("xdotool").args(arguments))
    }

    fn done(&self, command: &mut Command) -> Finished {
        let done = run(command, LIMIT).expect("the tool runs");
        assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
        done
    }
}

impl Picture {
    /// Returns the pixels of a rectangle of the picture, row by row, with three bytes for each pixel: red,
    /// green and blue. `x` and `y` are the place of the rectangle's top left pixel, in pixels from the top
    /// left of the picture, counted from 0. `width` and `height` are in pixels.
    ///
    /// If the rectangle extends below the picture, the result is shorter: it has only the rows that exist.
    ///
    /// # Panics
    /// Panics if the rectangle extends beyond the right edge of the picture.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Vec<u8> {
        let rows = self.rgb.chunks(self.size.0 * 3).skip(y).take(height);
        rows.flat_map(|row| &row[x * 3..(x + width) * 3]).copied().collect()
    }

    /// Returns the colour of a pixel as `0xRRGGBB`. `x` and `y` are counted from 0 at the top left.
    ///
    /// # Panics
    /// Panics if there is no such pixel in the picture.
    pub fn pixel(&self, x: usize, y: usize) -> u32 {
        let [r, g, b] = self.part(x, y, 1, 1)[..] else { panic!("{x},{y} is outside of {self:?}") };
        u32::from_be_bytes([0, r, g, b])
    }

    /// Returns how many pixels of a rectangle have exactly the colour `0xRRGGBB`. The rectangle is given by
    /// the place of its top left pixel, counted from 0 at the top left of the picture, and its width and
    /// height in pixels. If the rectangle extends below the picture, only the rows that exist are looked
    /// at.
    ///
    /// # Panics
    /// Panics if the rectangle extends beyond the right edge of the picture.
    pub fn count(&self, (x, y, width, height): (usize, usize, usize, usize), colour: u32) -> usize {
        let [_, r, g, b] = colour.to_be_bytes();
        self.part(x, y, width, height).chunks(3).filter(|pixel| *pixel == [r, g, b]).count()
    }

    /// Reads a binary PPM file of 8 bits. Returns `None` if it is not one.
    fn from_ppm(file: &[u8]) -> Option<Self> {
        let mut lines = file.splitn(4, |byte| *byte == b'\n');
        let mut line = || lines.next();
        let (magic, size, depth, rgb) = (line()?, line()?, line()?, line()?);
        let (width, height) = std::str::from_utf8(size).ok()?.split_once(' ')?;
        let size = (width.parse().ok()?, height.parse().ok()?);
        let whole = (magic, depth) == (b"P6", b"255") && rgb.len() == size.0 * size.1 * 3;
        whole.then(|| Self { size, rgb: rgb.to_vec() })
    }
}

/// Leaves out the pixels.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.size.0, self.size.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{Peer, available};
    use std::panic::catch_unwind;
    use std::time::Instant;

    #[test]
    fn a_closed_window_is_not_waited_for() {
        if !available(&[Peer::Display]) {
            return;
        }
        let display = Display::start();
        let window = Window { display: &display, id: "2097185".to_owned() };
        let begun = Instant::now();
        let message = catch_unwind(|| window.picture()).unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.contains("the window is closed"), "{message}");
        assert!(begun.elapsed() < LIMIT);
    }

    #[test]
    fn a_part_of_a_picture_is_cut_out_of_a_ppm() {
        let ppm = [b"P6\n3 2\n255\n".as_slice(), &(0..18).collect::<Vec<u8>>()].concat();
        let picture = Picture::from_ppm(&ppm).unwrap();
        assert_eq!(picture.size, (3, 2));
        assert_eq!(picture.part(1, 1, 2, 1), [12, 13, 14, 15, 16, 17]);
        assert_eq!(picture.pixel(1, 1), 0x0c_0d0e);
        assert_eq!(picture.count((0, 0, 3, 2), 0x0c_0d0e), 1);
        assert_eq!(Picture::from_ppm(&ppm[..28]), None);
    }
}
