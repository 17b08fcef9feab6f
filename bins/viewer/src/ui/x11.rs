//! What minifb does not do with a window of an X server: it tells each press of the pointer's button, however
//! short, and fills the screen.
//!
//! A second connection has a window of its own, without pixels, over the whole of minifb's. That window gets
//! what the pointer does, one event after the other. Keys still go to minifb's.
use embedded_graphics::geometry::Point;
use minifb::Window;
use raw_window_handle::{HasWindowHandle, RawWindowHandle};
use std::time::{Duration, Instant};
use x11rb::connection::Connection;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::Event as XEvent;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _,
    CreateWindowAux, EventMask, KeyButMask, NotifyMode, PropMode, StackMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    /// Names that window managers know.
    Atoms: AtomsCookie {
        _MOTIF_WM_HINTS,
        _NET_SUPPORTED,
        _NET_WM_STATE,
        _NET_WM_STATE_FULLSCREEN,
    }
}

/// The side of the window that gets the events: larger than any other.
const SIDE: u16 = i16::MAX as u16;
/// The most values of a property that are read.
const VALUES: u32 = 1024;
/// In [`Atoms::_MOTIF_WM_HINTS`], that the decorations are told; the fifth value is unused.
const MOTIF_DECORATIONS: u32 = 2;

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

/// A second connection to the X server that shows a window.
pub(super) struct X11 {
    connection: RustConnection,
    root: u32,
    screen: (u16, u16),
    window: u32,
    atoms: Atoms,
    /// A time of the server in milliseconds, and ours at that time.
    clock: Option<(u32, Instant)>,
    /// Where the window was before it filled the screen without the help of a window manager.
    before: Option<ConfigureWindowAux>,
}

impl X11 {
    /// Connects to the server of a window; `None` if it has none, or refuses.
    pub(super) fn of(window: &Window) -> Option<Self> {
        let handle = window.window_handle().ok()?;
        let RawWindowHandle::Xlib(handle) = handle.as_raw() else { return None };
        let opened = Self::open(u32::try_from(handle.window).ok()?);
        opened.inspect_err(|error| tracing::warn!(%error, "the pointer may lose short clicks")).ok()
    }

    fn open(window: u32) -> Result<Self, Box<dyn std::error::Error>> {
        let (connection, screen) = x11rb::connect(None)?;
        let screen = connection.setup().roots.get(screen).ok_or("there is no such screen")?;
        let (root, size) = (screen.root, (screen.width_in_pixels, screen.height_in_pixels));
        let atoms = Atoms::new(&connection)?.reply()?;
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.change_window_attributes(window, &events)?.check()?;
        let events = EventMask::BUTTON_PRESS
            | EventMask::BUTTON_RELEASE
            | EventMask::POINTER_MOTION
            | EventMask::ENTER_WINDOW
            | EventMask::LEAVE_WINDOW;
        let over = connection.generate_id()?;
        let options = CreateWindowAux::new().event_mask(events);
        let class = WindowClass::INPUT_ONLY;
        connection.create_window(0, over, window, 0, 0, SIDE, SIDE, 0, class, 0, &options)?.check()?;
        connection.map_window(over)?;
        connection.flush()?;
        Ok(Self { connection, root, screen: size, window, atoms, clock: None, before: None })
    }

    /// Returns what has happened since the last call, and when; `None` if the connection is lost. Of moves in a
    /// row, only the last is told.
    pub(super) fn events(&mut self) -> Option<Vec<(Instant, Event)>> {
        let mut events: Vec<(Instant, Event)> = Vec::new();
        while let Some(event) = self.connection.poll_for_event().ok()? {
            let Some((at, event)) = self.event(event) else { continue };
            if let (Event::Pointer(_, down), Some((_, Event::Pointer(_, before)))) = (event, events.last())
                && down == *before
            {
                events.pop();
            }
            events.push((at, event));
        }
        Some(events)
    }

