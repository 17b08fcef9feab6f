//! Stands for [`x11`](super::x11) on systems without it: the window's library does what it can.
use embedded_graphics::geometry::Point;
use minifb::Window;
use std::time::Instant;

/// What the pointer did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    /// It is here, and its button is down or not.
    Pointer(Point, bool),
    /// Its wheel was turned by so many notches, upwards.
    Wheel(f64),
    /// The window fills the screen, or does not any more.
    WholeScreen(bool),
}

/// A connection to an X server, which is not there.
pub(super) enum X11 {}

impl X11 {
    pub(super) fn of(_: &Window) -> Option<Self> {
        None
    }

    pub(super) fn events(&mut self) -> Option<Vec<(Instant, Event)>> {
        match *self {}
    }

    pub(super) fn set_whole_screen(&mut self, _: bool) -> Option<()> {
        match *self {}
    }
}
