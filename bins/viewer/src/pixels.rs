//! The pixels of decoded pictures, and the memory that all of them share.
//!
//! A server chooses the size of its pictures, so their number is no bound. Each buffer of pixels is therefore
//! taken from a [`PixelPool`], and returns to it by itself when the last picture that shows it is gone,
//! wherever that is: in a queue, on the screen, or in an output.
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What pictures may take however small the cache is: two of 3840 x 2160.
const LEAST: usize = 64 << 20;

const MIB: usize = 1 << 20;

/// Memory for the pixels of a player's pictures. A clone is the same memory.
#[derive(Clone, Debug)]
pub(crate) struct PixelPool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Bytes that buffers may take.
    capacity: usize,
    /// The part of the cache that one picture may take: as many of so many.
    share: (usize, usize),
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Buffers that nobody uses.
    free: Vec<Vec<u32>>,
    /// Bytes of all buffers, also of the free ones, and of what decoders work with.
    held: usize,
    /// Bytes of the pictures that are being saved, which are not in `held`.
    saved: usize,
}

/// A picture takes too much memory, even if there is no other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    bytes: usize,
    /// A cache with which it would not.
    cache: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, cache } = *self;
        let [bytes, cache] = [bytes, cache].map(|bytes| bytes.div_ceil(MIB));
        write!(f, "it takes {bytes} MiB of memory; with --cache {cache}MiB it would be shown")
    }
}

impl PixelPool {
    /// Makes the memory for pictures that belongs to a cache of so many bytes: half as much, and 64 MiB if
    /// that is more. One picture may take half of it, so that the next one is decoded while it is shown.
    pub(crate) fn for_cache(cache: usize) -> Self {
        Self::new((cache / 2).max(LEAST), (1, 4))
    }

    /// As [`Self::for_cache`], but leaves a sixth of it for the conversion of one picture to YUV 4:2:0, which
    /// takes three eighths of the picture's bytes.
    pub(crate) fn for_cache_and_conversion(cache: usize) -> Self {
        let half = (cache / 2).max(LEAST);
        Self::new(half - half / 6, (5, 24))
    }

    fn new(capacity: usize, share: (usize, usize)) -> Self {
        let (state, returned) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Pool { capacity, share, state, returned }))
    }

    /// Returns a buffer of so many pixels, whose values are left from an earlier picture, and sets `working`
    /// bytes more aside until the buffer becomes [`Pixels`]. `None` if other pictures leave no room.
    ///
    /// # Errors
    /// There is never room for it.
    pub(crate) fn try_take(&self, count: usize, working: usize) -> Result<Option<PixelBuffer>, TooLarge> {
        self.check(count, working)?;
        Ok(self.0.take(&mut self.0.lock(), count, working).map(|pixels| self.buffer(pixels, working)))
    }

    /// As [`Self::try_take`], but waits until other pictures leave room.
    ///
    /// # Errors
    /// There is never room for it.
    pub(crate) fn take(&self, count: usize, working: usize) -> Result<PixelBuffer, TooLarge> {
        self.check(count, working)?;
        let mut state = self.0.lock();
        loop {
            if let Some(pixels) = self.0.take(&mut state, count, working) {
                return Ok(self.buffer(pixels, working));
            }
            state = self.0.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn buffer(&self, pixels: Vec<u32>, working: usize) -> PixelBuffer {
        PixelBuffer { pixels, working, saved: AtomicBool::new(false), pool: Some(Arc::clone(&self.0)) }
    }

    fn check(&self, count: usize, working: usize) -> Result<(), TooLarge> {
        let bytes = bytes_of(count).saturating_add(working);
        let (part, of) = self.0.share;
        // With at most half, any two pictures fit: the one on the screen leaves only for the next one.
        if bytes > self.0.capacity / 2 {
            return Err(TooLarge { bytes, cache: bytes.saturating_mul(of).div_ceil(part) });
        }
        Ok(())
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, state: &mut State, count: usize, working: usize) -> Option<Vec<u32>> {
        let fits = |free: &Vec<u32>| (count..=count.saturating_mul(2)).contains(&free.capacity());
        if let Some(at) = state.free.iter().position(fits)
            && working <= self.capacity.saturating_sub(state.held)
        {
            state.held += working;
            let mut pixels = state.free.swap_remove(at);
            pixels.resize(count, 0);
            return Some(pixels);
        }
        let bytes = bytes_of(count).saturating_add(working);
        while bytes > self.capacity.saturating_sub(state.held) {
            state.held -= bytes_of(state.free.pop()?.capacity());
        }
        let mut pixels = Vec::new();
        pixels.reserve_exact(count);
        state.held += bytes_of(pixels.capacity()).saturating_add(working);
        pixels.resize(count, 0);
        Some(pixels)
    }
}

/// Pixels that are being written.
#[derive(Debug, Default)]
pub(crate) struct PixelBuffer {
    pixels: Vec<u32>,
    /// Bytes that are set aside for the decoder.
    working: usize,
    /// Whether the buffer counts as saved in its pool.
    saved: AtomicBool,
    /// The memory to which it returns; `None` if it belongs to none.
    pool: Option<Arc<Pool>>,
}

impl Drop for PixelBuffer {
    fn drop(&mut self) {
        let Some(pool) = &self.pool else { return };
        let mut state = pool.lock();
        let pixels = mem::take(&mut self.pixels);
        state.held -= self.working;
        if self.saved.load(Ordering::Relaxed) {
            state.saved -= bytes_of(pixels.capacity());
        } else {
            state.free.push(pixels);
        }
        drop(state);
        pool.returned.notify_all();
    }
}

impl Deref for PixelBuffer {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.pixels
    }
}

