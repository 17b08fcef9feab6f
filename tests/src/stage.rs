//! A viewer in its window, with everything that it needs.
use crate::clip::{Clip, TempDir};
use crate::display::{Display, LIMIT, Window};
use crate::process::{Running, poll};
use crate::server::Server;
use crate::viewer;

/// A running viewer, the server that it watches, and the display that it is on.
#[derive(Debug)]
pub struct Stage {
    /// The viewer. Its working directory is `directory`.
    pub viewer: Running,
    /// The server that the viewer watches.
    pub server: Server,
    /// The X display that the viewer's window is on.
    pub display: Display,
    /// The directory where the viewer writes its files.
    pub directory: TempDir,
}

impl Stage {
    /// Starts a viewer that shows the sample clip, from a server with these options.
    ///
    /// # Panics
    /// Panics if the server or the display does not come up.
    pub fn set(options: &[&str]) -> Self {
        Self::of(Server::with(options, &[Clip::sample().path]), Clip::sample().mount())
    }

    /// Starts a viewer that shows a medium of `server`.
    ///
    /// # Panics
    /// Panics if the display does not come up.
    pub fn of(server: Server, mount: &str) -> Self {
        let (display, directory) = (Display::start(), TempDir::new());
        let url = server.url(mount);
        let viewer = viewer::start_in(directory.path(), display.name(), &[&url]);
        Self { viewer, server, display, directory }
    }

    /// Calls `find` again and again until it returns a value, and returns that. `what` is for the
    /// message of a failure.
    ///
    /// # Panics
    /// Panics if there is none in time.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, find: impl FnMut() -> Option<T>) -> T {
        wait(&self.viewer, what, find)
    }

    /// Ends the viewer by a key. Returns the server.
    ///
    /// # Panics
    /// Panics if the viewer does not end well.
    #[track_caller]
    pub fn quit(self, key: &str) -> Server {
        quit(self.viewer, &self.display.window(), key);
        self.server
    }
}

/// Calls `find` again and again until it returns a value, and returns that. `what` is for the message
/// of a failure, with the output of `viewer`.
///
/// # Panics
/// Panics if there is none in time.
#[track_caller]
pub fn wait<T>(viewer: &Running, what: &str, find: impl FnMut() -> Option<T>) -> T {
    poll(LIMIT, find).unwrap_or_else(|| panic!("not so within {LIMIT:?}: {what}; {viewer}"))
}

/// Ends a viewer by a key.
///
/// # Panics
/// Panics if it does not end well.
#[track_caller]
pub fn quit(mut viewer: Running, window: &Window<'_>, key: &str) {
    assert!(viewer.is_alive(), "{viewer}");
    window.press(key);
    let done = viewer.finish(LIMIT);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}
