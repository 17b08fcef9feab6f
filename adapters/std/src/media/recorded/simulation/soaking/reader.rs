//! Those who read frames, each at its own pace.
use super::super::super::source::Source as _;
use super::super::loaders::{FRAMES, expected};
use super::{Choose, DISKS, INTERVAL, LOOPS, Soak, Violation};
use pinhole::frame::{FrameId, Miss, TrackId};
use pinhole::rtp::Want;
use pinhole::time::{Duration, Instant};

/// How many frames in a row cannot be had, of a medium that does not end: all frames of a clip, and those
/// that come after 16 that could not be read.
const MAX_MISSES: u32 = 24;
/// How often in a row a reader may be woken for a frame that is not there any more: in a small cache, those of
/// others may take its place.
const MAX_IN_VAIN: u32 = 8;
/// After the end, a medium is played again.
const PAUSE: Duration = Duration::from_millis(700);

/// A stream of a session.
#[derive(Debug)]
pub(super) struct Reader {
    event_loop: usize,
    peer: usize,
    pub(super) clip: usize,
    next: u64,
    step: i64,
    /// When it has a turn by itself; `None` while it waits to be woken.
    pub(super) at: Option<Instant>,
    due: Instant,
    pub(super) waits_since: Option<Instant>,
    /// Frames that it got.
    pub(super) frames: u64,
    misses: u32,
    in_vain: u32,
}

impl Reader {
    pub(super) fn new(n: usize, choose: Choose<'_>) -> Self {
        let due = Instant::from_micros(choose(100_000).into());
        Self {
            event_loop: n % LOOPS,
            peer: n / LOOPS,
            clip: n % DISKS,
            next: u64::from(choose(FRAMES as u32)),
            step: if choose(4) == 0 { -1 } else { 1 },
            at: Some(due),
            due,
            waits_since: None,
            frames: 0,
            misses: 0,
            in_vain: 0,
        }
    }

    pub(super) const fn is(&self, event_loop: usize, peer: usize) -> bool {
        self.event_loop == event_loop && self.peer == peer
    }
}

impl Soak {
    /// Does one turn of a reader: it reads what is due, and says what it reads next.
    pub(super) fn turn(&mut self, n: usize) -> Result<(), Violation> {
        let (now, reader) = (self.now, &mut self.readers[n]);
        let (clip, frames) = (&self.clips[reader.clip], &mut self.loops[reader.event_loop].frames);
        let track = TrackId { media: reader.clip as u16, track: 0 };
        let mut is_over = false;
        reader.at = Some(reader.due);
        while reader.due <= now {
            match clip.frame(track, FrameId(reader.next), frames) {
                Ok(frame) => {
                    let n = clip.locate(FrameId(reader.next)).unwrap_or(u32::MAX) as usize;
                    let was_replaced = self.troubles.was_replaced(reader.clip);
                    let is_it = expected().get(n).is_some_and(|expected| **expected == *frame.data);
                    let is_any = || expected().iter().any(|other| **other == *frame.data);
                    let fits = is_it || (was_replaced && is_any());
                    if !fits {
                        let details = format!("{} bytes for frame {n}: {reader:?}", frame.data.len());
                        return Err(Violation("frames are those of a content of the file", details));
                    }
                    (reader.frames, reader.misses) = (reader.frames + 1, 0);
                    self.soaked.frames += 1;
                }
                Err(Miss::Unusable) => {
                    reader.misses += 1;
                    self.soaked.passed_over += 1;
                }
                Err(Miss::NotYet) => {
                    if reader.waits_since.is_none() {
                        reader.waits_since = Some(now);
                        self.soaked.waits += 1;
                    } else {
                        reader.in_vain += 1;
                    }
                    reader.at = None;
                    break;
                }
                Err(Miss::End) => {
                    is_over = true;
                    break;
                }
                Err(Miss::Overrun { .. }) => {
                    return Err(Violation("files have all frames", format!("{reader:?}")));
                }
            }
            (reader.waits_since, reader.in_vain) = (None, 0);
            reader.due = (reader.due + INTERVAL).max(now);
            match reader.next.checked_add_signed(reader.step) {
                Some(next) => reader.next = next,
                None => is_over = true,
            }
            reader.at = Some(reader.due);
            if is_over {
                break;
            }
        }
        if reader.in_vain > MAX_IN_VAIN || reader.misses > MAX_MISSES {
            return Err(Violation("a reader is served, or told the end", format!("{reader:?}")));
        }
        if is_over {
            self.soaked.ends += 1;
            if self.troubles.is_spared(reader.clip) && reader.next < FRAMES as u64 && reader.next > 0 {
                return Err(Violation("a medium without a fault does not end", format!("{reader:?}")));
            }
            reader.next = if reader.step < 0 { FRAMES as u64 - 1 } else { 0 };
            (reader.waits_since, reader.misses, reader.in_vain) = (None, 0, 0);
            reader.due = now + PAUSE;
            reader.at = Some(reader.due);
            frames.forget(reader.peer, 0);
        } else {
            if self.troubles.is_spared(reader.clip) && reader.misses > 0 {
                return Err(Violation("a medium without a fault has all its frames", format!("{reader:?}")));
            }
            let (frame, backwards) = (FrameId(reader.next), reader.step < 0);
            let want = Want { track, frame, by: reader.due, backwards, held_until: None };
            frames.request(now, reader.peer, 0, clip, want);
        }
        frames.end_turn();
        Ok(())
    }

    /// A reader goes elsewhere: in its clip, or to another one, with or without an end of its session.
    pub(super) fn go_elsewhere(&mut self, choose: Choose<'_>) {
        let reader = &mut self.readers[choose(super::READERS as u32) as usize];
        if choose(2) == 0 {
            self.loops[reader.event_loop].frames.forget(reader.peer, 0);
        }
        if choose(2) == 0 {
            reader.clip = choose(DISKS as u32) as usize;
        }
        reader.next = choose(FRAMES as u32).into();
        reader.step = if choose(4) == 0 { -1 } else { 1 };
        (reader.waits_since, reader.misses, reader.in_vain) = (None, 0, 0);
        reader.due = self.now;
        reader.at = Some(self.now);
    }
}
