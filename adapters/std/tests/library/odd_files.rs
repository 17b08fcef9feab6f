//! Directory entries that are no regular files, and files that are mostly holes.
use crate::{Scratch, T, frames, library};
use pinhole::frame::{FrameId, Miss};
use pinhole_std::media::{Library, Playback};
use std::fs;
use std::path::Path;

/// A FIFO that nobody writes to.
#[cfg(unix)]
fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
    assert!(made.success());
}

/// Runs `work` on a thread, and fails if it takes very long.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    done.recv_timeout(std::time::Duration::from_secs(100)).expect("it comes to an end")
}

#[cfg(unix)]
#[test]
fn a_directory_is_what_its_regular_files_are() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new("odd");
    let frame = frames().swap_remove(0);
    let clip = scratch.file("clip.mjpeg", &frame);
    fifo(&scratch.0.join("a.mjpeg"));
    // Directories that lead to themselves, and one of another name for the same file.
    for name in ["b.avi", "c.avi", "d.jpg"] {
        symlink(".", scratch.0.join(name)).unwrap();
    }
    fs::hard_link(&clip, scratch.0.join("same.mjpeg")).unwrap();
    symlink("nowhere", scratch.0.join("gone.mjpeg")).unwrap();
    fs::create_dir(scratch.0.join("deeper")).unwrap();
    scratch.file("deeper/other.mjpeg", &frame);
    let path = scratch.0.clone();
    let library = in_time(move || library(&path, false));
    assert_eq!(library.mounted().map(|m| m.mount).collect::<Vec<_>>(), ["clip"]);
    let said: Vec<_> = library.problems().iter().map(ToString::to_string).collect();
    let says = |file: &str, what: &str| {
        assert!(said.iter().any(|line| line.contains(file) && line.contains(what)), "{file}: {said:?}");
    };
    says("a.mjpeg", "no regular file");
    says("gone.mjpeg", "No such file");
    says("same.mjpeg", "the same file");
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn a_file_that_is_mostly_hole_is_searched_for_a_while_only() {
    let scratch = Scratch::new("sparse");
    let path = scratch.file("sparse.mjpeg", &frames()[..2].concat());
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200 << 30).unwrap();
    let (library, told) = in_time(move || {
        let (mut library, mut told) = (Library::new(Playback::default()), Vec::new());
        library
            .add_path_with(&path, None, |indexing| told.push((indexing.done, indexing.of, indexing.frames)));
        (library, told)
    });
    assert_eq!(library.mounted().map(|m| m.frames).collect::<Vec<_>>(), [Some(2)]);
    let said = library.problems().last().expect("that is a problem").to_string();
    assert!(said.contains("was not searched"), "{said}");
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "{told:?}");
    assert!(told.iter().all(|(done, of, frames)| done < of && *frames <= 2), "{told:?}");
}

#[cfg(unix)]
#[test]
fn a_picture_may_be_replaced_by_anything() {
    let scratch = Scratch::new("replaced");
    let frames = frames();
    let paths = [0, 1, 2].map(|n| scratch.file(&format!("{n}.jpg"), &frames[n]));
    let library = library(&scratch.0, false);
    fs::remove_file(&paths[0]).unwrap();
    fifo(&paths[0]);
    fs::write(&paths[1], b"no picture any more").unwrap();
    fs::write(&paths[2], &frames[9]).unwrap();
    in_time(move || {
        for n in 0..2 {
            assert_eq!(library.load(T, FrameId(n)).unwrap_err(), Miss::Unusable);
        }
        // A longer one is read in full.
        assert_eq!(library.load(T, FrameId(2)).unwrap().data, &frames[9][..]);
    });
}
