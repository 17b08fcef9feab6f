//! [`Reorder`]: puts received packets back in order.
use crate::storage;
use crate::time::{Duration, Instant};

/// Marks a slot that holds nothing.
const FREE: u16 = u16::MAX;

/// Bytes of a slot before its packet: the packet's length, and when it came.
const SLOT_OVERHEAD: usize = 10;

/// Puts received packets back in order, in caller-provided storage.
///
/// A packet in order is delivered at once and never copied. A packet that is ahead is copied into a slot of
/// the storage. There it waits until every packet before it has come or was given up. Missing packets are
/// given up in three cases:
///
/// - A packet after them has waited for the time given to [`Self::new`].
/// - A packet comes that is further ahead than there are slots.
/// - A packet comes that is ahead and too long for a slot.
///
/// So no packet that comes in time is dropped for want of room. If the storage has no slot, missing packets
/// are given up as soon as a packet after them comes. If a packet comes after it was given up as missing, the
/// packet is dropped.
///
/// Call [`Self::offer`] for each packet that is to be used, [`Self::handle_timeout`] at the time of
/// [`Self::poll_at`], and [`Self::flush`] at the end. Each of these three methods takes the function
/// `deliver`, and calls `deliver` for each packet that is released, in order. The arguments of `deliver` are
/// the packet's bytes, and the number of packets that were given up just before that packet. A number above
/// 65,535 is passed as 65,535.
#[derive(Clone, Debug)]
pub struct Reorder<B> {
    window: ReorderWindow,
    storage: B,
}

/// A [`Reorder`] without its storage, for owners that keep it elsewhere.
///
/// The window is the run of sequence numbers after the awaited one that have a slot each, so a
/// packet can be as far ahead as there are slots. Slots are used in turn: the slot of a packet is
/// its distance from the awaited one, counted from `head`.
///
/// `storage` must be the same in all calls. Storage that does not keep what was written to it costs
/// packets, and nothing worse.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReorderWindow {
    /// Bytes from one slot to the next.
    stride: usize,
    slots: u32,
    wait: Duration,
    /// The extended sequence number that is awaited; `None` before the first packet.
    next: Option<u32>,
    /// The slot of the packet after the awaited one.
    head: u32,
    held: u32,
    /// When the packet came that has waited longest.
    since: Option<Instant>,
    /// Packets given up since the last one that was delivered.
    gap: u32,
    counters: ReorderCounters,
}

/// Counts of what a [`Reorder`] has done with packets since [`Reorder::new`]. [`Reorder::counters`] returns
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReorderCounters {
    /// Packets that had to wait for missing packets before them, and were copied into a slot
    /// ([`Offer::Held`]).
    pub held: u64,
    /// Missing packets that were given up. If such a packet comes after all, this count stays the same, and
    /// [`Self::dropped`] rises by 1.
    pub lost: u64,
    /// Packets that were dropped: they had been delivered or given up before ([`Offer::Late`]), or a copy of
    /// them was waiting ([`Offer::Duplicate`]).
    pub dropped: u64,
}

