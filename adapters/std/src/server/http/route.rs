//! What a path stands for.
use super::super::logins::Reader;
use crate::media::Library;
use pinhole::rtsp::Url;

/// What is found at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Index,
    Style,
    Media,
    /// The page of a medium, by its number.
    Page(u16),
    /// One frame of it.
    Still(u16),
    /// Its frames.
    Frames(u16),
    NotFound,
}

/// The path of the style sheet.
pub(super) const STYLE: &str = "/style.css";
/// The path of the list of media.
pub(super) const MEDIA: &str = "/api/media";

impl Route {
    /// Finds what is at `path`, which is percent-encoded. With a slash at its end, it is the page of a medium, whose
    /// own name may be any other of these paths.
    pub(super) fn of(path: &str, library: &Library) -> Self {
        let find = |path: &str| find(path, library);
        let ending = |ending| path.strip_suffix(ending).filter(|name| name.len() > 1).and_then(find);
        match path {
            "/" => return Self::Index,
            STYLE => return Self::Style,
            MEDIA => return Self::Media,
            _ => {}
        }
        let still = || ending(".jpg").map(Self::Still);
        let frames = || ending(".mjpeg").map(Self::Frames);
        let page = || find(path).map(Self::Page);
        still().or_else(frames).or_else(page).unwrap_or(Self::NotFound)
    }

    /// Returns what is found by whoever asks: not all media may be there for everybody.
    pub(super) fn for_reader(self, library: &Library, reader: Reader<'_>) -> Self {
        match self {
            Self::Page(media) | Self::Still(media) | Self::Frames(media)
                if !reader.may_read(library.mount_of(media)) =>
            {
                Self::NotFound
            }
            _ => self,
        }
    }

    /// Returns the path of the page of a medium.
    pub(super) fn page(media: u16, path: String, library: &Library) -> String {
        match Self::of(&path, library) {
            Self::Page(found) if found == media => path,
            _ => path + "/",
        }
    }
}

/// Returns the medium with this path. Names are those of RTSP, and compared in the same way.
fn find(path: &str, library: &Library) -> Option<u16> {
    let url = format!("rtsp://h{path}");
    library.find(&Url::parse(url.as_bytes()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Playback;
    use std::io;

    fn library(names: &[&str]) -> Library {
        let mut library = Library::new(Playback::default());
        for name in names {
            library.add_live(name, io::empty());
        }
        library
    }

    #[test]
    fn each_path_stands_for_one_thing() {
        let library = library(&["a", "b c", "a.jpg", "style.css", "dir/ü"]);
        for (path, route) in [
            ("/", Route::Index),
            ("/a", Route::Page(0)),
            ("/a/", Route::Page(0)),
            ("/a.jpg", Route::Still(0)),
            ("/a.jpg/", Route::Page(2)),
            ("/a.jpg.jpg", Route::Still(2)),
            ("/a.mjpeg", Route::Frames(0)),
            ("/b%20c.mjpeg", Route::Frames(1)),
            ("/style.css", Route::Style),
            ("/style.css/", Route::Page(3)),
            ("/api/media", Route::Media),
            ("/dir/%C3%BC.jpg", Route::Still(4)),
            ("/A", Route::NotFound),
            ("/.jpg", Route::NotFound),
            ("/../a", Route::NotFound),
            ("/%2e%2e/a", Route::NotFound),
            ("/etc/passwd", Route::NotFound),
            ("/a.png", Route::NotFound),
        ] {
            assert_eq!(Route::of(path, &library), route, "{path}");
        }
    }

    #[test]
    fn the_path_of_each_page_leads_there() {
        let names = ["a", "a.jpg", "style.css", "api/media", "x.mjpeg", "100%", "?", "<b>", "ü"];
        let library = library(&names);
        for media in 0..names.len() as u16 {
            let (mounted, _) = library.about(media).unwrap();
            let path = Route::page(media, mounted.path(), &library);
            assert_eq!(Route::of(&path, &library), Route::Page(media), "{path}");
        }
        assert_eq!(Route::page(0, "/a".to_owned(), &library), "/a");
        assert_eq!(Route::page(1, "/a.jpg".to_owned(), &library), "/a.jpg/");
    }
}
