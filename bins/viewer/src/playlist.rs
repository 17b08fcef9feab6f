//! What is played, one after the other or side by side.
use crate::cli::Media;
use crate::output::messages::print_message;
use crate::stream::local::Server;
use pinhole::sdp::FrameRate;
use pinhole_log::redacted_value;
use pinhole_std::media::{Losses, Playback};
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// One thing to play.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The address to connect to, with the user name and password that may be in it.
    pub(crate) url: String,
    /// What it is called: the address without user name and password, or the path of a file.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) place: Place,
    /// Tells which frames of it are lost; `None` if its server is not in this program.
    pub(crate) losses: Option<Losses>,
}

impl Item {
    /// Tells how many frames cannot be shown, and why; `None` if all can, as far as is known.
    pub(crate) fn lost(&self) -> Option<String> {
        let (count, problem) = self.losses.as_ref()?.newest()?;
        Some(match count {
            1 => format!("1 frame cannot be shown: {problem}"),
            _ => format!("{count} frames cannot be shown, the newest of them: {problem}"),
        })
    }
}

/// Where an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At a server that the user named.
    Remote,
    /// In a file that the user named.
    File,
    /// In the sample clips.
    Samples,
}

/// What is played, in order, and where in it the program is. A file's server runs while the file is played.
#[derive(Debug)]
pub(crate) struct Playlist {
    entries: Vec<Entry>,
    /// How fast files without a clock are.
    playback: Playback,
    /// The entry that is played; `None` before the first.
    at: Option<usize>,
    opened: Option<Opened>,
    opening: Option<Opening>,
    /// Opens an entry: [`open`], or a stand-in for a disk in tests.
    open: fn(Option<&Media>, Playback) -> Result<Opened, String>,
}

/// A word of the command line.
#[derive(Debug)]
struct Entry {
    /// `None` for the sample clips.
    media: Option<Media>,
    /// Whether it could not be opened.
    failed: bool,
}

/// An entry that is played.
#[derive(Debug)]
struct Opened {
    items: Vec<Item>,
    at: usize,
    _server: Option<Server>,
}

/// An entry that is being opened, on a thread of its own: a large file is searched for frames for long, and a disk may
/// hang.
#[derive(Debug)]
struct Opening {
    step: Step,
    opened: Receiver<Result<Opened, String>>,
}

/// Which item is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The one after the present one; at the start, the first.
    Next,
    /// The one before the present one.
    Previous,
}

impl Playlist {
    /// Makes a list of what the command line names; of a sample clip, if it names nothing. Files without a clock
    /// have 30 frames a second, or `fps`.
    pub(crate) fn new(media: &[Media], fps: Option<FrameRate>) -> Self {
        let entry = |media: Option<&Media>| Entry { media: media.cloned(), failed: false };
        let entries = match media {
            [] => vec![entry(None)],
            media => media.iter().map(|media| entry(Some(media))).collect(),
        };
        Self { entries, playback: playback(fps), at: None, opened: None, opening: None, open }
    }

    /// Returns whether there is an item in this direction, as far as is known: it may be one that cannot be
    /// played.
    pub(crate) fn has(&self, step: Step) -> bool {
        self.within(step).is_some() || self.further(step).is_some()
    }

    /// Goes to another item, which [`Self::item`] returns once it is opened. Returns false if there is none in this
    /// direction. Does not wait for one that is being opened: the playlist goes past it.
    pub(crate) fn go(&mut self, step: Step) -> bool {
        if let (Some(at), Some(opened)) = (self.within(step), &mut self.opened) {
            opened.at = at;
            return true;
        }
        let Some(at) = self.further(step) else { return false };
        self.at = Some(at);
        // Ends the server.
        self.opened = None;
        let (sender, opened) = mpsc::channel();
        let media = self.entry(at).and_then(|entry| entry.media.clone());
        let (open, playback) = (self.open, self.playback);
        let opening = thread::Builder::new().name("opening".into()).spawn({
            let sender = sender.clone();
            // Fails if the playlist has gone on.
            move || drop(sender.send(open(media.as_ref(), playback)))
        });
        if let Err(error) = opening {
            drop(sender.send(Err(error.to_string())));
        }
        self.opening = Some(Opening { step, opened });
        true
    }