/// What [`Reorder::offer`] did with a packet. The caller need not act on any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Offer {
    /// The packet was passed to `deliver` before the call returned. So were the packets that waited for this
    /// packet.
    Delivered,
    /// The packet was copied, and waits for missing packets before it. A later call of [`Reorder::offer`],
    /// [`Reorder::handle_timeout`] or [`Reorder::flush`] passes the copy to `deliver`.
    Held,
    /// A copy of the packet waits already. The packet was dropped.
    Duplicate,
    /// The packet's place has passed: the packet was delivered before, or was given up as missing. It was
    /// dropped.
    Late,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Reorder<B> {
    /// The number of bytes of storage that each slot takes in addition to the bytes of its packet. Use this
    /// to size the storage: for `n` slots, [`Self::new`] needs `n * (max_packet + SLOT_OVERHEAD)` bytes.
    pub const SLOT_OVERHEAD: usize = SLOT_OVERHEAD;

    /// Creates an empty buffer over `storage`, which is divided into slots of `max_packet + SLOT_OVERHEAD`
    /// bytes. Each slot holds one packet of up to `max_packet` bytes, with its RTP header. At most 65,535
    /// slots are used. If `storage` is shorter than one slot, no packet waits. Missing packets are given up
    /// when a packet after them has waited for `wait`.
    pub fn new(mut storage: B, max_packet: u16, wait: Duration) -> Self {
        Self { window: ReorderWindow::new(storage.as_mut(), max_packet, wait), storage }
    }

    /// Takes a packet that came at `now`. `sequence` is the packet's extended sequence number, which
    /// [`Arrival::sequence`](super::Arrival::sequence) returns. `packet` has all bytes of the packet, with
    /// the RTP header. If packets can be released now, this packet or packets that waited, they are passed to
    /// `deliver` in order. `deliver` also gets the number of packets that were given up just before the
    /// packet.
    ///
    /// The first packet that is offered counts as in order. If the sequence starts anew
    /// ([`Arrival::Restart`](super::Arrival::Restart)), call [`Self::flush`] before this method. If you do
    /// not, the packet is dropped as late, or a huge number of packets is given up.
    pub fn offer(
        &mut self,
        now: Instant,
        sequence: u32,
        packet: &[u8],
        deliver: &mut dyn FnMut(&[u8], u16),
    ) -> Offer {
        self.window.offer(self.storage.as_mut(), now, sequence, packet, deliver)
    }

    /// Returns when to call [`Self::handle_timeout`]. If the time has passed, call [`Self::handle_timeout`]
    /// at once. Returns `None` if no packet waits: [`Self::handle_timeout`] has nothing to do before the next
    /// packet comes.
    pub fn poll_at(&self) -> Option<Instant> {
        self.window.poll_at()
    }

    /// Gives up missing packets, if packets after them have waited at `now` for the time given to
    /// [`Self::new`]. Passes the packets that have waited to `deliver`, in order. `deliver` also gets the
    /// number of packets that were given up just before the packet. Before the time that [`Self::poll_at`]
    /// returns, this does nothing.
    pub fn handle_timeout(&mut self, now: Instant, deliver: &mut dyn FnMut(&[u8], u16)) {
        self.window.handle_timeout(self.storage.as_mut(), now, deliver);
    }

    /// Passes every packet that waits to `deliver`, in order, and gives up the missing packets between them.
    /// After that, the sequence is forgotten: the next packet that is offered counts as in order, whatever
    /// its number. Call this when the sender starts again, when another source begins, at a pause, and at the
    /// end of the stream.
    pub fn flush(&mut self, deliver: &mut dyn FnMut(&[u8], u16)) {
        self.window.flush(self.storage.as_mut(), deliver);
    }

    /// Returns the counts of packets since [`Self::new`].
    pub const fn counters(&self) -> ReorderCounters {
        self.window.counters
    }
}

impl ReorderWindow {
    pub(crate) fn new(storage: &mut [u8], max_packet: u16, wait: Duration) -> Self {
        let stride = usize::from(max_packet.min(FREE - 1)) + SLOT_OVERHEAD;
        let mut slots = 0;
        for slot in storage.chunks_exact_mut(stride) {
            if slots == u32::from(u16::MAX) {
                break;
            }
            slots += u32::from(storage::put(slot, 0, &FREE.to_ne_bytes()));
        }
        Self {
            stride,
            slots,
            wait,
            next: None,
            head: 0,
            held: 0,
            since: None,
            gap: 0,
            counters: ReorderCounters::default(),
        }
    }

    pub(crate) fn offer(
        &mut self,
        storage: &mut [u8],
        now: Instant,
        sequence: u32,
        packet: &[u8],
        deliver: &mut dyn FnMut(&[u8], u16),
    ) -> Offer {
        let next = *self.next.get_or_insert(sequence);
        if is_before(sequence, next) {
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            return Offer::Late;
        }
        let fits = packet.len().saturating_add(SLOT_OVERHEAD) <= self.stride;
        let window = if fits { self.slots } else { 0 };
        self.skip_to(storage, sequence.wrapping_sub(window), deliver);
        let ahead = sequence.wrapping_sub(self.awaited(sequence));
        if ahead == 0 {
            let gap = self.take_gap();
            deliver(packet, gap);
            self.step(storage, deliver);
            return Offer::Delivered;
        }
        self.hold(storage, now, ahead, packet)
    }