impl DerefMut for PixelBuffer {
    fn deref_mut(&mut self) -> &mut [u32] {
        &mut self.pixels
    }
}

/// The pixels of a picture. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pixels(Arc<PixelBuffer>);

impl Pixels {
    /// Takes the pixels out of the pictures' memory until the last clone is gone, so that no picture waits
    /// for a disk to which they are saved. Returns false, and changes nothing, if with others that are being
    /// saved they would take more than the largest picture may.
    pub(crate) fn save(&self) -> bool {
        let Some(pool) = &self.0.pool else { return true };
        let (mut state, bytes) = (pool.lock(), bytes_of(self.0.pixels.capacity()));
        if self.0.saved.load(Ordering::Relaxed) {
            return true;
        }
        if state.saved.saturating_add(bytes) > pool.capacity / 2 {
            return false;
        }
        // Changed and read only while the state is locked.
        self.0.saved.store(true, Ordering::Relaxed);
        (state.held, state.saved) = (state.held - bytes, state.saved + bytes);
        drop(state);
        pool.returned.notify_all();
        true
    }
}

impl Deref for Pixels {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pixels {}

/// What was set aside for the decoder is free again.
impl From<PixelBuffer> for Pixels {
    fn from(mut buffer: PixelBuffer) -> Self {
        let working = mem::take(&mut buffer.working);
        if let Some(pool) = buffer.pool.as_ref().filter(|_| working > 0) {
            pool.lock().held -= working;
            pool.returned.notify_all();
        }
        Self(Arc::new(buffer))
    }
}

fn bytes_of(count: usize) -> usize {
    count.saturating_mul(size_of::<u32>())
}

#[cfg(test)]
impl From<Vec<u32>> for Pixels {
    fn from(pixels: Vec<u32>) -> Self {
        let mut buffer = PixelBuffer::default();
        buffer.pixels = pixels;
        Self(Arc::new(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    /// Pixels of the largest picture that fits into the memory for the smallest cache.
    const LARGEST: usize = LEAST / 2 / 4;

    fn pool() -> PixelPool {
        PixelPool::for_cache(1)
    }

    fn held(pool: &PixelPool) -> usize {
        pool.0.lock().held
    }

    #[test]
    fn buffers_are_used_again_and_never_take_more() {
        let pool = pool();
        let address = {
            let buffer = pool.take(1000, 0).unwrap();
            buffer.as_ptr()
        };
        assert_eq!(pool.take(900, 0).unwrap().as_ptr(), address);
        assert_eq!(held(&pool), 4000);
        // A buffer that is much too large would hold its memory for nothing.
        let small = pool.take(9, 0).unwrap();
        assert_eq!((small.len(), held(&pool)), (9, 4036));
        let large = [0; 2].map(|_| pool.take(LARGEST - 9, 0).unwrap());
        assert!(held(&pool) <= LEAST, "free buffers have made room");
        assert!(pool.try_take(100, 0).unwrap().is_none());
        drop(large);
        assert!(pool.try_take(LARGEST, 0).unwrap().is_some());
    }

    #[test]
    fn clones_share_and_the_last_one_makes_room() {
        let pool = pool();
        let shown = Pixels::from(pool.take(LARGEST, 0).unwrap());
        let decoded = Pixels::from(pool.take(LARGEST, 0).unwrap());
        let clone = shown.clone();
        thread::scope(|scope| {
            let next = scope.spawn(|| pool.take(LARGEST, 0).unwrap().len());
            drop(shown);
            thread::sleep(Duration::from_millis(20));
            assert!(!next.is_finished());
            drop(clone);
            assert_eq!(next.join().unwrap(), LARGEST);
        });
        drop(decoded);
    }

    #[test]
    fn what_a_decoder_works_with_counts() {
        let pool = pool();
        let buffer = pool.take(1000, 5000).unwrap();
        assert_eq!(held(&pool), 9000);
        let picture = Pixels::from(buffer);
        assert_eq!(held(&pool), 4000);
        assert!(pool.try_take(LARGEST, 1).is_err());
        drop(picture);
        drop(pool.take(1000, 5000).unwrap());
        assert_eq!(held(&pool), 4000);
    }

    #[test]
    fn what_is_too_large_says_which_cache_would_do() {
        for pool in [PixelPool::for_cache, PixelPool::for_cache_and_conversion] {
            assert!(pool(64 << 10).try_take(2560 * 1440, 0).unwrap().is_some());
            for side in [8192, 8190, 5000] {
                let count = side * side;
                let error = pool(1 << 20).try_take(count, 0).unwrap_err();
                let cache = error.cache.div_ceil(MIB) * MIB;
                assert!(pool(cache).try_take(count, 0).is_ok(), "{error}");
                assert!(pool(cache - MIB).try_take(count, 0).is_err(), "{error}");
            }
        }
        let error = PixelPool::for_cache(256 << 20).take(8192 * 8192, 0).unwrap_err();
        let said = "it takes 256 MiB of memory; with --cache 1024MiB it would be shown";
        assert_eq!(error.to_string(), said);
        assert!(pool().take(usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn pictures_that_are_saved_leave_room_for_those_that_are_shown() {
        let pool = pool();
        let saved = [LARGEST / 2, LARGEST / 2].map(|count| Pixels::from(pool.take(count, 0).unwrap()));
        assert!(saved[0].save() && saved[0].clone().save() && saved[1].save());
        assert_eq!(held(&pool), 0);
        let shown = [0; 2].map(|_| Pixels::from(pool.try_take(LARGEST, 0).unwrap().unwrap()));
        assert!(!shown[0].save(), "others are being saved");
        drop(saved);
        assert!(shown[0].save());
        drop(shown);
        assert_eq!((held(&pool), pool.0.lock().saved), (LARGEST * 4, 0));
    }
}
