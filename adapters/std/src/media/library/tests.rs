//! Libraries over disks that hang, and the URLs of media.
use super::super::recorded::ReadAt;
use super::*;
use std::fs;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");

/// Longer than any test waits for a disk.
const LONG: Duration = Duration::from_secs(60);

/// The disk of this machine, on which no file named `b` can be opened before the sender is dropped.
#[derive(Debug)]
struct Hanging(Mutex<Receiver<()>>);

impl Files for Hanging {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        if path.file_stem().is_some_and(|stem| stem == "b") {
            let _ = self.0.lock().unwrap().recv_timeout(LONG);
        }
        Disk::default().open(path)
    }
}

#[test]
fn a_disk_that_hangs_costs_the_start_its_own_files() {
    let (release, until) = channel();
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::copy(SAMPLE, directory.path().join(name).with_extension("mjpeg")).unwrap();
    }
    let mut library = Library::new(Playback::default());
    library.files = Arc::new(Hanging(Mutex::new(until)));
    library.add_path(&directory.path().join("a.mjpeg"));
    library.patience = Duration::from_secs(3);
    library.add_path(&directory.path().join("b.mjpeg"));
    library.patience = PATIENCE;
    library.add_path(&directory.path().join("c.mjpeg"));
    let mounts =
        |library: &Library| -> Vec<_> { library.mounted().map(|medium| medium.mount.to_owned()).collect() };
    assert_eq!(mounts(&library), ["a", "c"]);
    let told: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].contains("b.mjpeg") && told[0].contains("its disk hangs"), "{told:?}");

    // A directory is waited for once.
    library.patience = Duration::from_secs(3);
    library.add_path(directory.path());
    assert_eq!(mounts(&library), ["a", "c"]);
    let told: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    assert!(told.last().is_some_and(|told| told.contains("left out, too: 2 videos")), "{told:?}");
    drop(release);
}

#[test]
fn the_path_of_a_url_is_percent_encoded() {
    let mounted = Mounted {
        source: false,
        mount: "big buck é/1",
        size: None,
        frames: None,
        own_rate: None,
        recoded: 0,
        transcoded: 0,
    };
    assert_eq!(mounted.url(([10, 0, 0, 1], 554).into()), "rtsp://10.0.0.1:554/big%20buck%20%C3%A9/1");
}

#[test]
fn what_is_lost_of_a_medium_is_counted_as_it_is_played() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cut.mjpeg");
    let sample = fs::read(SAMPLE).unwrap();
    let starts: Vec<_> =
        sample.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0xFF, 0xD8, 0xFF]).collect();
    let frame = |n: usize| &sample[starts[n].0..starts[n + 1].0];
    // The second of three frames ends in the middle of its picture.
    let cut = &frame(1)[..frame(1).len() / 2];
    fs::write(&file, [frame(0), cut, &[0xFF, 0xD9], frame(2)].concat()).unwrap();
    let mut library = Library::new(Playback::default());
    library.add_path(&file);
    let losses = library.losses("cut").unwrap();
    assert_eq!(losses.newest(), None);
    let track = TrackId { media: 0, track: 0 };
    let had: Vec<_> = (0..3).map(|n| library.load(track, FrameId(n)).is_ok()).collect();
    assert_eq!(had, [true, false, true]);
    let (count, problem) = losses.newest().unwrap();
    assert_eq!((count, problem.frame, problem.path.as_path()), (1, Some(1), file.as_path()));
    assert!(library.losses("none").is_none());
}

#[test]
fn media_with_one_name_get_others_if_asked() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["x.mjpeg", "x.mjpg", "y.mjpeg"] {
        fs::copy(SAMPLE, directory.path().join(name)).unwrap();
    }
    let mounts =
        |library: &Library| -> Vec<_> { library.mounted().map(|medium| medium.mount.to_owned()).collect() };
    let mut library = Library::new(Playback::default());
    library.add_path(directory.path());
    assert_eq!(mounts(&library), ["x", "y"]);
    let mut library = Library::new(Playback::default());
    library.rename_media();
    library.add_path(directory.path());
    assert_eq!(mounts(&library), ["x", "x.mjpg", "y"]);
    assert_eq!(library.problems(), []);
    assert_eq!(library.free_mount(Path::new("a/x.mjpg")), "x.mjpg-2");
}