    pub(crate) fn poll_at(&self) -> Option<Instant> {
        self.since.map(|since| since + self.wait)
    }

    pub(crate) fn handle_timeout(
        &mut self,
        storage: &mut [u8],
        now: Instant,
        deliver: &mut dyn FnMut(&[u8], u16),
    ) {
        while self.poll_at().is_some_and(|at| at <= now) {
            self.give_up(storage, deliver);
        }
    }

    pub(crate) fn flush(&mut self, storage: &mut [u8], deliver: &mut dyn FnMut(&[u8], u16)) {
        while self.held > 0 {
            self.give_up(storage, deliver);
        }
        (self.next, self.gap) = (None, 0);
    }

    pub(crate) const fn counters(&self) -> ReorderCounters {
        self.counters
    }

    /// Names the sequence number of the first packet, before any was offered, so that packets which
    /// overtake it wait.
    pub(crate) fn expect(&mut self, sequence: u32) {
        self.next.get_or_insert(sequence);
    }

    fn awaited(&self, default: u32) -> u32 {
        self.next.unwrap_or(default)
    }

    /// Gives up what is missing before `target`, unless `target` is past already.
    fn skip_to(&mut self, storage: &mut [u8], target: u32, deliver: &mut dyn FnMut(&[u8], u16)) {
        while self.held > 0 && is_before(self.awaited(target), target) {
            self.miss(1);
            self.step(storage, deliver);
        }
        let next = self.awaited(target);
        if is_before(next, target) {
            self.miss(target.wrapping_sub(next));
            self.next = Some(target);
        }
    }

    /// Gives up what is missing before the first packet that waits.
    fn give_up(&mut self, storage: &mut [u8], deliver: &mut dyn FnMut(&[u8], u16)) {
        let held = self.held;
        for _ in 0..self.slots {
            self.miss(1);
            self.step(storage, deliver);
            if self.held < held {
                return;
            }
        }
        // Only storage that does not keep what is written to it gets here.
        (self.held, self.since) = (0, None);
    }

    /// Goes past the awaited packet, and delivers the packets that wait right after it.
    fn step(&mut self, storage: &mut [u8], deliver: &mut dyn FnMut(&[u8], u16)) {
        let held = self.held;
        loop {
            self.next = self.next.map(|next| next.wrapping_add(1));
            let slot = self.head;
            self.head = self.slot_ahead(1);
            if self.held == 0 {
                break;
            }
            let Some((len, _)) = self.read(storage, slot) else { break };
            let gap = self.take_gap();
            deliver(self.packet(storage, slot, len), gap);
            self.free(storage, slot);
            self.held = self.held.saturating_sub(1);
        }
        if self.held < held {
            self.since = match self.held {
                0 => None,
                _ => {
                    (0..self.slots).filter_map(|slot| self.read(storage, slot)).map(|(_, since)| since).min()
                }
            };
        }
    }

    /// Keeps the packet that is `ahead` places after the awaited one: 1 to `slots`.
    fn hold(&mut self, storage: &mut [u8], now: Instant, ahead: u32, packet: &[u8]) -> Offer {
        let slot = self.slot_ahead(ahead.saturating_sub(1));
        if self.read(storage, slot).is_some() {
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
            return Offer::Duplicate;
        }
        let at = self.start(slot);
        storage::put(storage, at, &(packet.len() as u16).to_ne_bytes());
        storage::put(storage, at.saturating_add(2), &now.as_micros().to_ne_bytes());
        storage::put(storage, at.saturating_add(SLOT_OVERHEAD), packet);
        self.held = self.held.saturating_add(1);
        self.counters.held = self.counters.held.wrapping_add(1);
        self.since.get_or_insert(now);
        Offer::Held
    }

    fn miss(&mut self, packets: u32) {
        self.gap = self.gap.saturating_add(packets);
        self.counters.lost = self.counters.lost.wrapping_add(u64::from(packets));
    }

    fn take_gap(&mut self) -> u16 {
        u16::try_from(core::mem::take(&mut self.gap)).unwrap_or(u16::MAX)
    }

