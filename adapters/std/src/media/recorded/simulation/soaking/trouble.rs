//! What befalls disks and files.
use super::super::input::PICTURES;
use super::{Choose, DISKS, Soak, versions};
use pinhole::time::{Duration, Instant};

/// From the end of one stall to the next.
const BETWEEN_STALLS: Duration = Duration::from_secs(2);
/// The numbers of the files that others are replaced by.
const VERSIONS: usize = DISKS;

/// What befalls disks and files now and next.
pub(super) struct Troubles {
    next: Option<Instant>,
    disks: [DiskTrouble; DISKS],
    /// Nothing happens to this one.
    spared: usize,
}

#[derive(Clone, Copy, Default)]
struct DiskTrouble {
    /// It answers nothing before.
    answers: Instant,
    /// Reads may fail until then.
    fails_until: Instant,
    was_replaced: bool,
    /// The frames whose loading has panicked, a bit for each.
    panicked: u32,
}

impl Troubles {
    pub(super) fn new(choose: Choose<'_>) -> Self {
        let (next, spared) = (Some(Instant::from_micros(500_000)), choose(DISKS as u32) as usize);
        Self { next, disks: [DiskTrouble::default(); DISKS], spared }
    }

    /// Returns when the next trouble comes.
    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Returns from when on a disk answers.
    pub(super) const fn answers(&self, disk: usize) -> Instant {
        self.disks[disk].answers
    }

    /// Returns until when a disk hangs, or has hung.
    pub(super) fn hung_until(&self) -> Instant {
        self.disks.iter().map(|disk| disk.answers).max().unwrap_or_default()
    }

    pub(super) const fn was_replaced(&self, clip: usize) -> bool {
        self.disks[clip].was_replaced
    }

    /// Returns whether nothing ever happens to a clip.
    pub(super) const fn is_spared(&self, clip: usize) -> bool {
        self.spared == clip
    }

    pub(super) const fn note_panic(&mut self, clip: usize, n: u32) {
        self.disks[clip].panicked |= 1 << n;
    }

    pub(super) const fn has_panicked(&self, clip: usize, n: u32) -> bool {
        self.disks[clip].panicked & (1 << n) != 0
    }

    /// Returns how many frames of a clip are lost for good.
    pub(super) const fn panicked(&self, clip: usize) -> u32 {
        self.disks[clip].panicked.count_ones()
    }
}

impl Soak {
    /// Lets happen what is due.
    pub(super) fn trouble(&mut self, choose: Choose<'_>) {
        if self.troubles.next.is_none_or(|at| at > self.now) {
            return;
        }
        self.troubles.next = Some(self.now + Duration::from_millis(50 + u64::from(choose(2000))));
        let disk = (self.troubles.spared + 1 + choose(DISKS as u32 - 1) as usize) % DISKS;
        let len = versions()[0].len() as u32;
        match choose(12) {
            0 => self.stall(disk, choose),
            1 | 2 => {
                let lasts = Duration::from_millis(100 + u64::from(choose(4000)));
                self.troubles.disks[disk].fails_until = self.now + lasts;
            }
            3 => {
                // All is gone now and then.
                let len = if choose(4) == 0 { 0 } else { choose(len) };
                self.disk.cut(disk, len as usize);
                self.soaked.cuts += 1;
            }
            4 => {
                self.disk.grow(disk, PICTURES[choose(PICTURES.len() as u32) as usize]);
                self.soaked.grown += 1;
            }
            5 => {
                self.disk.replace(disk, VERSIONS + 1);
                self.troubles.disks[disk].was_replaced = true;
                self.soaked.replaced += 1;
            }
            6..9 => self.disk.replace(disk, VERSIONS),
            _ => self.go_elsewhere(choose),
        }
    }

    /// A disk stops to answer, for a moment or for long. Only one does at a time.
    fn stall(&mut self, disk: usize, choose: Choose<'_>) {
        if self.now < self.troubles.hung_until() + BETWEEN_STALLS {
            return;
        }
        let lasts = if choose(3) == 0 { 50 + choose(1500) } else { 10_000 + choose(5000) };
        let answers = self.now + Duration::from_millis(lasts.into());
        self.troubles.disks[disk].answers = answers;
        for job in self.jobs.iter_mut().filter(|job| job.disk == disk) {
            job.ends = answers + job.ends.since(self.now);
        }
        self.soaked.stalls += 1;
    }

    /// Draws what happens to the reads of the job that is done next.
    pub(super) fn draw_faults(&mut self, disk: usize, choose: Choose<'_>) {
        if self.now >= self.troubles.disks[disk].fails_until {
            return;
        }
        let mut faults = [0; 6];
        for fault in &mut faults[..choose(7) as usize] {
            // Errors, interruptions and reads of a few bytes, and now and then a bug.
            *fault = match choose(40) {
                0 => 11,
                1..8 => 8,
                8..12 => 10,
                n if n < 30 => 12 + (n % 4) as u8,
                _ => 0,
            };
        }
        self.disk.fail(&faults);
        if choose(6) == 0 {
            let len = choose(versions()[0].len() as u32) as usize;
            self.disk.cut_after(choose(4) as usize, disk, len);
        }
    }

    /// From now on all is well, once a disk that hangs answers.
    pub(super) fn end_troubles(&mut self) {
        self.troubles.next = None;
        for disk in 0..DISKS {
            self.troubles.disks[disk].fails_until = Instant::ZERO;
            self.disk.replace(disk, VERSIONS);
        }
        self.disk.repair();
    }
}