/// The media of a directory as it changes. Every look finds all files settled.
#[test]
fn media_follow_what_a_directory_holds() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let copy = |name: &str| {
        fs::copy(SAMPLE, file(name)).unwrap();
    };
    copy("a.mjpeg");
    copy("b.mjpeg");
    fs::write(file("broken.avi"), "nothing").unwrap();
    let mut library = Library::new(Playback::default());
    let mut followed = library.add_path_with(directory.path(), Some("n"), |_| ()).unwrap();
    let mut update = |library: &mut Library| {
        let content = DirectoryContent::read(directory.path()).unwrap();
        let before = library.problems().len();
        let was_behind = followed.is_behind(&content);
        let changes = library.update_directory(&mut followed, &content, |_| ());
        assert!(!followed.is_behind(&content));
        let mut mounts: Vec<_> = library.mounted().map(|mounted| mounted.mount.to_owned()).collect();
        mounts.sort();
        let mut followed: Vec<_> = followed.mounts().map(str::to_owned).collect();
        followed.sort();
        assert_eq!(followed, mounts);
        (was_behind, changes.added, changes.removed, library.problems().len() - before)
    };
    let changed = |added: &[&str], removed: &[&str], problems: usize| {
        let owned = |mounts: &[&str]| mounts.iter().map(|mount| (*mount).to_owned()).collect::<Vec<_>>();
        (true, owned(added), owned(removed), problems)
    };
    let nothing = (false, Vec::new(), Vec::new(), 0);
    assert_eq!(update(&mut library), nothing);
    let numbers = |library: &Library| library.all().map(|(media, ..)| media).collect::<Vec<_>>();
    assert_eq!(numbers(&library), [0, 1]);
    // One is gone, one is new, and one is not touched.
    fs::remove_file(file("a.mjpeg")).unwrap();
    copy("c.mjpeg");
    assert_eq!(update(&mut library), changed(&["n/c"], &["n/a"], 0));
    assert_eq!(numbers(&library), [1, 2]);
    // What is broken is told once, and what is served stays.
    fs::write(file("b.mjpeg"), "no pictures any more").unwrap();
    let (was_behind, added, removed, problems) = update(&mut library);
    assert!(was_behind && added.is_empty() && removed.is_empty() && problems > 0);
    assert_eq!((update(&mut library), numbers(&library)), (nothing.clone(), vec![1, 2]));
    // A whole file takes its place.
    let two = [fs::read(SAMPLE).unwrap(), fs::read(SAMPLE).unwrap()].concat();
    fs::write(file("b.mjpeg"), two).unwrap();
    assert_eq!(update(&mut library), changed(&["n/b"], &["n/b"], 0));
    let frames = |library: &Library, mount: &str| {
        library.mounted().find(|mounted| mounted.mount == mount).and_then(|mounted| mounted.frames)
    };
    assert_eq!(frames(&library, "n/b"), frames(&library, "n/c").map(|frames| 2 * frames));
    // Another file of the same name waits until the first is gone.
    copy("c.multipart");
    assert_eq!(update(&mut library), changed(&[], &[], 1));
    fs::remove_file(file("c.mjpeg")).unwrap();
    assert_eq!(update(&mut library), changed(&["n/c"], &["n/c"], 0));
    // All pictures are one medium.
    let picture = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../core/src/codec/jpeg/testdata/cjpeg-420-q75.jpg"
    ));
    for (name, removed) in [("1.jpg", &[][..]), ("2.jpg", &["n"][..])] {
        fs::write(file(name), picture).unwrap();
        assert_eq!(update(&mut library), changed(&["n"], removed, 0));
    }
    assert_eq!(frames(&library, "n"), Some(2));
    fs::remove_file(file("1.jpg")).unwrap();
    fs::remove_file(file("2.jpg")).unwrap();
    assert_eq!(update(&mut library), changed(&[], &["n"], 0));
    // Searching again tells once more what cannot be served.
    let before = library.problems().len();
    let changes = library.search_again(&mut followed, |_| ());
    assert!(changes.is_empty() && library.problems().len() > before);
}
