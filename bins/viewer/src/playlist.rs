//! What is played, one after the other or side by side.
use crate::cli::Media;
use crate::output::messages::print_message;
use crate::stream::local::Server;
use pinhole::sdp::FrameRate;
use pinhole_log::redacted_value;
use pinhole_std::media::Playback;
use std::path::Path;

/// One thing to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The address to connect to, with the user name and password that may be in it.
    pub(crate) url: String,
    /// What it is called: the address without user name and password, or the path of a file.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) place: Place,
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
        Self { entries, playback: playback(fps), at: None, opened: None }
    }

    /// Returns whether there is an item in this direction, as far as is known: it may be one that cannot be
    /// played.
    pub(crate) fn has(&self, step: Step) -> bool {
        self.within(step).is_some() || self.further(step).is_some()
    }

    /// Goes to another item, and returns it. Returns `None` if there is none in this direction. Blocks while a
    /// file is searched for frames.
    ///
    /// # Errors
    /// The next entry cannot be played. Call this again for the one after it.
    pub(crate) fn go(&mut self, step: Step) -> Option<Result<Item, String>> {
        if let (Some(at), Some(opened)) = (self.within(step), &mut self.opened) {
            opened.at = at;
            return opened.items.get(at).cloned().map(Ok);
        }
        let at = self.further(step)?;
        self.at = Some(at);
        // Ends the server.
        self.opened = None;
        let entry = self.entries.get_mut(at)?;
        match open(entry.media.as_ref(), self.playback) {
            Ok(mut opened) => {
                opened.at = if step == Step::Next { 0 } else { opened.items.len().saturating_sub(1) };
                let item = opened.items.get(opened.at).cloned();
                self.opened = Some(opened);
                item.map(Ok)
            }
            Err(error) => {
                entry.failed = true;
                Some(Err(error))
            }
        }
    }

    /// Returns how many words of the command line could not be opened.
    pub(crate) fn failed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.failed).count()
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
    /// Opens all that the command line names. Files without a clock have 30 frames a second, or `fps`. Blocks
    /// while files are searched for frames.
    pub(crate) fn open(media: &[Media], fps: Option<FrameRate>) -> Self {
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

fn open(media: Option<&Media>, playback: Playback) -> Result<Opened, String> {
    let (items, server) = match media {
        Some(Media::Url(url)) => {
            let name = redacted_value(url).into_owned();
            (vec![Item { url: url.clone(), name, place: Place::Remote }], None)
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
            let url = server.media.first().map(|served| served.url.clone()).unwrap_or_default();
            print_message(&format!("serving the sample clips, of which this is one: {url}"));
            (vec![Item { name: url.clone(), url, place: Place::Samples }], Some(server))
        }
    };
    Ok(Opened { items, at: 0, _server: server })
}

/// Returns the items of a file or directory, named after it.
fn items(path: &Path, server: &Server) -> Vec<Item> {
    let is_directory = path.is_dir();
    let item = |served: &crate::stream::local::Served| {
        let path = if is_directory { path.join(&served.mount) } else { path.to_owned() };
        Item { url: served.url.clone(), name: path.display().to_string(), place: Place::File }
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

    fn name(list: &mut Playlist, step: Step) -> String {
        let name = |item: &Item| item.name.rsplit('/').next().unwrap_or_default().to_owned();
        list.go(step).map_or("none".into(), |item| item.as_ref().map_or_else(|_| "error".into(), name))
    }

    #[test]
    fn an_address_is_named_without_its_password() {
        let item = Playlist::new(&[url("rtsp://me:secret@cam/1")], None).go(Step::Next).unwrap().unwrap();
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
