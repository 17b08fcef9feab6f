//! A recorded medium: frames that are found once, and made ready when they are first asked for.
use super::Playback;
use super::cache::{Cache, Held};
use super::index::Index;
use super::loans::Loans;
use super::normalise::{Normaliser, Normalising, Ready};
use super::problem::Problem;
use super::to_frame;
use pinhole::frame::{Frame, FrameId, Miss, Seek};
use pinhole::media::FrameClock;
use pinhole::time::{Duration, MediaTime};
use std::cell::RefCell;
use std::sync::Arc;

/// What one event loop has for all recorded media: the frames that are ready, which all loops
/// share, those that it is sending from, and what makes others ready.
#[derive(Debug)]
pub(super) struct Workshop {
    cache: Arc<Cache>,
    loans: Loans,
    tools: RefCell<Tools>,
}

#[derive(Debug)]
struct Tools {
    source: Vec<u8>,
    normaliser: Normaliser,
}

impl Workshop {
    pub(super) const fn new(cache: Arc<Cache>, how: Normalising) -> Self {
        let tools = Tools { source: Vec::new(), normaliser: Normaliser::new(how) };
        Self { cache, loans: Loans::new(), tools: RefCell::new(tools) }
    }

    /// The same for another event loop.
    pub(super) fn share(&self) -> Self {
        Self::new(self.cache.clone(), self.tools.borrow().normaliser.how())
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Gives back what was lent.
    pub(super) fn clear(&mut self) {
        self.loans.clear();
    }

    /// Makes frame `n` ready.
    fn make(&self, index: &Index, n: usize) -> Result<Held, Problem> {
        let Tools { source, normaliser } = &mut *self.tools.borrow_mut();
        let normal = index.normalise(n, normaliser, source)?;
        Ok(match normal.as_is && index.mapped(n).is_some() {
            true => Held::AsIs(normal.info),
            false => Held::Made(normal.to_ready()),
        })
    }
}

#[derive(Debug)]
pub(super) struct Recorded {
    index: Index,
    size: Option<(u16, u16)>,
    clock: FrameClock,
    repeat: bool,
}

impl Recorded {
    pub(super) fn new(index: Index, playback: Playback, workshop: &Workshop) -> Self {
        let info = index.info().or_else(|| match workshop.make(&index, 0) {
            Ok(Held::AsIs(info) | Held::Made(Ready { info, .. })) => Some(info),
            Ok(Held::Broken) | Err(_) => None,
        });
        let size = info.map(|info| (info.width, info.height));
        let clock = index.clock().unwrap_or_else(|| playback.frame_rate.into());
        Self { index, size, clock, repeat: playback.repeat }
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// Of the first frame.
    pub(super) const fn size(&self) -> Option<(u16, u16)> {
        self.size
    }

    pub(super) const fn clock(&self) -> FrameClock {
        self.clock
    }

    /// How long all of it is, once.
    pub(super) fn duration(&self) -> Duration {
        self.clock.pts(self.index.slots()).since(MediaTime::ZERO)
    }

    pub(super) fn frame<'a>(
        &'a self,
        media: u16,
        id: FrameId,
        workshop: &'a Workshop,
    ) -> Result<Frame<'a>, Miss> {
        let count = self.index.frames().max(1);
        let (round, n) = if self.repeat { (id.0 / count, id.0 % count) } else { (0, id.0) };
        let n = u32::try_from(n).map_err(|_| Miss::End)?;
        let number = self.index.number(n as usize).ok_or(Miss::End)?;
        let key = (media, n);
        let make = || {
            workshop.make(&self.index, n as usize).unwrap_or_else(|problem| {
                tracing::warn!("{problem}");
                Held::Broken
            })
        };
        let held = workshop.loans.get_or_borrow(key, || workshop.cache.get_or_make(key, make));
        let data = match held.ok_or(Miss::End)? {
            Held::Made(Ready { data, .. }) => &**data,
            Held::AsIs(_) => self.index.mapped(n as usize).unwrap_or_default(),
            Held::Broken => return Err(Miss::Unusable),
        };
        let pts = self.clock.pts(round * self.index.slots() + number);
        Ok(to_frame(data, pts, self.clock.interval()))
    }

    pub(super) fn seek(&self, to: Seek) -> FrameId {
        let Seek::To(time) = to else { return FrameId(0) };
        let whole = self.duration().as_micros().max(1);
        let round = if self.repeat { time.as_micros() / whole } else { 0 };
        let first = round * self.index.slots();
        let n = self.index.partition_point(|number| self.clock.pts(first + number) < time);
        FrameId(round * self.index.frames() + n as u64)
    }
}
