//! What happens around the server: its files change, nobody reads its output, and it is sent signals.
use super::attacked::Attacked;
use super::troop::Deeds;
use fastrand::Rng;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What is done to a file, whose content was `good`.
type Change = fn(&Path, good: &[u8], &mut Rng) -> io::Result<()>;

/// Changes of the file that the server has open.
const INSIDE: &[(&str, Change)] = &[
    ("truncated", |path, good, random| open(path)?.set_len(random.u64(..good.len() as u64))),
    ("emptied", |path, _, _| open(path)?.set_len(0)),
    ("overwritten in part", |path, good, random| {
        let mut file = open(path)?;
        file.seek(SeekFrom::Start(random.u64(..good.len() as u64)))?;
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(50_000).collect();
        file.write_all(&noise)
    }),
    ("overwritten by another", |path, good, random| {
        let mut file = open(path)?;
        file.set_len(0)?;
        file.write_all(&good[random.usize(..good.len())..])
    }),
    ("appended to", |path, good, _| {
        let mut file = open(path)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&good[..10_000])
    }),
    ("written anew", restore),
    ("written anew", restore),
];

/// Changes of what is there under its name.
const OUTSIDE: &[(&str, Change)] = &[
    ("replaced by rename", |path, good, random| {
        let cut = random.usize(..good.len());
        rename(path, &[&good[cut..], &good[..cut]].concat())
    }),
    ("deleted", |path, _, _| remove(path)),
    ("replaced by a FIFO", |path, _, _| {
        remove(path)?;
        Ok(mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?)
    }),
    ("replaced by a directory", |path, _, _| {
        remove(path)?;
        fs::create_dir(path)
    }),
    ("replaced by a link to itself", |path, _, _| {
        remove(path)?;
        std::os::unix::fs::symlink(path, path)
    }),
    ("put back", |path, good, _| rename(path, good)),
    ("put back", |path, good, _| rename(path, good)),
];

/// Changes files, stops output and sends signals until `over` is set. While `truce` is set, it does nothing, and
/// all output is read. Half of `clips`, whose content is `good`, are changed inside, and half outside.
pub(super) fn rage(
    server: &Attacked,
    clips: &[PathBuf],
    good: &[u8],
    mut random: Rng,
    (truce, over): (&AtomicBool, &AtomicBool),
) -> Vec<Deeds> {
    let mut deeds: Vec<Deeds> = Vec::new();
    let mut count = |kind, done: bool| {
        let place = deeds.iter().position(|deeds| deeds.kind == kind).unwrap_or_else(|| {
            deeds.push(Deeds { kind, done: 0, refused: 0 });
            deeds.len() - 1
        });
        let deed = &mut deeds[place];
        *if done { &mut deed.done } else { &mut deed.refused } += 1;
    };
    let outlets = [("stdout not read", &server.stdout), ("stderr not read", &server.stderr)];
    let (mut next_stop, mut next_signal) = (Instant::now(), Instant::now());
    while !over.load(Relaxed) {
        thread::sleep(Duration::from_millis(random.u64(50..200)));
        let now = Instant::now();
        if truce.load(Relaxed) {
            outlets.iter().for_each(|(_, outlet)| outlet.go_on());
            next_stop = now;
            continue;
        }
        let place = random.usize(..clips.len());
        let changes = if place.is_multiple_of(2) { INSIDE } else { OUTSIDE };
        let (name, change) = changes[random.usize(..changes.len())];
        count(name, change(&clips[place], good, &mut random).is_ok());
        if now > next_stop {
            // One, the other, both, or none, for seconds.
            for (name, outlet) in outlets {
                match random.bool() {
                    true => {
                        outlet.stop();
                        count(name, true);
                    }
                    false => outlet.go_on(),
                }
            }
            next_stop = now + Duration::from_millis(random.u64(1000..4000));
        }
        if now > next_signal {
            server.signal(["HUP", "USR1", "USR2"][random.usize(..3)]);
            count("signals to ignore", true);
            next_signal = now + Duration::from_millis(random.u64(1000..5000));
        }
    }
    outlets.iter().for_each(|(_, outlet)| outlet.go_on());
    deeds
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn restore(path: &Path, good: &[u8], _: &mut Rng) -> io::Result<()> {
    let mut file = open(path)?;
    file.write_all(good)?;
    file.set_len(good.len() as u64)
}

fn rename(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content)?;
    if path.is_dir() {
        fs::remove_dir(path)?;
    }
    fs::rename(new, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}