    /// Returns the present item. Waits at most `wait` until it is opened, and returns `None` if it is not.
    ///
    /// # Errors
    /// The item cannot be played. Call [`Self::go`] for the one after it.
    pub(crate) fn item(&mut self, wait: Duration) -> Option<Result<Item, String>> {
        if let Some(Opening { step, opened }) = &self.opening {
            let opened = match opened.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => Err("it cannot be opened; try -v".to_owned()),
                Ok(opened) => opened,
            };
            let step = *step;
            self.opening = None;
            match opened {
                Ok(mut opened) => {
                    opened.at = if step == Step::Next { 0 } else { opened.items.len().saturating_sub(1) };
                    self.opened = Some(opened);
                }
                Err(error) => {
                    if let Some(entry) = self.at.and_then(|at| self.entries.get_mut(at)) {
                        entry.failed = true;
                    }
                    return Some(Err(error));
                }
            }
        }
        let opened = self.opened.as_ref()?;
        opened.items.get(opened.at).cloned().map(Ok)
    }

    /// Returns the name of the entry that is played or opened; `None` for the sample clips.
    pub(crate) fn name(&self) -> Option<String> {
        let entry = self.at.and_then(|at| self.entry(at))?;
        entry.media.as_ref().map(name)
    }

    /// Returns how many words of the command line could not be opened.
    pub(crate) fn failed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.failed).count()
    }

    fn entry(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// Returns the index of the neighbour in the same entry.
    fn within(&self, step: Step) -> Option<usize> {
        let opened = self.opened.as_ref()?;
        let at = match step {
            Step::Next => opened.at.checked_add(1)?,
            Step::Previous => opened.at.checked_sub(1)?,
        };
        (at < opened.items.len()).then_some(at)
    }

    /// Returns the index of the next entry in this direction that may be played.
    fn further(&self, step: Step) -> Option<usize> {
        let is_good = |at: &usize| self.entries.get(*at).is_some_and(|entry| !entry.failed);
        match step {
            Step::Next => (self.at.map_or(0, |at| at + 1)..self.entries.len()).find(is_good),
            Step::Previous => (0..self.at?).rev().find(is_good),
        }
    }
}

/// What is played side by side. The servers of files run while this is there.
#[derive(Debug)]
pub(crate) struct SideBySide {
    opened: Vec<Opened>,
    /// Why what is not there could not be opened.
    pub(crate) errors: Vec<String>,
}

impl SideBySide {
    /// Opens all that the command line names, on a thread of its own. Files without a clock have 30 frames a second, or
    /// `fps`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(media: &[Media], fps: Option<FrameRate>) -> io::Result<Receiver<Self>> {
        let (sender, opened) = mpsc::channel();
        let media = media.to_vec();
        // Fails if it is waited for no longer.
        let open = move || drop(sender.send(Self::open(&media, fps)));
        thread::Builder::new().name("opening".into()).spawn(open)?;
        Ok(opened)
    }

    /// Opens all that the command line names. Blocks while files are searched for frames.
    fn open(media: &[Media], fps: Option<FrameRate>) -> Self {
        let (mut opened, mut errors) = (Vec::new(), Vec::new());
        for media in media {
            match open(Some(media), playback(fps)) {
                Ok(one) => opened.push(one),
                Err(error) => errors.push(error),
            }
        }
        Self { opened, errors }
    }

    /// Returns what was opened, in the order of the command line.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.opened.iter().flat_map(|opened| &opened.items)
    }
}

fn playback(fps: Option<FrameRate>) -> Playback {
    let standard = Playback::default();
    Playback { frame_rate: fps.unwrap_or(standard.frame_rate), ..standard }
}

/// Returns what a word of the command line is called.
fn name(media: &Media) -> String {
    match media {
        Media::Url(url) => redacted_value(url).into_owned(),
        Media::Path(path) => path.display().to_string(),
    }
}

fn open(media: Option<&Media>, playback: Playback) -> Result<Opened, String> {
    let (items, server) = match media {
        Some(media @ Media::Url(url)) => {
            (vec![Item { url: url.clone(), name: name(media), place: Place::Remote, losses: None }], None)
        }
        Some(Media::Path(path)) => {
            let server = Server::start(path, playback).map_err(|error| error.to_string())?;
            for problem in &server.problems {
                print_message(problem);
            }
            (items(path, &server), Some(server))
        }
        None => {
            let server = Server::samples(playback).map_err(|error| error.to_string())?;
            let first = server.media.first();
            let url = first.map(|served| served.url.clone()).unwrap_or_default();
            let losses = first.and_then(|served| served.losses.clone());
            print_message(&format!("serving the sample clips, of which this is one: {url}"));
            if let Some(pages) = &server.pages {
                print_message(&format!("a browser shows them at {pages}"));
            }
            (vec![Item { name: url.clone(), url, place: Place::Samples, losses }], Some(server))
        }
    };
    Ok(Opened { items, at: 0, _server: server })
}