    /// The slot `n` after the first, where `n` is at most `slots`.
    fn slot_ahead(&self, n: u32) -> u32 {
        let slot = self.head.saturating_add(n);
        slot.checked_sub(self.slots).unwrap_or(slot)
    }

    fn start(&self, slot: u32) -> usize {
        self.stride.saturating_mul(slot as usize)
    }

    /// Length and arrival of the packet in a slot; `None` if the slot is free.
    fn read(&self, storage: &[u8], slot: u32) -> Option<(u16, Instant)> {
        let (len, rest) = storage.get(self.start(slot)..)?.split_first_chunk()?;
        let len = Some(u16::from_ne_bytes(*len)).filter(|&len| len != FREE)?;
        Some((len, Instant::from_micros(u64::from_ne_bytes(*rest.first_chunk()?))))
    }

    fn packet<'b>(&self, storage: &'b [u8], slot: u32, len: u16) -> &'b [u8] {
        let at = self.start(slot).saturating_add(SLOT_OVERHEAD);
        let bytes = storage.get(at..at.saturating_add(usize::from(len)));
        bytes.unwrap_or(&[])
    }

    fn free(&self, storage: &mut [u8], slot: u32) {
        let at = self.start(slot);
        storage::put(storage, at, &FREE.to_ne_bytes());
    }
}

