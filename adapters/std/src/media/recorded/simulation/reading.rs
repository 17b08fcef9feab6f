//! Media files with any content: index, normalise and load.
use super::super::super::normalise::MAX_FRAME;
use super::super::index::Index;
use super::super::source::Tools;
use super::super::{Files, Recorded};
use super::disk::Disk;
use super::input::Input;
use crate::media::Playback;
use pinhole::codec::jpeg::{JpegInfo, inspect};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The most frames of a file that are loaded.
const MAX_LOADED: u64 = 24;

/// Indexes a media file, or single pictures, as a library with transcoding does, and loads each frame twice.
/// What is loaded must be what a packetizer needs, and the same each time if no read fails.
///
/// # Panics
/// If that does not hold.
pub fn media(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let how = super::normalising(300 + input.word() % 2000);
    let len = usize::from(input.byte() % 32);
    let faults = if input.byte().is_multiple_of(4) { input.bytes(len) } else { &[] };
    // Nothing catches a panic while an index is made.
    let faults: Vec<u8> = faults.iter().copied().filter(|fault| fault % 16 != 11).collect();
    let disk = Disk::default();
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let (index, problems) = if input.byte().is_multiple_of(4) {
        let pictures = input.pictures();
        let name = |n: usize| format!("{n}.jpg");
        let paths = (0..pictures.len()).map(|n| PathBuf::from(name(n))).collect();
        (0..).zip(pictures).for_each(|(n, picture)| disk.add(&name(n), picture));
        disk.fail(&faults);
        Index::of_pictures(&files, Path::new("pictures"), paths, how, &mut |_| ())
    } else {
        disk.add("clip", input.file());
        disk.fail(&faults);
        Index::of_file(&files, Path::new("clip"), how, &mut |_| ())
    };
    assert!(problems.iter().all(|problem| !problem.to_string().is_empty() && !problem.transcode));
    let Some(mut index) = index else { return assert!(!problems.is_empty()) };
    index.retry_after(Duration::ZERO);
    let recorded = Recorded::new(index, Playback::default(), how);
    let (index, mut tools) = (recorded.index(), Tools::new(how));
    assert!(index.frames() > 0 && index.slots() >= index.frames());
    for n in 0..index.frames().min(MAX_LOADED) as u32 {
        let [first, second] = [(); 2].map(|()| index.load(n, &mut tools));
        if faults.is_empty() {
            assert_eq!(first, second);
        }
        for data in [first, second].into_iter().flatten() {
            let inspected = inspect(&data).expect("what was loaded can be carried");
            assert!(!inspected.needs_recode() && inspected.eoi && inspected.len == data.len());
            assert_eq!(JpegInfo::locate(&data), Some(inspected.info));
            assert!(data.len() <= MAX_FRAME as usize);
        }
    }
}
