//! Indexes a file whose container says where its frames are.
use super::super::super::foreign::Container;
use super::super::super::memory::{self, NoMemory};
use super::super::super::normalise::NormaliseOptions;
use super::super::super::problem::{Problem, Problems};
use super::super::containers::{self, Refused, Video};
use super::super::open_file::OpenFile;
use super::super::scan::Meter;
use super::problems::{refused, second_field, told, without_times};
use super::{Found, Index, Place, SOI};
use pinhole::codec::jpeg;

/// Bytes of the media of a file without tables that are searched for a picture.
const SEARCHED: usize = 64 << 10;

/// What a container has.
pub(super) enum Contained {
    Video(Video),
    /// Frames, which are to be found by their markers; and why.
    Frames(Problem),
    /// Nothing that can be served.
    Refused(Problem),
}

/// Finds the frames of a file whose container is called `name`. Blocks.
pub(super) fn find(open: &OpenFile, container: Container, name: &str, meter: &Meter<'_>) -> Contained {
    let (path, file) = (open.path(), open.content());
    match containers::find(container, &*file, open.len(), meter) {
        Ok(video) => {
            if video.audio > 0 {
                tracing::info!("{}: {} audio tracks are not served", path.display(), video.audio);
            }
            Contained::Video(video)
        }
        Err(Refused::Unfinished(at)) if has_picture(open, at, meter) => {
            Contained::Frames(without_times(path))
        }
        Err(error) => Contained::Refused(open.locate(refused(path, name, error))),
    }
}

/// Returns whether a picture begins a little after `at`. Blocks.
fn has_picture(open: &OpenFile, at: u64, meter: &Meter<'_>) -> bool {
    let data = containers::peek(&*open.content(), at, SEARCHED, meter);
    let starts = data.windows(SOI.len()).enumerate().filter(|(_, start)| *start == SOI);
    starts.take(8).any(|(at, _)| data.get(at..).is_some_and(|data| jpeg::inspect(data).is_ok()))
}

impl Index {
    /// Indexes the video of a container. Returns what is wrong with it, too, after `problems`. Blocks.
    pub(super) fn of_video(
        open: OpenFile,
        video: Video,
        how: NormaliseOptions,
        mut problems: Problems,
        meter: &Meter<'_>,
    ) -> (Option<Self>, Vec<Problem>) {
        let path = open.path().to_owned();
        let Video { samples, timing, slots, problems: about, .. } = video;
        problems.extend(about.into_iter().map(|about| open.locate(told(&path, about))));
        let mut found = Found::new(how, open.stamp().device());
        for (n, sample) in samples.into_iter().enumerate() {
            meter.tell(sample.at);
            let frame = u64::from(sample.number);
            // Frames that are equally far apart are numbered by their slots.
            let is_steady = timing.steady().is_some();
            let number = if is_steady { sample.time } else { frame };
            let at = sample.at;
            let added = found.add(at, sample.len, number, |buffer| open.read_exact(buffer, at));
            match added {
                Ok(()) => {
                    if !is_steady {
                        let time = u32::try_from(sample.time).unwrap_or(u32::MAX);
                        if memory::push(&mut found.times, time).is_err() {
                            found.entries.pop();
                            problems.push(Problem::file(&path, NoMemory));
                            break;
                        }
                    }
                    if n == 0 {
                        problems.extend(second_field(&path, &open, at, sample.len));
                    }
                }
                Err(fault) => {
                    found.left_out += 1;
                    problems.push(open.locate(fault.of_frame(&path, frame, at, how)));
                    if fault.is_of_all() {
                        break;
                    }
                }
            }
        }
        found.finish(&path, Place::File(open), slots, timing, problems)
    }
}
