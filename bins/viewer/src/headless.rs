//! The stream in one line of the terminal.
use crate::player::Status;
use indicatif::{ProgressBar, ProgressStyle};

/// A progress line on standard error; nothing where that is no terminal.
pub(crate) struct Line(ProgressBar);

impl Line {
    /// The line, when it is wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        if !wanted {
            return Self(ProgressBar::hidden());
        }
        let line = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            line.set_style(style);
        }
        Self(line)
    }

    /// Brings it up to date.
    pub(crate) fn show(&self, url: &str, status: &Status) {
        let waiting = || format!("{url}: no frame yet");
        self.0.set_message(if status.codec.is_some() { summary(status) } else { waiting() });
        self.0.tick();
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
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