    fn event(&mut self, event: XEvent) -> Option<(Instant, Event)> {
        let at = |x: i16, y: i16| Point::new(x.into(), y.into());
        let is_down = |state: KeyButMask| state.contains(KeyButMask::BUTTON1);
        let (time, event) = match event {
            XEvent::ButtonPress(press) => {
                let event = match press.detail {
                    1 => Event::Pointer(at(press.event_x, press.event_y), true),
                    // The wheel, upwards and downwards, and to the right and the left.
                    4 | 7 => Event::Wheel(1.0),
                    5 | 6 => Event::Wheel(-1.0),
                    _ => return None,
                };
                (press.time, event)
            }
            XEvent::ButtonRelease(release) if release.detail == 1 => {
                (release.time, Event::Pointer(at(release.event_x, release.event_y), false))
            }
            XEvent::MotionNotify(motion) => {
                let place = at(motion.event_x, motion.event_y);
                (motion.time, Event::Pointer(place, is_down(motion.state)))
            }
            XEvent::EnterNotify(crossing) | XEvent::LeaveNotify(crossing)
                if crossing.mode == NotifyMode::NORMAL =>
            {
                let place = at(crossing.event_x, crossing.event_y);
                (crossing.time, Event::Pointer(place, is_down(crossing.state)))
            }
            XEvent::PropertyNotify(changed) if changed.atom == self.atoms._NET_WM_STATE => {
                (changed.time, Event::WholeScreen(self.is_whole_screen().ok()?))
            }
            _ => return None,
        };
        Some((self.instant(time), event))
    }

    /// Returns our time at a time of the server, which counts milliseconds and wraps around.
    fn instant(&mut self, millis: u32) -> Instant {
        let now = Instant::now();
        let instant = self.clock.map_or(now, |(before, at)| {
            let since = millis.wrapping_sub(before).min(u32::MAX / 2);
            now.min(at + Duration::from_millis(since.into()))
        });
        self.clock = Some((millis, instant));
        instant
    }

    /// Has the window fill the screen, or takes it back to where it was. `None` if the server refuses.
    pub(super) fn set_whole_screen(&mut self, whole: bool) -> Option<()> {
        let done = match self.has_manager() {
            Ok(true) => self.ask_manager(whole),
            Ok(false) => self.change_by_ourselves(whole),
            Err(error) => Err(error),
        };
        done.inspect_err(|error| tracing::warn!(%error, "the window does not fill the screen")).ok()
    }

    /// Returns whether a window manager knows what a whole screen is (EWMH).
    fn has_manager(&self) -> Result<bool, ReplyOrIdError> {
        self.lists(self.root, self.atoms._NET_SUPPORTED)
    }

    fn is_whole_screen(&self) -> Result<bool, ReplyOrIdError> {
        Ok(self.before.is_some() || self.lists(self.window, self.atoms._NET_WM_STATE)?)
    }

    /// Returns whether a list of atoms has that of the whole screen.
    fn lists(&self, window: u32, property: u32) -> Result<bool, ReplyOrIdError> {
        let reply = self.connection.get_property(false, window, property, AtomEnum::ATOM, 0, VALUES)?;
        let reply = reply.reply()?;
        let whole_screen = self.atoms._NET_WM_STATE_FULLSCREEN;
        Ok(reply.value32().is_some_and(|mut atoms| atoms.any(|atom| atom == whole_screen)))
    }

    fn ask_manager(&self, whole: bool) -> Result<(), ReplyOrIdError> {
        let (state, whole_screen) = (self.atoms._NET_WM_STATE, self.atoms._NET_WM_STATE_FULLSCREEN);
        // The fourth value says that an application asks.
        let message =
            ClientMessageEvent::new(32, self.window, state, [u32::from(whole), whole_screen, 0, 1, 0]);
        let to = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.connection.send_event(false, self.root, to, message)?;
        self.connection.flush()?;
        Ok(())
    }

    /// Takes the decorations off the window, and makes it as large as the screen; or gives them back.
    fn change_by_ourselves(&mut self, whole: bool) -> Result<(), ReplyOrIdError> {
        let Self { connection, window, root, screen, atoms, before, .. } = self;
        let place = if whole {
            let size = connection.get_geometry(*window)?.reply()?;
            let at = connection.translate_coordinates(*window, *root, 0, 0)?.reply()?;
            let now = ConfigureWindowAux::new().x(i32::from(at.dst_x)).y(i32::from(at.dst_y));
            let now = now.width(u32::from(size.width)).height(u32::from(size.height));
            before.get_or_insert(now);
            let size = (u32::from(screen.0), u32::from(screen.1));
            ConfigureWindowAux::new().x(0).y(0).width(size.0).height(size.1).stack_mode(StackMode::ABOVE)
        } else {
            let Some(before) = before.take() else { return Ok(()) };
            before
        };
        let hints = [MOTIF_DECORATIONS, 0, u32::from(!whole), 0, 0];
        let motif = atoms._MOTIF_WM_HINTS;
        connection.change_property32(PropMode::REPLACE, *window, motif, motif, &hints)?;
        connection.configure_window(*window, &place)?;
        connection.flush()?;
        Ok(())
    }
}
