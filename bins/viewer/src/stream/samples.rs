//! A server for the sample clips, for a viewer that was given no address.
use super::Error;
use pinhole_std::media::{Library, Playback};
use pinhole_std::server::{Handle, Options};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// The port that is tried first: also the default of `pinhole-server`.
const PORT: u16 = 8554;

/// A running server. It serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// The address of one of the clips.
    pub(crate) url: String,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Starts a server for the sample clips on the loopback interface, on port 8554 if it is free.
///
/// # Errors
/// There are no clips, no port is free, or the system has no more threads.
pub(crate) fn serve() -> Result<Server, Error> {
    let directory = directory().ok_or(
        "there are no sample clips in ./video or beside the program: name an rtsp:// address to play",
    )?;
    let library = || {
        let mut library = Library::new(Playback::default());
        library.add_path(&directory);
        library
    };
    // Other players find the server on the usual port.
    let bind = |port, library| {
        pinhole_std::server::Server::bind(&Options::new((Ipv4Addr::LOCALHOST, port).into()), library)
    };
    let server = bind(PORT, library()).or_else(|_| bind(0, library()))?;
    for problem in server.library().problems() {
        tracing::warn!("{problem}");
    }
    let mut mounts: Vec<&str> = server.library().mounted().map(|mounted| mounted.mount).collect();
    // A clip in another container has a longer name than the plain file.
    mounts.sort_by_key(|mount| mount.len());
    let mount =
        mounts.first().ok_or_else(|| format!("{}: no clip in it can be played", directory.display()))?;
    let url = format!("rtsp://{}/{mount}", server.local_addr());
    let handle = server.handle();
    let thread = thread::Builder::new().name("server".into()).spawn(move || {
        if let Err(error) = server.run(|event| tracing::debug!(?event)) {
            tracing::warn!(%error, "the server of the sample clips has failed");
        }
    })?;
    Ok(Server { url, handle, thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed already.
            let _ = thread.join();
        }
    }
}

/// Returns the directory with the sample clips: `video/` in the current directory, beside the
/// program, or in the source tree that it was built from.
fn directory() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(|dir| dir.join("video"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video");
    [Some(PathBuf::from("video")), beside, Some(source)].into_iter().flatten().find(|dir| has_clip(dir))
}

/// Returns whether a directory contains a clip: any directory may be called `video`.
fn has_clip(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|entries| entries.flatten().any(|entry| is_clip(&entry.path())))
}

fn is_clip(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["mjpeg", "mjpg"].iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_clips_is_no_candidate() {
        assert!(!has_clip(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!has_clip(Path::new("/nonexistent")));
    }
}