/// Whether extended sequence number `a` is before `b`; both wrap.
const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const MAX_PACKET: usize = 8;
    const SLOT: usize = MAX_PACKET + Reorder::<Vec<u8>>::SLOT_OVERHEAD;

    /// A window, and what it has handed on.
    struct Bench {
        reorder: Reorder<Vec<u8>>,
        out: Vec<(u32, u16)>,
    }

    fn bench(slots: usize) -> Bench {
        let storage = std::vec![0; SLOT * slots + 3];
        let wait = Duration::from_micros(50);
        Bench { reorder: Reorder::new(storage, MAX_PACKET as u16, wait), out: Vec::new() }
    }

    impl Bench {
        fn offer(&mut self, now: u64, sequence: u32) -> Offer {
            self.offer_bytes(now, sequence, &sequence.to_be_bytes())
        }

        fn offer_bytes(&mut self, now: u64, sequence: u32, packet: &[u8]) -> Offer {
            let out = &mut self.out;
            let now = Instant::from_micros(now);
            self.reorder.offer(now, sequence, packet, &mut |packet, gap| out.push((number(packet), gap)))
        }

        fn timeout(&mut self, now: u64) {
            let out = &mut self.out;
            let now = Instant::from_micros(now);
            self.reorder.handle_timeout(now, &mut |packet, gap| out.push((number(packet), gap)));
        }

        fn flush(&mut self) {
            let out = &mut self.out;
            self.reorder.flush(&mut |packet, gap| out.push((number(packet), gap)));
        }
    }

    fn number(packet: &[u8]) -> u32 {
        u32::from_be_bytes(*packet.first_chunk().unwrap())
    }

    #[test]
    fn packets_in_order_are_delivered_at_once() {
        let mut bench = bench(4);
        for n in [u32::MAX, 0, 1] {
            assert_eq!(bench.offer(0, n), Offer::Delivered);
        }
        assert_eq!(bench.out, [(u32::MAX, 0), (0, 0), (1, 0)]);
        assert_eq!((bench.reorder.counters().held, bench.reorder.poll_at()), (0, None));
    }

    #[test]
    fn filling_a_gap_releases_the_others() {
        let mut bench = bench(4);
        bench.offer(0, 1);
        assert_eq!(bench.offer(1, 4), Offer::Held);
        assert_eq!(bench.offer(2, 3), Offer::Held);
        assert_eq!(bench.offer(3, 3), Offer::Duplicate);
        assert_eq!(bench.reorder.poll_at(), Some(Instant::from_micros(51)));
        assert_eq!(bench.offer(4, 2), Offer::Delivered);
        assert_eq!(bench.offer(5, 2), Offer::Late);
        assert_eq!(bench.out, [(1, 0), (2, 0), (3, 0), (4, 0)]);
        assert_eq!(bench.reorder.poll_at(), None);
    }

    #[test]
    fn each_gap_has_a_deadline_of_its_own() {
        let mut bench = bench(8);
        bench.offer(0, 1);
        bench.offer(10, 3);
        bench.offer(30, 6);
        bench.timeout(59);
        assert_eq!(bench.out, [(1, 0)]);
        bench.timeout(60);
        assert_eq!(bench.out, [(1, 0), (3, 1)]);
        assert_eq!(bench.reorder.poll_at(), Some(Instant::from_micros(80)));
        bench.timeout(80);
        assert_eq!(bench.out, [(1, 0), (3, 1), (6, 2)]);
        assert_eq!(bench.reorder.counters().lost, 3);
    }

    #[test]
    fn a_full_window_gives_up_one_gap() {
        let mut bench = bench(4);
        bench.offer(0, 1);
        bench.offer(0, 3);
        bench.offer(0, 5);
        assert_eq!(bench.offer(0, 7), Offer::Held);
        assert_eq!(bench.out, [(1, 0), (3, 1)]);
        bench.offer(0, 4);
        bench.offer(0, 6);
        assert_eq!(bench.out, [(1, 0), (3, 1), (4, 0), (5, 0), (6, 0), (7, 0)]);
    }

    #[test]
    fn a_loss_beyond_the_window_is_counted() {
        let mut bench = bench(4);
        bench.offer(0, 1);
        assert_eq!(bench.offer(0, 1_001), Offer::Held);
        bench.timeout(50);
        assert_eq!(bench.out, [(1, 0), (1_001, 999)]);
    }

    #[test]
    fn without_storage_no_packet_waits() {
        let mut bench = bench(0);
        bench.offer(0, 1);
        assert_eq!(bench.offer(0, 4), Offer::Delivered);
        assert_eq!(bench.offer(0, 3), Offer::Late);
        assert_eq!(bench.out, [(1, 0), (4, 2)]);
    }

    #[test]
    fn a_packet_too_long_to_wait_is_delivered() {
        let mut bench = bench(4);
        bench.offer(0, 1);
        bench.offer(0, 3);
        let long = [0, 0, 0, 5, 0, 0, 0, 0, 0];
        assert_eq!(bench.offer_bytes(0, 5, &long), Offer::Delivered);
        assert_eq!(bench.out, [(1, 0), (3, 1), (5, 1)]);
    }

    #[test]
    fn a_flush_takes_any_sequence() {
        let mut bench = bench(4);
        bench.offer(0, 1);
        bench.offer(0, 3);
        bench.flush();
        assert_eq!(bench.offer(0, 90_000), Offer::Delivered);
        assert_eq!(bench.out, [(1, 0), (3, 1), (90_000, 0)]);
        assert_eq!(bench.reorder.poll_at(), None);
    }

    proptest! {
        #[test]
        fn deliveries_rise_and_account_for_all(
            slots in 0usize..6,
            start: u32,
            ops in prop::collection::vec((-8i32..16, 0u64..40, any::<bool>()), 0..200),
        ) {
            let mut bench = bench(slots);
            let (mut now, mut highest, mut kept) = (0, start, 0);
            for (step, pause, timeout) in ops {
                now += pause;
                let sequence = highest.wrapping_add_signed(step);
                if step > 0 {
                    highest = sequence;
                }
                let offer = bench.offer(now, sequence);
                kept += usize::from(matches!(offer, Offer::Delivered | Offer::Held));
                if timeout {
                    bench.timeout(now);
                    prop_assert!(bench.reorder.poll_at().is_none_or(|at| at > Instant::from_micros(now)));
                }
            }
            bench.flush();
            prop_assert_eq!(bench.out.len(), kept);
            for pair in bench.out.windows(2) {
                let [(a, _), (b, gap)] = pair else { unreachable!() };
                prop_assert_eq!(b.wrapping_sub(*a), u32::from(*gap) + 1);
            }
            let lost: u64 = bench.out.iter().map(|(_, gap)| u64::from(*gap)).sum();
            prop_assert_eq!(bench.reorder.counters().lost, lost);
        }
    }
}
