//! Looks at pages with Chromium.
use crate::peer::python_environment;
use crate::process::{repository, run};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long Chromium may take to start and to show a page.
const LIMIT: Duration = Duration::from_secs(180);

/// What Chromium showed of a picture at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The index of the frame of the source that is the most like it, from 0.
    pub frame: usize,
    /// How much it is like that frame: the peak signal-to-noise ratio in dB. From 40 on, an eye sees no difference.
    pub psnr: f64,
}

/// Has Chromium show a page, and takes two screenshots of the largest picture on it, at least a second apart, once it
/// has come. Returns, for each of the screenshots, which frame of `source` is the most like it. `source` is a file of
/// concatenated JPEG; it is read when both screenshots are there, so that another thread may write it meanwhile.
///
/// # Panics
/// Panics if Chromium does not show a picture of the size of the frames, or if it takes longer than three minutes.
pub fn screenshots(url: &str, source: &Path) -> [Shown; 2] {
    let script = repository().join("tests/peers/chromium.py");
    let mut command = Command::new(python_environment());
    command.arg(script).arg(url).arg(source);
    let done = run(&mut command, LIMIT).expect("Python runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
    let shown: Vec<_> =
        done.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect();
    let shown: Vec<_> = shown
        .iter()
        .map(|shown| Shown {
            frame: shown["frame"].as_u64().and_then(|frame| frame.try_into().ok()).expect("a frame"),
            psnr: shown["psnr"].as_f64().expect("a ratio"),
        })
        .collect();
    shown.try_into().expect("two screenshots")
}
