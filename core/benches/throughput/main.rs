//! Measures the work on pictures and packets as ratios: normalising a frame against decoding it with
//! zune-jpeg, and packetising and depacketising against copying the same bytes.
//!
//! ```text
//! cargo bench -p pinhole                      the clips in video/
//! cargo bench -p pinhole -- clip.mjpeg ...    other files
//! ```
mod clip;
mod measure;
mod packets;
mod pictures;

use std::path::PathBuf;
use std::process::ExitCode;

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../video/bunny288.mjpeg");

fn main() -> ExitCode {
    // Cargo passes options of its own.
    let mut paths: Vec<PathBuf> =
        std::env::args_os().skip(1).filter(|arg| arg != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        paths.push(DEFAULT.into());
    }
    for path in &paths {
        let clip = match clip::read(path) {
            Ok(clip) => clip,
            Err(reason) => {
                eprintln!("{}: {reason}", path.display());
                return ExitCode::FAILURE;
            }
        };
        println!("{}, {} frames of {} KiB", path.display(), clip.len(), clip::mean_len(&clip) / 1024);
        pictures::run(&clip);
        packets::run(&clip);
    }
    ExitCode::SUCCESS
}
