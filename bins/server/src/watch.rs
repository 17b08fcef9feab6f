//! Has media follow what is in the directories that are served: a thread looks at these again and again.
//!
//! It asks for names, lengths and times. Notifications of the system would only say when to ask, get lost where they are
//! too many, and do not come at all from file systems of the network on which another machine writes.
use crate::reload::Running;
use crate::report::Report;
use pinhole_std::media::DirectoryWatch;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often directories are looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// What is looked at for long is looked at more seldom: this is how much longer than a look the pause after it is.
const REST: u32 = 50;
/// The longest pause.
const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// How long a file has to be unchanged before it is read.
const QUIET: Duration = Duration::from_secs(2);

/// Starts to look at the directories of a server, and to have it take over what has changed.
///
/// # Errors
/// The system has no more threads.
pub(crate) fn start(running: Arc<Mutex<Running>>, report: Report) -> io::Result<()> {
    thread::Builder::new().name("watch".into()).spawn(move || {
        let mut watched = Watched::default();
        loop {
            thread::sleep((watched.took * REST).clamp(INTERVAL, MAX_INTERVAL));
            watched.look(&running, &report);
        }
    })?;
    Ok(())
}

#[derive(Default)]
struct Watched {
    directories: HashMap<PathBuf, DirectoryWatch>,
    /// What was last wrong with each directory: it is told once.
    faults: HashMap<PathBuf, String>,
    /// How long it took to look at all of them.
    took: Duration,
}

impl Watched {
    fn look(&mut self, running: &Mutex<Running>, report: &Report) {
        let lock = || running.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = lock().directories.paths();
        self.directories.retain(|path, _| paths.contains(path));
        self.faults.retain(|path, _| paths.contains(path));
        self.took = Duration::ZERO;
        for path in paths {
            let watch =
                self.directories.entry(path.clone()).or_insert_with(|| DirectoryWatch::new(path.clone()));
            let begun = Instant::now();
            let content = watch.look(QUIET);
            self.took += begun.elapsed();
            let followed = content.and_then(|content| lock().follow(&path, &content, report));
            self.tell(&path, followed.err(), report);
        }
    }

    fn tell(&mut self, path: &Path, error: Option<io::Error>, report: &Report) {
        let Some(fault) = error.map(|error| error.to_string()) else {
            self.faults.remove(path);
            return;
        };
        if self.faults.get(path) != Some(&fault) {
            report.not_followed(path, &fault);
            self.faults.insert(path.to_owned(), fault);
        }
    }
}