/// Returns the items of a file or directory, named after it.
fn items(path: &Path, server: &Server) -> Vec<Item> {
    let is_directory = path.is_dir();
    let item = |served: &crate::stream::local::Served| {
        let path = if is_directory { path.join(&served.mount) } else { path.to_owned() };
        let (url, losses) = (served.url.clone(), served.losses.clone());
        Item { url, name: path.display().to_string(), place: Place::File, losses }
    };
    server.media.iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::ORANGE;

    fn url(url: &str) -> Media {
        Media::Url(url.to_owned())
    }

    fn go(list: &mut Playlist, step: Step) -> Option<Result<Item, String>> {
        list.go(step).then(|| list.item(Duration::from_secs(60)).expect("it is opened by now"))
    }

    fn name(list: &mut Playlist, step: Step) -> String {
        let name = |item: &Item| item.name.rsplit('/').next().unwrap_or_default().to_owned();
        go(list, step).map_or("none".into(), |item| item.as_ref().map_or_else(|_| "error".into(), name))
    }

    #[test]
    fn an_address_is_named_without_its_password() {
        let item =
            go(&mut Playlist::new(&[url("rtsp://me:secret@cam/1")], None), Step::Next).unwrap().unwrap();
        assert_eq!((&*item.url, &*item.name), ("rtsp://me:secret@cam/1", "rtsp://***@cam/1"));
        assert_eq!(item.place, Place::Remote);
    }

    #[test]
    fn what_is_played_side_by_side_is_opened_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["a.mjpeg", "b.mjpeg"] {
            std::fs::write(path(name), [ORANGE, ORANGE].concat()).unwrap();
        }
        std::fs::write(path("notes.txt"), "no video").unwrap();
        let media = [
            url("rtsp://cam/1"),
            Media::Path(path("b.mjpeg")),
            Media::Path(path("notes.txt")),
            url("rtsp://cam/2"),
        ];
        let opened = SideBySide::open(&media, None);
        let names: Vec<_> = opened.items().map(|item| item.name.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["1", "b.mjpeg", "2"]);
        assert!(opened.errors.len() == 1 && opened.errors[0].contains("notes.txt"), "{:?}", opened.errors);
        let all = SideBySide::open(&[url("rtsp://cam/1"), Media::Path(directory.path().to_owned())], None);
        assert_eq!(all.items().count(), 3);
    }

    #[test]
    fn what_is_being_opened_holds_up_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let [hung, clip] = ["hung.mjpeg", "clip.mjpeg"].map(|name| directory.path().join(name));
        std::fs::write(&clip, [ORANGE, ORANGE].concat()).unwrap();
        let media = [&hung, &clip].map(|path| Media::Path(path.clone()));
        let mut list = Playlist::new(&media, None);
        list.open = |media, playback| match media {
            Some(Media::Path(path)) if path.ends_with("hung.mjpeg") => loop {
                thread::park();
            },
            media => open(media, playback),
        };
        assert!(list.go(Step::Next));
        assert!(list.item(Duration::from_millis(20)).is_none());
        assert_eq!(list.name(), Some(hung.display().to_string()));
        assert!(list.has(Step::Next) && !list.has(Step::Previous));
        assert_eq!(name(&mut list, Step::Next), "clip.mjpeg");
        assert_eq!(list.failed(), 0);
    }

    #[test]
    fn files_and_directories_are_played_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("more")).unwrap();
        for name in ["a b.mjpeg", "more/c.mjpeg", "more/d.mjpeg"] {
            std::fs::write(path(name), [ORANGE, ORANGE].concat()).unwrap();
        }
        std::fs::write(path("notes.txt"), "no video").unwrap();
        let paths = ["a b.mjpeg", "notes.txt", "more"].map(|name| Media::Path(path(name)));
        let mut list = Playlist::new(&paths, None);
        assert!(list.has(Step::Next) && !list.has(Step::Previous));
        assert_eq!(name(&mut list, Step::Next), "a b.mjpeg");
        let names = [(); 4].map(|()| name(&mut list, Step::Next));
        assert_eq!(names, ["error", "c", "d", "none"]);
        assert!(!list.has(Step::Next) && list.has(Step::Previous));
        // What cannot be played is not tried again.
        let names = [(); 3].map(|()| name(&mut list, Step::Previous));
        assert_eq!(names, ["c", "a b.mjpeg", "none"]);
        assert_eq!(name(&mut list, Step::Next), "c");
        assert_eq!(list.failed(), 1);
    }
}
