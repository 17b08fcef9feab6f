//! The frames that are found in a container, within bounds.
use super::super::super::memory;
use super::bytes::Bytes;
use super::{MAX_SAMPLES, Refused, Sample, Told};

/// The most kinds of damage that are told of one file.
const MAX_TOLD: usize = 32;

/// Frames in the order in which they are found.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) all: Vec<Sample>,
    pub(super) told: Vec<Told>,
    /// How many bytes all frames have.
    bytes: u64,
    /// How many frames the end of the file cuts off, and the offset of the first.
    cut: u64,
    cut_at: Option<u64>,
    /// The number of the next frame.
    next: u32,
}

impl Samples {
    /// Adds the frame of `len` bytes at `at`. Returns whether there may be more.
    ///
    /// # Errors
    /// The frames have no room in the file if they do not overlap.
    pub(super) fn add(
        &mut self,
        bytes: &Bytes<'_, '_>,
        at: u64,
        len: u64,
        time: u64,
    ) -> Result<bool, Refused> {
        let number = self.next;
        self.next = number.saturating_add(1);
        if number as usize >= MAX_SAMPLES {
            if number as usize == MAX_SAMPLES {
                self.tell(Told::at(at, format!("only the {MAX_SAMPLES} frames before this one are served")));
            }
            return Ok(false);
        }
        match at.checked_add(len).filter(|end| *end <= bytes.len()) {
            None => {
                self.cut += 1;
                self.cut_at.get_or_insert(at);
            }
            // An empty frame repeats the one before.
            Some(_) if len == 0 => {}
            Some(_) => {
                self.bytes = self.bytes.saturating_add(len);
                if self.bytes > bytes.len() {
                    let reason = "there are more frames in it than have room in the file";
                    return Err(Refused::Damaged(Told::at(at, reason)));
                }
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                bytes.meter().found(len);
                memory::push(&mut self.all, Sample { at, len, number, time })?;
            }
        }
        Ok(true)
    }

    /// Notes something to tell.
    pub(super) fn tell(&mut self, told: Told) {
        if self.told.len() < MAX_TOLD {
            self.told.push(told);
        }
    }

    /// Returns when the last frame ends if it is shown as long as the one before; `None` if there are no two.
    pub(super) fn end(&self) -> Option<u64> {
        let [.., before, last] = &*self.all else { return None };
        Some(last.time.saturating_add(last.time.saturating_sub(before.time)))
    }

    /// Tells how many frames the end of the file cuts off. Returns whether there are any.
    pub(super) fn tell_cut(&mut self) -> bool {
        if self.cut > 0 {
            let frames = if self.cut == 1 { "frame" } else { "frames" };
            let reason = format!(
                "the file ends before its video does; {} {frames} are missing from here on",
                self.cut
            );
            let told = Told { at: self.cut_at, reason };
            self.told.insert(0, told);
        }
        self.cut > 0
    }
}
