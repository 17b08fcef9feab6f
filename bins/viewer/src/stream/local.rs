//! A server in this program, for files that are on this machine.
use super::Error;
use pinhole_std::media::{Library, Losses, NormaliseOptions, Playback, default_cache};
use pinhole_std::server::{Handle, Options};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// The port that is tried first for the sample clips: also the default of `pinhole-server`.
const PORT: u16 = 8554;
/// The port that is tried first for browsers.
const HTTP_PORT: u16 = 8080;

/// A running server on the loopback interface. It serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// What it serves, in order; at least one medium.
    pub(crate) media: Vec<Served>,
    /// What it cannot serve, and why.
    pub(crate) problems: Vec<String>,
    /// The URL of its pages for browsers, if it has any.
    pub(crate) pages: Option<String>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// A medium that a [`Server`] serves.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// Its path in the URL, not percent-encoded.
    pub(crate) mount: String,
    pub(crate) url: String,
    /// Tells which frames of it are lost.
    pub(crate) losses: Option<Losses>,
}

impl Server {
    /// Starts a server for a file or a directory, on any port. Also serves pictures that have to be encoded
    /// anew. `playback` says how fast media without a clock are. Blocks while the file is searched for frames.
    ///
    /// # Errors
    /// Nothing in it can be played, no port is free, or the system has no more threads.
    pub(crate) fn start(path: &Path, playback: Playback) -> Result<Self, Error> {
        Self::with(path, playback, &[(0, None)])
    }

    /// Starts a server for the sample clips, on port 8554 if it is free, where other players find it, and with pages
    /// for browsers, on port 8080 if it is free. The first medium is the clip to play.
    ///
    /// # Errors
    /// There are no clips, no port is free, or the system has no more threads.
    pub(crate) fn samples(playback: Playback) -> Result<Self, Error> {
        let directory = directory().ok_or(
            "there are no sample clips in ./video or beside the program: name an rtsp:// address or a file to play",
        )?;
        let ports = [(PORT, Some(HTTP_PORT)), (PORT, Some(0)), (0, Some(HTTP_PORT)), (0, Some(0))];
        let mut server = Self::with(&directory, playback, &ports)?;
        // A clip in another container has a longer name than the plain file.
        server.media.sort_by_key(|served| served.mount.len());
        Ok(server)
    }

    /// Starts a server on the first pair of ports of which both are free: one for RTSP, and perhaps one for browsers.
    fn with(path: &Path, playback: Playback, ports: &[(u16, Option<u16>)]) -> Result<Self, Error> {
        let library = || {
            let normalising = NormaliseOptions { transcode: true, ..NormaliseOptions::default() };
            let mut library = Library::with(playback, normalising, default_cache());
            library.rename_media();
            library.add_path(path);
            library
        };
        let bind = |(rtsp, http): (u16, Option<u16>)| {
            let mut options = Options::new((Ipv4Addr::LOCALHOST, rtsp).into());
            options.http = http.map(|port| (Ipv4Addr::LOCALHOST, port).into());
            pinhole_std::server::Server::bind(&options, library())
        };
        let (first, rest) = ports.split_first().ok_or("no port is tried")?;
        let server = rest.iter().fold(bind(*first), |server, port| server.or_else(|_| bind(*port)))?;
        let problems: Vec<_> = server.library().problems().iter().map(ToString::to_string).collect();
        let address = server.local_addr();
        let pages = server.http_addr().map(|address| format!("http://{address}/"));
        let served = |mounted: pinhole_std::media::Mounted<'_>| Served {
            mount: mounted.mount.to_owned(),
            url: mounted.url(address),
            losses: server.library().losses(mounted.mount),
        };
        let media: Vec<_> = server.library().mounted().map(served).collect();
        if media.is_empty() {
            let nothing = || format!("{}: there is nothing in it that can be played", path.display());
            return Err(problems.into_iter().next().unwrap_or_else(nothing).into());
        }
        let handle = server.handle();
        let thread = thread::Builder::new().name("server".into()).spawn(move || {
            if let Err(error) = server.run(|event| tracing::debug!(?event)) {
                tracing::warn!(%error, "the server of local files has failed");
            }
        })?;
        Ok(Self { media, problems, pages, handle, thread: Some(thread) })
    }
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

    #[test]
    fn a_browser_is_shown_the_sample_clips() {
        use std::io::{Read, Write};
        let server = Server::samples(Playback::default()).unwrap();
        let pages = server.pages.as_deref().expect("pages");
        let address = pages.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
        assert!(server.media.iter().all(|served| page.contains(&served.url)), "{page}");
        // Only the samples have pages.
        let file = directory().unwrap().join("bunny288.mjpeg");
        assert_eq!(Server::start(&file, Playback::default()).unwrap().pages, None);
    }

    #[test]
    fn a_file_without_frames_is_named() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = Server::start(&path, Playback::default()).unwrap_err();
        assert!(error.to_string().contains("Cargo.toml"), "{error}");
    }
}
