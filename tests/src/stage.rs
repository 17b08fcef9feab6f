//! A viewer in its window, with all that it needs: a server, a display and a directory.
use crate::clip::{Clip, TempDir};
use crate::display::{Display, LIMIT, Window};
use crate::process::{Running, poll};
use crate::server::Server;
use crate::viewer;

/// A running `pinhole-viewer`, the viewer of this repository, the server that it watches, the X display that
/// its window is on, and its working directory. When this is dropped, the programs are ended, and the
/// directory is removed.
#[derive(Debug)]
pub struct Stage {
    /// The viewer. Its working directory is [`Self::directory`].
    pub viewer: Running,
    /// The server that the viewer watches.
    pub server: Server,
    /// The X display that the viewer's window is on.
    pub display: Display,
    /// The viewer's working directory, where the viewer writes its files. The directory is removed when this
    /// is dropped.
    pub directory: TempDir,
}

impl Stage {
    /// Starts a server of the sample clip, a display, and a viewer that shows the clip in a window. `options`
    /// are further command-line options of the server, `pinhole-server`. Does not wait for the viewer's
    /// window: [`Display::window`] does.
    ///
    /// # Panics
    /// Panics if the server or the display does not come up.
    pub fn set(options: &[&str]) -> Self {
        Self::of(Server::with(options, &[Clip::sample().path]), Clip::sample().mount())
    }

    /// Starts a display, and a viewer that shows a medium of `server` in a window. `mount` is the name under
    /// which the server serves the medium. If there is no such medium, the viewer reports an error. Does not
    /// wait for the viewer's window: [`Display::window`] does.
    ///
    /// # Panics
    /// Panics if the display does not come up.
    pub fn of(server: Server, mount: &str) -> Self {
        Self::watching(server, mount, &[])
    }

    /// Starts a display, and a viewer that shows a medium of `server` in a window, as [`Self::of`] does.
    /// `options` are command-line options of the viewer.
    ///
    /// # Panics
    /// Panics if the display does not come up.
    pub fn watching(server: Server, mount: &str, options: &[&str]) -> Self {
        let (display, directory) = (Display::start(), TempDir::new());
        let url = server.url(mount);
        let arguments = [options, &[url.as_str()]].concat();
        let viewer = viewer::start_in(directory.path(), display.name(), &arguments);
        Self { viewer, server, display, directory }
    }

    /// Calls `find` again and again until it returns a value, and returns that value. `what` says what the
    /// test waits for; it is used in the message of a failure.
    ///
    /// # Panics
    /// Panics if `find` has not returned a value within [`LIMIT`]. The message has `what` and the output of
    /// the viewer.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, find: impl FnMut() -> Option<T>) -> T {
        wait(&self.viewer, what, find)
    }

    /// Presses a key that ends the viewer, such as `q` or `Escape`, and waits until the viewer has ended.
    /// Then ends the display, and removes the directory. Returns the server, which is still running.
    ///
    /// # Panics
    /// Panics if the viewer has ended before, does not end within [`LIMIT`], or ends with an error.
    #[track_caller]
    pub fn quit(self, key: &str) -> Server {
        quit(self.viewer, &self.display.window(), key);
        self.server
    }
}

/// Calls `find` again and again until it returns a value, and returns that value. `what` says what the test
/// waits for. `what` and `viewer` are only used in the message of a failure.
///
/// # Panics
/// Panics if `find` has not returned a value within [`LIMIT`]. The message has `what` and the output of
/// `viewer`.
#[track_caller]
pub fn wait<T>(viewer: &Running, what: &str, find: impl FnMut() -> Option<T>) -> T {
    poll(LIMIT, find).unwrap_or_else(|| panic!("not so within {LIMIT:?}: {what}; {viewer}"))
}

/// Presses a key that ends a viewer, such as `q` or `Escape`, and waits until the viewer has ended.
/// `window` is the window of `viewer`.
///
/// # Panics
/// Panics if the viewer has ended before, does not end within [`LIMIT`], or ends with an error.
#[track_caller]
pub fn quit(mut viewer: Running, window: &Window<'_>, key: &str) {
    assert!(viewer.is_alive(), "{viewer}");
    window.press(key);
    let done = viewer.finish(LIMIT);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}
