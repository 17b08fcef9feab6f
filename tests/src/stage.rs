//! A viewer in its window, and all that it needs.
use crate::clip::{Clip, TempDir};
use crate::display::{Display, LIMIT, Window};
use crate::process::{Running, poll};
use crate::server::Server;
use crate::viewer;

/// A viewer, the server that it watches, and the display that it is on.
#[derive(Debug)]
pub struct Stage {
    /// In a directory where it may write files.
    pub viewer: Running,
    /// What it watches.
    pub server: Server,
    /// Where the window is.
    pub display: Display,
    /// The viewer's.
    pub directory: TempDir,
}

impl Stage {
    /// Shows the sample clip, served with these options.
    ///
    /// # Panics
    /// If the server or the display does not come up.
    pub fn set(options: &[&str]) -> Self {
        Self::of(Server::with(options, &[Clip::sample().path]), Clip::sample().mount())
    }

    /// Shows what a server has.
    ///
    /// # Panics
    /// If the display does not come up.
    pub fn of(server: Server, mount: &str) -> Self {
        let (display, directory) = (Display::start(), TempDir::new());
        let url = server.url(mount);
        let viewer = viewer::start_in(directory.path(), display.name(), &[&url]);
        Self { viewer, server, display, directory }
    }

    /// What `find` finds, in time.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, find: impl FnMut() -> Option<T>) -> T {
        wait(&self.viewer, what, find)
    }

    /// Ends the viewer by a key; the server is left.
    ///
    /// # Panics
    /// If it does not end well.
    #[track_caller]
    pub fn quit(self, key: &str) -> Server {
        quit(self.viewer, &self.display.window(), key);
        self.server
    }
}

/// What `find` finds of a viewer, in time.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn wait<T>(viewer: &Running, what: &str, find: impl FnMut() -> Option<T>) -> T {
    poll(LIMIT, find).unwrap_or_else(|| panic!("not so within {LIMIT:?}: {what}; {viewer}"))
}

/// Ends a viewer by a key.
///
/// # Panics
/// If it does not end well.
#[track_caller]
pub fn quit(mut viewer: Running, window: &Window<'_>, key: &str) {
    assert!(viewer.is_alive(), "{viewer}");
    window.press(key);
    let done = viewer.finish(LIMIT);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}
