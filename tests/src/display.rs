//! An X server without a screen, and who sits in front of it: sees windows, and types into them.
use crate::clip::TempDir;
use crate::process::{Finished, Running, poll, run};
use std::process::Command;
use std::time::Duration;

/// How long anything here may take on a loaded machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// An X server of its own, of 1280x1024 pixels, without a window manager; ended when this is
/// dropped.
#[derive(Debug)]
pub struct Display {
    xvfb: Running,
    name: String,
}

/// The one window on a display.
#[derive(Debug)]
pub struct Window<'a> {
    display: &'a Display,
    id: String,
}

/// What a window shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across and down.
    pub size: (usize, usize),
    /// Row by row, three bytes each.
    pub rgb: Vec<u8>,
}

impl Display {
    /// A new display, with the first number that is free.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
        // Without this, it starts over whenever its last client leaves.
        let xvfb = Running::start(command.arg("-noreset"));
        let number = xvfb.wait_stdout(LIMIT, |lines| lines.first().cloned());
        Self { xvfb, name: format!(":{number}") }
    }

    /// What `DISPLAY` is to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The window whose title has a URL, when it is open.
    ///
    /// # Panics
    /// If none opens.
    pub fn window(&self) -> Window<'_> {
        // It fails where it finds nothing.
        let mut search = self.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", "rtsp://"]);
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

/// Killed, it would leave its socket behind.
impl Drop for Display {
    fn drop(&mut self) {
        if self.xvfb.is_alive() {
            self.xvfb.signal("TERM");
            let _ = poll(Duration::from_secs(5), || (!self.xvfb.is_alive()).then_some(()));
        }
    }
}

impl Window<'_> {
    /// Its title.
    ///
    /// # Panics
    /// If it is closed.
    pub fn title(&self) -> String {
        self.xdotool(&["getwindowname", &self.id]).stdout.trim_end().to_owned()
    }

    /// Waits for a title that fits, and returns it.
    ///
    /// # Panics
    /// If there is none in time, or the window is closed.
    #[track_caller]
    pub fn wait_title(&self, fits: impl Fn(&str) -> bool) -> String {
        let title = poll(LIMIT, || Some(self.title()).filter(|title| fits(title)));
        title.unwrap_or_else(|| panic!("the title is still '{}'", self.title()))
    }

    /// Presses a key, by its name in X, for as long as a finger does.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn press(&self, key: &str) {
        self.xdotool(&["windowfocus", &self.id, "keydown", key, "sleep", "0.08", "keyup", key]);
    }

    /// Moves the pointer to a place in the window.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn point(&self, x: usize, y: usize) {
        self.xdotool(&["mousemove", "--window", &self.id, &x.to_string(), &y.to_string()]);
    }

    /// Clicks at a place, for as long as a finger does.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn click(&self, x: usize, y: usize) {
        self.drag((x, y), (x, y));
    }

    /// Takes hold of what is at one place, and lets it go at another.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn drag(&self, from: (usize, usize), to: (usize, usize)) {
        self.point(from.0, from.1);
        self.xdotool(&["mousedown", "1", "sleep", "0.08"]);
        self.point(to.0, to.1);
        self.xdotool(&["sleep", "0.08", "mouseup", "1"]);
    }

    /// Asks for another size. That the window has it, and has drawn anything, is to be awaited.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn resize(&self, width: usize, height: usize) {
        self.xdotool(&["windowsize", &self.id, &width.to_string(), &height.to_string()]);
    }

    /// Takes it off the screen, as minimising does, and puts it there again. The X server keeps
    /// nothing of what it showed.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn hide_and_show(&self) {
        self.xdotool(&["windowunmap", "--sync", &self.id, "windowmap", "--sync", &self.id]);
    }

    /// What it shows, pixel by pixel.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn picture(&self) -> Picture {
        self.import(&[])
    }

    /// What it shows, scaled to a size.
    ///
    /// # Panics
    /// If the window is closed.
    pub fn picture_scaled(&self, width: usize, height: usize) -> Picture {
        self.import(&["-resize", &format!("{width}x{height}!")])
    }

    fn import(&self, options: &[&str]) -> Picture {
        let directory = TempDir::new();
        let file = directory.path().join("window.ppm");
        let mut command = self.display.command("import");
        command.args(["-silent", "-window", &self.id]).args(options).args(["-depth", "8"]).arg(&file);
        self.done(&mut command);
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
    /// A part of it, as RGB.
    ///
    /// # Panics
    /// If it is not inside.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Vec<u8> {
        let rows = self.rgb.chunks(self.size.0 * 3).skip(y).take(height);
        rows.flat_map(|row| &row[x * 3..(x + width) * 3]).copied().collect()
    }

    /// The colour at a place, `0xRRGGBB`.
    ///
    /// # Panics
    /// If it is not inside.
    pub fn pixel(&self, x: usize, y: usize) -> u32 {
        let [r, g, b] = self.part(x, y, 1, 1)[..] else { panic!("{x},{y} is outside of {self:?}") };
        u32::from_be_bytes([0, r, g, b])
    }

    /// How many pixels of a part have this colour, `0xRRGGBB`.
    ///
    /// # Panics
    /// If the part is not inside.
    pub fn count(&self, (x, y, width, height): (usize, usize, usize, usize), colour: u32) -> usize {
        let [_, r, g, b] = colour.to_be_bytes();
        self.part(x, y, width, height).chunks(3).filter(|pixel| *pixel == [r, g, b]).count()
    }

    /// Reads a binary PPM of 8 bits.
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

/// Without its pixels, which nobody reads.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.size.0, self.size.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
